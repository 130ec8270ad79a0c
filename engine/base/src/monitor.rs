//! What long work tells its caller while it runs, and how the caller stops it.
//!
//! Promises: counters are cheap (relaxed atomics), warnings arrive once each and in the order they were found, and a stop is
//! noticed at the next item, chunk or request. Refuses to draw: bars and JSON lines belong to the command line.

use crate::error::{Error, Kind, Result};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One thing that went wrong without ending the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The item's path as raw bytes, or an object's name.
    pub subject: Vec<u8>,
    /// Why, in one line.
    pub reason: String,
}

/// Counters of the running work; bytes and items are of the source when backing up, of the target when restoring.
#[derive(Debug, Default)]
pub struct Counters {
    /// Items finished.
    pub items: AtomicU64,
    /// Items expected; 0 while unknown.
    pub items_total: AtomicU64,
    /// Bytes finished.
    pub bytes: AtomicU64,
    /// Bytes expected; 0 while unknown.
    pub bytes_total: AtomicU64,
}

/// Progress, warnings and the stop button of one piece of work.
#[derive(Debug, Default)]
pub struct Monitor {
    /// The counters that a progress display reads.
    pub counters: Counters,
    warnings: Mutex<Vec<Warning>>,
    warned: AtomicU64,
    stop: AtomicBool,
}

impl Monitor {
    /// A monitor with nothing done yet.
    pub fn new() -> Self {
        Monitor::default()
    }

    /// Asks the work to stop at the next safe place.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// `Interrupted` once [`stop`](Self::stop) was called.
    pub fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(
                Error::new(Kind::Interrupted, "stopped on request").advise("run the same command again to resume")
            );
        }
        Ok(())
    }

    /// Counts `items` and `bytes` as done.
    pub fn done(&self, items: u64, bytes: u64) {
        self.counters.items.fetch_add(items, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts from zero again, for work that begins anew.
    pub fn restart(&self) {
        self.counters.items.store(0, Ordering::Relaxed);
        self.counters.bytes.store(0, Ordering::Relaxed);
    }

    /// Reports something that went wrong with one subject. At most [`WARNINGS_KEPT_MAX`] are kept for printing; all are counted.
    pub fn warn(&self, subject: &[u8], reason: impl Into<String>) {
        self.warned.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.warnings.lock();
        if kept.len() < WARNINGS_KEPT_MAX {
            kept.push(Warning { subject: subject.to_vec(), reason: reason.into() });
        }
    }

    /// Takes the warnings that arrived since the last call.
    pub fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.warnings.lock())
    }

    /// How many warnings there were in all.
    pub fn warnings_total(&self) -> u64 {
        self.warned.load(Ordering::Relaxed)
    }
}

/// Warnings waiting for a reader; beyond this they are only counted (the ledger has them all).
pub const WARNINGS_KEPT_MAX: usize = 10_000;

/// The target of events that people should hear of, and that are not errors: a command line shows them unless it is asked to be quiet.
pub const NOTE: &str = "note";

/// A number with its thousands apart.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted: `1 item`, `1,234 items`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), agree(number, one, many))
}

/// The word that goes with a number.
pub fn agree<'w>(number: u64, one: &'w str, many: &'w str) -> &'w str {
    if number == 1 { one } else { many }
}
