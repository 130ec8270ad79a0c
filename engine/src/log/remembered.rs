//! What somebody outside remembers of the log, held against the log as it was read.
//!
//! A log that lost its newest entries, or whose store withholds them, is a whole log: nothing in it says what is
//! missing. Only who saw more of it can tell. Promises: a position that the log still shows is compared by its hash; one
//! that was summed up and deleted, by the hashes of the checkpoint; one that even those do not reach, by its number
//! alone. Refuses to remember anything itself: that is for whoever opens the repository.

use super::fork::Fork;
use super::replay::Log;
use crate::error::{Error, Kind, Result};
use crate::limits::SMALL_OBJECT_BYTES_MAX;
use crate::store::{ObjectName, Store, StoreExt};
use format_spec::{Time, names};
use std::fmt::Debug;
use std::sync::Arc;

/// Who is told of each entry that this process appended, after it counts.
pub trait Witness: Send + Sync + Debug {
    /// An entry stands in this slot, with this BLAKE3 of its object, and was written at this time.
    fn appended(&self, slot: u32, hash: [u8; 32], time: Option<Time>);
}

/// How a remembered position stands to the log that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recollection {
    /// The log goes through it, as far as anybody can tell.
    Agrees,
    /// The log ends before it.
    Ahead,
    /// Another entry stands there: the log has another history.
    Differs(Fork),
}

impl Log {
    /// Tells this witness of each entry that is appended from now on. A log has one witness; a second one is ignored.
    pub fn tell(&self, witness: Arc<dyn Witness>) {
        let _ = self.witness.set(witness);
    }

    /// Holds a remembered slot, and the BLAKE3 of its object, against the log as it was read last.
    ///
    /// # Errors
    /// The store's, where a slot that is known to nothing else has to be asked for and cannot be.
    pub fn recall(&self, slot: u32, hash: &[u8; 32]) -> Result<Recollection> {
        let view = self.view();
        if view.head < slot {
            return Ok(Recollection::Ahead);
        }
        if slot == 0 {
            return Ok(Recollection::Agrees);
        }
        let found = match view.hash_of(slot) {
            None => self.entry_in(&view, slot)?,
            known => known,
        };
        Ok(match found.filter(|found| found != hash) {
            Some(found) => Recollection::Differs(Fork { slot, expected: *hash, found }),
            None => Recollection::Agrees,
        })
    }

    /// When the newest entry was written, by its writer's clock; `None` of an empty log, or where that entry cannot be
    /// read any more.
    ///
    /// # Errors
    /// The store's, when it is out of reach.
    pub fn newest_time(&self) -> Result<Option<Time>> {
        let view = self.view();
        match view.newest {
            None if view.head > 0 => Ok(self.entry(view.head)?.map(|entry| entry.time)),
            known => Ok(known),
        }
    }

    /// The time of the newest entry, or of the last one before times rose by more than this from one entry to the next, as far back as they are known:
    /// behind such a jump the repository had rested, or somebody's clock was wrong, and nothing in the log says which.
    ///
    /// # Errors
    /// The store's, when it is out of reach.
    pub fn time_before_jump(&self, seconds_max: i64) -> Result<Option<Time>> {
        let view = self.view();
        let rises = |a: Time, b: Time| b.seconds.saturating_sub(a.seconds) > seconds_max;
        let neighbours = view.times.iter().rev().skip(1).zip(view.times.iter().rev());
        let jump = neighbours.map(|((_, before), (_, after))| (*before, *after)).find(|(a, b)| rises(*a, *b));
        match jump {
            Some((before, _)) => Ok(Some(before)),
            None => self.newest_time(),
        }
    }
}

/// The BLAKE3 of what stands in a slot of the log, asked for by name; `None` where nothing does.
///
/// # Errors
/// The store's, when it is out of reach.
pub fn hash_in_store(store: &dyn Store, slot: u32) -> Result<Option<[u8; 32]>> {
    match store.get(&ObjectName::new(names::log(slot))?) {
        Ok(object) if object.len() as u64 <= SMALL_OBJECT_BYTES_MAX => Ok(Some(*blake3::hash(&object).as_bytes())),
        Ok(_) => Ok(None),
        Err(e) if matches!(e.kind(), Kind::Absent | Kind::Damaged) => Ok(None),
        Err(e) => Err(Error::on(e, names::log(slot))),
    }
}
