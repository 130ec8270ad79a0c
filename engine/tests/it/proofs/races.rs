//! Operations that meet: what a collection, an expiry or a fence does to a backup that is about to commit.
//!
//! Each test stops a backup at one store call, lets another machine do its work there, and lets the backup go on.

use super::gc::{collect_all, expire, options};
use super::rig::{Rig, interrupted, names_of, noise};
use engine::maintenance::CollectOptions;
use engine::store::{Faulty, Memory, RequestKind, Store, StoreExt};
use parking_lot::Mutex;
use std::sync::Arc;

/// Another machine: its own handle and cache.
fn elsewhere(rig: &Rig) -> Rig {
    Rig { job: "elsewhere".into(), ..rig.clone() }
}

#[test]
fn what_a_backup_deduplicated_against_is_condemned_before_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = Rig::with_point(folder.path(), Arc::<Memory>::default());
    // Garbage by now, but still in the index: a new job finds every blob of it.
    expire(&rig.open().unwrap(), vec![first]);
    let other = elsewhere(&rig);
    let backup = interrupted(&Rig { job: "new".into(), ..rig.clone() }, "points/", move || {
        let report = collect_all(&other.open().unwrap(), &options()).unwrap();
        assert!(report.packs_condemned > 0);
        assert_eq!(report.objects_deleted, 1, "only the manifest of the expired point: a session is open: {report:?}");
    });
    let summary = backup.back_up().unwrap();
    assert!(summary.chunks_new > 0, "what was condemned is stored again: {summary:?}");
    rig.expect_equal();
    let report = collect_all(&rig.open().unwrap(), &options()).unwrap();
    assert!(report.objects_deleted > 0, "{report:?}");
    rig.expect_equal();
}

#[test]
fn the_packs_of_a_base_move_before_the_commit_that_builds_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = Rig::with_two_points(folder.path(), Arc::<Memory>::default());
    rig.write("d0/new", b"new");
    let other = elsewhere(&rig);
    let backup = interrupted(&rig, "points/", move || {
        let repository = other.open().unwrap();
        expire(&repository, vec![first]);
        let report = collect_all(&repository, &options()).unwrap();
        assert!(report.packs_repacked > 0, "{report:?}");
    });
    backup.back_up().unwrap();
    rig.expect_equal();
    collect_all(&rig.open().unwrap(), &options()).unwrap();
    rig.expect_equal();
}

#[test]
fn the_base_of_an_open_session_outlives_its_expiry() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = Rig::with_point(folder.path(), Arc::<Memory>::default());
    rig.write("d0/new", b"new");
    let other = elsewhere(&rig);
    // The session is open and has loaded its base when that goes.
    let backup = interrupted(&rig, "meta/", move || {
        let repository = other.open().unwrap();
        expire(&repository, vec![first]);
        let report = collect_all(&repository, &options()).unwrap();
        assert_eq!(report.packs_condemned, 0, "an open session builds on it: {report:?}");
    });
    let summary = backup.back_up().unwrap();
    assert_eq!(summary.kind, format_spec::point::PointKind::Incremental);
    rig.expect_equal();
    collect_all(&rig.open().unwrap(), &options()).unwrap();
    rig.expect_equal();
}

#[test]
fn a_fenced_session_is_followed_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::<Memory>::default());
    rig.back_up().unwrap();
    rig.write("large", &noise(100, 2_000_000));
    let other = elsewhere(&rig);
    let backup = interrupted(&rig, "points/", move || {
        // Every session counts as silent.
        let impatient = CollectOptions { lease_seconds: -1, ..options() };
        let report = collect_all(&other.open().unwrap(), &impatient).unwrap();
        assert_eq!(report.fenced, 1, "{report:?}");
    });
    let monitor = Arc::new(engine::monitor::Monitor::new());
    backup.back_up_with(&monitor).unwrap();
    let warnings = monitor.take_warnings();
    assert!(warnings.iter().any(|w| w.reason.contains("another one takes its place")), "{warnings:?}");
    assert_eq!(rig.open().unwrap().points().unwrap().len(), 2);
    rig.expect_equal();
}

#[test]
fn packs_of_an_open_session_are_live() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::<Memory>::default());
    let other = elsewhere(&rig);
    // Everything but the manifest is published by then, and no point needs it yet.
    let backup = interrupted(&rig, "points/", move || {
        let report = collect_all(&other.open().unwrap(), &options()).unwrap();
        assert_eq!((report.packs_condemned, report.objects_deleted), (0, 0), "{report:?}");
    });
    backup.back_up().unwrap();
    rig.expect_equal();
}

