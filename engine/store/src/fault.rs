//! Injects faults, for tests and simulations: every failure that a store or a network can show, at chosen calls.
//!
//! Promises: with one thread and the same plan, the same calls fail in the same way; calls are numbered from 1 over all verbs.
//! Refuses to invent faults of its own: the plan decides.

use super::{
    Asked, Capabilities, Info, Listed, ObjectLock, ObjectName, ObjectVersion, PutOptions, Receipt, RequestKind,
    RetrievalMode, Space, StorageClass, Store, TierStatus,
};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One call, as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The number of this call, from 1.
    pub number: u64,
    /// What is asked.
    pub verb: RequestKind,
    /// The object's name, or the prefix of a listing.
    pub name: String,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing was done.
    Before(Kind),
    /// It was done, and fails all the same: the response was lost.
    After(Kind),
    /// One bit of the bytes that go or come is flipped, chosen by this seed; nobody says so.
    Corrupt(u64),
    /// It takes longer.
    Delay(Duration),
}

/// A store that fails as planned.
pub struct Faulty {
    inner: Arc<dyn Store>,
    plan: Box<Plan>,
    calls: AtomicU64,
}

type Plan = dyn Fn(&Call) -> Option<Fault> + Send + Sync;

impl Faulty {
    /// Asks `plan` at each call what shall happen. The plan may also kill the process, or count.
    pub fn new(inner: Arc<dyn Store>, plan: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Faulty { inner, plan: Box::new(plan), calls: AtomicU64::new(0) }
    }

    /// Fails about `per_mille` of a thousand calls, as `seed` has it: half before and half after their effect.
    pub fn seeded(inner: Arc<dyn Store>, seed: u64, per_mille: u64) -> Self {
        Faulty::new(inner, move |call| {
            let dice = mix(seed ^ call.number.wrapping_mul(GOLDEN));
            let fault = if dice >> 63 == 0 { Fault::Before(Kind::Transient) } else { Fault::After(Kind::Transient) };
            (dice % 1000 < per_mille).then_some(fault)
        })
    }

    /// Does `fault` to call number `number`, and to no other.
    pub fn nth(inner: Arc<dyn Store>, number: u64, fault: Fault) -> Self {
        Faulty::new(inner, move |call| (call.number == number).then_some(fault))
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn decide(&self, verb: RequestKind, name: &str) -> Option<Fault> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        (self.plan)(&Call { number, verb, name: name.to_owned() })
    }

    /// Runs a call whose result carries no bytes.
    fn run<T>(&self, verb: RequestKind, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.run_bytes(verb, name, work, |_, result| result)
    }

    fn run_bytes<T>(
        &self,
        verb: RequestKind,
        name: &str,
        work: impl FnOnce() -> Result<T>,
        corrupt: impl FnOnce(u64, T) -> T,
    ) -> Result<T> {
        apply(self.decide(verb, name), name, work, corrupt)
    }
}

