//! Where a lost blob can be had: each answer was read and verified against its id.

use crate::blob::SealedStore;
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::maintenance::damage::{Bad, Direct, is_damage};
use crate::maintenance::packs::Published;
use crate::pack::heal;
use crate::repository::Repository;
use crate::store::{ObjectName, StoreExt};
use bytes::Bytes;
use format_spec::container::ObjectKind;
use format_spec::{ChunkId, ObjectId, names};
use std::collections::HashMap;

/// What gives a lost blob back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RepairSource {
    /// The damaged pack itself: its blocks are whole, what it says about itself is not.
    Itself,
    /// The pack's parity.
    Parity,
    /// Records kept on this machine's disk.
    Cache,
    /// A copy repository.
    Copy,
}

/// Asks all who may have a blob, the cheapest first.
pub(super) struct Healer<'a> {
    sealed_store: &'a SealedStore,
    from: Option<&'a Repository>,
    packs: HashMap<ObjectId, Published>,
    direct: Direct<'a>,
    copy: Option<Direct<'a>>,
    /// The pack that was healed last, if parity could.
    healed: Option<(ObjectId, Option<Bytes>)>,
}

impl<'a> Healer<'a> {
    /// # Errors
    /// `Input` when the copy names its blobs by other keys.
    pub(super) fn new(repository: &'a Repository, from: Option<&'a Repository>, packs: &[Published]) -> Result<Self> {
        let sealed_store = &**repository.sealed_store();
        if from.is_some_and(|from| from.sealed_store().secrets.dedup.expose() != sealed_store.secrets.dedup.expose()) {
            let what = "the copy does not share this repository's dedup key, so its blobs have other ids";
            return Err(Error::new(Kind::Input, what).advise("use a copy that was made with --keys-from, or none"));
        }
        let packs = packs.iter().map(|p| (p.id, p.clone())).collect();
        let copy = from.map(|from| Direct::new(from.sealed_store()));
        Ok(Healer { sealed_store, from, packs, direct: Direct::new(sealed_store), copy, healed: None })
    }

    /// The blob and who gave it; `None` when nobody has it.
    ///
    /// # Errors
    /// A store that is out of reach.
    pub(super) fn read(&mut self, bad: &Bad) -> Result<Option<(RepairSource, Bytes)>> {
        let Bad { id, place, .. } = bad;
        if let Some(bytes) = self.direct.read(id, place)? {
            return Ok(Some((RepairSource::Itself, bytes)));
        }
        if let Some(bytes) = self.in_parity(id, place)? {
            return Ok(Some((RepairSource::Parity, bytes)));
        }
        let kept = self.sealed_store.ranges.as_ref().and_then(|ranges| ranges.get(place));
        if let Some(bytes) = kept.and_then(|record| self.cut(id, place, &record)) {
            return Ok(Some((RepairSource::Cache, bytes)));
        }
        Ok(self.in_copy(place.pack_kind, id)?.map(|bytes| (RepairSource::Copy, bytes)))
    }

    /// The blob as the copy has it.
    ///
    /// # Errors
    /// A store that is out of reach.
    pub(super) fn in_copy(&mut self, kind: ObjectKind, id: &ChunkId) -> Result<Option<Bytes>> {
        let Some((from, direct)) = self.from.zip(self.copy.as_mut()) else { return Ok(None) };
        for there in from.blobs().live_index().places(id)?.iter().filter(|p| p.pack_kind == kind) {
            if let Some(bytes) = direct.read(id, there)?
                && self.sealed_store.ids.blob(kind, &bytes) == *id
            {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn in_parity(&mut self, id: &ChunkId, place: &BlobLocation) -> Result<Option<Bytes>> {
        if self.healed.as_ref().is_none_or(|(pack, _)| *pack != place.pack) {
            self.healed = Some((place.pack, self.heal(place.pack)?));
        }
        let Some((_, Some(whole))) = &self.healed else { return Ok(None) };
        let (start, end) = (usize::try_from(place.block_offset), usize::try_from(place.record_end()));
        let record = start.ok().zip(end.ok()).and_then(|(start, end)| whole.get(start..end));
        Ok(record.and_then(|record| self.cut(id, place, record)))
    }

    fn heal(&self, pack: ObjectId) -> Result<Option<Bytes>> {
        let Some(published) = self.packs.get(&pack) else { return Ok(None) };
        let name = ObjectName::new(names::of_session(published.pack.kind, pack))?;
        let healed = self.sealed_store.store.get(&name);
        let healed = healed.and_then(|bytes| {
            heal(&bytes, &published.pack.object, Some(&self.sealed_store.secrets)).map_err(|e| e.on(&name))
        });
        match healed {
            Ok(bytes) => Ok(Some(Bytes::from(bytes))),
            Err(e) if is_damage(&e) => {
                tracing::info!("{e}");
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Opens a record and takes the blob out of it, if all of that holds.
    fn cut(&self, id: &ChunkId, place: &BlobLocation, record: &[u8]) -> Option<Bytes> {
        let block = Bytes::from(self.sealed_store.open_block(place, record).ok()?);
        self.sealed_store.verified(place.pack_kind, id, place, &block).ok()
    }
}
