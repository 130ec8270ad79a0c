//! Packs that were found damaged: recorded once for every machine, healed by whatever reads the source, withdrawn when they are right again.

mod beside;
mod kept;
mod matrix;

use crate::proofs::Rig;
use crate::proofs::damage::{Action, act, kind_of};
use crate::proofs::rig::names_of;
use engine::maintenance::Level;
use engine::maintenance::repair::{self, RepairOptions, RepairPlan, RepairReport};
use engine::monitor::Monitor;
use engine::store::{Memory, ObjectName, Store, StoreExt};
use std::path::Path;
use std::sync::Arc;

/// A repository in memory with one point of thirty small files and a large one.
fn scene(folder: &Path) -> (Rig, Arc<Memory>) {
    let store = Arc::new(Memory::new());
    let rig = Rig::new(folder, store.clone());
    for n in 0..30 {
        rig.write(format!("d{}/{n}", n % 3), &crate::proofs::noise(n, 4_000));
    }
    rig.write("large", &crate::proofs::noise(99, 1_000_000));
    rig.back_up().unwrap();
    (rig, store)
}

/// The first object of this kind.
fn first(store: &dyn Store, kind: &str) -> ObjectName {
    names_of(store).into_iter().find(|n| kind_of(n) == kind).unwrap()
}

/// One bit in the middle of the longest data pack is another; the pack and what it was.
fn rot(store: &Memory) -> (ObjectName, bytes::Bytes) {
    let packs = names_of(store).into_iter().filter(|n| kind_of(n) == "data");
    let pack = packs.max_by_key(|n| store.head_of(n).unwrap().bytes).unwrap();
    let before = store.get(&pack).unwrap();
    assert!(act(Action::Flip(500), &pack, store, store));
    (pack, before)
}

fn options() -> RepairOptions {
    RepairOptions { level: Level::Full, from: None, threads: 2 }
}

/// Plans and applies; the plan must write nothing.
fn repair(rig: &Rig) -> (RepairPlan, RepairReport) {
    let before = names_of(&*rig.store);
    let plan = repair::plan(&rig.open().unwrap(), &options(), &Monitor::new()).unwrap();
    assert_eq!(names_of(&*rig.store), before, "a plan writes nothing");
    let report = repair::apply(&rig.open().unwrap(), &options(), &plan.hash, &Arc::new(Monitor::new())).unwrap();
    (plan, report)
}

/// How many packs the log calls suspect.
fn suspects(rig: &Rig) -> usize {
    rig.open().unwrap().log().view().suspects.len()
}
