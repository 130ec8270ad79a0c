//! Tries again what failed for now: the one retry policy for every request of a remote store, whatever its verb, those for credentials included.
//!
//! Promises: only `Transient` errors are tried again, for as long as the store's [`Patience`] lasts and no longer, with growing pauses that differ
//! between threads and are never shorter than the store asked for (`Retry-After`). A pause ends early when the store answers somebody else, and at
//! once when the work is asked to stop. A put is tried again too: it can create its object only once, and when an earlier attempt did so while its
//! answer was lost, the later one says `Exists`, which by the door's contract the caller answers by comparing (and by asking for the lock again,
//! which costs nothing where it is there). A listing is tried again only while nothing of it was shown.

use super::outage::{Outage, Patience};
use super::{
    Asked, Capabilities, HeadOptions, Info, ListOptions, Listed, ObjectLock, ObjectName, ObjectRef, ObjectVersion,
    PutOptions, Read, ReadRange, Receipt, RetrievalMode, StorageClass, Store,
};
use crate::forward;
use base::ending;
use base::env::{Machine, SharedEnv};
use base::error::{Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A store whose passing failures are retried.
pub struct Retry {
    inner: Arc<dyn Store>,
    patience: Patience,
    outage: Arc<Outage>,
    env: SharedEnv,
}

impl std::fmt::Debug for Retry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retry").field("inner", &self.inner).field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Retry {
    /// Retries requests for as long as `patience` lasts; `outage` is what all who ask this store share.
    pub fn new(inner: Arc<dyn Store>, patience: Patience, outage: Arc<Outage>) -> Self {
        Retry::timed(inner, patience, outage, Machine::shared())
    }

    /// The same by the clock of `env`.
    pub fn timed(inner: Arc<dyn Store>, patience: Patience, outage: Arc<Outage>, env: SharedEnv) -> Self {
        Retry { inner, patience, outage, env }
    }

    fn run<T>(&self, mut attempt: impl FnMut() -> Result<T>, again: impl Fn() -> bool) -> Result<T> {
        let (mut retries, mut since) = (0, None);
        if let Some(error) = self.outage.given_up(self.env.elapsed()) {
            return Err(error);
        }
        loop {
            let begun = self.env.elapsed();
            let error = match attempt() {
                Err(e) if e.kind() == Kind::Transient && ending::has_begun() => {
                    return Err(ending::given_up().because(e));
                }
                Err(e) if e.kind() == Kind::Transient => e,
                other => {
                    if is_answer(&other) {
                        self.outage.end(self.env.elapsed());
                    }
                    return other;
                }
            };
            let now = self.env.elapsed();
            // The upload of a large object may take long and fail in its last second.
            let since = *since.get_or_insert(begun.max(now - ATTEMPT_COUNTS_MAX));
            let Some(left) = self.outage.left(since, now, &self.patience) else {
                self.outage.give_up(now, &error);
                return Err(error);
            };
            if !again() {
                return Err(error);
            }
            let wished = error.pause();
            let pause = pause(retries, spread()).max(wished.unwrap_or_default()).as_secs_f64().min(left);
            tracing::debug!(error = %error, retries, pause, "trying again");
            self.outage.say(now, pause, left, &error);
            self.wait(now + pause, wished.is_some())?;
            retries += 1;
        }
    }

    /// Waits until then; where the store did not ask to be left alone, only until it answers somebody else.
    fn wait(&self, until: f64, is_wished: bool) -> Result<()> {
        loop {
            if ending::has_begun() {
                return Err(ending::given_up());
            }
            let left = until - self.env.elapsed();
            if left <= 0.0 || !is_wished && !self.outage.is_on() {
                return Ok(());
            }
            self.env.sleep(LOOK_EVERY.min(Duration::try_from_secs_f64(left).unwrap_or_default()));
        }
    }

    fn always<T>(&self, attempt: impl FnMut() -> Result<T>) -> Result<T> {
        self.run(attempt, || true)
    }
}

impl Store for Retry {
    forward!(inner: location, room);

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        self.always(|| self.inner.put(name, bytes.clone(), options))
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        self.always(|| self.inner.read(object, range.clone()))
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info> {
        self.always(|| self.inner.head(object, options))
    }

    /// Tried again only while nothing of it was shown.
    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        let shown = std::cell::Cell::new(false);
        let mut visit = |listed| {
            shown.set(true);
            visit(listed)
        };
        self.run(|| self.inner.list(options, &mut visit), || !shown.get())
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.always(|| self.inner.versions(name))
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        self.always(|| self.inner.delete(object))
    }

    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.always(|| self.inner.extend_lock(object, wanted))
    }

    fn retrieve(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.always(|| self.inner.retrieve(object, mode, days))
    }

    fn rest_again(&self, object: ObjectRef<'_>, class: StorageClass) -> Result<()> {
        self.always(|| self.inner.rest_again(object, class))
    }

    fn now(&self) -> Result<Time> {
        self.always(|| self.inner.now())
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.always(|| self.inner.capabilities())
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let over = |inner| Retry::timed(inner, self.patience, Arc::clone(&self.outage), Arc::clone(&self.env));
        Ok(self.inner.fresh()?.map(|inner| Arc::new(over(inner)) as Arc<dyn Store>))
    }
}

/// Whether this came from the store. A refused certificate or a wrong setting did not.
fn is_answer<T>(outcome: &Result<T>) -> bool {
    use Kind::{Absent, Archived, Exists, Immutable, NoRepository, NoSpace};
    match outcome {
        Ok(_) => true,
        Err(e) => matches!(e.kind(), Absent | Exists | Archived | Immutable | NoRepository | NoSpace),
    }
}

/// The pause before retry number `retries`: doubled each time up to a bound, and between half and all of it by `spread`.
fn pause(retries: u32, spread: f64) -> Duration {
    let whole = PAUSE_FIRST.saturating_mul(1_u32.checked_shl(retries).unwrap_or(u32::MAX)).min(PAUSE_MAX);
    whole.mul_f64(0.5 + 0.5 * spread.clamp(0.0, 1.0))
}

/// A number in 0..1 that differs from call to call, so that threads that failed together do not return together. Steps of
/// the golden ratio spread evenly, and need no randomness.
fn spread() -> f64 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    (f64::from(CALLS.fetch_add(1, Ordering::Relaxed)) * 0.618_033_988_749_895).fract()
}

const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// What is back is noticed soon, and a store that comes up is not stormed.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A stop is noticed within this time.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The seconds of a failed attempt that count as outage, at most.
const ATTEMPT_COUNTS_MAX: f64 = 60.0;

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
