//! What opens the objects of one repository: the store, the identity, the secrets.
//!
//! Promises: a block opens only under its own pack's key and place, a blob is cut out of it only if its bytes have its id, and a segment is what the
//! log vouches for; what seems damaged is looked at twice. An object that is needed and absent is damage.

use super::disk_cache::DiskCache;
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::log::SegmentRef;
use crate::pack::open_block;
use crate::store::{Look, ObjectName, SecondLook, Store, StoreExt, reread};
use bytes::Bytes;
use format_spec::container::{Header, Object, ObjectKind};
use format_spec::index::Segment;
use format_spec::keys::{IdKeys, Secrets};
use format_spec::{ChunkId, ObjectId, RepositoryId, names};
use std::sync::Arc;

/// What every room needs to open objects of one repository: the store, the identity, the secrets.
#[derive(Debug)]
pub struct SealedStore {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The repository's identity.
    pub repository: RepositoryId,
    /// Its secrets.
    pub secrets: Secrets,
    /// The keys of ids.
    pub ids: IdKeys,
    /// Records kept on this machine's disk, if any are.
    pub ranges: Option<DiskCache>,
}

impl SealedStore {
    /// Fetches and opens one block. A kept record that does not open is fetched again.
    pub fn read_block(&self, place: &BlobLocation) -> Result<Vec<u8>> {
        if let Some((ranges, record)) = self.ranges.as_ref().and_then(|r| Some((r, r.get(place)?))) {
            match self.open_block(place, &record) {
                Err(e) if e.kind() == Kind::Damaged => ranges.forget(place),
                other => return other,
            }
        }
        let name = ObjectName::new(names::of_session(place.pack_kind, place.pack))?;
        let (record, block) = reread(&*self.store, |look| self.look_at_block(look, &name, place))?;
        if let Some(ranges) = &self.ranges {
            ranges.put(place, &record);
        }
        Ok(block)
    }

    fn look_at_block(&self, look: &Look<'_>, name: &ObjectName, place: &BlobLocation) -> Result<(Bytes, Vec<u8>)> {
        let range = u64::from(place.block_offset)..place.record_end();
        let record = look.get_range(name, range).map_err(|e| lost(e, name))?;
        let block = self.open_block(place, &record)?;
        Ok((record, block))
    }

    /// Opens a block whose record came with others; where it is damaged it is looked at once more, alone and over another connection.
    ///
    /// # Errors
    /// `Damaged` when both looks show the same; the store's.
    pub fn open_fetched(&self, place: &BlobLocation, record: &Bytes) -> Result<Vec<u8>> {
        match self.open_block(place, record) {
            Err(e) if e.kind() == Kind::Damaged => {
                let name = ObjectName::new(names::of_session(place.pack_kind, place.pack))?;
                if let Some(ranges) = &self.ranges {
                    ranges.forget(place);
                }
                let again = SecondLook::after(record, e);
                Ok(again.over(&*self.store, |look| self.look_at_block(look, &name, place))?.1)
            }
            other => other,
        }
    }

    /// Fetches the records of several blocks of one pack, in rising order, with one request.
    ///
    /// # Errors
    /// The store's; `Damaged` when the pack is not there, or not that long.
    pub fn read_records(&self, places: &[BlobLocation]) -> Result<Vec<Bytes>> {
        let Some(ranges) = &self.ranges else { return self.fetch_records(places) };
        let mut records: Vec<Option<Bytes>> = places.iter().map(|place| ranges.get(place)).collect();
        // From the first to the last that is missing, as one request.
        let missing = |r: &Option<Bytes>| r.is_none();
        let (first, last) = (records.iter().position(missing), records.iter().rposition(missing));
        if let Some((fetch, slots)) =
            first.zip(last).and_then(|(a, b)| Some((places.get(a..=b)?, records.get_mut(a..=b)?)))
        {
            for ((place, slot), record) in fetch.iter().zip(slots).zip(self.fetch_records(fetch)?) {
                ranges.put(place, &record);
                *slot = Some(record);
            }
        }
        Ok(records.into_iter().flatten().collect())
    }

