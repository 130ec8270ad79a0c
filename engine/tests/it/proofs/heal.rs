//! Packs that are lost or damaged are not deduplicated against: the next backup that reads the source stores their blobs again.

use super::damage::{Action, act, kind_of};
use super::rig::{contents, names_of};
use super::{Rig, noise};
use engine::backup::{BackupSummary, backup};
use engine::monitor::Monitor;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Memory, ObjectName, Store, StoreExt};
use std::path::Path;
use std::sync::Arc;

fn rig(folder: &Path) -> (Rig, Arc<Memory>) {
    let store = Arc::new(Memory::new());
    let rig = Rig::new(folder, store.clone());
    for n in 0..40 {
        rig.write(format!("d{}/{n}.txt", n % 4), format!("file number {n}").as_bytes());
    }
    rig.write("large", &noise(1, 2_000_000));
    rig.back_up().unwrap();
    (rig, store)
}

fn full(rig: &Rig) -> BackupSummary {
    let source = FolderSource::new(std::slice::from_ref(&rig.source), Rules::default()).unwrap();
    let options = engine::backup::BackupOptions { full: true, ..rig.options() };
    backup(&rig.open().unwrap(), &source, &options, &Arc::new(Monitor::new())).unwrap()
}

fn first(store: &Memory, kind: &str) -> ObjectName {
    names_of(store).into_iter().find(|n| kind_of(n) == kind).unwrap()
}

/// The newest point is whole, and what `check` finds is about the objects that were damaged and the points that need them.
fn expect_newest_whole(rig: &Rig, damaged: &ObjectName) {
    let target = tempfile::tempdir().unwrap();
    let (done, warnings) = rig.restore("latest", target.path());
    done.expect("restores");
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(contents(target.path()), contents(&rig.source));
    let repository = rig.open().unwrap();
    let newest = repository.find_point("latest").unwrap();
    let options = engine::maintenance::CheckOptions {
        point: Some(newest),
        ..engine::maintenance::CheckOptions::new(engine::maintenance::Level::Full)
    };
    let report = engine::maintenance::check(&repository, &options, &Monitor::new()).unwrap();
    assert_eq!(report.errors, Vec::new(), "the newest point needs nothing of {damaged}");
    assert!(report.packs > 0 && report.points == 1);
    let all = rig.check().unwrap();
    let told = all.errors.iter().chain(&all.superseded);
    assert!(told.clone().any(|f| f.object == damaged.as_str()), "{:?}", told.collect::<Vec<_>>());
}

#[test]
fn a_full_backup_stores_again_what_a_lost_data_pack_held() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path());
    let nothing = full(&rig);
    assert_eq!((nothing.bytes_new, nothing.data_packs_written), (0, 0), "sound packs are relied on");
    for action in [Action::Delete, Action::Truncate(500)] {
        let pack = first(&store, "data");
        let held = store.head_of(&pack).unwrap().bytes;
        assert!(act(action, &pack, &store, &*store));
        let summary = full(&rig);
        assert!(summary.bytes_stored > held / 2, "{summary:?}");
        expect_newest_whole(&rig, &pack);
        // Away with it, so that the next round damages what was stored again.
        let _ = store.delete(pack.object());
    }
}

#[test]
fn a_backup_whose_base_is_damaged_reads_all_and_names_only_what_is_sound() {
    for action in [Action::Delete, Action::Flip(300), Action::Empty] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = rig(folder.path());
        let pack = first(&store, "meta");
        assert!(act(action, &pack, &store, &*store));
        rig.write("d1/new", b"new");
        let monitor = Arc::new(Monitor::new());
        let summary = rig.back_up_with(&monitor).unwrap();
        let warnings = monitor.take_warnings();
        assert!(warnings[0].reason.contains("cannot be built upon"), "{warnings:?}");
        // Nor can anything be kept from that point: a second warning says so.
        assert!(warnings.len() <= 2 && warnings.iter().all(|w| w.reason.contains(pack.as_str())), "{warnings:?}");
        assert_eq!(summary.kind, format_spec::point::PointKind::Full);
        assert!(summary.kind_reason.contains("damaged"), "{}", summary.kind_reason);
        assert_eq!(summary.bytes_new, 3, "data packs are sound: only the new file is stored");
        expect_newest_whole(&rig, &pack);
        let next = rig.back_up().unwrap();
        assert_eq!((next.kind, next.bytes_new), (format_spec::point::PointKind::Incremental, 0), "{next:?}");
    }
}

#[test]
fn a_blob_with_two_places_is_read_from_the_sound_one() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path());
    let old = first(&store, "data");
    let bytes = store.get(&old).unwrap();
    store.delete(old.object()).unwrap();
    full(&rig);
    store.put_new(&old, bytes).unwrap();
    let both: Vec<ObjectName> = names_of(&*store).into_iter().filter(|n| kind_of(n) == "data").collect();
    assert_eq!(both.len(), 2);
    for pack in both {
        let copy = super::rig::copy_of(&*store);
        assert!(act(Action::Flip(300), &pack, &copy, &*store));
        let target = tempfile::tempdir().unwrap();
        let (done, warnings) = rig.over(copy).restore("latest", target.path());
        done.unwrap_or_else(|e| panic!("{pack}: {e}"));
        assert_eq!(warnings, Vec::<String>::new(), "{pack}");
        assert_eq!(contents(target.path()), contents(&rig.source));
    }
}

#[test]
fn one_healing_heals_however_many_packs_of_nodes_are_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path());
    rig.write("d2/second", b"second");
    rig.back_up().unwrap();
    rig.write("d3/third", b"third");
    rig.back_up().unwrap();
    let packs: Vec<ObjectName> = names_of(&*store).into_iter().filter(|n| kind_of(n) == "meta").collect();
    assert!(packs.len() >= 3, "{packs:?}");
    for pack in &packs {
        assert!(act(Action::Flip(300), pack, &store, &*store));
    }
    rig.write("d1/new", b"new");
    rig.back_up().unwrap();
    expect_newest_whole(&rig, &packs[0]);
}