#[test]
fn a_killed_session_leaves_what_the_next_one_uses_and_the_collection_after_it_takes_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::<Memory>::default());
    let dying = Faulty::new(rig.store.clone(), |call| {
        (call.verb == RequestKind::Put && call.name.starts_with("points/"))
            .then_some(engine::store::Fault::Before(engine::Kind::Denied))
    });
    rig.over(Arc::new(dying)).back_up().unwrap_err();
    let summary = rig.back_up().unwrap();
    assert_eq!(summary.chunks_new, 0, "what the killed session published is not stored again: {summary:?}");
    let impatient = CollectOptions { lease_seconds: -1, ..options() };
    collect_all(&rig.open().unwrap(), &impatient).unwrap();
    rig.expect_equal();
    let packs = names_of(&*rig.store).into_iter().filter(|n| n.as_str().starts_with("data/")).count();
    let needed = rig.open().unwrap().blobs().live_index().packs().unwrap();
    assert_eq!(packs, needed.iter().filter(|p| p.kind == format_spec::container::ObjectKind::DataPack).count());
}

#[test]
fn two_collections_at_once_condemn_each_pack_once() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_garbage(folder.path(), Arc::<Memory>::default());
    let other = elsewhere(&rig);
    // The first one has packed its survivors anew when the second one does everything.
    let collector = interrupted(&rig, "index/", move || {
        let report = collect_all(&other.open().unwrap(), &options()).unwrap();
        assert!(report.packs_condemned > 0, "{report:?}");
    });
    let report = collect_all(&collector.open().unwrap(), &options()).unwrap();
    assert_eq!(report.packs_condemned, 0, "the other was first: {report:?}");
    rig.expect_equal();
    collect_all(&rig.open().unwrap(), &CollectOptions { lease_seconds: -1, ..options() }).unwrap();
    rig.expect_equal();
}

#[test]
fn a_commit_after_the_mark_keeps_its_pack() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = Rig::with_point(folder.path(), Arc::<Memory>::default());
    expire(&rig.open().unwrap(), vec![first]);
    let other = Rig { job: "other".into(), ..rig.clone() };
    // The collection has marked, and everything seemed dead; before its `Condemn` a new job commits upon the same packs.
    let done = Arc::new(Mutex::new(false));
    let flag = done.clone();
    let store = Faulty::new(rig.store.clone(), move |call| {
        if call.verb == RequestKind::Put && call.name.starts_with("log/") && !std::mem::replace(&mut *flag.lock(), true)
        {
            other.back_up().unwrap();
        }
        None
    });
    let collector = rig.over(Arc::new(store) as Arc<dyn Store>);
    collect_all(&collector.open().unwrap(), &options()).unwrap();
    assert!(*done.lock());
    rig.expect_equal();
}

#[test]
fn a_base_that_goes_before_its_session_is_open_is_not_built_upon() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = Rig::with_point(folder.path(), Arc::<Memory>::default());
    rig.write("d0/new", b"new");
    let other = elsewhere(&rig);
    // The base is chosen and loaded; nothing in the log says so yet.
    let backup = interrupted(&rig, "log/", move || {
        let repository = other.open().unwrap();
        expire(&repository, vec![first]);
        assert!(collect_all(&repository, &options()).unwrap().packs_condemned > 0);
    });
    let summary = backup.back_up().unwrap();
    assert_eq!(summary.kind, format_spec::point::PointKind::Full, "{summary:?}");
    rig.expect_equal();
    collect_all(&rig.open().unwrap(), &options()).unwrap();
    rig.expect_equal();
}

#[test]
fn the_copy_that_heals_a_blob_is_the_one_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = Rig::with_point(folder.path(), Arc::<Memory>::default());
    let repository = rig.open().unwrap();
    let known = repository.blobs().live_index().packs().unwrap();
    let bad = known.iter().find(|p| p.kind == format_spec::container::ObjectKind::DataPack).expect("a data pack");
    let name = engine::store::ObjectName::new(format_spec::names::of_session(bad.kind, bad.id)).unwrap();
    let mut bytes = rig.store.get(&name).unwrap().to_vec();
    let end = bytes.len() - 300;
    bytes[300..end].iter_mut().for_each(|b| *b ^= 0x55);
    rig.store.delete(name.object()).unwrap();
    rig.store.put_new(&name, bytes.into()).unwrap();
    repository.blobs().live_index().distrust().add(bad.id);
    // Every file is read again, and names the same chunks as the base does.
    std::thread::sleep(std::time::Duration::from_millis(20));
    for path in super::rig::contents(&rig.source).into_keys().map(|p| rig.source.join(p)).filter(|p| p.is_file()) {
        let again = std::fs::read(&path).unwrap();
        std::fs::write(&path, again).unwrap();
    }
    let source = engine::source::folder::FolderSource::new(
        std::slice::from_ref(&rig.source),
        engine::source::rules::Rules::default(),
    );
    let monitor = Arc::new(engine::monitor::Monitor::new());
    let summary = engine::backup::backup(&repository, &source.unwrap(), &rig.options(), &monitor).unwrap();
    assert!(summary.chunks_new > 0, "{summary:?}");
    expire(&rig.open().unwrap(), vec![first]);
    collect_all(&rig.open().unwrap(), &options()).unwrap();
    assert!(rig.store.head_of(&name).is_err(), "nothing names the damaged pack any more");
    rig.expect_equal();
}
