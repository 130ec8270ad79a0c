//! Repair: what can be given back is, by whatever has it; nothing that was there is touched; what remains is named.

use super::damage::{Action, act, kind_of};
use super::rig::{contents, copy_of, names_of};
use super::{Rig, noise};
use bytes::Bytes;
use engine::Kind;
use engine::maintenance::Level;
use engine::maintenance::repair::{RepairOptions, RepairPlan, RepairReport, RepairSource, apply, plan};
use engine::monitor::Monitor;
use engine::repository::{OpenOptions, Repository};
use engine::store::{Memory, ObjectName, Store, StoreExt};
use std::path::Path;
use std::sync::Arc;

fn rig(folder: &Path, percent: u8) -> (Rig, Arc<Memory>) {
    let store = Arc::new(Memory::new());
    let rig = Rig::with_parity(folder, store.clone(), percent);
    for n in 0..40 {
        rig.write(format!("d{}/{n}.txt", n % 4), format!("file number {n}").as_bytes());
    }
    rig.write("large", &noise(1, 2_000_000));
    rig.back_up().unwrap();
    rig.write("d2/later", &noise(2, 90_000));
    rig.back_up().unwrap();
    (rig, store)
}

fn options(from: Option<Arc<Repository>>) -> RepairOptions {
    RepairOptions { level: Level::Full, from, threads: 2 }
}

fn planned(rig: &Rig, from: Option<&Rig>) -> RepairPlan {
    let from = from.map(|from| from.open().unwrap());
    plan(&rig.open().unwrap(), &options(from), &Monitor::new()).unwrap()
}

/// Plans and carries out, and holds the store to it: everything that was there is as it was.
fn repaired(rig: &Rig, from: Option<&Rig>) -> (RepairPlan, RepairReport) {
    let before: Vec<(ObjectName, Bytes)> =
        names_of(&*rig.store).into_iter().map(|n| (n.clone(), rig.store.get(&n).unwrap())).collect();
    let plan = planned(rig, from);
    assert_eq!(names_of(&*rig.store).len(), before.len(), "a plan writes nothing");
    let options = options(from.map(|from| from.open().unwrap()));
    let done = apply(&rig.open().unwrap(), &options, &plan.hash, &Arc::new(Monitor::new())).unwrap();
    for (name, bytes) in before {
        assert!(rig.store.get(&name).unwrap() == bytes, "{name} was changed");
    }
    (plan, done)
}

fn first(store: &Memory, kind: &str) -> ObjectName {
    names_of(store).into_iter().find(|n| kind_of(n) == kind).unwrap()
}

/// Everything that is needed is whole, and nothing is told of what was damaged; collection takes only that away.
fn expect_whole(rig: &Rig, damaged: &ObjectName) {
    expect_sound(rig);
    assert!(!planned(rig, None).heals_something());
    super::gc::collect_all(&rig.open().unwrap(), &super::gc::options()).unwrap();
    assert_eq!(rig.store.get(damaged).unwrap_err().kind(), Kind::Absent, "{damaged} is swept");
    expect_sound(rig);
    // What is healed has its places for good: another collection finds nothing to do.
    let again = super::gc::collect_all(&rig.open().unwrap(), &super::gc::options()).unwrap();
    assert_eq!((again.packs_condemned, again.damaged), (0, Vec::new()));
    expect_sound(rig);
}

fn expect_sound(rig: &Rig) {
    let report = rig.check().unwrap();
    assert_eq!((report.errors, report.superseded), (Vec::new(), Vec::new()));
    for point in rig.open().unwrap().points().unwrap() {
        let target = tempfile::tempdir().unwrap();
        let (done, warnings) = rig.restore(&point.manifest.id.to_string(), target.path());
        done.unwrap();
        assert_eq!(warnings, Vec::<String>::new());
    }
    let target = tempfile::tempdir().unwrap();
    rig.restore("latest", target.path()).0.unwrap();
    assert_eq!(contents(target.path()), contents(&rig.source));
}