impl Store for Faulty {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        let fault = self.decide(RequestKind::Put, name.as_str());
        let bytes = if let Some(Fault::Corrupt(seed)) = fault { flip(&bytes, seed) } else { bytes };
        apply(fault, name.as_str(), || self.inner.put_new(name, bytes), |_, receipt| receipt)
    }

    fn get(&self, name: &ObjectName) -> Result<Bytes> {
        self.run_bytes(RequestKind::Get, name.as_str(), || self.inner.get(name), |seed, bytes| flip(&bytes, seed))
    }

    fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes> {
        let read = || self.inner.get_range(name, range);
        self.run_bytes(RequestKind::Get, name.as_str(), read, |seed, bytes| flip(&bytes, seed))
    }

    fn get_tail(&self, name: &ObjectName, bytes_max: u64) -> Result<(Bytes, u64)> {
        let read = || self.inner.get_tail(name, bytes_max);
        self.run_bytes(RequestKind::Get, name.as_str(), read, |seed, (bytes, length)| (flip(&bytes, seed), length))
    }

    fn head(&self, name: &ObjectName) -> Result<Info> {
        self.run(RequestKind::Head, name.as_str(), || self.inner.head(name))
    }

    fn list(&self, prefix: &str, after: Option<&ObjectName>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.run(RequestKind::List, prefix, || self.inner.list(prefix, after, visit))
    }

    fn delete(&self, name: &ObjectName, version: Option<&str>) -> Result<()> {
        self.run(RequestKind::Delete, name.as_str(), || self.inner.delete(name, version))
    }

    fn now(&self) -> Result<Time> {
        self.run(RequestKind::Head, "", || self.inner.now())
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.run(RequestKind::Head, "", || self.inner.capabilities())
    }

    fn put_locked(&self, name: &ObjectName, bytes: Bytes, retention: &ObjectLock) -> Result<Receipt> {
        let fault = self.decide(RequestKind::Put, name.as_str());
        let bytes = if let Some(Fault::Corrupt(seed)) = fault { flip(&bytes, seed) } else { bytes };
        apply(fault, name.as_str(), || self.inner.put_locked(name, bytes, retention), |_, receipt| receipt)
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.run(RequestKind::List, name.as_str(), || self.inner.versions(name))
    }

    fn get_version(&self, name: &ObjectName, version: &str, range: Range<u64>) -> Result<Bytes> {
        let read = || self.inner.get_version(name, version, range);
        self.run_bytes(RequestKind::Get, name.as_str(), read, |seed, bytes| flip(&bytes, seed))
    }

    fn list_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        self.run(RequestKind::List, prefix, || self.inner.list_oldest(prefix, after, visit))
    }

    fn retention(&self, name: &ObjectName, version: Option<&str>) -> Result<Option<ObjectLock>> {
        self.run(RequestKind::Head, name.as_str(), || self.inner.retention(name, version))
    }

    fn extend_retention(&self, name: &ObjectName, version: Option<&str>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.run(RequestKind::Lock, name.as_str(), || self.inner.extend_retention(name, version, wanted))
    }

    fn put_in(&self, name: &ObjectName, bytes: Bytes, terms: &PutOptions) -> Result<Receipt> {
        let fault = self.decide(RequestKind::Put, name.as_str());
        let bytes = if let Some(Fault::Corrupt(seed)) = fault { flip(&bytes, seed) } else { bytes };
        apply(fault, name.as_str(), || self.inner.put_in(name, bytes, terms), |_, receipt| receipt)
    }

    fn resting_of(&self, name: &ObjectName, version: Option<&str>) -> Result<TierStatus> {
        self.run(RequestKind::Head, name.as_str(), || self.inner.resting_of(name, version))
    }

    fn list_resting(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.run(RequestKind::List, prefix, || self.inner.list_resting(prefix, after, visit))
    }

    fn list_resting_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(ObjectName, TierStatus) -> bool,
    ) -> Result<()> {
        self.run(RequestKind::List, prefix, || self.inner.list_resting_oldest(prefix, after, visit))
    }

    fn retrieve_of(&self, name: &ObjectName, version: Option<&str>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.run(RequestKind::Retrieve, name.as_str(), || self.inner.retrieve_of(name, version, mode, days))
    }

    fn rest_again_of(&self, name: &ObjectName, version: Option<&str>, class: StorageClass) -> Result<()> {
        self.run(RequestKind::Retrieve, name.as_str(), || self.inner.rest_again_of(name, version, class))
    }

    fn refuses_wrong_checksum(&self, name: &ObjectName) -> Result<bool> {
        self.run(RequestKind::Put, name.as_str(), || self.inner.refuses_wrong_checksum(name))
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

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("inner", &self.inner).field("calls", &self.calls()).finish_non_exhaustive()
    }
}

fn apply<T>(
    fault: Option<Fault>,
    name: &str,
    work: impl FnOnce() -> Result<T>,
    corrupt: impl FnOnce(u64, T) -> T,
) -> Result<T> {
    match fault {
        None => work(),
        Some(Fault::Before(kind)) => Err(injected(kind, name, "nothing was done")),
        Some(Fault::After(kind)) => work().and_then(|_| Err(injected(kind, name, "the response was lost"))),
        Some(Fault::Corrupt(seed)) => work().map(|result| corrupt(seed, result)),
        Some(Fault::Delay(time)) => {
            std::thread::sleep(time);
            work()
        }
    }
}

