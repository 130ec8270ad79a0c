//! Tries again what failed for now: the one retry policy for every request of a remote store.
//!
//! Promises: only `Transient` errors are tried again, a bounded number of times, with growing pauses that differ between
//! threads. A put is tried again too: it can create its object only once, and when an earlier attempt did so while its answer
//! was lost, the later one says `Exists`, which by the door's contract the caller answers by comparing (and by asking for the lock
//! again, which costs nothing where it is there). A listing is tried
//! again only while nothing of it was shown.

use super::{
    Asked, Capabilities, Info, Listed, Name, Receipt, Resting, Retention, RetrievalMode, Space, StorageClass, Store,
    Terms, Version,
};
use crate::error::{Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A store whose passing failures are retried.
#[derive(Debug)]
pub struct Retry {
    inner: Arc<dyn Store>,
    retries_max: u32,
    pause_first: Duration,
}

impl Retry {
    /// Retries each request at most `retries_max` times after its first attempt.
    pub fn new(inner: Arc<dyn Store>, retries_max: u32) -> Self {
        Retry { inner, retries_max, pause_first: PAUSE_FIRST }
    }

    fn run<T>(&self, mut attempt: impl FnMut() -> Result<T>, again: impl Fn() -> bool) -> Result<T> {
        let mut retries = 0;
        loop {
            match attempt() {
                Err(e) if e.kind() == Kind::Transient && retries < self.retries_max && again() => {
                    tracing::debug!(error = %e, retries, "trying again");
                    std::thread::sleep(pause(self.pause_first, retries, spread()));
                    retries += 1;
                }
                other => return other,
            }
        }
    }

    /// A listing, tried again only while nothing of it was shown.
    fn list_once(
        &self,
        visit: &mut dyn FnMut(Listed) -> bool,
        list: impl Fn(&mut dyn FnMut(Listed) -> bool) -> Result<()>,
    ) -> Result<()> {
        let shown = std::cell::Cell::new(false);
        let mut visit = |listed| {
            shown.set(true);
            visit(listed)
        };
        self.run(|| list(&mut visit), || !shown.get())
    }

    /// The same of a listing of how objects rest.
    fn list_resting_once(
        &self,
        visit: &mut dyn FnMut(Name, Resting) -> bool,
        list: impl Fn(&mut dyn FnMut(Name, Resting) -> bool) -> Result<()>,
    ) -> Result<()> {
        let shown = std::cell::Cell::new(false);
        let mut visit = |name, resting| {
            shown.set(true);
            visit(name, resting)
        };
        self.run(|| list(&mut visit), || !shown.get())
    }

    fn always<T>(&self, attempt: impl FnMut() -> Result<T>) -> Result<T> {
        self.run(attempt, || true)
    }
}

impl Store for Retry {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put_new(&self, name: &Name, bytes: Bytes) -> Result<Receipt> {
        self.always(|| self.inner.put_new(name, bytes.clone()))
    }

    fn get(&self, name: &Name) -> Result<Bytes> {
        self.always(|| self.inner.get(name))
    }

    fn get_range(&self, name: &Name, range: Range<u64>) -> Result<Bytes> {
        self.always(|| self.inner.get_range(name, range.clone()))
    }

    fn get_tail(&self, name: &Name, bytes_max: u64) -> Result<(Bytes, u64)> {
        self.always(|| self.inner.get_tail(name, bytes_max))
    }

    fn head(&self, name: &Name) -> Result<Info> {
        self.always(|| self.inner.head(name))
    }

    fn list(&self, prefix: &str, after: Option<&Name>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.list_once(visit, |visit| self.inner.list(prefix, after, visit))
    }

    fn delete(&self, name: &Name, version: Option<&str>) -> Result<()> {
        self.always(|| self.inner.delete(name, version))
    }

    fn now(&self) -> Result<Time> {
        self.always(|| self.inner.now())
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.always(|| self.inner.capabilities())
    }

    fn put_locked(&self, name: &Name, bytes: Bytes, retention: &Retention) -> Result<Receipt> {
        self.always(|| self.inner.put_locked(name, bytes.clone(), retention))
    }

    fn versions(&self, name: &Name) -> Result<Vec<Version>> {
        self.always(|| self.inner.versions(name))
    }

    fn get_version(&self, name: &Name, version: &str, range: Range<u64>) -> Result<Bytes> {
        self.always(|| self.inner.get_version(name, version, range.clone()))
    }

    fn list_oldest(&self, prefix: &str, after: Option<&Name>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.list_once(visit, |visit| self.inner.list_oldest(prefix, after, visit))
    }

    fn retention(&self, name: &Name, version: Option<&str>) -> Result<Option<Retention>> {
        self.always(|| self.inner.retention(name, version))
    }

    fn extend_retention(&self, name: &Name, version: Option<&str>, wanted: &Retention) -> Result<Retention> {
        self.always(|| self.inner.extend_retention(name, version, wanted))
    }

    fn put_in(&self, name: &Name, bytes: Bytes, terms: &Terms) -> Result<Receipt> {
        self.always(|| self.inner.put_in(name, bytes.clone(), terms))
    }

    fn resting_of(&self, name: &Name, version: Option<&str>) -> Result<Resting> {
        self.always(|| self.inner.resting_of(name, version))
    }

    fn list_resting(
        &self,
        prefix: &str,
        after: Option<&Name>,
        visit: &mut dyn FnMut(Name, Resting) -> bool,
    ) -> Result<()> {
        self.list_resting_once(visit, |visit| self.inner.list_resting(prefix, after, visit))
    }

    fn list_resting_oldest(
        &self,
        prefix: &str,
        after: Option<&Name>,
        visit: &mut dyn FnMut(Name, Resting) -> bool,
    ) -> Result<()> {
        self.list_resting_once(visit, |visit| self.inner.list_resting_oldest(prefix, after, visit))
    }

    fn retrieve_of(&self, name: &Name, version: Option<&str>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.always(|| self.inner.retrieve_of(name, version, mode, days))
    }

    fn rest_again_of(&self, name: &Name, version: Option<&str>, class: StorageClass) -> Result<()> {
        self.always(|| self.inner.rest_again_of(name, version, class))
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let over = |inner| Retry { inner, retries_max: self.retries_max, pause_first: self.pause_first };
        Ok(self.inner.fresh()?.map(|inner| Arc::new(over(inner)) as Arc<dyn Store>))
    }

    fn refuses_wrong_checksum(&self, name: &Name) -> Result<bool> {
        self.always(|| self.inner.refuses_wrong_checksum(name))
    }

    fn seeks(&self) -> bool {
        self.inner.seeks()
    }

    fn space(&self) -> Result<Option<Space>> {
        self.inner.space()
    }

    fn keep_reserve(&self) {
        self.inner.keep_reserve();
    }

    fn spend_reserve(&self, bytes: u64) -> bool {
        self.inner.spend_reserve(bytes)
    }
}

/// The pause before retry number `retries`: doubled each time up to a bound, and between half and all of it by `spread`.
fn pause(first: Duration, retries: u32, spread: f64) -> Duration {
    let whole = first.saturating_mul(1_u32.checked_shl(retries).unwrap_or(u32::MAX)).min(PAUSE_MAX);
    whole.mul_f64(0.5 + 0.5 * spread.clamp(0.0, 1.0))
}

/// A number in 0..1 that differs from call to call, so that threads that failed together do not return together. Steps of
/// the golden ratio spread evenly, and need no randomness.
fn spread() -> f64 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    (f64::from(CALLS.fetch_add(1, Ordering::Relaxed)) * 0.618_033_988_749_895).fract()
}