#[test]
fn parity_gives_back_what_rotted_in_a_pack() {
    for kind in ["data", "meta"] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = rig(folder.path(), 10);
        let pack = first(&store, kind);
        assert!(act(Action::Flip(300), &pack, &store, &*store));
        let (plan, done) = repaired(&rig, None);
        let item = plan.items.iter().find(|i| i.object == pack.as_str()).unwrap();
        assert_eq!((item.healed_by.get(&RepairSource::Parity), &item.remains), (Some(&item.blobs), &None), "{item:?}");
        assert!(item.blobs > 0 && !item.paths.is_empty() && item.points.len() == 2, "{item:?}");
        assert_eq!((done.blobs, done.packs_condemned), (item.blobs, 1), "{done:?}");
        // All nodes lie in the one block that rotted.
        assert!(done.blobs_moved > 0 || kind == "meta", "{done:?}");
        expect_whole(&rig, &pack);
    }
}

#[test]
fn a_copy_gives_back_lost_packs_of_data_and_of_nodes() {
    for kind in ["data", "meta"] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = rig(folder.path(), 0);
        let copy = rig.over(copy_of(&*store));
        let pack = first(&store, kind);
        store.delete(pack.object()).unwrap();
        let alone = planned(&rig, None);
        let item = alone.items.iter().find(|i| i.object == pack.as_str()).unwrap();
        assert!(
            item.healed_by.is_empty() && item.remains.as_ref().is_some_and(|r| r.contains("next backup")),
            "{item:?}"
        );
        if kind == "data" {
            let large = item.paths.iter().any(|(_, path)| path.ends_with("/source/large"));
            assert!(large && item.paths_total > item.paths.len() as u64 && item.points.len() == 2, "{item:?}");
            assert!(!alone.heals_something());
        }
        let (plan, done) = repaired(&rig, Some(&copy));
        let item = plan.items.iter().find(|i| i.object == pack.as_str()).unwrap();
        assert_eq!(item.healed_by.get(&RepairSource::Copy), Some(&item.blobs), "{item:?}");
        assert!(item.blobs > 0 && done.blobs >= item.blobs, "{done:?}");
        expect_whole(&rig, &pack);
    }
}

#[test]
fn the_next_backup_gives_back_what_nothing_else_has() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path(), 0);
    let pack = first(&store, "data");
    store.delete(pack.object()).unwrap();
    let source = engine::source::folder::FolderSource::new(
        std::slice::from_ref(&rig.source),
        engine::source::rules::Rules::default(),
    );
    let full = engine::backup::BackupOptions { full: true, ..rig.options() };
    let monitor = Arc::new(Monitor::new());
    engine::backup::backup(&rig.open().unwrap(), &source.unwrap(), &full, &monitor).unwrap();
    let report = rig.check().unwrap();
    assert_eq!(report.errors, Vec::new());
    assert!(report.superseded.iter().any(|f| f.object == pack.as_str()), "{:?}", report.superseded);
    // The older point still names the lost pack: repair says where its blobs are now, and writes none.
    let (plan, done) = repaired(&rig, None);
    assert!(plan.items.is_empty());
    assert_eq!((done.blobs, done.blobs_moved, done.packs_condemned), (0, 0, 1), "{done:?}");
    expect_whole(&rig, &pack);
}

#[test]
fn a_pack_that_lost_its_directory_gives_its_blocks_back_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path(), 0);
    let pack = first(&store, "data");
    let mut bytes = store.get(&pack).unwrap().to_vec();
    let at = bytes.len() - 110;
    bytes[at] ^= 1;
    store.replace(&pack, Bytes::from(bytes));
    let (plan, _) = repaired(&rig, None);
    let item = plan.items.iter().find(|i| i.object == pack.as_str()).unwrap();
    assert_eq!(item.healed_by.get(&RepairSource::Itself), Some(&item.blobs), "{item:?}");
    expect_whole(&rig, &pack);
}

