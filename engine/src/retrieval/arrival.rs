//! Packs as they arrive: which files can be read already, and how far it is with all.

use super::needs::{Needs, packs_of};
use super::plan::Tally;
use super::survey::survey;
use crate::blob::Blobs;
use crate::error::Result;
use crate::monitor::Monitor;
use crate::repository::Repository;
use format_spec::ObjectId;
use format_spec::tree::Entry;
use std::collections::BTreeSet;

/// The packs that are waited for.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// Not here at the last look.
    awaited: BTreeSet<ObjectId>,
    /// All that are needed.
    needed: Tally,
    /// Bytes of those that are here.
    here: Tally,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Packs that are needed.
    pub needed: Tally,
    /// Those that can be read.
    pub here: Tally,
}

impl Progress {
    /// Whether nothing is waited for.
    pub fn is_complete(&self) -> bool {
        self.needed.packs == self.here.packs
    }
}

impl Arrival {
    /// Waits for these packs; none was seen yet.
    pub fn of(needs: &Needs) -> Self {
        Arrival {
            awaited: needs.packs.keys().copied().collect(),
            needed: Tally { packs: needs.packs.len() as u64, bytes: needs.pack_bytes() },
            here: Tally::default(),
        }
    }

    /// Looks what is here now. Only what was not here before is asked about.
    ///
    /// # Errors
    /// The store's.
    pub fn look(&mut self, repository: &Repository, monitor: &Monitor) -> Result<Progress> {
        for (pack, resting) in survey(&*repository.sealed_store().store, &self.awaited, monitor)? {
            if resting.availability.is_readable() && self.awaited.remove(&pack) {
                self.here.packs += 1;
                self.here.bytes = self.here.bytes.saturating_add(resting.bytes);
            }
        }
        Ok(self.progress())
    }

    /// As it was at the last look.
    pub fn progress(&self) -> Progress {
        Progress { needed: self.needed, here: self.here }
    }

    /// Whether all of a file could be read at the last look. Of what the index does not know it says yes: who reads finds the damage.
    pub fn has(&self, blobs: &Blobs, entry: &Entry) -> bool {
        self.awaited.is_empty() || packs_of(blobs, entry, &mut |pack, _| !self.awaited.contains(&pack)).unwrap_or(true)
    }
}
