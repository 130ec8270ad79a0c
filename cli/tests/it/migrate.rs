//! `migrate`: what format a repository has, and that nothing is to be done yet.

use crate::support::{Home, Run, of_type};

#[test]
fn a_repository_of_this_release_has_nothing_to_be_done() {
    let (home, _) = Home::with_point();
    let rows = home.rows(["migrate", "plan"]);
    let plan = rows.last().unwrap();
    assert_eq!((&plan["format"], &plan["format_written"]), (&"1.0".into(), &"1.0".into()));
    assert_eq!(plan["steps"].as_array().unwrap().len(), 0);
    let features = of_type(&rows, "feature");
    let encryption = features.iter().find(|row| row["name"] == "encryption").unwrap();
    assert!(encryption["on"] == false && encryption["turn_on"].is_string(), "{encryption}");
    let hash = plan["plan"].as_str().unwrap();
    let done = home.summary(["migrate", "apply", hash]);
    assert_eq!(done["steps_done"].as_array().unwrap().len(), 0);
    assert!(home.ok(["migrate", "apply", hash]).out().contains("nothing is to be done"));
    assert!(home.ok(["migrate", "plan"]).out().contains(hash));
    let other = Run::of(&mut home.command(["migrate", "apply", "0123456789abcdef", "--json"])).expect(1);
    assert_eq!(other.last()["error"], "conflict");
}

#[test]
fn a_newer_repository_is_refused_with_its_numbers_before_a_password_is_asked_for() {
    let home = Home::new();
    home.write("one", b"secret");
    let repo = home.text("repo");
    home.ok(["--repo", &repo, "--password-file", &home.text("one"), "init"]);
    let mut config = std::fs::read(home.path("repo/config")).unwrap();
    (config[8], config[10]) = (2, 7);
    home.write("repo/config", &config);
    let run = home.run(["--repo", &repo, "migrate", "plan"]).expect(1);
    assert!(run.stderr.contains("format 2.7") && run.stderr.contains("reads 1.0"), "{}", run.stderr);
    home.run(["--repo", &home.text("none"), "migrate", "plan"]).expect(10);
}