/// The same bytes with one bit flipped; empty bytes have none.
fn flip(bytes: &Bytes, seed: u64) -> Bytes {
    let mut bytes = bytes.to_vec();
    let bits = (bytes.len() as u64).saturating_mul(8).max(1);
    let bit = mix(seed) % bits;
    if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| bytes.get_mut(at)) {
        *byte ^= 1 << (bit % 8);
    }
    Bytes::from(bytes)
}

fn injected(kind: Kind, name: &str, what: &str) -> Error {
    Error::new(kind, format!("an injected fault ({what})")).on(name)
}

/// The finaliser of SplitMix64: neighbouring numbers become unlike ones.
fn mix(number: u64) -> u64 {
    let a = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;

    fn name() -> ObjectName {
        ObjectName::new("a").unwrap()
    }

    #[test]
    fn a_fault_before_does_nothing_and_a_fault_after_does_it() {
        let store = Faulty::nth(Arc::new(Memory::new()), 1, Fault::Before(Kind::NoSpace));
        assert_eq!(store.put_new(&name(), Bytes::from_static(b"x")).unwrap_err().kind(), Kind::NoSpace);
        assert_eq!(store.get(&name()).unwrap_err().kind(), Kind::Absent);

        let store = Faulty::nth(Arc::new(Memory::new()), 1, Fault::After(Kind::Transient));
        assert_eq!(store.put_new(&name(), Bytes::from_static(b"x")).unwrap_err().kind(), Kind::Transient);
        assert_eq!(&store.get(&name()).unwrap()[..], b"x");
        assert_eq!(store.calls(), 2);
    }

    #[test]
    fn corruption_flips_one_bit_and_keeps_silent() {
        let bytes = Bytes::from(vec![0; 100]);
        let ones = |bytes: &Bytes| bytes.iter().map(|b| b.count_ones()).sum::<u32>();
        for seed in 0..50 {
            let store = Faulty::nth(Arc::new(Memory::new()), 1, Fault::Corrupt(seed));
            store.put_new(&name(), bytes.clone()).unwrap();
            assert_eq!(ones(&store.get(&name()).unwrap()), 1, "{seed}");

            let store = Faulty::nth(Arc::new(Memory::new()), 2, Fault::Corrupt(seed));
            store.put_new(&name(), bytes.clone()).unwrap();
            assert_eq!(ones(&store.get(&name()).unwrap()), 1, "{seed}");
            assert_eq!(ones(&store.get(&name()).unwrap()), 0, "{seed}");
        }
        assert_eq!(flip(&Bytes::new(), 3), Bytes::new());
    }

    #[test]
    fn a_seed_repeats_itself_and_keeps_its_rate() {
        let failures = |seed| {
            let store = Faulty::seeded(Arc::new(Memory::new()), seed, 100);
            (0..2000).map(|_| store.head(&name()).unwrap_err().kind() == Kind::Transient).collect::<Vec<_>>()
        };
        assert_eq!(failures(7), failures(7));
        assert_ne!(failures(7), failures(8));
        // Only faults before the effect show here: the object is absent, so nothing can be lost after it.
        let count = failures(7).iter().filter(|failed| **failed).count();
        assert!((60..140).contains(&count), "{count}");
    }

    #[test]
    fn the_plan_sees_every_call_by_number_verb_and_name() {
        let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let store = Faulty::new(Arc::new(Memory::new()), move |call| {
            log.lock().push((call.number, call.verb, call.name.clone()));
            None
        });
        store.list("p", None, &mut |_| true).unwrap();
        store.delete(&name(), None).unwrap();
        assert_eq!(*seen.lock(), [(1, RequestKind::List, "p".to_owned()), (2, RequestKind::Delete, "a".to_owned())]);
    }
}
