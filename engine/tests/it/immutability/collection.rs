//! What meets a collection: its new packs are locked for whoever came meanwhile, and it asks for nothing that it knows to be locked.

use super::place::{Clock, in_memory, verified};
use crate::proofs::rig::{Rig, noise};
use crate::proofs::{collect_options, expire};
use engine::maintenance::{ClockVerdict, CollectReport, collect, plan_collection};
use engine::monitor::Monitor;
use engine::repository::{Grounds, NameOf};
use engine::session::{Opening, WriteSession};
use engine::store::{Faulty, MeteredStore, OldestVersionLayer, RequestKind};
use format_spec::log::{PointId, Purpose};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn collected(rig: &Rig) -> CollectReport {
    let (repository, monitor) = (rig.open().unwrap(), Monitor::new());
    let plan = plan_collection(&repository, &collect_options(), &monitor).unwrap();
    collect(&repository, &collect_options(), &plan.hash, &ClockVerdict::trusted(), &monitor).unwrap()
}

/// A point of two files, whose lock is over; and one that has only the second file.
fn one_file_is_dead(rig: &Rig, clock: &Clock) {
    rig.write("a", &noise(1, 900_000));
    rig.write("b", &noise(2, 900_000));
    let first = rig.back_up().unwrap().point.unwrap();
    std::fs::remove_file(rig.source.join("a")).unwrap();
    rig.back_up().unwrap();
    clock.turn_days(20);
    expire(&rig.open().unwrap(), vec![first]);
}

/// Found by the model: a collector stands still between the packs that it stored and the entry that puts them in the place of others, and somebody
/// commits meanwhile.
#[test]
fn what_takes_the_place_of_a_pack_is_locked_for_who_committed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, clock) = in_memory(folder.path(), Some(5));
    one_file_is_dead(&rig, &clock);
    let (other, once) = (rig.clone(), AtomicBool::new(true));
    let slow = Faulty::new(rig.store.clone(), move |call| {
        if call.verb == RequestKind::Put && call.name.starts_with("index/") && once.swap(false, Ordering::SeqCst) {
            clock.turn_days(12);
            other.write("c", b"new");
            other.back_up().unwrap();
        }
        None
    });
    let report = collected(&rig.over(Arc::new(slow)));
    assert!(report.packs_repacked > 0, "{report:?}");
    assert_eq!(verified(&rig).gaps, []);
    rig.expect_equal();
}

#[test]
fn what_the_log_remembers_to_be_locked_is_not_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, _) = in_memory(folder.path(), Some(5));
    rig.write("a", &noise(1, 900_000));
    let first = rig.back_up().unwrap().point.unwrap();
    rig.write("a", &noise(2, 900_000));
    rig.back_up().unwrap();
    expire(&rig.open().unwrap(), vec![first]);
    let counted = MeteredStore::new(Arc::new(OldestVersionLayer::new(memory)));
    let counts = counted.counts();
    let report = collected(&rig.over(Arc::new(counted)));
    // The manifest is due, and locked.
    assert_eq!((report.objects_locked, counts.requests(RequestKind::Delete)), (1, 0), "{report:?}");
}

/// Found by the simulation: what a reference set names has been condemned since it was made, and the locks are the first to notice.
#[test]
fn a_commit_whose_packs_were_condemned_before_it_looked_at_locks_speaks_of_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, clock) = in_memory(folder.path(), Some(5));
    rig.write("a", &noise(1, 900_000));
    let first = rig.back_up().unwrap().point.unwrap();
    clock.turn_days(20);
    let repository = rig.open().unwrap();
    let commit = repository.log().view().commits[0];
    let mut manifest = repository.load(&commit).unwrap().manifest.clone();
    manifest.id = PointId([7; 16]);
    let known = repository.log().view().head;
    expire(&rig.open().unwrap(), vec![first]);
    assert!(collected(&rig).packs_condemned > 0);
    let opening = Opening { job: "late", host: "", purpose: Purpose::Backup, base: None };
    let session = WriteSession::open(&repository, opening).unwrap();
    let grounds = Grounds::new(known, NameOf::Made(repository.before()));
    let done = session.commit(&manifest, grounds, &Monitor::new()).unwrap();
    assert_eq!(done.number, None);
}
