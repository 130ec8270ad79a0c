//! Condemned packs, and where their survivors are now ([LOG-20]).

use format_spec::ObjectId;
use format_spec::checkpoint::CondemnedLongAgo;
use format_spec::log::{CondemnedPack, Survivors};
use std::collections::HashMap;
use std::sync::Arc;

/// Every pack that was ever condemned.
#[derive(Debug, Clone, Default)]
pub struct Condemned {
    /// One `Condemn` each, in the order of their slots; packs rising in each.
    batches: Vec<(u32, Arc<[CondemnedPack]>)>,
    /// Where each pack stands: batch and row. Asked for each place of each chunk that a writer meets.
    rows: Arc<HashMap<ObjectId, (u32, u32)>>,
    /// Those of a checkpoint that had too many: before all batches, and before whatever is in use.
    long_ago: Option<Arc<CondemnedLongAgo>>,
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
        let batch = narrow(self.batches.len());
        let rows = packs.iter().enumerate().map(|(row, pack)| (pack.id, (batch, narrow(row))));
        Arc::make_mut(&mut self.rows).extend(rows);
        self.batches.push((slot, packs.into()));
    }

    /// Takes over what a checkpoint says of packs that were condemned long ago.
    pub(super) fn add_long_ago(&mut self, packs: CondemnedLongAgo) {
        self.long_ago = Some(Arc::new(packs));
    }

    /// The packs that were condemned before all batches, if a checkpoint took such together.
    pub fn long_ago(&self) -> Option<&CondemnedLongAgo> {
        self.long_ago.as_deref()
    }

    /// How many packs.
    pub fn len(&self) -> usize {
        let old = self.long_ago().map_or(0, CondemnedLongAgo::count);
        self.rows.len().saturating_add(usize::try_from(old).unwrap_or(usize::MAX))
    }

    /// Whether no pack was condemned yet.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.long_ago.is_none()
    }

    /// Whether this pack was condemned.
    pub fn has(&self, pack: ObjectId) -> bool {
        self.find(pack).is_some() || self.was_long_ago(pack)
    }

    fn was_long_ago(&self, pack: ObjectId) -> bool {
        self.long_ago().is_some_and(|old| old.has(pack))
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
        if self.was_long_ago(pack) { Moved::Dead } else { Moved::Here(pack, blob) }
    }

    /// Whether any pack was condemned after a slot. Where a checkpoint took Condemns together, of which not all were later: yes.
    pub fn any_after(&self, slot: u32) -> bool {
        self.batches.last().is_some_and(|(last, _)| *last > slot) || self.long_ago().is_some_and(|old| old.slot > slot)
    }

    /// The packs of every `Condemn` after a slot, in the order of slots. The slot is that of a point, a base or a session that is in use: nothing
    /// that was condemned long ago comes after it.
    pub fn after(&self, slot: u32) -> impl Iterator<Item = &CondemnedPack> {
        let from = self.batches.partition_point(|(s, _)| *s <= slot);
        self.batches.get(from..).unwrap_or_default().iter().flat_map(|(_, packs)| packs.iter())
    }

    /// The batches with their slots.
    pub fn batches(&self) -> &[(u32, Arc<[CondemnedPack]>)] {
        &self.batches
    }

    fn find(&self, pack: ObjectId) -> Option<&Option<Survivors>> {
        let (batch, row) = self.rows.get(&pack)?;
        let (_, packs) = self.batches.get(*batch as usize)?;
        packs.get(*row as usize).map(|p| &p.survivors)
    }
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).expect("entries and their rows are counted in 32 bits")
}
