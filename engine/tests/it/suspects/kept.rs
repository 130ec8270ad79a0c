//! What is kept of a point before, though it lies in packs that were found damaged: nobody relies on them, and what can be given back is stored again.

use super::{rot, suspects};
use crate::kept::{Broken, Fails};
use crate::proofs::Rig;
use crate::proofs::rig::{contents, interrupted, names_of};
use engine::backup::{BackupSummary, backup};
use engine::monitor::Monitor;
use engine::store::{Memory, Store};
use std::path::Path;
use std::sync::Arc;

/// A point of a small file and a large one, and both packs' bytes; the longest pack has rotted, and the log says so.
fn scene(folder: &Path, parts: usize) -> (Rig, Arc<Memory>) {
    let (rig, store) = sound(folder, parts);
    rot(&store);
    super::repair(&rig);
    assert_eq!(suspects(&rig), 1);
    (rig, store)
}

fn sound(folder: &Path, parts: usize) -> (Rig, Arc<Memory>) {
    let store = Arc::new(Memory::new());
    let rig = Rig::new(folder, store.clone());
    for n in 0..parts {
        rig.write(format!("part{n}"), &crate::proofs::noise(n as u64, 600_000));
    }
    rig.write("small", b"small");
    rig.back_up().unwrap();
    (rig, store)
}

/// Backs up while none of the parts can be read, though all have changed.
fn unreadable(rig: &Rig, parts: usize) -> (BackupSummary, Vec<String>) {
    for n in 0..parts {
        rig.write(format!("part{n}"), b"changed, and unreadable");
    }
    let names: Vec<String> = (0..parts).map(|n| format!("part{n}")).collect();
    let fails: Vec<_> = names.iter().map(|name| (name.as_str(), Fails::Reading)).collect();
    let monitor = Arc::new(Monitor::new());
    let done = backup(&rig.open().unwrap(), &Broken::new(rig, &fails), &rig.options(), &monitor).unwrap();
    let warned = monitor.take_warnings();
    (done, warned.iter().map(|w| format!("{}: {}", String::from_utf8_lossy(&w.subject), w.reason)).collect())
}

#[test]
fn what_is_whole_in_a_suspect_pack_is_kept_and_stored_again() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = scene(folder.path(), 4);
    let (done, _) = unreadable(&rig, 4);
    assert!(done.counts.kept > 0, "some parts are whole: {:?}", done.counts);
    gives_back_what_it_kept(&rig, &*store, &done);
}

#[test]
fn a_pack_that_becomes_suspect_before_the_commit_is_not_relied_on_for_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = sound(folder.path(), 4);
    let (late, rotting) = (rig.clone(), store.clone());
    let between = interrupted(&rig, "points/", move || {
        rot(&rotting);
        let (_, report) = super::repair(&late);
        assert_eq!(report.packs_suspect, 1);
    });
    let (done, _) = unreadable(&between, 4);
    assert_eq!(suspects(&rig), 1, "it became suspect while the session was at work");
    assert!(done.counts.kept > 0 && !done.counts.complete(), "some parts are whole: {:?}", done.counts);
    gives_back_what_it_kept(&rig, &*store, &done);
}

/// Without the suspect pack all that the point says it has kept is there.
fn gives_back_what_it_kept(rig: &Rig, store: &dyn Store, done: &BackupSummary) {
    let suspect = *rig.open().unwrap().log().view().suspects.keys().next().unwrap();
    let name = format_spec::names::of_session(suspect.kind, suspect.id);
    store.delete(engine::store::ObjectName::new(name).unwrap().object()).unwrap();
    let target = tempfile::tempdir().unwrap();
    let (restored, warnings) = rig.restore(&done.point.unwrap().to_string(), target.path());
    assert_eq!((restored.unwrap().damaged, warnings), (0, Vec::new()));
    let found = contents(target.path());
    let whole = (0..4u64).filter(|n| {
        let path = format!("part{n}");
        found.iter().any(|(p, bytes)| p.ends_with(&path) && *bytes == crate::proofs::noise(*n, 600_000))
    });
    assert_eq!(whole.count() as u64, done.counts.kept);
}

#[test]
fn what_is_lost_with_a_suspect_pack_is_not_kept_and_the_point_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = scene(folder.path(), 4);
    let (done, warned) = unreadable(&rig, 4);
    assert!(done.counts.kept < done.counts.failed && !done.counts.complete(), "{:?}", done.counts);
    let told = "what the restore point before has of it cannot be kept";
    assert!(warned.iter().any(|w| w.contains(told)) && warned.iter().any(|w| w.contains("not stored")), "{warned:?}");
    let target = tempfile::tempdir().unwrap();
    let (restored, _) = rig.restore(&done.point.unwrap().to_string(), target.path());
    assert_eq!(restored.unwrap().damaged, 0, "the point promises nothing that it cannot give back");
    assert!(!names_of(&*rig.store).is_empty());
}
