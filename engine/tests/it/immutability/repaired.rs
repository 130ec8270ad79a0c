//! What a repair puts in the place of what is damaged is locked for every point that is live at its entry (I8), however long the
//! repair stood still before, and whoever committed meanwhile.

use super::place::{Clock, in_memory, verified};
use crate::proofs::rig::{Rig, names_of, noise, shown};
use engine::maintenance::Level;
use engine::maintenance::repair::{RepairOptions, RepairReport, apply, plan};
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, RequestKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The repository with one object that reads as rotten, to somebody who stands still before his `stand`th entry of the log while this
/// happens. Also the count of his entries.
fn rotten(rig: &Rig, bad: &str, stand: u64, meanwhile: impl Fn() + Send + Sync + 'static) -> (Rig, Arc<AtomicU64>) {
    let (bad, entries) = (bad.to_owned(), Arc::new(AtomicU64::new(0)));
    let counted = entries.clone();
    let plan = move |call: &engine::store::fault::Call| {
        let is_entry = call.verb == RequestKind::Put && call.name.starts_with("log/");
        if is_entry && counted.fetch_add(1, Ordering::SeqCst) + 1 == stand {
            meanwhile();
        }
        (call.verb == RequestKind::Get && call.name == bad).then_some(Fault::Corrupt(7))
    };
    (rig.over(Arc::new(Faulty::new(rig.store.clone(), plan))), entries)
}

/// What happens while a repair stands still.
#[derive(Clone, Copy, PartialEq)]
enum Meanwhile {
    /// Twelve days go by, and another machine backs up.
    AnotherCommits,
    /// All that live points need is locked longer; what the repair has stored, nobody knows of.
    DaysAreRaised,
}

impl Meanwhile {
    fn happen(self, other: &Rig, clock: &Clock) {
        match self {
            Meanwhile::AnotherCommits => {
                clock.turn_days(12);
                other.write("new", &noise(7, 10_000));
                other.back_up().unwrap();
            }
            Meanwhile::DaysAreRaised => _ = other.open().unwrap().raise_immutable_days(20, &Monitor::new()).unwrap(),
        }
    }
}

/// Repairs the first object of a folder, standing still before each entry in turn.
fn repair_each(folder: &str, meanwhile: Meanwhile, is_done: impl Fn(&RepairReport) -> bool) {
    let mut stands = 0;
    for stand in 1..10 {
        let scratch = tempfile::tempdir().unwrap();
        let (rig, _, clock) = in_memory(scratch.path(), Some(5));
        rig.write("old", &noise(1, 2_000_000));
        rig.back_up().unwrap();
        let bad = names_of(&*rig.store).into_iter().find(|name| name.is_below(folder)).unwrap();
        let other = rig.clone();
        let (rotten, entries) = rotten(&rig, bad.as_str(), stand, move || meanwhile.happen(&other, &clock));
        let options = RepairOptions { level: Level::Full, from: Some(rig.open().unwrap()), threads: 2 };
        let planned = plan(&rotten.open().unwrap(), &options, &Monitor::new()).unwrap();
        assert!(planned.heals_something(), "{folder}: {:?}", planned.items);
        let done = apply(&rotten.open().unwrap(), &options, &planned.hash, &Arc::new(Monitor::new()));
        let done = done.unwrap_or_else(|e| panic!("{folder}, {stand}: {}", shown(&e)));
        if entries.load(Ordering::SeqCst) < stand {
            break;
        }
        stands += 1;
        assert!(is_done(&done), "{folder}, {stand}: {done:?}");
        if meanwhile == Meanwhile::DaysAreRaised {
            // Of entries that were put since, the next commit takes care (decision 0011); of the old point's manifest it does not.
            rig.back_up().unwrap();
        }
        let verified = verified(&rig);
        assert!(verified.points > 0, "{folder}: nothing need be locked");
        assert_eq!(verified.gaps, [], "{folder}: it stood still before its entry number {stand}");
    }
    assert!(stands >= 2, "{folder}: a session is opened, and more follows");
}

#[test]
fn packs_that_take_the_place_of_a_rotten_one_are_locked_for_who_committed_meanwhile() {
    repair_each("data", Meanwhile::AnotherCommits, |done| done.packs_condemned > 0);
    repair_each("meta", Meanwhile::AnotherCommits, |done| done.packs_condemned > 0);
}

#[test]
fn a_segment_that_takes_the_place_of_a_rotten_one_is_locked_for_who_committed_meanwhile() {
    repair_each("index", Meanwhile::AnotherCommits, |done| done.segments > 0);
}

/// Who stores a manifest locks it for longer than its old point needs, unless the days are raised before the log names it.
#[test]
fn a_manifest_that_takes_the_place_of_a_rotten_one_is_locked_for_the_days_that_were_raised_meanwhile() {
    repair_each("points", Meanwhile::DaysAreRaised, |done| done.manifests > 0);
}