#[test]
fn the_disk_cache_gives_back_what_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path(), 0);
    let open = || {
        let ranges = Some((folder.path().join("ranges"), 1 << 30));
        let (env, cache) = (rig.env.clone(), rig.cache.clone());
        let options = OpenOptions { ranges, ..OpenOptions::new(env, cache) };
        Repository::open(rig.store.clone(), rig.password.as_deref(), &options).unwrap()
    };
    let target = tempfile::tempdir().unwrap();
    let repository = open();
    let point = repository.find_point("latest").unwrap();
    let monitor = Arc::new(Monitor::new());
    let restore = engine::restore::restore;
    restore(&repository, &point, &rig.inside(), target.path(), &super::rig::restore_options(), &monitor).unwrap();
    drop(repository);
    let pack = first(&store, "data");
    store.delete(pack.object()).unwrap();
    let plan = plan(&open(), &options(None), &monitor).unwrap();
    let item = plan.items.iter().find(|i| i.object == pack.as_str()).unwrap();
    assert_eq!(item.healed_by.get(&RepairSource::Cache), Some(&item.blobs), "{item:?}");
    apply(&open(), &options(None), &plan.hash, &monitor).unwrap();
    expect_whole(&rig, &pack);
}

#[test]
fn a_lost_or_damaged_index_segment_is_made_again_from_its_packs() {
    for action in [Action::Delete, Action::Flip(500), Action::Truncate(990), Action::Empty] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = rig(folder.path(), 0);
        let segment = first(&store, "index");
        assert!(act(action, &segment, &store, &*store));
        // No cache, and yet everything opens and restores.
        let target = tempfile::tempdir().unwrap();
        rig.restore("latest", target.path()).0.unwrap();
        assert_eq!(contents(target.path()), contents(&rig.source), "{action:?}");
        let errors = rig.check().unwrap().errors;
        assert_eq!(errors.len(), 1, "{action:?}: {errors:?}");
        let plan = planned(&rig, None);
        assert!(plan.items[0].made_anew && plan.items[0].object == segment.as_str(), "{action:?}: {:?}", plan.items);
        let done = apply(&rig.open().unwrap(), &options(None), &plan.hash, &Arc::new(Monitor::new())).unwrap();
        assert_eq!((done.segments, done.remaining), (1, 0));
        expect_whole(&rig, &segment);
        rig.expect_healthy();
    }
}

#[test]
fn a_segment_and_one_of_its_packs_are_lost_and_a_plain_copy_gives_both_back() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path(), 0);
    let copy = rig.over(copy_of(&*store));
    let (segment, pack) = (first(&store, "index"), first(&store, "data"));
    store.delete(segment.object()).unwrap();
    store.delete(pack.object()).unwrap();
    let repository = rig.open().unwrap();
    assert_eq!(repository.points().unwrap().len(), 2, "it opens");
    let alone = planned(&rig, None);
    let of_segment = alone.items.iter().find(|i| i.object == segment.as_str()).unwrap();
    assert!(!of_segment.made_anew && of_segment.remains.is_some(), "{of_segment:?}");
    assert!(alone.items.iter().any(|i| i.object == pack.as_str() && i.remains.is_some()), "{:?}", alone.items);
    // First the segment, which says what the pack held; then that.
    let (first, _) = repaired(&rig, Some(&copy));
    assert!(first.items.iter().any(|i| i.object == segment.as_str() && i.remains.is_none()), "{:?}", first.items);
    repaired(&rig, Some(&copy));
    expect_whole(&rig, &pack);
}

#[test]
fn a_lost_manifest_comes_back_from_a_copy_under_the_same_id() {
    for action in [Action::Delete, Action::Flip(500)] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = rig(folder.path(), 0);
        let copy = rig.over(copy_of(&*store));
        let ids = |rig: &Rig| {
            let points = rig.open().unwrap().points().unwrap();
            points.iter().map(|p| p.manifest.id).collect::<Vec<_>>()
        };
        let before = ids(&rig);
        let manifest = first(&store, "points");
        assert!(act(action, &manifest, &store, &*store));
        let alone = planned(&rig, None);
        assert!(alone.items[0].remains.as_ref().is_some_and(|r| r.contains("lost")), "{:?}", alone.items);
        let plan = planned(&rig, Some(&copy));
        let from = options(Some(copy.open().unwrap()));
        let done = apply(&rig.open().unwrap(), &from, &plan.hash, &Arc::new(Monitor::new())).unwrap();
        assert_eq!((done.manifests, done.remaining), (1, 0), "{action:?}");
        assert_eq!(ids(&rig), before, "the same points in the same order");
        expect_whole(&rig, &manifest);
        rig.expect_healthy();
    }
}

