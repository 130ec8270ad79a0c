//! Incidents of other backup software whose rule is kept on the command line; the table is in `engine/tests/it/incidents/mod.rs`.

use crate::support::{Home, Run, of_type, tree};
use std::path::{Path, PathBuf};

fn ids(home: &Home) -> Vec<String> {
    let rows = home.rows(["points"]);
    of_type(&rows, "point").iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn incident_14_restic_4568_a_typing_error_in_a_retention_word_removes_nothing() {
    let (home, _) = Home::with_point();
    home.backup();
    home.ok(["tag", "latest", "+monthly"]);
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
            let run = home.run(["expire"].iter().chain(step).chain(words)).expect(2);
            assert!(!run.stderr.is_empty() && run.stdout.is_empty(), "{words:?}");
        }
        assert_eq!(ids(&home), before, "{words:?}");
    }
    // Spelt as the point has it, the rule keeps that one.
    let plan = home.rows(["expire", "plan", "--keep-tag", "monthly"]);
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

/// An empty object is named, and given back from a copy by `repair`, which changes nothing that was there: neither good things nor the empty one.
#[test]
fn incidents_08_and_13_repair_gives_back_what_an_empty_object_held_and_discards_nothing() {
    for folder in ["data", "meta", "index", "points"] {
        let (home, _) = Home::with_point();
        let copied = std::process::Command::new("cp").arg("-a").arg(home.path("repo")).arg(home.path("copy")).status();
        assert!(copied.unwrap().success());
        let empty = largest(&home.path("repo").join(folder));
        std::fs::remove_file(&empty).unwrap();
        std::fs::write(&empty, b"").unwrap();
        home.ok(["cache", "drop"]);
        let before = tree(&home.path("repo"));
        assert!(home.run(["check", "--read-data"]).expect(5).out().contains(&format!("{folder}/")));
        let from = ["--from", &home.text("copy")];
        let mut rounds = 0;
        loop {
            let plan = Run::of(home.command([&["repair", "plan"], &from[..]].concat()).arg("--json"));
            if plan.code == Some(0) {
                break;
            }
            rounds += 1;
            assert!(rounds < 6, "{folder}: {}", plan.out());
            let hash = plan.last()["plan"].as_str().unwrap().to_owned();
            home.run([&["repair", "apply", &hash], &from[..]].concat());
        }
        let after = tree(&home.path("repo"));
        assert!(before.iter().all(|old| after.contains(old)), "{folder}: something was changed or removed");
        home.ok(["check", "--read-data"]);
        home.ok(["restore", &home.place("latest", "src"), &home.text("out")]);
        assert_eq!(tree(&home.path("out")), tree(&home.path("src")), "{folder}");
    }
}

/// The largest file below a folder.
fn largest(folder: &Path) -> PathBuf {
    let found = tree(folder).into_iter().filter(|(_, bytes)| bytes != b"folder");
    folder.join(found.max_by_key(|(_, bytes)| bytes.len()).unwrap().0)
}
