//! `gc`: what it would do is told, what it leaves alone too.

use crate::support::{Home, Run, has_keys};
use std::fs;

const FRESH: [&str; 3] = ["--grace", "0", "--no-readers"];

#[test]
fn the_plan_counts_what_ended_sessions_left_behind() {
    let (home, _) = Home::with_point();
    let left = home.path("repo/data/00000001/00000fff");
    fs::create_dir_all(left.parent().unwrap()).unwrap();
    fs::write(&left, b"left behind").unwrap();
    let plan = home.summary(["gc", "plan"].iter().chain(&FRESH));
    has_keys(&plan, &["objects_orphaned", "bytes_orphaned", "objects_damaged"]);
    assert_eq!((&plan["objects_orphaned"], &plan["bytes_orphaned"]), (&1.into(), &11.into()));
    let text = home.ok(["gc", "plan"].iter().chain(&FRESH)).out();
    assert!(text.contains("1 objects that ended sessions left behind are deleted: 11 B"), "{text}");
    let done = home.summary(["gc", "apply", plan["plan"].as_str().unwrap()].iter().chain(&FRESH));
    assert_eq!((&done["objects_deleted"], &done["bytes_freed"]), (&1.into(), &11.into()));
    assert!(!left.exists());
}

#[test]
fn what_is_damaged_is_left_alone_and_named_and_ends_with_5() {
    let (home, _) = Home::with_point();
    let cut = |folder: &str| {
        let files = crate::support::tree(&home.path("repo").join(folder));
        let (path, bytes) = files.into_iter().find(|(_, bytes)| bytes.len() > 500).unwrap();
        let path = home.path("repo").join(folder).join(path);
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        #[expect(clippy::permissions_set_readonly_false, reason = "the file goes with the test")]
        permissions.set_readonly(false);
        fs::set_permissions(&path, permissions).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    };
    cut("index");
    cut("data");
    fs::remove_dir_all(home.path("cache")).unwrap();
    let plan = Run::of(&mut home.command(["gc", "plan", "--json"].iter().chain(&FRESH))).expect(5);
    let hash = plan.last()["plan"].as_str().unwrap().to_owned();
    let done = Run::of(&mut home.command(["gc", "apply", &hash].iter().chain(&FRESH))).expect(5);
    let named = |what: &str| done.stderr.lines().any(|line| line.contains(what) && line.contains("cairn repair plan"));
    assert!(named("index/") && named("data/"), "{}", done.stderr);
}
