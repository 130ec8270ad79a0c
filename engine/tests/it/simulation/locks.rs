//! Locks that end: which repositories of a history have them, what was locked until when, and that it stayed.
//!
//! In a share of the seeds both repositories of a history are immutable, that of backups for some days or its whole period, that of copies for
//! its whole period; in some of those items leave the backups by their own age. Their stores keep versions and locks, and let them end by the clock of the history. A [`Place`] remembers itself
//! what was locked, whoever asked for it: the store is not believed.

use super::dice::Dice;
use crate::proofs::shown;
use bytes::Bytes;
use engine::env::SharedEnv;
use engine::immutability::Gap;
use engine::log::{CommitRef, LogView};
use engine::monitor::Monitor;
use engine::repository::{NewRepository, Repository};
use engine::store::{self, Memory, ObjectName, OldestVersionLayer, Store, StoreExt};
use format_spec::Time;
use format_spec::config::{Class, Immutability, LockMode, Retention, RetentionKind};
use format_spec::period::Period;
use format_spec::{ObjectId, names};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// How the repositories of a history are locked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Locking {
    /// Days of locking; the whole period without.
    days: Option<u32>,
    /// Of retention, in days.
    period: u32,
    /// What leaves when that is over.
    kind: RetentionKind,
    /// Days that locks reach further than is needed.
    generation: u32,
    /// Somebody works against it.
    pub(super) is_attacked: bool,
}

impl Locking {
    /// Of a seed, if it has locks. Has dice of its own, so that all other seeds tell what they told without it.
    pub(super) fn of(seed: u64) -> Option<Self> {
        let mut dice = Dice::new(seed, 7);
        let has_locks = dice.chance(200);
        let (days, period) = match dice.chance(600) {
            true => (Some(dice.of(&[2, 3, 5])), 30),
            false => (None, dice.of(&[2, 4, 6])),
        };
        let (generation, is_attacked) = (dice.of(&[1, 3, 10]), dice.chance(400));
        // Items are locked for their whole period.
        let kind = match days.is_none() && dice.chance(700) {
            true => RetentionKind::Item,
            false => RetentionKind::Snapshot,
        };
        has_locks.then_some(Locking { days, period, kind, generation, is_attacked })
    }

    /// Whether the days of locking can be raised.
    pub(super) fn may_be_raised(&self) -> bool {
        self.days.is_some()
    }

    /// How long items stay, where they leave by their own age.
    pub(super) fn items(&self) -> Option<Retention> {
        (self.kind == RetentionKind::Item).then(|| Retention { kind: self.kind, period: days(self.period) })
    }

    /// The settings of a repository of this class.
    pub(super) fn apply(&self, new: &mut NewRepository) {
        let (days, period) = match new.class {
            Class::Backup => (self.days, self.period),
            // Copies are locked for their whole period.
            Class::Copy => (None, self.period.min(5)),
        };
        let (mode, days) = (LockMode::Compliance, days.and_then(NonZeroU32::new));
        new.immutability = Some(Immutability { mode, days, generation_days: self.generation });
        new.retention.kind = self.kind;
        new.retention.period = self::days(period);
    }
}

fn days(count: u32) -> Period {
    format!("{count}d").parse().expect("a period")
}

/// Where a repository of a history is.
pub(super) struct Place {
    pub(super) memory: Arc<Memory>,
    has_locks: bool,
    /// A mutant: of several versions its owners take the newest.
    believes_newest: bool,
    clock: SharedEnv,
    /// Versions that were locked.
    locked: Mutex<BTreeMap<(ObjectName, String), Kept>>,
}

/// A locked version.
#[derive(Debug)]
struct Kept {
    /// When it was put.
    since: Time,
    until: Time,
    hash: blake3::Hash,
}

impl Place {
    /// An empty store; `clock` says when locks end.
    pub(super) fn new(has_locks: bool, believes_newest: bool, clock: SharedEnv) -> Self {
        let memory = Arc::new(if has_locks { Memory::locking(clock.clone()) } else { Memory::new() });
        Place { memory, has_locks, believes_newest, clock, locked: Mutex::default() }
    }

    /// As owners of the repository see it.
    pub(super) fn seen(&self) -> Arc<dyn Store> {
        self.as_owner(self.memory.clone())
    }

    /// As owners see what lies behind `store`.
    pub(super) fn as_owner(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        if self.has_locks && !self.believes_newest { Arc::new(OldestVersionLayer::new(store)) } else { store }
    }

