//! `expire` and `tag`: what leaves is planned, shown, and only then done.

use crate::mount_place::until;
use crate::support::{Home, Run, has_keys, of_type};
use crate::third::can_mount;
use rustix::fs::{Mode, OFlags, openat};
use serde_json::Value;
use std::fs::File;
use std::time::{Duration, SystemTime};

/// Plans, and applies the plan's hash; the rows of the plan and the summary of applying.
fn plan_and_apply(home: &Home, request: &[&str]) -> (Vec<Value>, Value) {
    let plan = home.rows(["expire", "plan"].iter().chain(request));
    let hash = plan.last().unwrap()["plan"].as_str().unwrap().to_owned();
    let applied = home.summary(["expire", "apply", &hash].iter().chain(request));
    assert_eq!((&applied["plan"], &applied["applied"]), (&hash.as_str().into(), &true.into()));
    (plan, applied)
}

fn ids(home: &Home) -> Vec<String> {
    let rows = home.rows(["points"]);
    of_type(&rows, "point").iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Sets a file's modification time so many days back.
fn age(home: &Home, below: &str, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    File::options().write(true).open(home.path(below)).unwrap().set_modified(then).unwrap();
}

/// Every file below a folder with its bytes.
fn objects(home: &Home) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    crate::support::tree(&home.path("repo"))
}