const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Counted, Counts, Fault, Faulty, Memory, Verb};

    fn retried(faulty: Faulty, retries_max: u32) -> (Retry, Arc<Counts>) {
        let counted = Counted::new(Arc::new(faulty));
        let counts = counted.counts();
        (Retry { inner: Arc::new(counted), retries_max, pause_first: Duration::ZERO }, counts)
    }

    fn name() -> Name {
        Name::new("a/b").unwrap()
    }

    #[test]
    fn passing_failures_are_retried_and_others_are_not() {
        let faulty = Faulty::new(Arc::new(Memory::new()), |call| match call.number {
            1 | 2 => Some(Fault::Before(Kind::Transient)),
            4 => Some(Fault::Before(Kind::Denied)),
            _ => None,
        });
        let (store, counts) = retried(faulty, 3);
        store.put_new(&name(), Bytes::from_static(b"x")).unwrap();
        assert_eq!(counts.requests(Verb::Put), 3);
        assert_eq!(store.get(&name()).unwrap_err().kind(), Kind::Denied);
        assert_eq!(counts.requests(Verb::Get), 1);
    }

    #[test]
    fn retries_are_bounded() {
        let faulty = Faulty::new(Arc::new(Memory::new()), |_| Some(Fault::Before(Kind::Transient)));
        let (store, counts) = retried(faulty, 2);
        assert_eq!(store.get(&name()).unwrap_err().kind(), Kind::Transient);
        assert_eq!(counts.requests(Verb::Get), 3);
    }

    #[test]
    fn a_put_whose_answer_was_lost_says_exists() {
        let faulty =
            Faulty::new(Arc::new(Memory::new()), |call| (call.number == 1).then_some(Fault::After(Kind::Transient)));
        let (store, _) = retried(faulty, 2);
        assert_eq!(store.put_new(&name(), Bytes::from_static(b"x")).unwrap_err().kind(), Kind::Exists);
        assert_eq!(&store.get(&name()).unwrap()[..], b"x");
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let at = |retries| pause(PAUSE_FIRST, retries, 1.0);
        assert_eq!(at(0), PAUSE_FIRST);
        assert_eq!(at(1), PAUSE_FIRST * 2);
        assert_eq!(at(40), PAUSE_MAX);
        assert_eq!(pause(PAUSE_FIRST, 0, 0.0), PAUSE_FIRST / 2);
    }
}
