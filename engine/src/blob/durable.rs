//! Storing one object for good: put if absent, recognise a lost response, and look again before anybody relies on it.
//!
//! Promises: what [`put_durable`] accepts is in the store, byte by byte; [`put_again`] stores under another name what was not kept under the first,
//! since a name is created once. Refuses to go on with a store that keeps failing.

use crate::error::{Error, Kind, Result};
use crate::limits::TRANSIENT_ATTEMPTS;
use crate::monitor::Monitor;
use crate::store::{ObjectName, Store, StoreExt};
use bytes::Bytes;

/// Stores an object that only we can have named, and proves that the store has exactly these bytes: by its own enforced checksum,
/// or by reading them back (the session's self-check).
///
/// # Errors
/// `Damaged` when the store has other bytes under this name; the store's own errors.
pub fn put_durable(store: &dyn Store, name: &ObjectName, bytes: &Bytes) -> Result<()> {
    for failures in 1.. {
        match store.put_new(name, bytes.clone()) {
            Ok(receipt) if receipt.checksum_enforced => return Ok(()),
            // `Exists` for a name that is ours alone: an earlier try had its effect though its response was lost.
            Ok(_) => break,
            Err(e) if e.kind() == Kind::Exists => break,
            Err(e) if e.kind() == Kind::Transient && failures < TRANSIENT_ATTEMPTS => {}
            Err(e) => return Err(e),
        }
    }
    let found = match is_kept(store, name, bytes) {
        Ok(None) => return Ok(()),
        Ok(Some(other)) => format!("gives {other} other ones back"),
        Err(e) if e.kind() == Kind::Absent => "has none".to_owned(),
        Err(e) if e.kind() == Kind::Damaged => format!("says {e}"),
        Err(e) => return Err(e),
    };
    let what = format!("the self-check failed: of {} bytes stored, the store {found}", bytes.len());
    Err(Error::new(Kind::Damaged, what)
        .on(name)
        .advise("nothing was committed; run the backup again, and check the store's hardware or vendor"))
}

/// Reads an object back and compares: `None` when it is the same, else how long it is instead. A large one is read in parts, so that it is not in
/// memory twice. What rests in an archive is only measured: its bytes went with a checksum that the store verified, as such a class is refused where
/// the store enforces none.
fn is_kept(store: &dyn Store, name: &ObjectName, bytes: &Bytes) -> Result<Option<u64>> {
    if bytes.len() <= READ_BACK_BYTES {
        return match store.get(name) {
            Ok(found) => Ok((found != bytes).then_some(found.len() as u64)),
            Err(e) if e.kind() == Kind::Archived => is_as_long(store, name, bytes),
            Err(e) => Err(e),
        };
    }
    match parts_are_kept(store, name, bytes) {
        Err(e) if e.kind() == Kind::Archived => is_as_long(store, name, bytes),
        other => other,
    }
}

fn is_as_long(store: &dyn Store, name: &ObjectName, bytes: &Bytes) -> Result<Option<u64>> {
    let stored = store.head_of(name)?.bytes;
    Ok((stored != bytes.len() as u64).then_some(stored))
}

fn parts_are_kept(store: &dyn Store, name: &ObjectName, bytes: &Bytes) -> Result<Option<u64>> {
    let stored = store.head_of(name)?.bytes;
    if stored != bytes.len() as u64 {
        return Ok(Some(stored));
    }
    for (at, part) in (0..).step_by(READ_BACK_BYTES).zip(bytes.chunks(READ_BACK_BYTES)) {
        if store.get_range(name, at..at + part.len() as u64)? != part {
            return Ok(Some(stored));
        }
    }
    Ok(None)
}

/// An object is read back at once up to this length, and a longer one in parts of it: so short that an allocator gives the same memory each time.
const READ_BACK_BYTES: usize = 16 << 20;

/// Stores an object under the name that `make` chooses; when the store did not keep its bytes, `make` is asked for it anew under another name. What
/// was stored wrong stays behind: nobody names it, and collection takes it away.
///
/// # Errors
/// As [`put_durable`], after a few names; what `make` says.
pub fn put_again<T>(
    store: &dyn Store,
    monitor: &Monitor,
    make: &mut dyn FnMut() -> Result<(ObjectName, Bytes, T)>,
) -> Result<T> {
    for left in (0..ATTEMPTS).rev() {
        let (name, bytes, made) = make()?;
        match put_durable(store, &name, &bytes) {
            Ok(()) => return Ok(made),
            Err(e) if e.kind() == Kind::Damaged && left > 0 => {
                monitor.warn(name.as_str().as_bytes(), format!("{e}; it is stored again under another name"));
            }
            Err(e) => return Err(e),
        }
    }
    Err(Error::new(Kind::Bug, "an object was never stored"))
}

/// Names tried for one object: a store that keeps wrong bytes so often is not to be trusted with any.
const ATTEMPTS: u32 = 3;