    fn fetch_records(&self, places: &[BlobLocation]) -> Result<Vec<Bytes>> {
        let Some((first, last)) = places.first().zip(places.last()) else { return Ok(Vec::new()) };
        let name = ObjectName::new(names::of_session(first.pack_kind, first.pack))?;
        let start = u64::from(first.block_offset);
        let bytes = self.store.get_range(&name, start..last.record_end()).map_err(|e| lost(e, &name))?;
        let record = |place: &BlobLocation| {
            let from = u64::from(place.block_offset).checked_sub(start).and_then(|n| usize::try_from(n).ok());
            let to = place.record_end().checked_sub(start).and_then(|n| usize::try_from(n).ok());
            let (from, to) = from.zip(to).filter(|(from, to)| from <= to && *to <= bytes.len())?;
            Some(bytes.slice(from..to))
        };
        let all: Option<Vec<Bytes>> = places.iter().map(record).collect();
        all.ok_or_else(|| Error::new(Kind::Bug, "blocks of one request are not in order").on(name))
    }

    /// Opens a block from its stored bytes.
    pub fn open_block(&self, place: &BlobLocation, record: &[u8]) -> Result<Vec<u8>> {
        let ObjectId { session, ordinal } = place.pack;
        let cipher = self.secrets.cipher_for(place.pack_kind, self.repository, session, ordinal, &place.salt);
        let pack = || names::of_session(place.pack_kind, place.pack);
        open_block(record, &cipher).map_err(|e| e.on(format!("{} at {}", pack(), place.block_offset)))
    }

    /// Cuts a blob out of its decoded block and verifies it against its id (invariant 2).
    ///
    /// # Errors
    /// `Damaged` when it is not there or not this blob.
    pub fn verified(&self, kind: ObjectKind, id: &ChunkId, place: &BlobLocation, block: &Bytes) -> Result<Bytes> {
        let (start, end) = (place.offset as usize, place.offset as usize + place.bytes as usize);
        let damaged = |what: &str| {
            Error::new(Kind::Damaged, what.to_owned())
                .on(format!("blob {id} in {}", names::of_session(kind, place.pack)))
        };
        if end > block.len() {
            return Err(damaged("its place reaches beyond its block"));
        }
        let bytes = block.slice(start..end);
        if self.ids.blob(kind, &bytes) != *id {
            return Err(damaged("its bytes do not have its id"));
        }
        Ok(bytes)
    }

    /// Reads and verifies a published segment.
    pub fn segment(&self, published: &SegmentRef) -> Result<Segment> {
        let id = ObjectId { session: published.session, ordinal: published.object.ordinal };
        let name = ObjectName::new(names::of_session(ObjectKind::IndexSegment, id))?;
        let expected = Header::new(
            ObjectKind::IndexSegment,
            self.secrets.suite(),
            self.repository,
            id.session,
            id.ordinal,
            [0; 32],
        );
        reread(&*self.store, |look| {
            let bytes = look.get(&name).map_err(|e| lost(e, &name))?;
            let read = || -> format_spec::Result<Segment> {
                published.object.expect_length(bytes.len() as u64)?;
                let segment = Segment::decode(&bytes, &expected, &self.secrets)?;
                published.object.expect_object(&Object::parse(&bytes)?)?;
                Ok(segment)
            };
            read().map_err(|e| Error::from(e).on(&name))
        })
    }
}

/// An object that the log names and the store does not have is damage, not absence.
pub(crate) fn lost(e: Error, name: &ObjectName) -> Error {
    if e.kind() != Kind::Absent {
        return e.on(name);
    }
    Error::new(Kind::Damaged, "the repository needs this object and the store does not have it")
        .on(name)
        .advise("restore the object from a copy of the repository; `cairn check` names all that is missing")
}