    /// What was put is locked from now on.
    pub(super) fn remember(
        &self,
        name: &ObjectName,
        version: Option<&String>,
        bytes: &Bytes,
        lock: Option<store::ObjectLock>,
    ) {
        if let (Some(version), Some(lock)) = (version, lock) {
            let kept = Kept { since: self.clock.now(), until: lock.until, hash: blake3::hash(bytes) };
            self.locked.lock().insert((name.clone(), version.clone()), kept);
        }
    }

    /// What is locked already is locked for longer.
    pub(super) fn prolong(&self, name: &ObjectName, version: Option<&str>, until: Time) {
        let mut locked = self.locked.lock();
        if let Some(known) = version.and_then(|version| locked.get_mut(&(name.clone(), version.to_owned()))) {
            known.until = known.until.max(until);
        }
    }

    /// Whether everything whose lock has not ended is there as it was put.
    pub(super) fn expect_kept(&self) -> Result<(), String> {
        let now = self.clock.now();
        for ((name, version), Kept { until, hash, .. }) in self.locked.lock().iter().filter(|(_, k)| k.until > now) {
            let versions = self.memory.versions(name).unwrap_or_default();
            let bytes = versions.iter().find(|v| v.id.as_ref() == Some(version)).map_or(0, |v| v.bytes);
            let is_kept = |bytes: Bytes| blake3::hash(&bytes) == *hash;
            if !self.memory.get_range(name.at(Some(version)), 0..bytes).is_ok_and(is_kept) {
                return Err(format!("{name} was locked until {until:?} and is not there any more"));
            }
        }
        Ok(())
    }
}

impl Place {
    /// Everything that live points need is locked as long as was promised; how many objects that are.
    ///
    /// The promise (I8) is about what there was at the point's commit. What opening needs beside, because somebody who had stood still for longer than
    /// its lock reaches has put or named it since, and died before he could make up for it, is extended with the next commit.
    pub(super) fn expect_locked(&self, repository: &Repository) -> Result<u64, String> {
        if repository.locks().is_none() {
            return Ok(0);
        }
        let commits = repository.log().view().commits.clone();
        let finished = |commit: &CommitRef| Ok((*commit, repository.load(commit)?.manifest.finished));
        let read = || {
            let points = commits.iter().map(finished).collect::<engine::Result<Vec<_>>>()?;
            Ok((repository.verify_immutability(&points, &Monitor::new())?, points))
        };
        let (verified, points) =
            read().map_err(|e: engine::Error| format!("locks cannot be read back: {}", shown(&e)))?;
        let committed = |id| points.iter().find(|(commit, _)| commit.id == id).map(|(_, finished)| *finished);
        let view = repository.log().view();
        // A checkpoint may come between the commit's last listing and its entry, and the committer's clock may be minutes ahead: its manifest then
        // looks younger. The entries that it sums up are locked themselves.
        let slack = |name: &ObjectName| if name.is_below("checkpoint") { CLOCKS_APART_SECONDS } else { 0 };
        let since = |name: &ObjectName| self.counts_since(name, &view).map(|time| later(time, slack(name)));
        let is_broken = |gap: &&Gap| gap.is_absent || since(&gap.object) <= committed(gap.point);
        match verified.gaps.iter().find(is_broken) {
            Some(gap) => Err(format!("{} gaps in what is locked, such as {gap:?}", verified.gaps.len())),
            None => Ok(verified.objects),
        }
    }

    /// Since when opening needs the object: a segment counts from the entry that names it.
    fn counts_since(&self, name: &ObjectName, view: &LogView) -> Option<Time> {
        let id = names::parse(name.as_str()).map(|(_, session, ordinal)| ObjectId { session, ordinal });
        let segment = view.segments.iter().find(|s| name.is_below("index") && Some(s.id()) == id);
        let entry = segment.and_then(|s| self.since(&ObjectName::new(names::log(s.slot)).ok()?));
        self.since(name).max(entry)
    }

    /// When the object of this name was put.
    fn since(&self, name: &ObjectName) -> Option<Time> {
        let locked = self.locked.lock();
        locked.range((name.clone(), String::new())..).next().filter(|((n, _), _)| n == name).map(|(_, k)| k.since)
    }
}

fn later(time: Time, seconds: i64) -> Time {
    Time { seconds: time.seconds + seconds, ..time }
}

/// By how much clocks differ in histories with locks.
const CLOCKS_APART_SECONDS: i64 = 600;
