//! A repository with locks over any store, and a clock of the test's own.

use crate::proofs::rig::{CHEAP, PASSWORD, Rig};
use engine::Result;
use engine::blob::CachePlace;
use engine::env::{Env, Machine, SharedEnv};
use engine::immutability::Verified;
use engine::monitor::Monitor;
use engine::repository::{AsOf, NewRepository, OpenOptions, Repository};
use engine::store::{Memory, OldestVersionLayer, Store};
use format_spec::Time;
use format_spec::config::{Class, Immutability, LockMode, Retention, RetentionKind};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A machine whose clock the test turns.
pub(crate) struct Clock {
    machine: SharedEnv,
    ahead: AtomicI64,
}

impl Clock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Clock { machine: Machine::shared(), ahead: AtomicI64::new(0) })
    }

    pub(crate) fn turn_days(&self, days: i64) {
        self.ahead.fetch_add(days * 86_400, Ordering::SeqCst);
    }

    pub(crate) fn turn_seconds(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Env for Clock {
    fn now(&self) -> Time {
        let now = self.machine.now();
        Time::new(now.seconds + self.ahead.load(Ordering::SeqCst), now.nanos)
    }

    fn elapsed(&self) -> f64 {
        self.machine.elapsed() + self.ahead.load(Ordering::SeqCst) as f64
    }

    fn random(&self, bytes: &mut [u8]) -> Result<()> {
        self.machine.random(bytes)
    }
}

/// Locked for `days` after each commit, kept for 30.
pub(crate) fn new(days: Option<u32>) -> NewRepository {
    let days = days.map(|days| NonZeroU32::new(days).unwrap());
    NewRepository {
        password: Some(PASSWORD.to_vec()),
        cost: CHEAP,
        label: "test".into(),
        retention: Retention { kind: RetentionKind::Snapshot, period: "30d".parse().unwrap() },
        immutability: Some(Immutability { mode: LockMode::Compliance, days, generation_days: 10 }),
        ..NewRepository::new(Class::Backup)
    }
}

/// A repository in `store`, as its own owner sees it: by the rule of the oldest version.
pub(crate) fn rig(folder: &Path, store: Arc<dyn Store>, env: SharedEnv, days: Option<u32>) -> Rig {
    let source = folder.join("source");
    std::fs::create_dir_all(&source).unwrap();
    let password = Some(PASSWORD.to_vec());
    let rig = Rig { source, store, cache: CachePlace::Temporary, env, password, job: "test".into() };
    Repository::create(&*rig.store, &new(days), &rig.env).unwrap();
    rig
}

/// The same in memory, with the memory itself and the clock.
pub(crate) fn in_memory(folder: &Path, days: Option<u32>) -> (Rig, Arc<Memory>, Arc<Clock>) {
    let clock = Clock::new();
    let memory = Arc::new(Memory::locking(clock.clone()));
    let rig = rig(folder, Arc::new(OldestVersionLayer::new(memory.clone())), clock.clone(), days);
    (rig, memory, clock)
}

/// Reads all locks back.
pub(crate) fn verified(rig: &Rig) -> Verified {
    let repository = rig.open().unwrap();
    let commits = repository.log().view().commits.clone();
    let points: Vec<_> = commits.iter().map(|c| (*c, repository.load(c).unwrap().manifest.finished)).collect();
    repository.verify_immutability(&points, &Monitor::new()).unwrap()
}

/// The repository as it was.
pub(crate) fn open_as_of(rig: &Rig, as_of: AsOf) -> Result<Arc<Repository>> {
    let (env, cache) = (rig.env.clone(), rig.cache.clone());
    let options = OpenOptions { as_of: Some(as_of), ..OpenOptions::new(env, cache) };
    Repository::open(rig.store.clone(), rig.password.as_deref(), &options)
}