#[test]
fn a_plan_has_no_side_effects_and_an_outdated_one_is_refused() {
    let (home, first) = Home::with_point();
    let second = home.backup();
    let before = objects(&home);
    let rows = home.rows(["expire", "plan", "--keep-last", "1"]);
    assert!(objects(&home) == before, "the plan wrote something");
    let points = of_type(&rows, "point");
    has_keys(points[0], &["id", "job", "time", "keep", "reasons", "locked_until"]);
    assert_eq!(points.iter().map(|p| p["keep"].as_bool().unwrap()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(points[1]["reasons"], serde_json::json!(["the last"]));
    let hash = rows.last().unwrap()["plan"].as_str().unwrap();
    assert_eq!((hash.len(), &rows.last().unwrap()["points_expired"]), (16, &1.into()));
    let third = home.backup();
    let stale = Run::of(&mut home.command(["expire", "apply", hash, "--keep-last", "1", "--json"])).expect(1);
    assert_eq!(stale.last()["error"], "conflict");
    assert_eq!(ids(&home), [&*first, &*second, &*third]);
    let (_, applied) = plan_and_apply(&home, &["--keep-last", "1"]);
    assert_eq!((&applied["points_expired"], ids(&home)), (&2.into(), vec![third]));
    home.ok(["check", "--read-data"]);
    // What is done cannot be done again: nothing is left to do.
    assert_eq!(home.summary(["expire", "plan", "--keep-last", "1"])["points_expired"], 0);
}

#[test]
fn people_see_each_point_with_its_reasons_and_the_hash() {
    let (home, first) = Home::with_point();
    let second = home.backup();
    let shown = home.ok(["expire", "plan", "--keep-daily", "1"]);
    let out = shown.out();
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("POINT") && lines[0].ends_with("WHY"), "{out}");
    assert!(lines[1].starts_with(&first[..8]) && lines[1].contains("expire") && lines[1].ends_with("no rule keeps it"));
    assert!(lines[2].starts_with(&second[..8]) && lines[2].contains("keep") && lines[2].contains("newest of the day"));
    assert!(lines[3].starts_with("1 of 2 restore points would go, 0 be rewritten; plan "), "{out}");
}

#[test]
fn named_points_go_but_no_job_loses_its_last_by_accident() {
    let (home, first) = Home::with_point();
    let second = home.backup();
    plan_and_apply(&home, &[&first[..10]]);
    assert_eq!(ids(&home), [&*second]);
    let plan = Run::of(&mut home.command(["expire", "plan", "latest", "--json"])).expect(0);
    assert_eq!(plan.last()["jobs_emptied"], serde_json::json!(["j"]));
    let hash = plan.last()["plan"].as_str().unwrap().to_owned();
    let refused = home.run(["expire", "apply", &hash, "latest"]).expect(2);
    assert!(refused.stderr.contains("--empty-job j"), "{}", refused.stderr);
    assert_eq!(ids(&home), [&*second]);
    plan_and_apply(&home, &["latest", "--empty-job", "j"]);
    assert!(ids(&home).is_empty());
}

#[test]
fn mistakes_are_wrong_usage() {
    let (home, _) = Home::with_point();
    for request in [
        &["plan"][..],
        &["run"],
        &[],
        &["--keep-last", "1"],
        &["plan", "--keep-last", "0"],
        &["apply", "--keep-last", "1"],
        &["apply", "0123", "--keep-last", "1"],
        &["plan", "--keep", "3x"],
        &["plan", "--keep-tag", "no-such-tag"],
        &["plan", "--job", "no-such-job", "--keep-last", "1"],
        &["plan", "--keep-last", "1", "latest"],
        &["plan", "--path", "/a", "--keep-last", "1"],
        &["plan", "--path", "/"],
        &["plan", "--path", "relative"],
        &["run", "--path", "/a"],
        &["run", "latest"],
        &["run", "--keep-last", "1", "--max-expire", "0%"],
    ] {
        home.run(["expire"].iter().chain(request)).expect(2);
    }
    home.run(["expire", "plan", "ffffffff"]).expect(1);
    for words in [&["latest"][..], &["+x"], &["latest", "+"], &["latest", "+x", "-x"]] {
        home.run(["tag"].iter().chain(words)).expect(2);
    }
}

#[test]
fn the_repositorys_own_period_holds_without_rules() {
    let home = Home::new();
    let repo = home.text("repo");
    let run = |args: &[&str]| Run::of(home.command(["--repo", &repo, "--json"]).args(args));
    run(&["init", "--no-encryption", "--retention-type", "item"]).expect(2);
    let made = run(&["init", "--no-encryption", "--keep", "3y"]).expect(0);
    assert_eq!((&made.last()["retention_type"], &made.last()["keep"]), (&"snapshot".into(), &"3y".into()));
    home.write("src/a", b"1");
    run(&["backup", "--job", "j", &home.text("src")]).expect(0);
    let plan = run(&["expire", "plan"]).expect(0).rows();
    assert_eq!(of_type(&plan, "point")[0]["reasons"], serde_json::json!(["within 3y"]));
}

#[test]
fn old_items_vanish_from_old_points_whose_id_and_time_stay() {
    let home = Home::new();
    let repo = home.text("repo");
    let run = |args: &[&str]| Run::of(home.command(["--repo", &repo, "--json"]).args(args));
    run(&["init", "--no-encryption", "--retention-type", "item", "--keep", "1y"]).expect(0);
    home.write("src/young", b"young");
    home.write("src/sub/ages", b"will be old");
    home.write("src/ancient", b"is too old already");
    age(&home, "src/sub/ages", 200);
    age(&home, "src/ancient", 400);
    let made = run(&["backup", "--job", "j", &home.text("src")]).expect(0).last();
    assert_eq!((&made["files_total"], &made["items_skipped"]), (&2.into(), &1.into()), "{made}");
    let before = of_type(&run(&["points"]).expect(0).rows(), "point")[0].clone();
    assert!(run(&["expire", "plan"]).expect(0).last()["points_rewritten"] == 0);

    // A shorter period: the point loses what is older.
    let plan = run(&["expire", "plan", "--keep", "100d"]).expect(0).rows();
    let row = of_type(&plan, "point")[0].clone();
    assert_eq!((&row["keep"], &row["rewrite"], &row["items_leaving"]), (&true.into(), &true.into(), &1.into()));
    let hash = plan.last().unwrap()["plan"].as_str().unwrap();
    let applied = run(&["expire", "apply", hash, "--keep", "100d"]).expect(0).last();
    assert_eq!((&applied["points_rewritten"], &applied["points_expired"]), (&1.into(), &0.into()));
    let after = of_type(&run(&["points"]).expect(0).rows(), "point")[0].clone();
    for key in ["id", "time", "finished", "job", "paths", "tags"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    assert_eq!(after["files_total"], 1);
    let listed = run(&["ls", "-R", &home.place("latest", "src")]).expect(0).rows();
    let paths: Vec<_> = listed.iter().filter_map(|row| row["path"].as_str()).collect();
    assert_eq!(paths, [home.text("src/sub"), home.text("src/young")]);
    run(&["check", "--read-data"]).expect(0);
    run(&["backup", "--job", "j", &home.text("src")]).expect(0);
    run(&["check", "--read-data"]).expect(0);
}

#[test]
fn a_path_is_erased_from_every_point() {
    let (home, first) = Home::with_point();
    home.write("src/new", b"1");
    let second = home.backup();
    let path = home.text("src/sub");
    let (plan, applied) = plan_and_apply(&home, &["--path", &path]);
    assert_eq!(of_type(&plan, "point").len(), 2);
    assert_eq!((&applied["points_rewritten"], &applied["bytes_leaving"]), (&2.into(), &(2 * 300_007).into()));
    for (point, names) in [(first, "a.txt\n"), (second, "a.txt\nnew\n")] {
        assert_eq!(home.ok(["ls", &home.place(&point, "src")]).out(), names);
    }
    home.ok(["check", "--read-data"]);
    let again = Run::of(home.command(["expire", "plan", "--path", &path]).arg("--json")).expect(3).last();
    assert_eq!((&again["points_rewritten"], again["paths_unmatched"].as_array().map(Vec::len)), (&0.into(), Some(1)));
}

#[test]
fn tags_come_and_go_at_once() {
    let (home, id) = Home::with_point();
    let tag = |words: &[&str]| Run::of(&mut home.command(["--json", "tag"].iter().chain(words))).expect(0).rows();
    let done = tag(&[&id[..8], "+monthly", "+b"]);
    assert_eq!(done[0]["tags"], serde_json::json!(["b", "monthly"]));
    assert_eq!((&done[1]["applied"], &done[1]["points_rewritten"]), (&true.into(), &1.into()));
    assert_eq!(of_type(&home.rows(["points"]), "point")[0]["tags"], serde_json::json!(["b", "monthly"]));
    tag(&["latest:j", "-b"]);
    let after = of_type(&home.rows(["points"]), "point")[0].clone();
    assert_eq!((&after["tags"], &after["id"]), (&serde_json::json!(["monthly"]), &id.as_str().into()));
    let kept = home.rows(["expire", "plan", "--keep-tag", "monthly"]);
    assert_eq!(of_type(&kept, "point")[0]["reasons"], serde_json::json!(["tag monthly"]));
    home.ok(["check", "--read-data"]);
}

#[test]
fn a_live_mount_shows_an_expired_point_as_stale() {
    if !can_mount() {
        return;
    }
    let (home, first) = Home::with_point();
    let second = home.backup();
    std::fs::create_dir(home.path("mnt")).unwrap();
    let mnt = home.text("mnt");
    home.ok(["mount", &mnt]);
    let seen = std::panic::catch_unwind(|| {
        let shown = home.path("mnt/by-id").join(&first);
        let held = File::open(shown.join(home.text("src").trim_start_matches('/'))).unwrap();
        plan_and_apply(&home, &["--keep-last", "1"]);
        until(30, "the expired point's name is gone", || !shown.exists());
        let refused = openat(&held, "a.txt", OFlags::RDONLY, Mode::empty()).unwrap_err();
        assert_eq!(refused, rustix::io::Errno::STALE);
        assert!(home.path("mnt/by-id").join(&second).exists());
    });
    home.run(["umount", &mnt]);
    seen.unwrap();
}

#[test]
fn an_erasure_names_the_other_names_that_keep_the_bytes() {
    let home = Home::with_repository();
    home.write("src/a", b"PERSONAL");
    for other in ["src/b", "src/c"] {
        std::fs::hard_link(home.path("src/a"), home.path(other)).unwrap();
    }
    home.backup();
    let (a, b) = (home.text("src/a"), home.text("src/b"));
    let said = home.ok(["expire", "plan", "--path", &a]).out();
    assert!(said.contains(&format!("2 other names of the same files keep their bytes: {b} and others")), "{said}");
    let said = home.ok(["expire", "plan", "--path", &a, "--path", &home.text("src/c")]).out();
    assert!(said.contains(&format!("1 other name of the same file keeps its bytes: {b}")), "{said}");
    let (plan, _) = plan_and_apply(&home, &["--path", &a, "--path", &b, "--path", &home.text("src/c")]);
    assert_eq!(of_type(&plan, "point")[0]["other_names"], 0);
}

#[test]
fn a_path_that_no_point_has_is_said_and_is_no_success() {
    let home = Home::with_repository();
    home.write("src/a", b"one");
    home.backup();
    for path in ["src/aa", "src/*", "elsewhere/a"].map(|path| home.text(path)) {
        let run = home.run(["expire", "plan", "--path", &path]).expect(3);
        assert!(run.stderr.contains(&format!("{path}: no restore point has this path")), "{}", run.stderr);
        // One that is there is planned all the same, and applied.
        let both = ["expire", "plan", "--path", &path, "--path", &home.text("src/a"), "--json"];
        let plan = Run::of(&mut home.command(both)).expect(3).last();
        assert_eq!((&plan["paths_unmatched"][0], &plan["points_rewritten"]), (&path[1..].into(), &1.into()));
    }
    let both = ["--path", &home.text("src/aa"), "--path", &home.text("src/a")];
    let plan = Run::of(home.command(["expire", "plan", "--json"]).args(both)).expect(3).last()["plan"].clone();
    home.run([&["expire", "apply", plan.as_str().unwrap()], &both[..]].concat()).expect(3);
    home.run(["ls", &home.place("latest", "src/a")]).expect(1);
}
