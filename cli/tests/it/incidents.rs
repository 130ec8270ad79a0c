//! Incidents of other backup software whose rule is kept on the command line; the table is in `engine/tests/it/incidents/mod.rs`.

use crate::support::{Home, Run, of_type};

fn ids(home: &Home) -> Vec<String> {
    let rows = home.rows(["points"]);
    of_type(&rows, "point").iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn incident_14_restic_4568_a_typing_error_in_a_retention_word_removes_nothing() {
    let (home, _) = Home::with_point();
    home.backup();
    let planned = Run::of(&mut home.command(["--json", "tag", "latest", "+monthly", "plan"])).expect(0);
    let hash = planned.last()["plan"].as_str().unwrap().to_owned();
    home.ok(["tag", "latest", "+monthly", "apply", &hash]);
    let before = ids(&home);
    for words in [
        &["--keep-tag", "mnthly"][..],
        &["--keep-tags", "monthly"],
        &["--keep-tag", ""],
        &["--keep-tag=monthly,weekly"],
        &["--job", "jj", "--keep-tag", "monthly"],
        &["--keep-lst", "1"],
    ] {
        for step in [&["plan"][..], &["apply", "0123456789abcdef"]] {
            let run = home.run(["expire"].iter().chain(words).chain(step)).expect(2);
            assert!(!run.stderr.is_empty() && run.stdout.is_empty(), "{words:?}");
        }
        assert_eq!(ids(&home), before, "{words:?}");
    }
    // Spelt as the point has it, the rule keeps that one.
    let plan = home.rows(["expire", "--keep-tag", "monthly", "plan"]);
    assert_eq!(plan.last().unwrap()["points_expired"], 1);
}

/// Absent, damaged, no repository and a wrong password never look like one another.
#[test]
fn incident_12_atlas_341_kinds_of_errors_stay_apart_up_to_the_exit_code() {
    let (home, _) = Home::with_point();
    home.write("password", b"wrong\n");
    let told = |args: &[&str], code: i32| {
        let run = Run::of(home.command(args).arg("--json")).expect(code);
        let rows = run.rows();
        rows.iter().find_map(|row| row["error"].as_str().map(str::to_owned)).unwrap_or_default()
    };
    assert_eq!(told(&["restore", "ffffffff", &home.text("out")], 1), "absent");
    assert_eq!(told(&["--repo", &home.text("none"), "points"], 10), "no_repository");
    let locked = home.text("locked");
    home.write("secret", b"secret\n");
    home.ok(["--repo", &locked, "--password-file", &home.text("secret"), "init"]);
    let wrong = told(&["--repo", &locked, "--password-file", &home.text("password"), "points"], 12);
    assert_eq!(wrong, "wrong_password");
    // An object that is gone is no absence that the user asked about.
    let points: Vec<_> = crate::support::tree(&home.path("repo")).into_iter().map(|(path, _)| path).collect();
    let is_manifest = |p: &std::path::Path| p.starts_with("points") && home.path("repo").join(p).is_file();
    let point = points.iter().find(|p| is_manifest(p)).unwrap();
    std::fs::remove_file(home.path("repo").join(point)).unwrap();
    assert_eq!(told(&["restore", "latest", &home.text("out")], 5), "damaged");
}
