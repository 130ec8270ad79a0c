//! Two histories of one repository, told apart by the hashes of their entries.
//!
//! Whoever copies the files of a repository has two of one id. As soon as both are written to, their logs have different
//! entries in one slot, and from there on the same names mean different things. Promises: a fork is named by a slot in which
//! the two are known to differ, with both hashes. Refuses to guess: a slot that is void, or that one side does not know any
//! more, proves nothing.

use super::remembered::hash_in_store;
use super::replay::Log;
use super::view::LogView;
use crate::error::Result;
use std::fmt;

/// A slot in which two logs of one repository have different entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// The slot.
    pub slot: u32,
    /// BLAKE3 of the entry that was expected there.
    pub expected: [u8; 32],
    /// BLAKE3 of the entry that is there.
    pub found: [u8; 32],
}

/// The slot and both hashes, by their first digits.
impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |hash: &[u8; 32]| hash.iter().take(HASH_BYTES_TOLD).map(|b| format!("{b:02x}")).collect::<String>();
        write!(f, "entry {} is {} there and {} here", self.slot, short(&self.expected), short(&self.found))
    }
}

impl LogView {
    /// BLAKE3 of the entry in a slot, where it is still known; nothing of a void slot.
    pub fn entry_hash(&self, slot: u32) -> Option<[u8; 32]> {
        self.hash_of(slot).filter(|_| !self.is_void(slot))
    }

    /// The newest entry that is not void: its slot, and BLAKE3 of it.
    pub fn newest_entry(&self) -> Option<(u32, [u8; 32])> {
        (1..=self.head).rev().take_while(|slot| self.hash_of(*slot).is_some()).find_map(|slot| {
            let hash = self.entry_hash(slot)?;
            Some((slot, hash))
        })
    }
}

impl Log {
    /// The first slot in which this log is known to have another entry than the other one; nothing where one of them may be
    /// the beginning of the other.
    ///
    /// # Errors
    /// The stores', where a slot has to be asked for and cannot be.
    pub fn fork_from(&self, other: &Log) -> Result<Option<Fork>> {
        let (here, there) = (self.view(), other.view());
        let mut fork = None;
        for slot in (1..=here.head.min(there.head)).rev() {
            if here.is_void(slot) || there.is_void(slot) {
                continue;
            }
            // The first that both have says whether they differ at all; those before it are only looked at in memory.
            let (found, expected) = match fork {
                None => (self.entry_in(&here, slot)?, other.entry_in(&there, slot)?),
                Some(_) => (here.entry_hash(slot), there.entry_hash(slot)),
            };
            let (Some(found), Some(expected)) = (found, expected) else { break };
            if found == expected {
                break;
            }
            fork = Some(Fork { slot, expected, found });
        }
        Ok(fork)
    }

    /// The hash of a slot's entry: as the view knows it, else as it is in the store. A deleted slot that was filled again by a writer that
    /// had stood still ([LOG-24]) says nothing.
    pub(super) fn entry_in(&self, view: &LogView, slot: u32) -> Result<Option<[u8; 32]>> {
        if let Some(hash) = view.entry_hash(slot) {
            return Ok(Some(hash));
        }
        let Some(found) = hash_in_store(&*self.store, slot)? else { return Ok(None) };
        let is_followed = self.entry(slot + 1)?.is_some_and(|next| next.previous == found);
        Ok(Some(found).filter(|_| is_followed))
    }
}

/// Bytes of a hash that people are told.
const HASH_BYTES_TOLD: usize = 8;
