//! Publishing: packs that are stored become usable by all, in one segment and one log entry.

use super::Shared;
use crate::blob::store_segment;
use crate::error::Result;
use crate::index::SegmentBuilder;
use crate::limits::{
    PUBLISH_BLOBS, PUBLISH_BYTES, PUBLISH_FIRST_BYTES, PUBLISH_FIRST_SECONDS, PUBLISH_SECONDS, PUBLISH_SPOOLED_BYTES,
};
use crate::pack::{Body, FinishedPack, PackedBlock};
use format_spec::index::PackRow;
use format_spec::log::{Change, ObjectRef, PublishedPack};

/// Packs that are stored and checked, but not published.
pub(super) struct Unpublished {
    /// Where packs were built: they go when all of them are published.
    bodies: Vec<Box<dyn Body>>,
    packs: Vec<(PackRow, PublishedPack, Vec<PackedBlock>)>,
    bytes: u64,
    blobs: u64,
    since: f64,
    /// When the session's first new blob came, as long as nothing was published: the first publish is an early one.
    first_since: Option<f64>,
    is_first: bool,
}

impl Unpublished {
    pub(super) fn new(now: f64) -> Self {
        let (bodies, packs) = (Vec::new(), Vec::new());
        Unpublished { bodies, packs, bytes: 0, blobs: 0, since: now, first_since: None, is_first: true }
    }

    /// What waits after a publish: nothing.
    fn later(now: f64) -> Self {
        Unpublished { is_first: false, ..Unpublished::new(now) }
    }

    /// Notes that there is something new to be stored.
    pub(super) fn begin(&mut self, now: f64) {
        self.first_since.get_or_insert(now);
    }

    /// Whether the first publish is due. Packs of the spool lie in files until they are published: nothing of them is read again.
    fn is_first_due(&self, now: f64) -> bool {
        let waited = self.first_since.is_some_and(|since| now - since >= PUBLISH_FIRST_SECONDS);
        let early = self.is_first && self.bodies.is_empty() && !self.packs.is_empty();
        early && (self.bytes >= PUBLISH_FIRST_BYTES || waited)
    }

    /// Adds a pack; true when publishing is due.
    pub(super) fn add(&mut self, pack: FinishedPack, now: f64) -> bool {
        let bytes_max = if pack.body.is_some() { PUBLISH_SPOOLED_BYTES } else { PUBLISH_BYTES };
        self.bytes += pack.row.bytes;
        self.blobs += u64::from(pack.row.blobs);
        self.bodies.extend(pack.body);
        self.packs.push((pack.row, pack.published, pack.blocks));
        let full = self.bytes >= bytes_max || self.blobs >= PUBLISH_BLOBS;
        full || now - self.since >= PUBLISH_SECONDS || self.is_first_due(now)
    }
}

impl Shared {
    /// A sign of life when one is due: what is stored is published, or an entry without packs. Whoever is silent for long is fenced.
    pub(super) fn beat(&self) -> Result<()> {
        let Some(ordinals) = &self.ordinals else { return Ok(()) };
        let now = self.env.elapsed();
        let is_due =
            |unpublished: &Unpublished| now - unpublished.since >= PUBLISH_SECONDS || unpublished.is_first_due(now);
        if !is_due(&self.unpublished.lock()) {
            return Ok(());
        }
        // Who is publishing gives the sign itself.
        let Some(one) = self.publishing.try_lock() else { return Ok(()) };
        let is_empty = {
            let mut unpublished = self.unpublished.lock();
            unpublished.since = self.env.elapsed();
            unpublished.packs.is_empty()
        };
        if !is_empty {
            drop(one);
            return self.publish();
        }
        self.append(ordinals.session(), &[], None)
    }

    fn append(&self, session: u32, packs: &[PublishedPack], segment: Option<ObjectRef>) -> Result<()> {
        self.log.append(&*self.env, &mut |view| {
            view.expect_session(session)?;
            Ok(Change::Publish { session, packs: packs.to_vec(), segment })
        })?;
        Ok(())
    }

    /// Publishes what is stored now. Others go on storing meanwhile; two publishes never overlap.
    pub(super) fn publish(&self) -> Result<()> {
        let Some(ordinals) = &self.ordinals else { return Ok(()) };
        let _one = self.publishing.lock();
        let mut taken = {
            let mut unpublished = self.unpublished.lock();
            if unpublished.packs.is_empty() {
                return Ok(());
            }
            std::mem::replace(&mut *unpublished, Unpublished::later(self.env.elapsed()))
        };
        taken.packs.sort_by_key(|(row, ..)| row.id);
        let mut builder = SegmentBuilder::new();
        for (row, _, blocks) in &taken.packs {
            let blocks: Vec<_> = blocks.iter().map(|b| (b.offset, b.stored, &b.blobs[..])).collect();
            builder.add_pack(row.clone(), &blocks)?;
        }
        let segment = builder.finish();
        let mut take = || ordinals.take();
        let (id, object) = store_segment(&self.sealed_store, &*self.env, &self.monitor, &mut take, &segment)?;
        let ids: Vec<_> = segment.ids.clone();
        self.live_index.remember(id, segment);
        let packs: Vec<PublishedPack> = taken.packs.iter().map(|(_, published, _)| *published).collect();
        self.append(ordinals.session(), &packs, Some(object))?;
        self.live_index.sync()?;
        self.forget(ids.into_iter());
        taken.bodies.into_iter().for_each(|body| body.discard());
        Ok(())
    }
}
