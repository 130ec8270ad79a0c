//! Collection beside damage: what cannot be read is left alone and told, what is whole elsewhere moves, the rest is collected.

use super::damage::{Action, act, kind_of};
use super::gc::{collect_all, expire, options};
use super::rig::{Rig, names_of, noise};
use engine::backup::{BackupOptions, backup};
use engine::maintenance::plan_collection;
use engine::monitor::Monitor;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Memory, ObjectName, StoreExt};
use format_spec::{container::ObjectKind, names};
use std::sync::Arc;

/// The rig over a memory in which objects can be damaged.
fn damageable(folder: &std::path::Path) -> (Rig, Arc<Memory>) {
    let store = Arc::new(Memory::new());
    (Rig::with_files(folder, store.clone()), store)
}

fn put(store: &Memory, name: &str) {
    store.put_new(&ObjectName::new(name).unwrap(), bytes::Bytes::from_static(b"left behind")).unwrap();
}

fn objects<'f>(found: impl IntoIterator<Item = &'f engine::maintenance::Finding>) -> Vec<&'f str> {
    found.into_iter().map(|f| f.object.as_str()).collect()
}

#[test]
fn a_pack_that_no_readable_segment_names_is_left_alone_and_the_rest_is_collected() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = damageable(folder.path());
    let first = rig.back_up().unwrap().point.unwrap();
    rig.change(1);
    rig.back_up().unwrap();
    let one = |kind: &str| names_of(&*store).into_iter().find(|n| kind_of(n) == kind).unwrap();
    let (segment, pack) = (one("index"), one("data"));
    assert!(
        act(Action::Truncate(900), &segment, &store, &*store) && act(Action::Truncate(900), &pack, &store, &*store)
    );
    put(&store, "data/00000001/00000fff");
    let repository = rig.open().unwrap();
    expire(&repository, vec![first]);
    let plan = plan_collection(&repository, &options(), &Monitor::new()).unwrap();
    assert_eq!(objects(&plan.damaged), [segment.as_str(), pack.as_str()]);
    assert_eq!(plan.orphans, 1, "the pack is nobody's orphan");
    let report = collect_all(&repository, &options()).unwrap();
    assert_eq!(objects(&report.damaged), [pack.as_str(), segment.as_str()]);
    assert!(report.packs_condemned > 0, "{report:?}");
    let left: Vec<String> = names_of(&*store).iter().map(ToString::to_string).collect();
    assert!(left.contains(&pack.to_string()), "what it holds is unknown");
    assert!(!left.contains(&"data/00000001/00000fff".to_owned()), "the orphan is gone");
}

#[test]
fn a_segment_that_cannot_be_read_stays_and_others_are_folded() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Memory::new());
    let rig = Rig::new(folder.path(), store.clone());
    for n in 0..40 {
        rig.write(format!("{n}"), &noise(n, 500));
        rig.back_up().unwrap();
    }
    let repository = rig.open().unwrap();
    let reference = repository.log().view().segments.iter().min_by_key(|s| s.object.bytes).copied().unwrap();
    let segment = ObjectName::new(names::of_session(ObjectKind::IndexSegment, reference.id())).unwrap();
    assert!(act(Action::Truncate(900), &segment, &store, &*store));
    let report = collect_all(&repository, &options()).unwrap();
    assert_eq!(objects(&report.damaged), [segment.as_str()]);
    assert!(report.segments_folded > 20, "{report:?}");
    assert!(repository.log().view().segments.contains(&reference));
    rig.open().unwrap().points().unwrap();
}

#[test]
fn survivors_of_a_damaged_pack_that_were_stored_again_move() {
    for action in [Action::Truncate(500), Action::Delete] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = damageable(folder.path());
        let first = rig.back_up().unwrap().point.unwrap();
        rig.change(1);
        rig.back_up().unwrap();
        let pack = names_of(&*store).into_iter().find(|n| kind_of(n) == "data").unwrap();
        assert!(act(action, &pack, &store, &*store));
        let source = FolderSource::new(std::slice::from_ref(&rig.source), Rules::default()).unwrap();
        let full = BackupOptions { full: true, ..rig.options() };
        let healing = backup(&rig.open().unwrap(), &source, &full, &Arc::new(Monitor::new())).unwrap();
        assert!(healing.bytes_stored > 0, "what the pack held is stored again: {healing:?}");
        let repository = rig.open().unwrap();
        expire(&repository, vec![first]);
        let report = collect_all(&repository, &options()).unwrap();
        assert_eq!(report.damaged, Vec::new(), "{action:?}");
        assert!(store.head_of(&pack).is_err(), "nothing names the damaged pack any more");
        for point in rig.open().unwrap().points().unwrap() {
            let target = tempfile::tempdir().unwrap();
            let (done, warnings) = rig.restore(&point.manifest.id.to_string(), target.path());
            done.unwrap();
            assert_eq!(warnings, Vec::<String>::new());
        }
        rig.expect_equal();
        assert_eq!(collect_all(&rig.open().unwrap(), &options()).unwrap().packs_condemned, 0);
    }
}

#[test]
fn orphans_are_told_by_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = damageable(folder.path());
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    let before = plan_collection(&repository, &options(), &Monitor::new()).unwrap();
    assert_eq!((before.orphans, before.bytes_orphaned), (0, 0));
    put(&store, "data/00000001/00000fff");
    put(&store, "points/00000001/00000ffe");
    let plan = plan_collection(&repository, &options(), &Monitor::new()).unwrap();
    assert_eq!((plan.orphans, plan.bytes_orphaned), (2, 22));
    assert_eq!(plan.hash, before.hash, "they are looked for anew");
    // What a silent session left goes with its fence, in the same run.
    let dead = std::sync::atomic::AtomicBool::new(false);
    let dying = engine::store::Faulty::new(store.clone(), move |call| {
        use std::sync::atomic::Ordering::SeqCst;
        let dies = call.verb == engine::store::RequestKind::Put && call.name.starts_with("index/");
        // From then on nothing of it is heard: it cannot close its session.
        dead.fetch_or(dies, SeqCst);
        dead.load(SeqCst).then_some(engine::store::Fault::Before(engine::Kind::Denied))
    });
    rig.write("new", &noise(77, 5_000));
    rig.over(Arc::new(dying)).back_up().unwrap_err();
    let patient = plan_collection(&repository, &options(), &Monitor::new()).unwrap();
    assert_eq!(patient.orphans, 2, "an open session may publish what it stored");
    let impatient = engine::maintenance::CollectOptions { lease_seconds: -1, ..options() };
    let plan = plan_collection(&repository, &impatient, &Monitor::new()).unwrap();
    assert!(plan.orphans > 2, "{plan:?}");
    let report = collect_all(&repository, &impatient).unwrap();
    assert_eq!((report.objects_deleted, report.bytes_freed), (plan.orphans, plan.bytes_orphaned));
}
