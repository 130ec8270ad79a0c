//! Kept items that are erased or grow too old: they leave, with their lines and their counts, and do not come back.

use super::{Broken, Fails, back_up, kept, newest, restored, rig, started};
use crate::proofs::Rig;
use crate::proofs::rig::interrupted;
use engine::backup::backup;
use engine::maintenance::ClockVerdict;
use engine::maintenance::retention::{ApplyOptions, Request, RetentionPlan, Rules, Scope, apply};
use engine::monitor::Monitor;
use engine::store::{Faulty, RequestKind};
use format_spec::config::RetentionKind;
use format_spec::ledger::{Exception, Outcome};
use std::path::Path;
use std::sync::Arc;

/// Erases paths below the source from every point.
fn erase(rig: &Rig, paths: &[&str]) {
    let below = |path: &&str| [&rig.inside()[..], b"/", path.as_bytes()].concat();
    let scope = Scope::of(Request::Paths(paths.iter().map(below).collect()));
    let (repository, monitor) = (rig.open().unwrap(), Arc::new(Monitor::new()));
    let plan = RetentionPlan::make(&repository, &scope, &monitor).unwrap();
    let options = ApplyOptions { hash: plan.hash, threads: 1 };
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
    let raced = interrupted(&rig, "points/", move || crate::proofs::gc::expire(&repository, all));
    let source = Broken::new(&rig, &[("b", Fails::Reading)]);
    let done = backup(&raced.open().unwrap(), &source, &raced.options(), &Arc::new(Monitor::new())).unwrap();
    assert_eq!((done.counts.failed, done.counts.kept), (1, 0));
    assert!(!restored(&rig).contains_key(Path::new("b")));
}

/// At the very slot of the commit somebody else's entry stands: the base loses what is kept, and the commit notices it there.
fn beaten_to_the_slot(rig: &Rig, work: impl FnOnce() + Send + 'static) -> Rig {
    let (armed, work) = (std::sync::atomic::AtomicBool::new(false), parking_lot::Mutex::new(Some(work)));
    let store = Faulty::new(rig.store.clone(), move |call| {
        if call.verb == RequestKind::Put && call.name.starts_with("points/") {
            armed.store(true, std::sync::atomic::Ordering::SeqCst);
        }
        let is_commit = call.verb == RequestKind::Put && call.name.starts_with("log/");
        if is_commit && armed.load(std::sync::atomic::Ordering::SeqCst) {
            // Taken first: the work may come by here itself.
            let work = work.lock().take();
            work.into_iter().for_each(|work| work());
        }
        None
    });
    rig.over(Arc::new(store))
}

#[test]
fn an_erasure_that_takes_the_slot_of_the_commit_wins() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    let eraser = rig.clone();
    let head = rig.open().unwrap().log().view().head;
    let raced = beaten_to_the_slot(&rig, move || erase(&eraser, &["a/sub/two", "b"]));
    let source = Broken::new(&rig, &[("a", Fails::Listing), ("b", Fails::Reading)]);
    let done = backup(&raced.open().unwrap(), &source, &raced.options(), &Arc::new(Monitor::new())).unwrap();
    assert!(rig.open().unwrap().log().view().head > head + 3, "a second session has made the point");
    let found = restored(&rig);
    assert!(!found.contains_key(Path::new("b")) && !found.contains_key(Path::new("a/sub/two")), "{found:?}");
    assert_eq!(found[Path::new("a/sub/three")], b"333");
    assert_eq!((done.counts.failed, done.counts.kept), (4, 3));
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}

/// What item-level retention takes out of the base while a session keeps it does not come back with the commit.
#[test]
fn items_that_grow_too_old_at_the_slot_of_the_commit_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(400 * 86_400);
    std::fs::File::options().write(true).open(rig.source.join("a/one")).unwrap().set_modified(old).unwrap();
    back_up(&rig, &[]);
    let expiring = rig.clone();
    let raced = beaten_to_the_slot(&rig, move || {
        let rules = Rules { period: Some("1y".parse().unwrap()), ..Rules::default() };
        let scope = Scope::of(Request::Rules { rules, kind: RetentionKind::Item });
        let (repository, monitor) = (expiring.open().unwrap(), Arc::new(Monitor::new()));
        let plan = RetentionPlan::make(&repository, &scope, &monitor).unwrap();
        let options = ApplyOptions { hash: plan.hash, threads: 1 };
        let applied = apply(&repository, &scope, &options, &ClockVerdict::trusted(), &monitor).unwrap();
        assert_eq!(applied.rewritten.len(), 1, "{applied:?}");
    });
    let source = Broken::new(&rig, &[("a", Fails::Listing)]);
    let done = backup(&raced.open().unwrap(), &source, &raced.options(), &Arc::new(Monitor::new())).unwrap();
    let found = restored(&rig);
    assert!(!found.contains_key(Path::new("a/one")), "{found:?}");
    assert_eq!(found[Path::new("a/sub/three")], b"333");
    assert_eq!(done.counts.kept, 3, "the folder in it and its two files");
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}

/// The lines of the newest point's ledger below the source: path, and whether it failed.
fn lines(rig: &Rig) -> Vec<(String, Outcome)> {
    let (repository, point) = newest(rig);
    let mut lines = Vec::new();
    for pair in engine::tree::MapCursor::open(repository.nodes(), point.manifest.maps.exceptions) {
        let pair = pair.unwrap();
        let path = pair.key.strip_prefix(&rig.inside()[..]).unwrap_or(&pair.key).to_vec();
        lines.push((String::from_utf8_lossy(&path).into_owned(), Exception::decode(&pair.value).unwrap().outcome));
    }
    lines
}

/// A path that no point holds, and that its ledger names: the name may be all that somebody wants erased.
#[test]
fn a_name_that_only_the_ledger_has_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("a/Jane Doe.pdf", b"never read");
    back_up(&rig, &[("a/Jane Doe.pdf", Fails::Looking)]);
    assert_eq!(lines(&rig), [("/a/Jane Doe.pdf".to_owned(), Outcome::Failed)]);
    let tree = newest(&rig).1.manifest.root.content;
    erase(&rig, &["a/Jane Doe.pdf"]);
    // The folder says that something was left out in it, so that nobody takes the listing for whole.
    assert_eq!(lines(&rig), [("/a/".to_owned(), Outcome::Skipped)]);
    let manifest = &newest(&rig).1.manifest;
    assert_eq!((manifest.root.content, manifest.counts.failed, manifest.counts.skipped), (tree, 0, 1));
    assert_eq!(rig.check().unwrap().errors, Vec::new());
    let path = [&rig.inside()[..], b"/a/Jane Doe.pdf"].concat();
    let scope = Scope::of(Request::Paths([path].into()));
    let again = RetentionPlan::make(&rig.open().unwrap(), &scope, &Monitor::new()).unwrap();
    assert!(again.is_empty() && again.unmatched.len() == 1, "it is named nowhere any more: {again:?}");
}

#[test]
fn the_plan_says_that_names_leave_and_that_the_path_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("a/Jane Doe.pdf", b"never read");
    back_up(&rig, &[("a/Jane Doe.pdf", Fails::Looking)]);
    let path = [&rig.inside()[..], b"/a/Jane Doe.pdf"].concat();
    let plan =
        RetentionPlan::make(&rig.open().unwrap(), &Scope::of(Request::Paths([path].into())), &Monitor::new()).unwrap();
    assert_eq!((plan.rows.len(), plan.unmatched.len()), (1, 0));
    let reasons: Vec<String> = plan.rows[0].decision.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(reasons, ["loses 1 name of items that it does not hold"]);
}
