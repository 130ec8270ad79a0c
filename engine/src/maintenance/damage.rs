//! What damage takes away: which blobs of a damaged pack cannot be read there, which of them a restore point needs, and which have another place.
//!
//! Promises: a blob counts as sound elsewhere only after it was read there from the store and verified. Refuses to be lenient: where it cannot be
//! told what is needed, all of it is.

use super::gc::LiveBlobs;
use crate::blob::SealedStore;
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::store::{ObjectName, StoreExt, reread};
use bytes::Bytes;
use format_spec::{ChunkId, ObjectId, names};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A blob of a damaged pack that is not to be had there, or would not be found without the index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bad {
    pub(super) id: ChunkId,
    pub(super) place: BlobLocation,
    /// A restore point needs it, or may.
    pub(super) live: bool,
    /// It was read from another pack and verified.
    pub(super) elsewhere: bool,
}

/// Damaged packs with the blobs that are missing for it: needed, and not to be had elsewhere.
#[derive(Debug, Default)]
pub(super) struct Damage {
    pub(super) packs: BTreeMap<ObjectId, Vec<Bad>>,
    /// Those among them of which something is needed, wherever it can be had.
    pub(super) needed: BTreeSet<ObjectId>,
    /// Packs from this one on were not looked into: too much is missing already.
    beyond: Option<ObjectId>,
}

/// Packs that are looked into together, with one pass over the index.
pub(super) const PACKS_AT_ONCE: usize = 1000;
/// Missing blobs that are kept, about 150 bytes each. Once they are healed, another look finds the next ones.
const MISSING_MAX: usize = 1_000_000;

impl Damage {
    /// Looks into these packs.
    pub(super) fn assess(repository: &Repository, damaged: &HashSet<ObjectId>, monitor: &Monitor) -> Result<Self> {
        let mut ids: Vec<ObjectId> = damaged.iter().copied().collect();
        ids.sort_unstable();
        let mut all = Damage::default();
        if ids.is_empty() {
            return Ok(all);
        }
        let live = live_blobs(repository, monitor)?;
        let mut missing = 0;
        for ids in ids.chunks(PACKS_AT_ONCE) {
            if missing >= MISSING_MAX {
                all.beyond = ids.first().copied();
                break;
            }
            let mut some = Damage::of(repository, ids, monitor)?;
            some.find_live(live.as_ref());
            some.find_elsewhere(repository, monitor)?;
            for blobs in some.packs.values_mut() {
                blobs.retain(|b| b.live && !b.elsewhere);
                missing += blobs.len();
            }
            all.packs.append(&mut some.packs);
            all.needed.append(&mut some.needed);
        }
        Ok(all)
    }

    /// What cannot be read in these packs, needed or not.
    fn of(repository: &Repository, ids: &[ObjectId], monitor: &Monitor) -> Result<Self> {
        let mut damage = Damage::default();
        for (pack, places) in places_in(repository, ids)? {
            monitor.check()?;
            let mut bad = unreadable(repository.sealed_store(), &places)?;
            if bad.is_empty() {
                // Its blocks are whole, so what is damaged is what it says about itself: who has no index would not find them.
                bad = places;
            }
            let bad = bad.into_iter().map(|(id, place)| Bad { id, place, live: true, elsewhere: false });
            damage.packs.insert(pack, bad.collect());
        }
        Ok(damage)
    }

    /// Whether nobody needs this pack any more.
    pub(super) fn is_superseded(&self, pack: ObjectId) -> bool {
        self.packs.get(&pack).is_some_and(Vec::is_empty)
    }

    /// Whether this pack was not looked into because too much is missing already.
    pub(super) fn is_beyond(&self, pack: ObjectId) -> bool {
        self.beyond.is_some_and(|first| pack >= first)
    }

    /// A blob is needed if a reference set names it, by its place now or by one that it had before, or if it is a node of one.
    fn find_live(&mut self, live: Option<&LiveBlobs>) {
        for (pack, blobs) in &mut self.packs {
            // A reference set that cannot be read may name anything.
            let has = |blob: u32| live.is_none_or(|live| live.has(*pack, blob));
            blobs.iter_mut().for_each(|bad| bad.live = has(bad.place.blob));
            if live.is_none_or(|live| live.count(*pack) > 0) {
                self.needed.insert(*pack);
            }
        }
    }

