//! Reading locks back from the store, for everything that restore points need.

use super::lock_layer::Locks;
use super::needs::{Needs, name_of};
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use crate::limits::{LOCK_REQUESTS_MAX, STORE_SKEW_SECONDS_MAX};
use crate::log::CommitRef;
use crate::monitor::Monitor;
use crate::store::{ObjectLock, ObjectName, Store, StoreExt};
use crate::threads;
use format_spec::Time;
use format_spec::log::{ObjectRow, PointId};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An object whose lock is not as long or as strong as a point needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The object.
    pub object: ObjectName,
    /// The point that needs it locked longest.
    pub point: PointId,
    /// The lock that it must have at least.
    pub wanted: ObjectLock,
    /// What the store shows; `None` for no lock.
    pub found: Option<ObjectLock>,
    /// The object itself is gone.
    pub is_absent: bool,
}

/// What was read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Points whose period of locking is not over.
    pub points: u64,
    /// Points whose period is over: nothing need be locked for them.
    pub points_over: u64,
    /// Objects whose lock was read.
    pub objects: u64,
    /// What falls short.
    pub gaps: Vec<Gap>,
}

/// Reads the lock of each object that these points need; `finished` is the time of each point's commit.
///
/// The commit's time was told by its writer's clock, which is no more than five minutes from the store's; so much is granted.
///
/// # Errors
/// `Damaged` when a reference set cannot be read; the store's.
pub fn verify(
    locks: &Locks,
    store: &dyn Store,
    needs: &Needs<'_>,
    points: &[(CommitRef, Time)],
    env: &dyn Env,
    monitor: &Monitor,
) -> Result<Verified> {
    let (policy, now) = (locks.policy(), locks.ask_now(store)?);
    let mut done = Verified::default();
    let mut wanted: BTreeMap<ObjectRow, (Time, PointId)> = BTreeMap::new();
    let mut want = |rows: &mut dyn Iterator<Item = ObjectRow>, until: Time, id: PointId| {
        for row in rows {
            let longest = wanted.entry(row).or_insert((until, id));
            if longest.0 < until {
                *longest = (until, id);
            }
        }
    };
    let mut longest: Option<(Time, PointId)> = None;
    for (commit, finished) in points {
        monitor.check()?;
        let granted = Time::new(finished.seconds.saturating_sub(STORE_SKEW_SECONDS_MAX), finished.nanos);
        let until = policy.needed_until(granted)?;
        if until <= now {
            done.points_over += 1;
            continue;
        }
        done.points += 1;
        longest = longest.max(Some((until, commit.id)));
        want(&mut needs.of_point(commit)?.into_iter(), until, commit.id);
    }
    if let Some((until, id)) = longest {
        want(&mut needs.of_opening()?.into_iter(), until, id);
    }
    let mode = policy.wish().mode;
    let tasks: Vec<_> = wanted
        .into_iter()
        .map(|(row, (until, id))| Ok((name_of(&row)?, id, ObjectLock { mode, until })))
        .collect::<Result<_>>()?;
    done.objects = tasks.len() as u64;
    done.gaps = read(store, env.threads(LOCK_REQUESTS_MAX.min(tasks.len())), &tasks, monitor)?;
    done.gaps.sort_by(|a, b| a.object.cmp(&b.object));
    Ok(done)
}

fn read(
    store: &dyn Store,
    threads: usize,
    tasks: &[(ObjectName, PointId, ObjectLock)],
    monitor: &Monitor,
) -> Result<Vec<Gap>> {
    let (next, gaps, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(None::<Error>));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let started = threads::scoped(scope, || {
                while failed.lock().is_none() {
                    let Some((name, point, wanted)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let (found, is_absent) = match monitor.check().and_then(|()| store.lock_of(name)) {
                        Ok(found) if found.is_some_and(|found| found.covers(wanted)) => continue,
                        Ok(found) => (found, false),
                        Err(e) if e.kind() == Kind::Absent => (None, true),
                        Err(e) => {
                            failed.lock().get_or_insert(e);
                            continue;
                        }
                    };
                    let (object, point, wanted) = (name.clone(), *point, *wanted);
                    gaps.lock().push(Gap { object, point, wanted, found, is_absent });
                }
            });
            if let Err(e) = started {
                failed.lock().get_or_insert(e);
            }
        }
    });
    match failed.into_inner() {
        Some(e) => Err(e),
        None => Ok(gaps.into_inner()),
    }
}
