//! What a repair puts in the place of what is damaged is locked for every point that is live at its entry (I8), however long the
//! repair stood still before, and whoever committed meanwhile.

use super::place::{Clock, in_memory, verified};
use crate::proofs::rig::{Rig, names_of, noise, shown};
use engine::care::Level;
use engine::care::repair::{RepairOptions, RepairReport, apply, plan};
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, RequestKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The repository with one object that reads as rotten, to somebody who stands still for twelve days before his `stand`th entry of the log while
/// another machine backs up.
fn rotten(rig: &Rig, clock: &Arc<Clock>, bad: &str, stand: u64) -> Rig {
    let (bad, clock, other, entries) = (bad.to_owned(), clock.clone(), rig.clone(), AtomicU64::new(0));
    let plan = move |call: &engine::store::fault::Call| {
        let is_entry = call.verb == RequestKind::Put && call.name.starts_with("log/");
        if is_entry && entries.fetch_add(1, Ordering::SeqCst) + 1 == stand {
            clock.turn_days(12);
            other.write("new", &noise(stand, 10_000));
            other.back_up().unwrap();
        }
        (call.verb == RequestKind::Get && call.name == bad).then_some(Fault::Corrupt(7))
    };
    rig.over(Arc::new(Faulty::new(rig.store.clone(), plan)))
}

/// Repairs the first object of a folder, standing still before each entry in turn; what was done, and how often it stood still.
fn repair_each(folder: &str, is_done: impl Fn(&RepairReport) -> bool) {
    let mut stands = 0;
    for stand in 1..10 {
        let scratch = tempfile::tempdir().unwrap();
        let (rig, _, clock) = in_memory(scratch.path(), Some(5));
        rig.write("old", &noise(1, 2_000_000));
        rig.back_up().unwrap();
        let bad = names_of(&*rig.store).into_iter().find(|name| name.is_below(folder)).unwrap();
        let rotten = rotten(&rig, &clock, bad.as_str(), stand);
        let options = RepairOptions { level: Level::Full, from: Some(rig.open().unwrap()), threads: 2 };
        let planned = plan(&rotten.open().unwrap(), &options, &Monitor::new()).unwrap();
        assert!(planned.heals_something(), "{folder}: {:?}", planned.items);
        let points = rig.open().unwrap().points().unwrap().len();
        let done = apply(&rotten.open().unwrap(), &options, &planned.hash, &Arc::new(Monitor::new()));
        let done = done.unwrap_or_else(|e| panic!("{folder}, {stand}: {}", shown(&e)));
        if rig.open().unwrap().points().unwrap().len() == points {
            break;
        }
        stands += 1;
        assert!(is_done(&done), "{folder}, {stand}: {done:?}");
        assert_eq!(verified(&rig).gaps, [], "{folder}: it stood still before its entry number {stand}");
    }
    assert!(stands >= 2, "{folder}: a session is opened, and more follows");
}

#[test]
fn packs_that_take_the_place_of_a_rotten_one_are_locked_for_who_committed_meanwhile() {
    repair_each("data", |done| done.packs_condemned > 0);
    repair_each("meta", |done| done.packs_condemned > 0);
}

#[test]
fn a_segment_that_takes_the_place_of_a_rotten_one_is_locked_for_who_committed_meanwhile() {
    repair_each("index", |done| done.segments > 0);
}

#[test]
fn a_manifest_that_takes_the_place_of_a_rotten_one_is_locked_with_all_that_it_needs() {
    repair_each("points", |done| done.manifests > 0);
}
