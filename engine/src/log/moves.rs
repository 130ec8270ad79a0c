//! Condemned packs, and where their survivors are now ([LOG-20]).

use format_spec::ObjectId;
use format_spec::log::{CondemnedPack, Survivors};
use std::sync::Arc;

/// Every pack that was ever condemned.
#[derive(Debug, Clone, Default)]
pub struct Condemned {
    /// One `Condemn` each, in the order of their slots; packs rising in each.
    batches: Vec<(u32, Arc<[CondemnedPack]>)>,
    packs: usize,
}

/// Where a blob is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Here; its pack is not condemned.
    Here(ObjectId, u32),
    /// Its pack was condemned and nobody needed it.
    Dead,
}

impl Condemned {
    /// Adds the packs of a `Condemn`.
    pub(super) fn add(&mut self, slot: u32, packs: &[CondemnedPack]) {
        self.packs += packs.len();
        self.batches.push((slot, packs.into()));
    }

    /// How many packs.
    pub fn len(&self) -> usize {
        self.packs
    }

    /// Whether no pack was condemned yet.
    pub fn is_empty(&self) -> bool {
        self.packs == 0
    }

    /// Whether this pack was condemned.
    pub fn has(&self, pack: ObjectId) -> bool {
        self.find(pack).is_some()
    }

    /// Follows a blob through all moves.
    pub fn translate(&self, pack: ObjectId, blob: u32) -> Moved {
        let (mut pack, mut blob) = (pack, blob);
        while let Some(survivors) = self.find(pack) {
            match survivors.as_ref().and_then(|s| s.place_of(blob)) {
                Some(next) => (pack, blob) = next,
                None => return Moved::Dead,
            }
        }
        Moved::Here(pack, blob)
    }

    /// The packs of every `Condemn` after a slot, in the order of slots.
    pub fn after(&self, slot: u32) -> impl Iterator<Item = &CondemnedPack> {
        let from = self.batches.partition_point(|(s, _)| *s <= slot);
        self.batches.get(from..).unwrap_or_default().iter().flat_map(|(_, packs)| packs.iter())
    }

    /// The batches with their slots.
    pub fn batches(&self) -> &[(u32, Arc<[CondemnedPack]>)] {
        &self.batches
    }

    fn find(&self, pack: ObjectId) -> Option<&Option<Survivors>> {
        if self.packs == 0 {
            return None;
        }
        self.batches.iter().rev().find_map(|(_, packs)| {
            let at = packs.binary_search_by_key(&pack, |p| p.id).ok()?;
            packs.get(at).map(|p| &p.survivors)
        })
    }
}
