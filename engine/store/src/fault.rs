//! Injects faults, for tests and simulations: every failure that a store or a network can show, at chosen calls.
//!
//! Promises: with one thread and the same plan, the same calls fail in the same way; calls are numbered from 1 over all verbs.
//! Refuses to invent faults of its own: the plan decides.

use super::{
    Asked, Capabilities, HeadOptions, Info, ListOptions, Listed, ObjectLock, ObjectName, ObjectRef, ObjectVersion,
    PutOptions, Read, ReadRange, Receipt, RequestKind, RetrievalMode, StorageClass, Store,
};
use crate::forward;
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::Time;
use std::fmt;
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
        apply(self.decide(verb, name), name, work, |_, result| result)
    }
}

impl Store for Faulty {
    forward!(inner: location, room);

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        let fault = self.decide(RequestKind::Put, name.as_str());
        let bytes = if let Some(Fault::Corrupt(seed)) = fault { flip(&bytes, seed) } else { bytes };
        apply(fault, name.as_str(), || self.inner.put(name, bytes, options), |_, receipt| receipt)
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        let (fault, name) = (self.decide(RequestKind::Get, object.name.as_str()), object.name.as_str());
        let corrupt = |seed, read: Read| Read { bytes: flip(&read.bytes, seed), ..read };
        apply(fault, name, || self.inner.read(object, range), corrupt)
    }

    fn head(&self, object: ObjectRef<'_>, options: HeadOptions) -> Result<Info> {
        self.run(RequestKind::Head, object.name.as_str(), || self.inner.head(object, options))
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        self.run(RequestKind::List, options.prefix, || self.inner.list(options, visit))
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.run(RequestKind::List, name.as_str(), || self.inner.versions(name))
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        self.run(RequestKind::Delete, object.name.as_str(), || self.inner.delete(object))
    }

    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        self.run(RequestKind::Lock, object.name.as_str(), || self.inner.extend_lock(object, wanted))
    }

    fn retrieve(&self, object: ObjectRef<'_>, mode: RetrievalMode, days: u32) -> Result<Asked> {
        self.run(RequestKind::Retrieve, object.name.as_str(), || self.inner.retrieve(object, mode, days))
    }

    fn rest_again(&self, object: ObjectRef<'_>, class: StorageClass) -> Result<()> {
        self.run(RequestKind::Retrieve, object.name.as_str(), || self.inner.rest_again(object, class))
    }

    fn now(&self) -> Result<Time> {
        self.run(RequestKind::Head, "", || self.inner.now())
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.run(RequestKind::Head, "", || self.inner.capabilities())
    }

    /// There is no way around the faults.
    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        Ok(None)
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
    use crate::{Memory, StoreExt};

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
            (0..2000).map(|_| store.head_of(&name()).unwrap_err().kind() == Kind::Transient).collect::<Vec<_>>()
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
        store.list(&ListOptions::below("p"), &mut |_| true).unwrap();
        store.delete(name().object()).unwrap();
        assert_eq!(*seen.lock(), [(1, RequestKind::List, "p".to_owned()), (2, RequestKind::Delete, "a".to_owned())]);
    }
}
