//! The second look: what seems damaged is read once more, over another connection, before anybody calls it damage.
//!
//! Promises: a `Damaged` that leaves [`reread`] was seen twice, and the same bytes came both times. Bytes that are right the second time are used,
//! with a warning that something on the way spoils them; two looks that differ and are both wrong end as `Transient`, for that is the fault of a
//! connection, a proxy or a memory, and not of what is stored. Bounded: one more look, never a third. Refuses to judge bytes: the caller verifies.
//!
//! | first look | second look | what comes out |
//! |---|---|---|
//! | right | - | the bytes |
//! | damaged | right | the bytes, and a warning |
//! | damaged | the same bytes | `Damaged` |
//! | damaged | other bytes, damaged too | `Transient` |
//! | damaged | out of reach | the second look's error |

use super::{ObjectName, Store, StoreExt};
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// One look at some object. It keeps what it was given until the look is judged: a reference to each answer, no copy.
pub struct Look<'a> {
    store: &'a dyn Store,
    seen: RefCell<Vec<Answer>>,
}

/// What a store answered.
#[derive(PartialEq, Eq)]
enum Answer {
    Bytes(Bytes),
    Tail(Bytes, u64),
    Refused(Kind),
}

impl<'a> Look<'a> {
    fn over(store: &'a dyn Store) -> Self {
        Look { store, seen: RefCell::default() }
    }

    /// As [`StoreExt::get`].
    ///
    /// # Errors
    /// The store's.
    pub fn get(&self, name: &ObjectName) -> Result<Bytes> {
        self.keep(self.store.get(name), |bytes| Answer::Bytes(bytes.clone()))
    }

    /// As [`StoreExt::get_range`].
    ///
    /// # Errors
    /// The store's.
    pub fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes> {
        self.keep(self.store.get_range(name, range), |bytes| Answer::Bytes(bytes.clone()))
    }

    /// As [`StoreExt::get_tail`].
    ///
    /// # Errors
    /// The store's.
    pub fn get_tail(&self, name: &ObjectName, bytes_max: u64) -> Result<(Bytes, u64)> {
        self.keep(self.store.get_tail(name, bytes_max), |(bytes, length)| Answer::Tail(bytes.clone(), *length))
    }

    fn keep<T>(&self, answer: Result<T>, of: impl FnOnce(&T) -> Answer) -> Result<T> {
        let kept = answer.as_ref().map_or_else(|e| Answer::Refused(e.kind()), of);
        self.seen.borrow_mut().push(kept);
        answer
    }
}

/// Reads and verifies by `read`; what is damaged is looked at once more (see the module's text).
///
/// # Errors
/// Those of `read`; `Transient` where two looks differ.
pub fn reread<T>(store: &dyn Store, read: impl Fn(&Look<'_>) -> Result<T>) -> Result<T> {
    let first = Look::over(store);
    match read(&first) {
        Err(e) if e.kind() == Kind::Damaged => SecondLook { seen: first.seen.into_inner(), error: e }.over(store, read),
        other => other,
    }
}

/// A second look at what somebody fetched without a [`Look`], together with other things.
pub struct SecondLook {
    seen: Vec<Answer>,
    error: Error,
}

impl SecondLook {
    /// These bytes came, and were found damaged.
    pub fn after(bytes: &Bytes, error: Error) -> Self {
        SecondLook { seen: vec![Answer::Bytes(bytes.clone())], error }
    }

    /// Looks again; `read` must ask for the same.
    ///
    /// # Errors
    /// Those of `read`; `Transient` where the looks differ.
    pub fn over<T>(self, store: &dyn Store, read: impl Fn(&Look<'_>) -> Result<T>) -> Result<T> {
        let fresh = store.fresh()?;
        let again = Look::over(fresh.as_deref().unwrap_or(store));
        match read(&again) {
            Ok(right) => {
                SPOILED.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    "{}; read again over another connection it is whole: something on the way changes bytes",
                    self.error
                );
                Ok(right)
            }
            Err(e) if e.kind() == Kind::Damaged && self.seen != again.seen.into_inner() => Err(differs(&self.error, e)),
            other => other,
        }
    }
}

/// How many looks of this process were right only the second time.
pub fn spoiled() -> u64 {
    SPOILED.load(Ordering::Relaxed)
}

static SPOILED: AtomicU64 = AtomicU64::new(0);

fn differs(first: &Error, second: Error) -> Error {
    let what = format!("two reads gave different bytes, and neither is right: {first}; then {second}");
    let error = Error::new(Kind::Transient, what).advise(
        "something between the store and this process changes bytes: use https, look at proxies, cables and this machine's memory, then run the command again",
    );
    match second.object() {
        Some(object) => error.on(object),
        None => error,
    }
}

#[cfg(test)]
#[path = "reread_tests.rs"]
mod tests;
