//! Asking the store for many packs at once.

use super::survey::name_of;
use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::store::{Asked, RetrievalMode, Store};
use crate::threads;
use format_spec::ObjectId;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What asking has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Answers {
    /// Newly asked for, or its days were changed.
    pub(super) accepted: u64,
    /// Asked for before.
    pub(super) underway: u64,
    /// Readable already.
    pub(super) ready: u64,
}

/// Asks for each pack; the monitor counts packs. Stops at the first failure: what was asked for until then stays so.
pub(super) fn ask_all(
    store: &dyn Store,
    packs: &[ObjectId],
    mode: RetrievalMode,
    days: u32,
    monitor: &Monitor,
) -> Result<Answers> {
    let counts = [const { AtomicU64::new(0) }; 3];
    for_each(packs, monitor, &|pack| {
        let answer = match store.retrieve(name_of(pack)?.object(), mode, days)? {
            Asked::Accepted => 0,
            Asked::Underway => 1,
            Asked::Ready => 2,
        };
        counts.get(answer).into_iter().for_each(|n| _ = n.fetch_add(1, Ordering::Relaxed));
        monitor.done(1, 0);
        Ok(())
    })?;
    let [accepted, underway, ready] = counts.map(AtomicU64::into_inner);
    Ok(Answers { accepted, underway, ready })
}

/// Does something for each pack, several at once; the first failure ends it.
pub(super) fn for_each(
    packs: &[ObjectId],
    monitor: &Monitor,
    work: &(dyn Fn(ObjectId) -> Result<()> + Sync),
) -> Result<()> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None::<Error>));
    std::thread::scope(|scope| {
        for _ in 0..ASKED_AT_ONCE.min(packs.len()) {
            let started = threads::scoped(scope, || {
                while failed.lock().is_none() {
                    let Some(pack) = packs.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    if let Err(e) = monitor.check().and_then(|()| work(*pack)) {
                        failed.lock().get_or_insert(e);
                    }
                }
            });
            if let Err(e) = started {
                failed.lock().get_or_insert(e);
            }
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

/// Requests that carry no data: enough to hide the store's latency, few enough for any account.
const ASKED_AT_ONCE: usize = 8;
