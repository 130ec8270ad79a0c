//! Deleting what was given up, after the grace.

use super::held::Held;
use super::plan::CollectPlan;
use super::report::Spent;
use crate::error::{Error, Kind, Result};
use crate::log::LogView;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::store::{ObjectName, StoreExt};
use format_spec::log::{Change, ObjectRow};
use format_spec::{Time, names};

/// What a sweep did.
#[derive(Debug, Default)]
pub(super) struct Swept {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) locked: u64,
}

impl Swept {
    pub(super) fn add(&mut self, other: &Swept) {
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.locked += other.locked;
    }
}

/// Writes into the plan what may be deleted now, and when the next is due. Nothing goes that a session could still need which was open when it
/// was given up: it may have to store it again. The slots where that was given up whose grace is over.
pub(super) fn due(view: &LogView, now: Time, grace_seconds: i64, plan: &mut CollectPlan) -> Vec<u32> {
    let mut held = Vec::new();
    let oldest_open = view.sessions.keys().copied().filter(|s| !plan.fence.contains(s)).min().unwrap_or(u32::MAX);
    for (row, given) in &view.given_up {
        // A clock that is ahead of this one does not make the grace longer than the log shows.
        let seen = if given.time > now { view.seen_since(given.slot, now) } else { None };
        let Time { seconds, nanos } = seen.unwrap_or(given.time);
        let when = Time { seconds: seconds.saturating_add(grace_seconds), nanos };
        let is_held = oldest_open <= given.slot;
        if when <= now && !is_held {
            plan.due.push(*row);
            continue;
        }
        plan.waiting += 1;
        if when <= now {
            held.push(given.slot);
        } else if !is_held {
            plan.next_due = Some(plan.next_due.map_or(when, |next| next.min(when)));
        }
    }
    held
}

/// Rows in one `Swept`.
const ROWS_MAX: usize = 50_000;

/// Deletes these objects and says so in the log. What is locked stays, until another time: what the log remembers is not asked for, of the rest the
/// store says so.
pub(super) fn sweep(
    repository: &Repository,
    rows: &[ObjectRow],
    spent: &mut Spent,
    monitor: &Monitor,
) -> Result<Swept> {
    let mut swept = Swept::default();
    if rows.is_empty() {
        return Ok(swept);
    }
    let lengths = repository.blobs().live_index().pack_lengths()?;
    let view = repository.log().view();
    let held = Held::new(repository, &view)?;
    let is_held = held.remembered();
    for rows in rows.chunks(ROWS_MAX) {
        let mut gone = Vec::new();
        for row in rows {
            if monitor.check().is_err() || spent.is_over() {
                break;
            }
            if is_held(row) {
                swept.locked += 1;
                continue;
            }
            let name = ObjectName::new(names::of_session(row.kind, row.id))?;
            let bytes = match lengths.get(&row.id) {
                Some(bytes) => *bytes,
                None => size(repository, &name, spent)?,
            };
            spent.requests += 1;
            match repository.free(&name) {
                Ok(()) => {
                    swept.bytes += bytes;
                    gone.push(*row);
                }
                Err(e) if e.kind() == Kind::Immutable => swept.locked += 1,
                Err(e) => return Err(e),
            }
        }
        swept.objects += gone.len() as u64;
        if !gone.is_empty() {
            spent.requests += 2;
            let mut is_told = false;
            let appended = repository.log().append(&**repository.env(), &mut |view| {
                let mut objects = gone.clone();
                // Another sweep may have told of some, or of all.
                objects.retain(|row| view.given_up.contains_key(row));
                is_told = objects.is_empty();
                if is_told {
                    return Err(Error::new(Kind::Conflict, "another sweep has told of all of it"));
                }
                Ok(Change::Swept { objects })
            });
            if !is_told {
                appended?;
            }
        }
    }
    Ok(swept)
}

/// Of small objects the store is asked.
fn size(repository: &Repository, name: &ObjectName, spent: &mut Spent) -> Result<u64> {
    spent.requests += 1;
    match repository.sealed_store().store.head_of(name) {
        Ok(info) => Ok(info.bytes),
        Err(e) if e.kind() == Kind::Absent => Ok(0),
        Err(e) => Err(e),
    }
}
