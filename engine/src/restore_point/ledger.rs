//! The completeness ledger while a point is made: how every item ended, and the exceptions one by one.

use super::left_out::{LeftOut, PATH_BYTES_MAX, fitting};
use crate::env::utc;
use crate::error::Result;
use crate::limits::EXCEPTIONS_MAX;
use crate::monitor::{Monitor, counted};
use crate::source::{Failure, Outcome};
use crate::tree::{MapBuilder, NodeSink};
use format_spec::ChunkId;
use format_spec::ledger::Exception;
use format_spec::point::LedgerCounts;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Counts and exceptions; shared by the threads of a session.
#[derive(Debug, Default)]
pub struct Ledger {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: LedgerCounts,
    exceptions: BTreeMap<Vec<u8>, (Outcome, String)>,
    left_out: LeftOut,
}

impl Ledger {
    /// Changes the counts.
    pub fn count(&self, change: impl FnOnce(&mut LedgerCounts)) {
        change(&mut self.inner.lock().counts);
    }

    /// Counts an item that was stored.
    pub fn stored(&self, replaces: bool) {
        self.count(|c| *if replaces { &mut c.changed } else { &mut c.new } += 1);
    }

    /// Records that an item did not end as it should; all but skipped ones are warnings too.
    pub fn record(&self, failure: &Failure, monitor: &Monitor) {
        if failure.outcome == Outcome::Skipped {
            return self.leave_out(failure);
        }
        self.carry(failure);
        monitor.warn(&failure.path, told(failure.outcome, &failure.reason));
    }

    /// Records what was said before, of an item that is taken over with all that was wrong with it.
    pub fn carry(&self, failure: &Failure) {
        if failure.outcome == Outcome::Skipped {
            return self.leave_out(failure);
        }
        let mut inner = self.inner.lock();
        let path = fitting(&failure.path).to_vec();
        let is_kept = matches!(failure.outcome, Outcome::Kept { .. });
        // An item ends once: what else went wrong with it is a warning, not another line. That it is kept says more than that it failed.
        match inner.exceptions.get(&path) {
            Some((Outcome::Failed, _)) if is_kept => inner.counts.failed -= 1,
            Some(_) => return,
            None => {}
        }
        let counts = &mut inner.counts;
        match failure.outcome {
            Outcome::Failed => counts.failed += 1,
            Outcome::Vanished => counts.vanished += 1,
            Outcome::Changed | Outcome::Skipped => counts.changed_while_read += 1,
            Outcome::Kept { items, .. } => {
                counts.failed += items;
                counts.kept += items;
            }
        }
        // What is kept is always named: else nobody would know since when ([POINT-11]).
        if inner.exceptions.len() < EXCEPTIONS_MAX || is_kept {
            inner.exceptions.insert(path, (failure.outcome, failure.reason.clone()));
        }
    }

    /// Counts and names what was left out on purpose.
    fn leave_out(&self, failure: &Failure) {
        let mut inner = self.inner.lock();
        inner.counts.skipped += 1;
        inner.left_out.add(&failure.path, &failure.reason);
    }

    /// Whether a further item can be named.
    pub fn can_name(&self, path: &[u8]) -> bool {
        path.len() <= PATH_BYTES_MAX && self.inner.lock().exceptions.len() < EXCEPTIONS_MAX
    }

    /// The counts so far.
    pub fn counts(&self) -> LedgerCounts {
        self.inner.lock().counts
    }

    /// How many of the skipped items no exception names ([POINT-9]).
    pub fn unnamed(&self) -> u64 {
        self.inner.lock().left_out.unnamed()
    }

    /// Writes the exceptions as a map ([POINT-4]); `None` when there are none.
    pub fn write(&self, sink: &mut dyn NodeSink) -> Result<Option<ChunkId>> {
        let inner = self.inner.lock();
        let mut rows: BTreeMap<&[u8], (Outcome, String)> = BTreeMap::new();
        rows.extend(inner.left_out.rows().map(|(path, reason)| (path, (Outcome::Skipped, reason))));
        // What failed says more about a path than what was left out below it.
        rows.extend(inner.exceptions.iter().map(|(path, (outcome, why))| (&path[..], (*outcome, why.clone()))));
        let mut map = MapBuilder::new();
        for (path, (outcome, reason)) in rows {
            map.push(path, &Exception { outcome, reason }.encode(), sink)?;
        }
        map.finish(sink)
    }
}

/// The outcome of what was left out on purpose, as its byte in the ledger ([POINT-4]).
pub const LEFT_OUT: u8 = 4;

/// How the reason of an item begins that was stored, and of which only attributes could not be read: it failed, and is there all the same.
pub const IN_PART: &str = "stored without all of its attributes";

/// What became of an item and why, as warnings say it.
pub fn told(outcome: Outcome, reason: &str) -> String {
    if outcome == Outcome::Failed && reason.starts_with(IN_PART) {
        return reason.to_owned();
    }
    format!("{}: {reason}", words(outcome))
}

/// The outcome in words, as warnings begin.
fn words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed => "not stored".to_owned(),
        Outcome::Vanished => "vanished".to_owned(),
        Outcome::Changed => "changed while it was read".to_owned(),
        Outcome::Skipped => "skipped".to_owned(),
        Outcome::Kept { as_of, items: 1 } => format!("kept, as of {}", utc(as_of)),
        Outcome::Kept { as_of, items } => {
            format!("kept with {}, as of {}", counted(items, "item", "items"), utc(as_of))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_without_attributes_is_not_called_not_stored() {
        let in_part = format!("{IN_PART}: user.note: Permission denied");
        assert_eq!(told(Outcome::Failed, &in_part), in_part);
        assert_eq!(told(Outcome::Failed, "Permission denied"), "not stored: Permission denied");
    }

    #[test]
    fn a_folder_that_failed_counts_although_items_in_it_were_left_out() {
        let ledger = Ledger::default();
        let tell = |path: &[u8], outcome| {
            let failure = Failure { path: path.to_vec(), outcome, reason: "why".into() };
            ledger.record(&failure, &Monitor::new());
        };
        tell(b"srv/a", Outcome::Skipped);
        tell(b"srv/a", Outcome::Failed);
        tell(b"srv/a", Outcome::Failed);
        assert_eq!((ledger.counts().skipped, ledger.counts().failed), (1, 1));
    }
}