#[test]
fn only_the_plan_that_was_shown_is_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path(), 10);
    let shown = planned(&rig, None);
    assert!(shown.items.is_empty());
    let pack = first(&store, "data");
    assert!(act(Action::Flip(300), &pack, &store, &*store));
    let before = names_of(&*store);
    let refused = apply(&rig.open().unwrap(), &options(None), &shown.hash, &Arc::new(Monitor::new())).unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.advice().is_some());
    assert_eq!(names_of(&*store), before);
    assert_eq!(planned(&rig, None).hash, planned(&rig, None).hash, "a plan repeats itself");
}

#[test]
fn a_copy_with_another_dedup_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = rig(folder.path(), 0);
    let other = tempfile::tempdir().unwrap();
    let stranger = Rig::new(other.path(), Arc::new(Memory::new()));
    let from = options(Some(stranger.open().unwrap()));
    let refused = plan(&rig.open().unwrap(), &from, &Monitor::new()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Input, "{refused}");
}

#[test]
fn a_pack_of_which_something_stays_lost_stays_and_what_was_healed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path(), 0);
    // The copy lacks the last block of the pack, and all behind it.
    let pack = first(&store, "data");
    let bytes = store.get(&pack).unwrap();
    let broken = copy_of(&*store);
    let mut last = 0;
    let find = |_: &format_spec::ChunkId, place: &engine::index::BlobLocation| {
        if format_spec::names::of_session(place.pack_kind, place.pack) == pack.as_str() {
            last = last.max(place.block_offset as usize);
        }
        Ok(())
    };
    rig.open().unwrap().blobs().live_index().cache().for_each_place(&mut { find }).unwrap();
    assert!(last > 96, "the pack has one block only");
    broken.replace(&pack, [&bytes[..last], &vec![0; bytes.len() - last][..]].concat().into());
    let copy = rig.over(broken);
    store.delete(pack.object()).unwrap();
    let (plan, done) = repaired(&rig, Some(&copy));
    let item = plan.items.iter().find(|i| i.object == pack.as_str()).unwrap();
    let healed = item.healed_by.get(&RepairSource::Copy).copied().unwrap_or(0);
    assert!(healed > 0 && healed < item.blobs && item.remains.is_some(), "{item:?}");
    assert_eq!((done.blobs, done.packs_condemned, done.remaining), (healed, 0, 1), "{done:?}");
    let again = planned(&rig, None);
    let item = again.items.iter().find(|i| i.object == pack.as_str()).unwrap();
    assert_eq!(item.blobs + healed, plan.items.iter().map(|i| i.blobs).sum::<u64>(), "{item:?}");
    // The rest from a copy that is whole.
    let whole = copy_of(&*store);
    whole.put_new(&pack, bytes).unwrap();
    repaired(&rig, Some(&rig.over(whole)));
    expect_whole(&rig, &pack);
}

#[test]
fn a_lost_segment_is_made_again_when_its_entry_was_truncated() {
    for is_folded in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = rig(folder.path(), 0);
        if is_folded {
            // A segment that a fold made: repair makes one.
            store.delete(first(&store, "index").object()).unwrap();
            repaired(&rig, None);
        }
        let repository = rig.open().unwrap();
        let view = repository.log().view();
        let lost = view.segments.iter().max_by_key(|s| (is_folded, s.session)).unwrap();
        let name = ObjectName::new(format_spec::names::of_session(
            format_spec::container::ObjectKind::IndexSegment,
            lost.id(),
        ));
        let name = name.unwrap();
        repository.log().checkpoint(&**repository.env()).unwrap();
        for slot in 1..view.head {
            store.delete(ObjectName::new(format_spec::names::log(slot)).unwrap().object()).unwrap();
        }
        store.delete(name.object()).unwrap();
        let (plan, done) = repaired(&rig, None);
        assert!(plan.items.iter().any(|i| i.made_anew && i.object == name.as_str()), "{:?}", plan.items);
        assert_eq!(done.segments, 1);
        expect_sound(&rig);
        rig.expect_healthy();
    }
}
