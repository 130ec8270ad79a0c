//! How much a backup will have to look at, for its progress bar.
//!
//! Promises: one walk, nothing opened but folders; it stops soon after it is asked to, or when it is dropped. Refuses to be
//! exact: the source changes between the count and the backup.

use super::{Found, Source, Step};
use base::error::Result;
use base::monitor::Monitor;
use format_spec::tree::Kind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// What a walk would yield.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Items of every kind, folders and the root among them.
    pub items: u64,
    /// Sum of the sizes of the files.
    pub bytes: u64,
}

impl Estimate {
    /// Walks `source` once; `None` when `stop` was set before the end.
    ///
    /// # Errors
    /// The walk could not start.
    pub fn count(source: &dyn Source, stop: &AtomicBool) -> Result<Option<Estimate>> {
        let mut sum = Estimate::default();
        let mut walk = source.walk()?;
        while let Some(step) = walk.next() {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if let Step::Enter(found) | Step::Item(found) = &step {
                sum.add(found);
            }
        }
        Ok(Some(sum))
    }

    fn add(&mut self, found: &Found) {
        self.items += 1;
        if found.entry.kind == Kind::File {
            self.bytes = self.bytes.saturating_add(found.entry.size);
        }
    }
}

/// A count that runs on a thread of its own while the backup already works.
#[derive(Debug)]
pub struct Estimation {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Estimation {
    /// Counts `source`; at the end writes `items_total` and `bytes_total` of the monitor. A count that fails or is stopped
    /// writes nothing: the totals stay unknown.
    pub fn start(source: Arc<dyn Source>, monitor: Arc<Monitor>) -> Estimation {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let count = move || {
            if let Ok(Some(sum)) = Estimate::count(&*source, &stopped) {
                monitor.counters.items_total.store(sum.items, Ordering::Relaxed);
                monitor.counters.bytes_total.store(sum.bytes, Ordering::Relaxed);
            }
        };
        let thread = std::thread::Builder::new().name("estimate".to_owned()).spawn(count).ok();
        Estimation { stop, thread }
    }

    /// Asks the count to end, without waiting for it.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the end of the count.
    pub fn wait(mut self) {
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A count that panicked has counted nothing, and nothing depends on it.
            let _ = thread.join();
        }
    }
}

impl Drop for Estimation {
    fn drop(&mut self) {
        self.stop();
        self.join();
    }
}
