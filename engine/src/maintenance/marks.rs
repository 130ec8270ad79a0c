//! One bit a blob: what a walk has seen, in memory that is bounded by the repository's blobs and not by its ids.

use crate::index::BlobLocation;
use format_spec::ObjectId;
use std::collections::HashMap;

/// Blobs that were seen, by pack and number.
#[derive(Debug, Default)]
pub(super) struct Marks {
    packs: HashMap<ObjectId, Vec<u8>>,
}

impl Marks {
    /// Marks a blob; whether it was not marked before.
    pub(super) fn set(&mut self, place: &BlobLocation) -> bool {
        let bits = self.packs.entry(place.pack).or_default();
        let at = place.blob as usize / 8;
        if bits.len() <= at {
            // Blobs of a pack are at most 100,000 ([PACK-6]), but a place is read from a cache.
            bits.resize((at + 1).max(place.pack_blobs.div_ceil(8).min(12_500) as usize), 0);
        }
        let (byte, bit) = (&mut bits[at], 1 << (place.blob % 8));
        let is_new = *byte & bit == 0;
        *byte |= bit;
        is_new
    }

    /// Whether a blob is marked.
    pub(super) fn has(&self, place: &BlobLocation) -> bool {
        let bits = self.packs.get(&place.pack);
        bits.and_then(|bits| bits.get(place.blob as usize / 8)).is_some_and(|byte| byte & 1 << (place.blob % 8) != 0)
    }
}
