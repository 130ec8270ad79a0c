//! What meets a suspect pack: the record itself, checkpoints, sessions that relied on it before, collections, copies.

use super::{repair, rot, scene, suspects};
use crate::copy::{Pair, Which};
use crate::proofs::Rig;
use crate::proofs::gc::{collect_all, expire, options as collection};
use crate::proofs::rig::{contents, interrupted, names_of};
use engine::maintenance::repair as maintenance;
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, Memory, RequestKind, StoreExt};
use format_spec::log::KIND_SUSPECT;
use std::sync::Arc;

#[test]
fn a_check_writes_nothing_and_reading_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = scene(folder.path());
    // A longer pack, of which the middle rots: how the readers race decides which of these files lie there.
    (0..6).for_each(|n| rig.write(format!("part{n}"), &crate::proofs::noise(200 + n, 600_000)));
    rig.back_up().unwrap();
    rot(&store);
    let before = names_of(&*store);
    assert_eq!(rig.check().unwrap().errors.len(), 1);
    assert_eq!(names_of(&*store), before);
    repair(&rig);
    // What is whole in it is read as before.
    let target = tempfile::tempdir().unwrap();
    let (done, _) = rig.restore("latest", target.path());
    let whole = contents(target.path());
    let damaged = usize::try_from(done.unwrap().damaged).unwrap();
    assert!((1..=6).contains(&damaged), "{damaged}");
    let wanted = contents(&rig.source);
    assert_eq!(whole.len() + damaged, wanted.len());
    assert!(whole.iter().all(|(path, bytes)| wanted[path] == *bytes));
}

#[test]
fn a_pack_that_is_right_again_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = scene(folder.path());
    let (pack, before) = rot(&store);
    repair(&rig);
    assert_eq!(suspects(&rig), 1);
    // A second plan has nothing to add.
    let plan = maintenance::plan(&rig.open().unwrap(), &super::options(), &Monitor::new()).unwrap();
    assert!(!plan.changes_something() && plan.items[0].suspect, "{:?}", plan.items);
    store.replace(&pack, before);
    let (plan, report) = repair(&rig);
    assert_eq!((plan.withdrawn.len(), report.packs_withdrawn, report.remaining), (1, 1, 0), "{report:?}");
    assert_eq!(suspects(&rig), 0);
    // And it is relied upon again: nothing is stored twice.
    assert_eq!(rig.expect_healthy().data_packs_written, 0);
}

#[test]
fn a_read_that_is_wrong_only_once_is_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = scene(folder.path());
    // Each object of data comes wrong the first time that it is read whole, and right from then on.
    let seen = parking_lot::Mutex::new(std::collections::BTreeSet::new());
    let spoiling = Faulty::new(store, move |call| {
        let is_first =
            call.verb == RequestKind::Get && call.name.starts_with("data/") && seen.lock().insert(call.name.clone());
        is_first.then_some(Fault::Corrupt(4_000))
    });
    let line = rig.over(Arc::new(spoiling));
    let report = line.check().unwrap();
    assert_eq!(report.errors, Vec::new());
    assert!(report.spoiled > 0, "{report:?}");
}

#[test]
fn reads_that_differ_are_the_fault_of_the_way_and_not_of_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = scene(folder.path());
    let spoiling = Faulty::new(store.clone(), |call| {
        (call.verb == RequestKind::Get && call.name.starts_with("data/"))
            .then_some(Fault::Corrupt(4_000 + 8 * call.number))
    });
    let line = rig.over(Arc::new(spoiling));
    let error = line.check().unwrap_err();
    assert_eq!(error.kind(), engine::Kind::Transient, "{error}");
    let error = maintenance::plan(&line.open().unwrap(), &super::options(), &Monitor::new()).unwrap_err();
    assert_eq!(error.kind(), engine::Kind::Transient, "{error}");
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}

#[test]
fn a_checkpoint_keeps_suspect_packs_and_forbids_older_releases_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = scene(folder.path());
    rot(&store);
    repair(&rig);
    let repository = rig.open().unwrap();
    let slot = repository.log().checkpoint(&**repository.env()).unwrap().expect("one is written");
    let name = engine::store::ObjectName::new(format_spec::names::checkpoint(slot)).unwrap();
    let object = store.get(&name).unwrap();
    let decoded =
        format_spec::checkpoint::Checkpoint::decode(&object, slot, repository.id(), &repository.sealed_store().secrets);
    let decoded = decoded.unwrap();
    assert_eq!((decoded.read_only, decoded.suspects.len()), (Some(KIND_SUSPECT), 1));
    let again = rig.open().unwrap().log().view();
    assert_eq!((again.since, again.suspects.len(), again.read_only), (slot, 1, None));
    rig.expect_healthy();
}

