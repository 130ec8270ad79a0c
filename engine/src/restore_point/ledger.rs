//! The completeness ledger while a point is made: how every item ended, and the exceptions one by one.

use crate::error::Result;
use crate::limits::EXCEPTIONS_MAX;
use crate::monitor::Monitor;
use crate::source::{Failure, Outcome};
use crate::tree::{MapBuilder, NodeSink};
use format_spec::ChunkId;
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
}

/// Paths are keys of a map, and keys end at 64 KiB ([TREE-3]).
const PATH_BYTES_MAX: usize = 60_000;

impl Ledger {
    /// Changes the counts.
    pub fn count(&self, change: impl FnOnce(&mut LedgerCounts)) {
        change(&mut self.inner.lock().counts);
    }

    /// Records that an item did not end as it should; all but skipped ones are warnings too.
    pub fn record(&self, failure: &Failure, monitor: &Monitor) {
        let mut inner = self.inner.lock();
        if failure.outcome == Outcome::Skipped {
            inner.counts.skipped += 1;
            return;
        }
        let path = failure.path[..failure.path.len().min(PATH_BYTES_MAX)].to_vec();
        // An item ends once: what else went wrong with it is a warning, not another line.
        if !inner.exceptions.contains_key(&path) {
            let counts = &mut inner.counts;
            *match failure.outcome {
                Outcome::Failed => &mut counts.failed,
                Outcome::Vanished => &mut counts.vanished,
                Outcome::Changed | Outcome::Skipped => &mut counts.changed_while_read,
            } += 1;
            if inner.exceptions.len() < EXCEPTIONS_MAX {
                inner.exceptions.insert(path, (failure.outcome, failure.reason.clone()));
            }
        }
        drop(inner);
        monitor.warn(&failure.path, format!("{}: {}", word(failure.outcome), failure.reason));
    }

    /// The counts so far.
    pub fn counts(&self) -> LedgerCounts {
        self.inner.lock().counts
    }

    /// Writes the exceptions as a map ([POINT-4]); `None` when there are none.
    pub fn write(&self, sink: &mut dyn NodeSink) -> Result<Option<ChunkId>> {
        let inner = self.inner.lock();
        let mut map = MapBuilder::new();
        for (path, (outcome, reason)) in &inner.exceptions {
            map.push(path, &[&[byte(*outcome)], reason.as_bytes()].concat(), sink)?;
        }
        map.finish(sink)
    }
}

fn byte(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Failed => 1,
        Outcome::Vanished => 2,
        Outcome::Changed => 3,
        Outcome::Skipped => 4,
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Failed => "not stored",
        Outcome::Vanished => "vanished",
        Outcome::Changed => "changed while it was read",
        Outcome::Skipped => "skipped",
    }
}
