//! Rolling checks: a share of the packs each time, and in the long run all of them, with a memory and without.

use super::Rig;
use engine::env::{Env, Machine, SharedEnv};
use engine::maintenance::{CheckOptions, Level, check};
use engine::monitor::Monitor;
use engine::store::{Faulty, Memory, RequestKind};
use format_spec::Time;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const RUNS: usize = 20;

/// A repository of so many sessions, each with a data pack of its own.
fn rig(folder: &Path, sessions: u64) -> Rig {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    (0..sessions).for_each(|n| grow(&rig, n));
    rig
}

fn grow(rig: &Rig, n: u64) {
    rig.write(format!("{n}"), &super::noise(n, 2000));
    rig.back_up().unwrap();
}

/// Checks a twentieth; the data packs that were read whole, which takes one request where a tail takes two.
fn check_a_twentieth(rig: &Rig, remember: Option<PathBuf>) -> BTreeSet<String> {
    let asked: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let seen = asked.clone();
    let store = Faulty::new(rig.store.clone(), move |call| {
        if call.verb == RequestKind::Get && call.name.starts_with("data/") {
            *seen.lock().entry(call.name.clone()).or_default() += 1;
        }
        None
    });
    let options = CheckOptions { share: Some(0.05), remember, ..CheckOptions::new(Level::Full) };
    let report = check(&rig.over(Arc::new(store)).open().unwrap(), &options, &Monitor::new()).unwrap();
    assert_eq!(report.errors, Vec::new());
    let asked = asked.lock();
    assert!(asked.values().all(|n| *n == 1 || *n == 2), "{asked:?}");
    asked.iter().filter(|(_, n)| **n == 1).map(|(name, _)| name.clone()).collect()
}

fn data_packs(rig: &Rig) -> BTreeSet<String> {
    let names = super::rig::names_of(&*rig.store).into_iter().map(|n| n.as_str().to_owned());
    names.filter(|n| n.starts_with("data/")).collect()
}

#[test]
fn twenty_runs_of_five_percent_read_every_pack_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path(), 27);
    let memory = folder.path().join("remembered");
    let mut read = BTreeSet::new();
    for run in 0..RUNS {
        for name in check_a_twentieth(&rig, Some(memory.clone())) {
            assert!(read.insert(name.clone()), "{name} was read a second time in run {run}");
        }
    }
    assert_eq!(read, data_packs(&rig));
    assert_eq!(read.len(), 27);
    // What is new comes first.
    grow(&rig, 100);
    let before = read;
    let next = check_a_twentieth(&rig, Some(memory.clone()));
    let new: BTreeSet<String> = data_packs(&rig).difference(&before).cloned().collect();
    assert!(new.len() == 1 && next.is_superset(&new), "{new:?} of {next:?}");
    // Without what was remembered it begins anew, and nothing fails.
    std::fs::remove_dir_all(&memory).unwrap();
    check_a_twentieth(&rig, Some(memory));
}

/// A clock that counts days.
struct Days(AtomicI64, SharedEnv);

impl Env for Days {
    fn now(&self) -> Time {
        Time::new(1_700_000_000 + self.0.load(Ordering::SeqCst) * 86_400, 0)
    }

    fn elapsed(&self) -> f64 {
        self.1.elapsed()
    }

    fn random(&self, bytes: &mut [u8]) -> engine::Result<()> {
        self.1.random(bytes)
    }
}

#[test]
fn without_a_memory_twenty_days_read_every_pack_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = rig(folder.path(), 27);
    let days = Arc::new(Days(AtomicI64::new(0), Machine::shared()));
    rig.env = days.clone();
    let mut read = BTreeSet::new();
    for _ in 0..RUNS {
        for name in check_a_twentieth(&rig, None) {
            assert!(read.insert(name.clone()), "{name} was read a second time");
        }
        days.0.fetch_add(1, Ordering::SeqCst);
    }
    assert_eq!(read, data_packs(&rig));
}
