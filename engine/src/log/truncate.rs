//! Truncation: deleting entries and checkpoints that newer checkpoints sum up ([LOG-22]).
//!
//! Promises: nothing is deleted before two checkpoints were read back whole and found to tell this very history, and only what the older of the two
//! covers; so no single object is all that is left of the past. Refuses to run where listings may miss what was created: there a paused writer
//! could not learn that its slot was deleted. Needs no order: it may be killed anywhere and begun again by anybody.

use super::checkpoint::patiently;
use super::replay::Log;
use super::view::LogView;
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use crate::store::{ListOptions, Listed, ObjectName, delete_versions};
use format_spec::container::ObjectKind;
use format_spec::{Time, names};

/// How far truncation may go.
#[derive(Debug, Clone, Copy)]
pub struct Truncation {
    /// A checkpoint must be older than this, in seconds, before what it sums up is deleted: who still reads there need not look again.
    pub grace_seconds: u64,
    /// Requests to the store that may be spent.
    pub requests_max: u64,
    /// Whether the probe has seen listings contain every completed create.
    pub listings_complete: bool,
    /// Whether the store keeps versions: then objects are deleted with all of theirs, the newest first.
    pub versioned: bool,
}

/// What truncation did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Truncated {
    /// Slots of deleted entries, rising.
    pub entries: Vec<u32>,
    /// Slots of deleted checkpoints, rising.
    pub checkpoints: Vec<u32>,
    /// Why there is more that was not deleted, if so.
    pub stopped: Option<&'static str>,
}

impl Log {
    /// Deletes what is summed up and older than the grace.
    ///
    /// # Errors
    /// `Damaged` when a checkpoint tells another history than the log; the store's errors. What was deleted before an error stays deleted.
    pub fn truncate(&self, env: &dyn Env, how: &Truncation) -> Result<Truncated> {
        let mut done = Truncated::default();
        if !how.listings_complete {
            done.stopped = Some("the store was not seen to list everything that was created");
            return Ok(done);
        }
        // Reading to the head: a listing and what it shows, mostly nothing.
        let view = self.refresh()?;
        view.expect_writable()?;
        let mut left = how.requests_max;
        match self.sweep(&view, env.now(), how, &mut left, &mut done)? {
            None => Ok(done),
            why => Ok(Truncated { stopped: why, ..done }),
        }
    }

    fn sweep(
        &self,
        view: &LogView,
        now: Time,
        how: &Truncation,
        left: &mut u64,
        done: &mut Truncated,
    ) -> Result<Option<&'static str>> {
        let Some(floor) = self.floor(view, now, how, left)? else {
            return Ok(Some("no two checkpoints are old enough"));
        };
        for (kind, folder) in [(ObjectKind::LogEntry, "log"), (ObjectKind::Checkpoint, "checkpoint")] {
            if spend(left, 1).is_none() {
                return Ok(Some(LIMIT));
            }
            let mut slots = Vec::new();
            let mut visit = |listed: Listed| {
                slots.extend(names::parse(listed.name.as_str()).map(|(_, _, slot)| slot).filter(|s| *s < floor));
                true
            };
            match how.versioned {
                true => self.store.list(&ListOptions::below(folder).oldest(), &mut visit)?,
                false => self.store.list(&ListOptions::below(folder), &mut visit)?,
            }
            slots.sort_unstable();
            for slot in slots {
                if is_locked(view, kind, slot, now) {
                    continue;
                }
                if spend(left, if how.versioned { 2 } else { 1 }).is_none() {
                    return Ok(Some(LIMIT));
                }
                if self.delete(kind, slot, how.versioned)? {
                    if kind == ObjectKind::LogEntry { &mut done.entries } else { &mut done.checkpoints }.push(slot);
                }
            }
        }
        Ok(None)
    }

    /// The slot below which all may go: that of a checkpoint that is older than the grace, can be read, and has a newer one that can be read.
    fn floor(&self, view: &LogView, now: Time, how: &Truncation, left: &mut u64) -> Result<Option<u32>> {
        let mut newer = false;
        if spend(left, 1).is_none() {
            return Ok(None);
        }
        for slot in self.checkpoints_from(1)? {
            if self.is_unreadable(slot) {
                continue;
            }
            if spend(left, 1).is_none() {
                return Ok(None);
            }
            let (told, time) = match self.read_checkpoint(slot) {
                Ok(read) => read,
                Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Unsupported) => {
                    self.pass_over(slot, &e);
                    continue;
                }
                // Somebody else truncates at the same time.
                Err(e) if e.kind() == Kind::Absent => continue,
                Err(e) => return Err(e),
            };
            match view.hash_of(slot) {
                _ if self.sums_up_nothing(view, slot)? => continue,
                Some(hash) if hash == told.head_hash => {}
                // Beyond what was read: it is younger than this call.
                _ if slot > view.head => continue,
                Some(_) => return Err(another_history(slot)),
                // Older than the hashes that are kept: older than all that count.
                None => return Ok(None),
            }
            if newer && is_over(time, now, how.grace_seconds) {
                return Ok(Some(slot));
            }
            newer = true;
        }
        Ok(None)
    }

    /// False when the store still keeps the object.
    fn delete(&self, kind: ObjectKind, slot: u32, versioned: bool) -> Result<bool> {
        let name =
            ObjectName::new(if kind == ObjectKind::LogEntry { names::log(slot) } else { names::checkpoint(slot) })?;
        let delete = || match versioned {
            true => delete_versions(&*self.store, &name),
            false => self.store.delete(name.object()),
        };
        match patiently(delete) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == Kind::Absent => Ok(true),
            Err(e) if e.kind() == Kind::Immutable => Ok(false),
            Err(e) => Err(e),
        }
    }
}

const LIMIT: &str = "the limit of requests is reached";

/// Takes requests from what is left of them.
fn spend(left: &mut u64, requests: u64) -> Option<()> {
    *left = left.checked_sub(requests)?;
    Some(())
}

/// Whether something of this time is older than the grace. What a wrong clock dates to the future is young.
fn is_over(time: Time, now: Time, grace_seconds: u64) -> bool {
    let age = i128::from(now.seconds) - i128::from(time.seconds);
    age >= i128::from(grace_seconds)
}

fn is_locked(view: &LogView, kind: ObjectKind, slot: u32, now: Time) -> bool {
    let within = |first: u32, count: u32| slot.checked_sub(first).is_some_and(|at| at < count);
    view.locks
        .iter()
        .filter(|l| l.until > now)
        .any(|l| l.objects.iter().any(|o| o.kind == kind && within(o.first.ordinal, o.count)))
}

fn another_history(slot: u32) -> Error {
    Error::new(Kind::Damaged, "this checkpoint tells another history than the log: nothing was deleted")
        .on(names::checkpoint(slot))
        .advise(
            "run `cairn check`; if the repository was restored from a copy, use another place for what came after it",
        )
}