    fn find_elsewhere(&mut self, repository: &Repository, monitor: &Monitor) -> Result<()> {
        let mut reader = Direct::new(repository.sealed_store());
        for bad in self.packs.values_mut().flatten().filter(|b| b.live) {
            monitor.check()?;
            let places = repository.blobs().live_index().places(&bad.id)?;
            for place in places.iter().filter(|p| p.pack != bad.place.pack && p.pack_kind == bad.place.pack_kind) {
                if reader.is_sound(&bad.id, place)? {
                    bad.elsewhere = true;
                    break;
                }
            }
        }
        Ok(())
    }
}

/// What these packs hold, by the index, in their order; one pass over it. The ids rise.
pub(super) fn places_in(
    repository: &Repository,
    ids: &[ObjectId],
) -> Result<BTreeMap<ObjectId, Vec<(ChunkId, BlobLocation)>>> {
    let mut packs: BTreeMap<ObjectId, Vec<(ChunkId, BlobLocation)>> = BTreeMap::new();
    repository.blobs().live_index().cache().for_each_place(&mut |id, place| {
        if ids.binary_search(&place.pack).is_ok() {
            packs.entry(place.pack).or_default().push((*id, *place));
        }
        Ok(())
    })?;
    for places in packs.values_mut() {
        places.sort_by_key(|(_, place)| place.blob);
        // Two segments may map a pack.
        places.dedup_by_key(|(_, place)| place.blob);
    }
    Ok(packs)
}

/// What every point needs, and the bases of open sessions; `None` where a reference set cannot be read.
pub(super) fn live_blobs(repository: &Repository, monitor: &Monitor) -> Result<Option<LiveBlobs>> {
    let mut live = LiveBlobs::default();
    let view = repository.log().view();
    match live.add(view.needed(), &view, repository, monitor) {
        Err(e) if is_damage(&e) => Ok(None),
        other => other.map(|()| Some(live)),
    }
}

/// The blobs among these of one pack, in its order, that cannot be read from the store.
fn unreadable(sealed_store: &SealedStore, places: &[(ChunkId, BlobLocation)]) -> Result<Vec<(ChunkId, BlobLocation)>> {
    let Some((_, first)) = places.first() else { return Ok(Vec::new()) };
    let name = ObjectName::new(names::of_session(first.pack_kind, first.pack))?;
    match sealed_store.store.head_of(&name) {
        Err(e) if is_damage(&e) => return Ok(places.to_vec()),
        Err(e) => return Err(e),
        Ok(_) => {}
    }
    let mut reader = Direct::new(sealed_store);
    let mut bad = Vec::new();
    for (id, place) in places {
        if !reader.is_sound(id, place)? {
            bad.push((*id, *place));
        }
    }
    Ok(bad)
}

/// Reads blobs from the store itself, past every cache; the block read last is kept.
pub(super) struct Direct<'a> {
    sealed_store: &'a SealedStore,
    last: Option<((ObjectId, u32), std::result::Result<Bytes, ()>)>,
}

impl<'a> Direct<'a> {
    pub(super) fn new(sealed_store: &'a SealedStore) -> Self {
        Direct { sealed_store, last: None }
    }

    /// Whether the blob is at this place.
    pub(super) fn is_sound(&mut self, id: &ChunkId, place: &BlobLocation) -> Result<bool> {
        Ok(self.read(id, place)?.is_some())
    }

    /// The blob at this place, if it is whole there.
    ///
    /// # Errors
    /// The store's, when it is out of reach.
    pub(super) fn read(&mut self, id: &ChunkId, place: &BlobLocation) -> Result<Option<Bytes>> {
        let key = (place.pack, place.block_offset);
        if self.last.as_ref().is_none_or(|(kept, _)| *kept != key) {
            let name = ObjectName::new(names::of_session(place.pack_kind, place.pack))?;
            let range = u64::from(place.block_offset)..place.record_end();
            let block = reread(&*self.sealed_store.store, |look| {
                let record = look.get_range(&name, range.clone())?;
                self.sealed_store.open_block(place, &record)
            });
            let block = match block {
                Ok(plain) => Ok(Bytes::from(plain)),
                Err(e) if is_damage(&e) => Err(()),
                Err(e) => return Err(e),
            };
            self.last = Some((key, block));
        }
        let block = self.last.as_ref().and_then(|(_, block)| block.as_ref().ok());
        Ok(block.and_then(|block| self.sealed_store.verified(place.pack_kind, id, place, block).ok()))
    }
}

/// Whether an error tells that something is not whole, and not that it is out of reach.
pub(super) fn is_damage(e: &Error) -> bool {
    matches!(e.kind(), Kind::Damaged | Kind::Absent | Kind::Unsupported)
}
