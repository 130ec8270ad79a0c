//! Before a commit: everything that the point needs is locked long enough, or made so (I8).
//!
//! ```text
//! needed ──> remembered by the log, long enough ─────────────────────────> nothing is asked
//!        ──> put by this process ─────────────────────────────────────────> remembered from now on
//!        ──> remembered, too short ──────────> extended, read back ────────> remembered from now on
//!        ──> not remembered ──> asked: long enough, or extended ──────────> remembered from now on
//! ```

use super::lock_layer::Locks;
use super::needs::name_of;
use crate::env::SharedEnv;
use crate::error::{Error, Kind, Result};
use crate::limits::LOCK_REQUESTS_MAX;
use crate::log::Log;
use crate::monitor::Monitor;
use crate::store::{ObjectLock, ObjectName, Store, StoreExt};
use crate::threads;
use format_spec::container::ObjectKind;
use format_spec::log::{Change, ObjectRange, ObjectRow};
use format_spec::{ObjectId, Time};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is locked, and by whom.
pub struct Securing<'a> {
    /// The rules and the clock.
    pub locks: &'a Locks,
    /// The store that shows the oldest versions.
    pub store: &'a dyn Store,
    /// Where locks are remembered.
    pub log: &'a Log,
    /// Clock and dice.
    pub env: &'a SharedEnv,
    /// The stop button.
    pub monitor: &'a Monitor,
}

/// What was found and done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secured {
    /// Everything is locked at least until then.
    pub until: Time,
    /// Objects that are needed.
    pub objects: u64,
    /// Objects whose lock was asked for.
    pub asked: u64,
    /// Objects whose lock was extended.
    pub extended: u64,
}

/// Locks what is needed: each object until `needed` at least, and until `wanted` if that falls short.
///
/// # Errors
/// `Unsupported` when the store does not lock; `Absent` when a needed object is gone; `Interrupted`; the store's and the log's.
pub fn secure(
    securing: &Securing<'_>,
    rows: impl IntoIterator<Item = (ObjectRow, ObjectLock, ObjectLock)>,
) -> Result<Secured> {
    let view = securing.log.view();
    let mut done = Secured { until: Time::new(i64::MAX, 0), objects: 0, asked: 0, extended: 0 };
    let mut learned: BTreeMap<Time, Vec<ObjectRow>> = BTreeMap::new();
    let mut todo = Vec::new();
    let mut beyond: Option<(Time, _)> = None;
    for (row, needed, wanted) in rows {
        done.objects += 1;
        if beyond.as_ref().is_none_or(|(until, _)| *until != needed.until) {
            beyond = Some((needed.until, view.locked_beyond(needed.until)));
        }
        if let Some(until) = beyond.as_ref().and_then(|(_, beyond)| beyond(&row)) {
            done.until = done.until.min(until);
            continue;
        }
        let name = name_of(&row)?;
        match securing.locks.put_until(&row, &name) {
            Some(until) if until >= needed.until => learned.entry(until).or_default().push(row),
            _ => todo.push(Task { row, name, needed, wanted, is_short: view.locked_until(&row).is_some() }),
        }
    }
    for (row, until, extended) in run(securing, &todo)? {
        done.asked += 1;
        done.extended += u64::from(extended);
        learned.entry(until).or_default().push(row);
    }
    if let Some(least) = learned.keys().next() {
        done.until = done.until.min(*least);
    }
    for (until, rows) in merged(learned) {
        for objects in ranges(rows).chunks(RANGES_MAX) {
            securing.log.append(&**securing.env, &mut |_| Ok(Change::Lock { until, objects: objects.to_vec() }))?;
        }
    }
    Ok(done)
}

/// Locks the few objects that turned up since all was secured, without a word in the log: another entry would be one more of them.
///
/// # Errors
/// As [`secure`].
pub fn hold(
    locks: &Locks,
    store: &dyn Store,
    rows: impl IntoIterator<Item = ObjectRow>,
    needed: ObjectLock,
    wanted: ObjectLock,
) -> Result<()> {
    for row in rows {
        let name = name_of(&row)?;
        if locks.put_until(&row, &name).is_some_and(|until| until >= needed.until) {
            continue;
        }
        match one(store, &Task { row, name, needed, wanted, is_short: false }) {
            Err(e) if e.kind() == Kind::Absent && is_summed_up(row.kind) => {}
            other => _ = other?,
        }
    }
    Ok(())
}

struct Task {
    row: ObjectRow,
    name: ObjectName,
    needed: ObjectLock,
    wanted: ObjectLock,
    /// Its lock is known to be too short.
    is_short: bool,
}

