//! Appending: read to the head, check, put the next slot if absent, know one's own entry again, and know whether it counts.
//!
//! A writer that was paused may put a slot that had been summed up by a checkpoint and deleted meanwhile: the store takes the entry, and no reader
//! that begins with the checkpoint ever sees it. So nothing is acknowledged before a listing of the checkpoints, made after the put, has shown
//! that the slot counts ([LOG-24]). The listing is needed even where nothing was ever truncated: that it was not is only known up to the last look,
//! and the truncation may come between that look and the put.
//!
//! In a versioned bucket put-if-absent also succeeds over a delete marker, and the oldest version of a slot counts. [`crate::store::OldestVersionLayer`] looks
//! for it after each put; here it is looked at once more, behind that listing, and whoever is not at the bottom reads the winner and tries again.
//!
//! Void entries do not add up to a second history. Each lies below the newest checkpoint's slot, because only such slots are ever deleted; so the
//! listing shows a checkpoint of that slot or later to every writer right after its put, and none acknowledges or puts a second one upon it. At the
//! latest they end before the newest checkpoint's own slot, whose entry is never deleted: it cannot be put again, and does not chain to them.

use super::checkpoint::Covering;
use super::replay::Log;
use super::view::LogView;
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use crate::limits::TRANSIENT_ATTEMPTS;
use crate::store::{ObjectName, StoreExt};
use bytes::Bytes;
use format_spec::log::{Change, LogEntry, Purpose};
use format_spec::names;
use std::sync::Arc;

impl Log {
    /// What an error of a session means. The objects of a fenced session may be deleted under its hands: what it does not find as it has stored it is
    /// no damage then, but the fence.
    pub(crate) fn explain_session_error(&self, session: u32, error: Error) -> Error {
        if !matches!(error.kind(), Kind::Absent | Kind::Damaged) {
            return error;
        }
        match self.refresh() {
            Ok(view) => match view.expect_session(session) {
                Err(ended) => ended.because(error),
                Ok(()) => error,
            },
            Err(_) => error,
        }
    }

