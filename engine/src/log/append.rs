//! Appending: read to the head, check, put the next slot if absent, and know one's own entry again.

use super::replay::Log;
use super::view::LogView;
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use crate::limits::TRANSIENT_ATTEMPTS;
use crate::store::Name;
use bytes::Bytes;
use format_spec::log::{Change, LogEntry};
use format_spec::names;

impl Log {
    /// Appends one change. `check` sees the whole log before the slot that is tried, and is asked again whenever another entry came first; what
    /// it returns is written. Returns the slot.
    ///
    /// # Errors
    /// What `check` refuses; `Unsupported` when the log forbids writing; the store's errors.
    pub fn append(&self, env: &dyn Env, check: &mut dyn FnMut(&LogView) -> Result<Change>) -> Result<u32> {
        if let Some(slot) = self.until {
            return Err(as_of(slot).on(self.store.location()));
        }
        let mut attempt = [0; 16];
        env.random(&mut attempt)?;
        loop {
            let view = self.refresh()?;
            view.expect_writable()?;
            view.voids_at_head().iter().try_for_each(|slot| self.hold(*slot))?;
            let slot = view.head.checked_add(1).ok_or_else(|| Error::new(Kind::Unsupported, "the log is full"))?;
            let entry = LogEntry { slot, previous: view.head_hash, attempt, time: env.now(), change: check(&view)? };
            let mut salt = [0; 32];
            env.random(&mut salt)?;
            let object = Bytes::from(entry.encode(self.repository, &self.secrets, salt));
            let again = self.decode(slot, &object)?;
            if again != entry {
                return Err(
                    Error::new(Kind::Bug, "a log entry does not decode to what was written").on(names::log(slot))
                );
            }
            if self.put(slot, &object, attempt)? {
                self.take(&view, slot, &object)?;
                return Ok(slot);
            }
        }
    }

    /// Makes a void slot stay void before anything is put behind it: who put junk there could take it away again, and leave a gap. The store
    /// locks what it finds in the place of what it is given; where that is gone already, nothing stands there, locked.
    fn hold(&self, slot: u32) -> Result<()> {
        match self.store.put_new(&Name::new(names::log(slot))?, Bytes::new()) {
            Err(e) if e.kind() != Kind::Exists => Err(e),
            _ => Ok(()),
        }
    }

    /// True when the slot is ours now, false when another entry took it.
    fn put(&self, slot: u32, object: &Bytes, attempt: [u8; 16]) -> Result<bool> {
        let name = Name::new(names::log(slot))?;
        for failures in 1.. {
            match self.store.put_new(&name, object.clone()) {
                Ok(receipt) if receipt.checksum_enforced => return Ok(true),
                Ok(_) => return self.look_again(&name, object).map(|()| true),
                Err(e) if e.kind() == Kind::Exists => match self.get(slot) {
                    Ok(winner) if self.is_void(slot, &winner) => return Ok(false),
                    Ok(winner) => return Ok(self.decode(slot, &winner)?.attempt == attempt),
                    // A conflict without a winner: the store refused both, or its answer was early.
                    Err(gone) if gone.kind() == Kind::Absent && failures < TRANSIENT_ATTEMPTS => {}
                    Err(other) => return Err(other),
                },
                // The same bytes again: whether the first try had an effect shows as `Exists` with our attempt id.
                Err(e) if e.kind() == Kind::Transient && failures < TRANSIENT_ATTEMPTS => {}
                Err(e) => return Err(e),
            }
        }
        Ok(false)
    }

    /// Reads a new entry back. A store that cannot answer now has taken the entry all the same: the change is done, and saying otherwise
    /// would be wrong.
    fn look_again(&self, name: &Name, object: &Bytes) -> Result<()> {
        for failures in 1.. {
            match self.store.get(name) {
                Ok(found) if found == object => return Ok(()),
                Ok(_) => {
                    return Err(Error::new(Kind::Damaged, "the self-check failed: the store keeps other bytes than it was given")
                        .on(name)
                        .advise("remove this object (nothing builds on it), check the store's hardware or vendor, and run the backup again"));
                }
                Err(e) if e.kind() == Kind::Transient && failures < TRANSIENT_ATTEMPTS => {}
                Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged) => {
                    return Err(Error::new(
                        Kind::Damaged,
                        "the self-check failed: the store took the entry and does not have it",
                    )
                    .on(name)
                    .advise("check the store's hardware or vendor, and run the backup again"));
                }
                Err(e) => {
                    tracing::warn!(error = %e, %name, "a log entry was stored and could not be read back");
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A repository that is seen as it was does not change.
fn as_of(slot: u32) -> Error {
    Error::new(Kind::Input, format!("the repository was opened as of log entry {slot}: it is only read"))
        .advise("leave --as-of out")
}