/// Asks and extends on a few threads; each object with the end of its lock, as the store shows it, and whether it was extended.
fn run(securing: &Securing<'_>, tasks: &[Task]) -> Result<Vec<(ObjectRow, Time, bool)>> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let done = Mutex::new(Vec::with_capacity(tasks.len()));
    let work = || {
        while failed.lock().is_none() {
            let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            match securing.monitor.check().and_then(|()| one(securing.store, task)) {
                // Summed up by a checkpoint and deleted since, which it could be only when its lock was over (LOG-22).
                Err(e) if e.kind() == Kind::Absent && is_summed_up(task.row.kind) => {}
                Ok((until, extended)) => done.lock().push((task.row, until, extended)),
                Err(e) => _ = failed.lock().get_or_insert(e),
            }
        }
    };
    match securing.env.threads(LOCK_REQUESTS_MAX.min(tasks.len())) {
        0 | 1 => work(),
        count => std::thread::scope(|scope| {
            (0..count).try_for_each(|_| threads::scoped(scope, work).map(drop)).or_else(|e| {
                failed.lock().get_or_insert(e);
                Ok::<(), Error>(())
            })
        })?,
    }
    match failed.into_inner() {
        Some(e) => Err(e),
        None => Ok(done.into_inner()),
    }
}

fn one(store: &dyn Store, task: &Task) -> Result<(Time, bool)> {
    if !task.is_short
        && let Some(found) = store.lock_of(&task.name)?
        && found.covers(&task.needed)
    {
        return Ok((found.until, false));
    }
    let shown = store.extend_lock(task.name.object(), &task.wanted)?;
    if shown.covers(&task.needed) {
        return Ok((shown.until, true));
    }
    let what = format!("the store was asked for a lock ({}) and shows {shown}", task.wanted);
    Err(Error::new(Kind::Unsupported, what).on(&task.name).advise("this store does not enforce locks"))
}

fn is_summed_up(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::LogEntry | ObjectKind::Checkpoint)
}

/// A few entries for many ends: what is locked longest is told as it is, the rest as the shortest.
fn merged(mut learned: BTreeMap<Time, Vec<ObjectRow>>) -> BTreeMap<Time, Vec<ObjectRow>> {
    while learned.len() > ENDS_MAX
        && let Some((least, mut rows)) = learned.pop_first()
        && let Some((_, more)) = learned.pop_first()
    {
        rows.extend(more);
        learned.insert(least, rows);
    }
    learned
}

fn ranges(mut rows: Vec<ObjectRow>) -> Vec<ObjectRange> {
    // A range ends within 32 bits ([LOG-17]): the very last ordinal is not remembered, only asked for again.
    rows.retain(|row| row.id.ordinal < u32::MAX);
    rows.sort_by_key(|row| (row.kind as u8, row.id));
    rows.dedup();
    let mut out: Vec<ObjectRange> = Vec::new();
    for row in rows {
        let ObjectId { session, ordinal } = row.id;
        match out.last_mut() {
            Some(last)
                if last.kind == row.kind
                    && last.first.session == session
                    && last.first.ordinal.checked_add(last.count) == Some(ordinal) =>
            {
                last.count += 1;
            }
            _ => out.push(ObjectRange { kind: row.kind, first: row.id, count: 1 }),
        }
    }
    out
}

/// Lock entries that one commit writes at most, but for very many objects.
const ENDS_MAX: usize = 2;
/// Rows in one entry: 16 bytes each.
const RANGES_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(session: u32, ordinal: u32) -> ObjectRow {
        ObjectRow { kind: ObjectKind::DataPack, id: ObjectId { session, ordinal } }
    }

    #[test]
    fn objects_in_a_row_are_one_range() {
        let rows = [row(1, 2), row(1, 0), row(1, 1), row(1, 4), row(2, 5), row(1, u32::MAX), row(1, u32::MAX - 1)];
        let of = |r: ObjectRange| (r.first.session, r.first.ordinal, r.count);
        let found: Vec<_> = ranges(rows.to_vec()).into_iter().map(of).collect();
        assert_eq!(found, [(1, 0, 3), (1, 4, 1), (1, u32::MAX - 1, 1), (2, 5, 1)]);
    }

    #[test]
    fn what_is_merged_is_remembered_by_its_shortest_lock() {
        let at = |s| Time::new(s, 0);
        let learned = (1..=4).map(|s| (at(s), vec![row(1, u32::try_from(s).unwrap())])).collect();
        let merged: Vec<_> = merged(learned).into_iter().map(|(t, rows)| (t.seconds, rows.len())).collect();
        assert_eq!(merged, [(1, 3), (4, 1)]);
    }
}
