//! Storing one object for good: put if absent, recognise a lost response, and look again before anybody relies on it.

use crate::error::{Error, Kind, Result};
use crate::limits::TRANSIENT_ATTEMPTS;
use crate::store::{Name, Store};
use bytes::Bytes;

/// Stores an object that only we can have named, and proves that the store has exactly these bytes: by its own enforced checksum,
/// or by reading them back (the session's self-check).
///
/// # Errors
/// `Damaged` when the store has other bytes under this name; the store's own errors.
pub fn put_durable(store: &dyn Store, name: &Name, bytes: &Bytes) -> Result<()> {
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
    let found = store.get(name)?;
    if found != bytes {
        let what = format!(
            "the self-check failed: of {} bytes stored, the store gives {} other ones back",
            bytes.len(),
            found.len()
        );
        return Err(Error::new(Kind::Damaged, what)
            .on(name)
            .advise("nothing was committed; run the backup again, and check the store's hardware or vendor"));
    }
    Ok(())
}