/// Two jobs: one builds on a point, the other one relies on what the index knows.
#[test]
fn a_session_that_relied_on_a_pack_that_becomes_suspect_does_not_commit_upon_it() {
    for job in ["test", "another"] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = scene(folder.path());
        let rig = Rig { job: job.into(), ..rig };
        rig.write("new", b"so that there is something to store");
        let late = rig.clone();
        let between = interrupted(&rig, "points/", move || {
            rot(&store);
            let (_, report) = repair(&late);
            assert_eq!(report.packs_suspect, 1);
        });
        let monitor = Arc::new(Monitor::new());
        let summary = between.back_up_with(&monitor).unwrap();
        assert_eq!(summary.counts.failed, 0, "{job}");
        assert_eq!(suspects(&rig), 1, "{job}");
        rig.expect_equal();
    }
}

#[test]
fn an_immutable_repository_records_damage_and_heals_as_others_do() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, _) = crate::immutability::place::in_memory(folder.path(), Some(20));
    rig.write("large", &crate::proofs::noise(7, 900_000));
    rig.back_up().unwrap();
    let packs = names_of(&*rig.store).into_iter().filter(|n| n.as_str().starts_with("data/"));
    let pack = packs.max_by_key(|n| rig.store.head_of(n).unwrap().bytes).unwrap();
    // What is locked cannot be replaced: it rots where it lies, and each read shows it in the same way.
    let rotten = Faulty::new(rig.store.clone(), move |call| {
        (call.verb == RequestKind::Get && call.name == pack.as_str()).then_some(Fault::Corrupt(7))
    });
    let rig = rig.over(Arc::new(rotten));
    let (_, report) = repair(&rig);
    assert_eq!((report.packs_suspect, report.packs_condemned), (1, 0), "{report:?}");
    assert_eq!(rig.back_up().unwrap().counts.failed, 0);
    let target = tempfile::tempdir().unwrap();
    let (done, warnings) = rig.restore("latest", target.path());
    assert_eq!((done.unwrap().damaged, warnings), (0, Vec::new()));
    assert_eq!(contents(target.path()), contents(&rig.source));
    assert_eq!(crate::immutability::place::verified(&rig).gaps, []);
}

#[test]
fn a_collection_keeps_the_sound_copy_of_what_an_old_point_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = scene(folder.path());
    let old = rig.open().unwrap().find_point("latest").unwrap().manifest.id;
    rot(&store);
    repair(&rig);
    let other = Rig { job: "another".into(), ..rig.clone() };
    let healed = other.back_up().unwrap().point.unwrap();
    // The point that brought the sound copy goes; the old one names the damaged pack, and lives by that copy.
    let repository = rig.open().unwrap();
    expire(&repository, vec![healed]);
    collect_all(&rig.open().unwrap(), &collection()).unwrap();
    let target = tempfile::tempdir().unwrap();
    let (done, warnings) = rig.restore(&old.to_string(), target.path());
    assert_eq!((done.unwrap().damaged, warnings), (0, Vec::new()));
    assert_eq!(contents(target.path()), contents(&rig.source));
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}

#[test]
fn a_copy_carries_again_what_suspect_packs_of_its_target_hold() {
    let folder = tempfile::tempdir().unwrap();
    let target = Arc::new(Memory::new());
    let pair = Pair::over(folder.path(), Arc::new(Memory::new()), target.clone());
    pair.source.write("large", &crate::proofs::noise(7, 900_000));
    pair.source.back_up().unwrap();
    pair.copy(Which::All).unwrap();
    rot(&target);
    repair(&pair.target);
    assert_eq!(suspects(&pair.target), 1);
    pair.source.write("small", b"a second point");
    pair.source.back_up().unwrap();
    let done = pair.copy(Which::All).unwrap();
    assert_eq!((done.copied.len(), done.blobs_lost), (1, 0), "{done:?}");
    pair.expect_equal();
}

#[test]
fn a_copy_reads_past_suspect_packs_of_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let pair = Pair::over(folder.path(), memory.clone(), Arc::new(Memory::new()));
    pair.source.write("large", &crate::proofs::noise(7, 900_000));
    pair.source.back_up().unwrap();
    rot(&memory);
    repair(&pair.source);
    pair.source.back_up().unwrap();
    let done = pair.copy(Which::All).unwrap();
    assert_eq!((done.copied.len(), done.blobs_lost), (2, 0), "{done:?}");
    pair.expect_equal();
}

#[test]
fn another_machine_follows_the_record_without_being_told() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = scene(folder.path());
    // It has the repository open, and its cache is up to date, when the damage is recorded elsewhere.
    let there = rig.open().unwrap();
    let (pack, _) = rot(&store);
    repair(&rig);
    assert_eq!(there.log().view().suspects.len(), 0);
    there.refresh().unwrap();
    let id = there.log().view().suspects.keys().next().unwrap().id;
    assert_eq!(format_spec::names::of_session(format_spec::container::ObjectKind::DataPack, id), pack.as_str());
    assert!(there.blobs().live_index().distrust().is_suspect(id));
    assert!(store.head_of(&pack).is_ok(), "nothing was removed");
}
