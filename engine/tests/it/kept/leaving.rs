//! Kept items that are erased or grow too old: they leave, with their lines and their counts, and do not come back.

use super::{Broken, Fails, back_up, kept, newest, restored, rig, started};
use crate::proofs::Rig;
use crate::proofs::rig::interrupted;
use engine::backup::backup;
use engine::care::ClockVerdict;
use engine::care::retention::{ApplyOptions, Plan, Request, Scope, apply};
use engine::monitor::Monitor;
use std::path::Path;
use std::sync::Arc;

/// Erases paths below the source from every point.
fn erase(rig: &Rig, paths: &[&str]) {
    let below = |path: &&str| [&rig.inside()[..], b"/", path.as_bytes()].concat();
    let scope = Scope::of(Request::Paths(paths.iter().map(below).collect()));
    let (repository, monitor) = (rig.open().unwrap(), Arc::new(Monitor::new()));
    let plan = Plan::make(&repository, &scope, &monitor).unwrap();
    let options = ApplyOptions { hash: plan.hash.to_vec(), threads: 1 };
    apply(&repository, &scope, &options, &ClockVerdict::trusted(), &monitor).unwrap();
}

#[test]
fn erased_items_leave_lines_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    let first = started(&rig);
    rig.write("b", b"changed, and unreadable");
    back_up(&rig, &[("a", Fails::Listing), ("b", Fails::Reading)]);
    erase(&rig, &["a/sub/two"]);
    assert_eq!(kept(&rig), [("a".to_owned(), 3, first), ("b".to_owned(), 1, first)]);
    let counts = newest(&rig).1.manifest.counts;
    assert_eq!((counts.failed, counts.kept), (4, 4));
    erase(&rig, &["b", "a/sub"]);
    assert_eq!(kept(&rig), [("a".to_owned(), 1, first)]);
    // All that was kept in it has left, and still it could not be listed.
    erase(&rig, &["a/one"]);
    assert!(kept(&rig).is_empty());
    let counts = newest(&rig).1.manifest.counts;
    assert_eq!((counts.failed, counts.kept, counts.complete()), (1, 0, false));
    assert_eq!(rig.check().unwrap().errors, Vec::new());
    assert_eq!(restored(&rig).into_keys().collect::<Vec<_>>(), [Path::new("a")]);
}

#[test]
fn what_was_erased_between_open_and_commit_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    let eraser = rig.clone();
    // Just before the new point's manifest is stored, its base is rewritten.
    let raced = interrupted(&rig, "points/", move || erase(&eraser, &["a/sub/two", "b"]));
    let source = Broken::new(&rig, &[("a", Fails::Listing), ("b", Fails::Reading)]);
    let monitor = Arc::new(Monitor::new());
    let done = backup(&raced.open().unwrap(), &source, &raced.options(), &monitor).unwrap();
    let found = restored(&rig);
    assert!(!found.contains_key(Path::new("b")) && !found.contains_key(Path::new("a/sub/two")), "{found:?}");
    assert_eq!(found[Path::new("a/sub/three")], b"333");
    assert_eq!((done.counts.failed, done.counts.kept), (4, 3));
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}

#[test]
fn nothing_is_kept_from_a_point_that_expired_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    rig.write("c", b"5");
    back_up(&rig, &[]);
    let (repository, _) = newest(&rig);
    let all: Vec<_> = repository.points().unwrap().iter().map(|p| p.manifest.id).collect();
    // What did not change is not opened, and does not fail.
    rig.write("b", b"changed, and unreadable");
    let raced = interrupted(&rig, "points/", move || crate::proofs::collect::expire(&repository, all));
    let source = Broken::new(&rig, &[("b", Fails::Reading)]);
    let done = backup(&raced.open().unwrap(), &source, &raced.options(), &Arc::new(Monitor::new())).unwrap();
    assert_eq!((done.counts.failed, done.counts.kept), (1, 0));
    assert!(!restored(&rig).contains_key(Path::new("b")));
}
