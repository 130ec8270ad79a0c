//! Reading ahead: runs are fetched in one request each and decoded by a few threads, before the writers ask.

use super::plan::{BlockRun, RunPlanner};
use crate::blob::Blobs;
use crate::error::Result;
use crate::index::BlobLocation;
use crate::limits::READ_AHEAD_BYTES;
use crate::threads;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A window of decoded blocks ahead of the readers. Failures are left to the reader that needs the block: it fetches again and reports.
pub struct ReadAhead {
    runs: Option<Sender<BlockRun>>,
    planner: RunPlanner,
    window: Arc<Window>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Window {
    ahead: Mutex<u64>,
    consumed: Condvar,
}

impl ReadAhead {
    /// Starts `threads` threads that fetch and decode.
    ///
    /// # Errors
    /// `Transient` when one cannot be made.
    pub fn start(blobs: &Arc<Blobs>, threads: usize) -> Result<Self> {
        let (runs, queue) = bounded(4 * threads.max(1));
        let threads = (0..threads.max(1)).map(|_| spawn(blobs.clone(), queue.clone())).collect::<Result<_>>()?;
        Ok(ReadAhead { runs: Some(runs), planner: RunPlanner::default(), window: Arc::default(), threads })
    }

    /// Plans a blob that the reader of `account` will need; waits while the window is full. False when that reader has ended, or `stopped`
    /// says that everything has: then nothing more need be planned.
    pub fn plan(&mut self, place: BlobLocation, account: &Account, stopped: &dyn Fn() -> bool) -> bool {
        let bytes = u64::from(place.bytes);
        {
            let mut ahead = self.window.ahead.lock();
            // One that is larger than the window goes alone.
            while *ahead > 0 && *ahead + bytes > READ_AHEAD_BYTES && !account.ended.load(Ordering::Relaxed) {
                // What is planned must be under way before anybody waits for it.
                if let Some(run) = self.planner.take() {
                    drop(ahead);
                    self.send(run);
                    ahead = self.window.ahead.lock();
                    continue;
                }
                if stopped() {
                    return false;
                }
                self.window.consumed.wait_for(&mut ahead, std::time::Duration::from_millis(50));
            }
            if account.ended.load(Ordering::Relaxed) {
                return false;
            }
            *ahead += bytes;
            account.planned.fetch_add(bytes, Ordering::Relaxed);
        }
        if let Some(run) = self.planner.push(place) {
            self.send(run);
        }
        true
    }

    /// Sends what was planned on its way.
    pub fn flush(&mut self) {
        if let Some(run) = self.planner.take() {
            self.send(run);
        }
    }

    /// Where readers report.
    pub fn consumer(&self) -> Consumer {
        Consumer { window: self.window.clone() }
    }

    fn send(&self, run: BlockRun) {
        if let Some(runs) = &self.runs {
            // The threads live as long as this value, so the channel is open.
            let _ = runs.send(run);
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.runs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What was planned for one reader and not used yet. Changed under the window's lock only.
#[derive(Debug, Default)]
pub struct Account {
    planned: AtomicU64,
    ended: AtomicBool,
}

/// Reports that planned bytes were used.
#[derive(Clone)]
pub struct Consumer {
    window: Arc<Window>,
}

impl Consumer {
    /// `bytes` of an account have been used.
    pub fn consumed(&self, account: &Account, bytes: u64) {
        let mut ahead = self.window.ahead.lock();
        let released = bytes.min(account.planned.load(Ordering::Relaxed));
        account.planned.fetch_sub(released, Ordering::Relaxed);
        *ahead = ahead.saturating_sub(released);
        self.window.consumed.notify_all();
    }

    /// The account's reader has ended: what was planned for it and not used is given up, and nothing more is planned.
    pub fn end(&self, account: &Account) {
        let mut ahead = self.window.ahead.lock();
        account.ended.store(true, Ordering::Relaxed);
        *ahead = ahead.saturating_sub(account.planned.swap(0, Ordering::Relaxed));
        self.window.consumed.notify_all();
    }
}

fn spawn(blobs: Arc<Blobs>, queue: Receiver<BlockRun>) -> Result<std::thread::JoinHandle<()>> {
    threads::spawn(move || {
        while let Ok(run) = queue.recv() {
            if let Err(e) = fetch(&blobs, &run) {
                tracing::debug!(error = %e, "a read ahead failed; the reader will try for itself");
            }
        }
    })
}

/// Fetches a run with one request and decodes its blocks into the cache.
fn fetch(blobs: &Blobs, run: &BlockRun) -> Result<()> {
    let needed: Vec<&BlobLocation> = run.places.iter().filter(|p| !blobs.is_decoded(p)).collect();
    let [_, .., _] = needed[..] else {
        return needed.first().map_or(Ok(()), |place| blobs.decode(place));
    };
    let needed: Vec<BlobLocation> = needed.into_iter().copied().collect();
    for (place, record) in needed.iter().zip(blobs.records(&needed)?) {
        blobs.keep(place, Bytes::from(blobs.sealed_store().open_fetched(place, &record)?));
    }
    Ok(())
}