    /// Appends one change. `check` sees the whole log before the slot that is tried, and is asked again whenever another entry came first or what
    /// was put turned out to be void; what it returns is written. Returns the slot.
    ///
    /// # Errors
    /// What `check` refuses; `Conflict` when its session has published an object of this ordinal before ([LOG-7]); `Unsupported` when the log forbids writing; `Conflict` when it cannot be told whether the entry counts; the store's errors.
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
            let change = check(&view)?;
            view.published.expect_new(&change)?;
            let entry = LogEntry { slot, previous: view.head_hash, attempt, time: env.now(), change };
            let mut salt = [0; 32];
            env.random(&mut salt)?;
            let object = Bytes::from(entry.encode(self.repository, &self.secrets, salt));
            let again = self.decode(slot, &object)?;
            if again != entry {
                return Err(
                    Error::new(Kind::Bug, "a log entry does not decode to what was written").on(names::log(slot))
                );
            }
            let put = self.put(slot, &object, attempt, makes_room(&entry.change));
            match &put {
                Ok(false) => continue,
                Ok(true) => {}
                // A void entry is swept like others, perhaps before it is read back.
                Err(e) if e.kind() == Kind::Damaged => {}
                Err(_) => return put.map(|_| slot),
            }
            match self.standing(slot, blake3::hash(&object).as_bytes())? {
                Standing::Void(newer) => {
                    tracing::info!(slot, "the log was summed up and truncated meanwhile; the entry is appended anew");
                    self.advance(Arc::new(*newer));
                    env.random(&mut attempt)?;
                }
                counts => {
                    // What is summed up already may have been swept before it was read back.
                    if matches!(counts, Standing::Newest) {
                        put?;
                        if !self.is_ours(slot, &object)? {
                            tracing::info!(
                                slot,
                                "another entry stands below this one and counts; the entry is appended anew"
                            );
                            continue;
                        }
                    }
                    self.take(&view, slot, &object)?;
                    return Ok(slot);
                }
            }
        }
    }

    /// Makes a void slot stay void before anything is put behind it: who put junk there could take it away again, and leave a gap. The store
    /// locks what it finds in the place of what it is given; where that is gone already, nothing stands there, locked.
    fn hold(&self, slot: u32) -> Result<()> {
        match self.store.put_new(&ObjectName::new(names::log(slot))?, Bytes::new()) {
            Err(e) if e.kind() != Kind::Exists => Err(e),
            _ => Ok(()),
        }
    }

    /// Asked after a put, where the oldest version counts: whether ours still is the oldest. Of creates that are under way at once a store may let
    /// two through, over a marker that somebody laid between them, and both may have found themselves at the bottom.
    fn is_ours(&self, slot: u32, object: &Bytes) -> Result<bool> {
        if !self.has_voids {
            return Ok(true);
        }
        let name = ObjectName::new(names::log(slot))?;
        // A head is asked of the store each time, and what it shows is what is read from then on.
        match self.store.head_of(&name).and_then(|_| self.store.get(&name)) {
            Ok(found) => Ok(found == object),
            // Summed up and swept since, or out of reach: the bottom was ours when it was put.
            Err(e) if matches!(e.kind(), Kind::Absent | Kind::Transient) => {
                tracing::warn!(error = %e, %name, "a log entry was stored and could not be looked at again");
                Ok(true)
            }
            Err(e) => Err(e),
        }
    }

    /// Asked after a put: whether the entry of this slot counts ([LOG-24]).
    fn standing(&self, slot: u32, hash: &[u8; 32]) -> Result<Standing> {
        let unsure = "the entry was stored, and whether it counts could not be learned: look with `cairn points` whether the point is there, else run the command again";
        let what = match self.newest_covering(slot).map_err(|e| e.on(names::log(slot)).advise(unsure))? {
            Covering::None => return Ok(Standing::Newest),
            Covering::By(newest) => match newest.hash_of(slot) {
                Some(listed) if listed == *hash => return Ok(Standing::SummedUp),
                Some(_) => return Ok(Standing::Void(newest)),
                None => "the log grew so far meanwhile that its newest checkpoint does not tell about this slot",
            },
            Covering::Unreadable => "there are checkpoints of this slot or later, and none can be read",
        };
        Err(Error::new(Kind::Conflict, format!("it is not known whether this entry counts: {what}"))
            .on(names::log(slot))
            .advise("run the command again: it reads the log anew, and what was published is not stored twice"))
    }

    /// True when the slot is ours now, false when another entry took it. An entry that makes room may use what is kept for it.
    fn put(&self, slot: u32, object: &Bytes, attempt: [u8; 16], makes_room: bool) -> Result<bool> {
        let name = ObjectName::new(names::log(slot))?;
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
                // Ends with the reserve, of which each turn takes some.
                Err(e) if e.kind() == Kind::NoSpace && makes_room && self.store.spend_reserve(object.len() as u64) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(false)
    }

    /// Reads a new entry back. A store that cannot answer now has taken the entry all the same; whether it counts, the listing behind it tells.
    fn look_again(&self, name: &ObjectName, object: &Bytes) -> Result<()> {
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

/// Whether an entry gives room back, or leads to one that does: it may use what is kept of a place that is full.
fn makes_room(change: &Change) -> bool {
    match change {
        Change::Expire { .. } | Change::Fence { .. } | Change::Condemn { .. } | Change::Swept { .. } => true,
        Change::Open { purpose, .. } => *purpose == Purpose::Care,
        _ => false,
    }
}

/// A repository that is seen as it was does not change.
fn as_of(slot: u32) -> Error {
    Error::new(Kind::Input, format!("the repository was opened as of log entry {slot}: it is only read"))
        .advise("leave --as-of out")
}

/// What checkpoints say of an entry that was just put.
enum Standing {
    /// None sums its slot up: it counts if it is there.
    Newest,
    /// One sums it up: it counts.
    SummedUp,
    /// This one sums up another entry of its slot, or none.
    Void(Box<LogView>),
}
