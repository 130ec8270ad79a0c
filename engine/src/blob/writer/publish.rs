//! Publishing: packs that are stored become usable by all, in one segment and one log entry.

use super::Shared;
use crate::blob::durable::put_again;
use crate::blob::read::Vault;
use crate::error::{Error, Kind, Result};
use crate::index::SegmentBuilder;
use crate::limits::{PUBLISH_BLOBS, PUBLISH_BYTES, PUBLISH_SECONDS};
use crate::pack::{FinishedPack, PackedBlock};
use crate::store::Name;
use bytes::Bytes;
use format_spec::container::{Header, ObjectKind};
use format_spec::index::{PackRow, Segment};
use format_spec::log::{Change, PublishedPack, Vouched};
use format_spec::{ObjectId, names};
use std::sync::atomic::Ordering;

/// Packs that are stored and checked, but not published.
pub(super) struct Unpublished {
    packs: Vec<(PackRow, PublishedPack, Vec<PackedBlock>)>,
    bytes: u64,
    blobs: u64,
    since: f64,
}

impl Unpublished {
    pub(super) fn new(now: f64) -> Self {
        Unpublished { packs: Vec::new(), bytes: 0, blobs: 0, since: now }
    }

    /// Adds a pack; true when publishing is due.
    pub(super) fn add(&mut self, pack: &FinishedPack, now: f64) -> bool {
        self.bytes += pack.row.bytes;
        self.blobs += u64::from(pack.row.blobs);
        self.packs.push((pack.row.clone(), pack.published, pack.blocks.clone()));
        self.bytes >= PUBLISH_BYTES || self.blobs >= PUBLISH_BLOBS || now - self.since >= PUBLISH_SECONDS
    }
}

impl Shared {
    /// Publishes what is stored now. Others go on storing meanwhile; two publishes never overlap.
    pub(super) fn publish(&self) -> Result<()> {
        let Some(session) = self.session else { return Ok(()) };
        let _one = self.publishing.lock();
        let mut taken = std::mem::replace(&mut *self.unpublished.lock(), Unpublished::new(self.env.elapsed()));
        if taken.packs.is_empty() {
            return Ok(());
        }
        taken.packs.sort_by_key(|(row, ..)| row.id);
        let mut builder = SegmentBuilder::new();
        for (row, _, blocks) in &taken.packs {
            let blocks: Vec<_> = blocks.iter().map(|b| (b.offset, b.stored, &b.blobs[..])).collect();
            builder.add_pack(row.clone(), &blocks)?;
        }
        let segment = builder.finish();
        let (id, object) = self.store_segment(session, &segment)?;
        let ids: Vec<_> = segment.ids.clone();
        self.catalog.remember(id, segment);
        let packs: Vec<PublishedPack> = taken.packs.iter().map(|(_, published, _)| *published).collect();
        self.log.append(&*self.env, &mut |view| {
            let known = view.sessions.get(&session);
            let known = known.ok_or_else(|| Error::new(Kind::Conflict, "this session is not in the log"))?;
            if known.committed {
                return Err(Error::new(Kind::Conflict, "this session has ended before it published everything"));
            }
            Ok(Change::Publish { session, packs: packs.clone(), segment: object })
        })?;
        self.catalog.sync()?;
        self.forget(ids.into_iter());
        Ok(())
    }

    fn store_segment(&self, session: u32, segment: &Segment) -> Result<(ObjectId, Vouched)> {
        put_again(&*self.vault.store, &self.monitor, &mut || {
            let id = ObjectId { session, ordinal: self.next_ordinal.fetch_add(1, Ordering::SeqCst) };
            let mut salt = [0; 32];
            self.env.random(&mut salt)?;
            let (bytes, vouched) = self.vault.seal_segment(id, salt, segment)?;
            Ok((Name::new(names::of_session(ObjectKind::IndexSegment, id))?, bytes, (id, vouched)))
        })
    }
}

impl Vault {
    /// The object of a segment, decoded again and compared.
    ///
    /// # Errors
    /// `Bug` when it does not decode to what was written.
    pub fn seal_segment(&self, id: ObjectId, salt: [u8; 32], segment: &Segment) -> Result<(Bytes, Vouched)> {
        let header =
            Header::new(ObjectKind::IndexSegment, self.secrets.suite(), self.repository, id.session, id.ordinal, salt);
        let (bytes, body_hash) = segment.encode(header.clone(), &self.secrets);
        if Segment::decode(&bytes, &header, &self.secrets)? != *segment {
            return Err(Error::new(Kind::Bug, "an index segment does not decode to what was written").on(id));
        }
        let vouched = Vouched { ordinal: id.ordinal, bytes: bytes.len() as u64, body_hash };
        Ok((Bytes::from(bytes), vouched))
    }
}
