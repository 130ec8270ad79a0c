//! Planning: blocks in the order in which they are needed become runs that one request fetches. Pure.

use crate::index::BlobLocation;
use crate::limits::COALESCED_BYTES_MAX;
use format_spec::ObjectId;
use std::ops::Range;

/// Adjacent blocks of one pack.
#[derive(Debug, Clone)]
pub struct BlockRun {
    /// One place of each block, in rising order.
    pub places: Vec<BlobLocation>,
}

impl BlockRun {
    /// The bytes of the pack that hold the run.
    pub fn range(&self) -> Range<u64> {
        let start = self.places.first().map_or(0, |p| u64::from(p.block_offset));
        start..self.places.last().map_or(0, BlobLocation::record_end)
    }
}

/// Collects places until a run is complete.
#[derive(Debug, Default)]
pub struct RunPlanner {
    run: Vec<BlobLocation>,
    recent: Recent,
}

/// Blocks planned a moment ago: small files share them, and nobody wants to fetch them twice.
#[derive(Debug, Default)]
struct Recent {
    ring: std::collections::VecDeque<(ObjectId, u32)>,
    set: std::collections::HashSet<(ObjectId, u32)>,
}

const RECENT_BLOCKS: usize = 64;

impl RunPlanner {
    /// Adds a place; returns the run before it when the place does not continue that.
    pub fn push(&mut self, place: BlobLocation) -> Option<BlockRun> {
        if !self.recent.insert((place.pack, place.block_offset)) {
            return None;
        }
        let start = self.run.first().map_or(0, |p| u64::from(p.block_offset));
        let continues = self.run.last().is_some_and(|last| {
            last.pack == place.pack
                && last.pack_kind == place.pack_kind
                && last.record_end() == u64::from(place.block_offset)
                && place.record_end() - start <= COALESCED_BYTES_MAX
        });
        let full = if continues { None } else { self.take() };
        self.run.push(place);
        full
    }

    /// The run at hand, if any.
    pub fn take(&mut self) -> Option<BlockRun> {
        let places = std::mem::take(&mut self.run);
        (!places.is_empty()).then_some(BlockRun { places })
    }
}

impl Recent {
    fn insert(&mut self, block: (ObjectId, u32)) -> bool {
        if !self.set.insert(block) {
            return false;
        }
        self.ring.push_back(block);
        if self.ring.len() > RECENT_BLOCKS
            && let Some(old) = self.ring.pop_front()
        {
            self.set.remove(&old);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use format_spec::container::ObjectKind;

    fn place(ordinal: u32, offset: u32, stored: u32) -> BlobLocation {
        BlobLocation {
            pack: ObjectId { session: 1, ordinal },
            pack_kind: ObjectKind::DataPack,
            pack_bytes: 5_000_000,
            pack_blobs: 10,
            salt: [0; 32],
            block_offset: offset,
            block_stored: stored,
            blob: 0,
            offset: 0,
            bytes: 1,
        }
    }

    #[test]
    fn adjacent_blocks_become_one_run_and_a_gap_ends_it() {
        let mut plan = RunPlanner::default();
        assert!(plan.push(place(0, 96, 100)).is_none());
        assert!(plan.push(place(0, 96 + 132, 50)).is_none());
        assert!(plan.push(place(0, 96, 100)).is_none(), "the same block again costs nothing");
        let run = plan.push(place(0, 9000, 50)).expect("a gap");
        assert_eq!((run.places.len(), run.range()), (2, 96..96 + 132 + 82));
        let run = plan.push(place(1, 9082, 50)).expect("another pack");
        assert_eq!(run.places.len(), 1);
        assert!(plan.take().is_some() && plan.take().is_none());
    }
}
