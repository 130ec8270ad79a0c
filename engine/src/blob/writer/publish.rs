//! Publishing: packs that are stored become usable by all, in one segment and one log entry.
//!
//! Promises: two publishes never overlap, and others go on storing meanwhile; a session that is
//! silent for long gives a sign of life. The lock of the one that publishes is held while it stores
//! and appends, and over everything that this does: the lock of what waits, the shards of what is
//! known, the log's and the index's own.

use super::known::Known;
use super::parts::WriterParts;
use crate::blob::ordinals::Ordinals;
use crate::blob::sealed_store::SealedStore;
use crate::blob::store_segment;
use crate::env::SharedEnv;
use crate::error::Result;
use crate::index::SegmentBuilder;
use crate::limits::{
    PUBLISH_BLOBS, PUBLISH_BYTES, PUBLISH_FIRST_BYTES, PUBLISH_FIRST_SECONDS, PUBLISH_SECONDS, PUBLISH_SPOOLED_BYTES,
};
use crate::log::Log;
use crate::monitor::Monitor;
use crate::pack::{Body, FinishedPack, PackedBlock};
use format_spec::index::PackRow;
use format_spec::log::{Change, ObjectRef, PublishedPack};
use parking_lot::Mutex;
use std::sync::Arc;

/// What publishes the packs of a session, one time after the other.
pub(super) struct Publishing {
    sealed_store: Arc<SealedStore>,
    log: Arc<Log>,
    env: SharedEnv,
    monitor: Arc<Monitor>,
    /// The session's; `None` in a dry run, which publishes nothing.
    ordinals: Option<Arc<Ordinals>>,
    waiting: Mutex<Unpublished>,
    /// Held by the one that publishes.
    one: Mutex<()>,
}

impl Publishing {
    pub(super) fn new(parts: &WriterParts) -> Self {
        Publishing {
            sealed_store: parts.sealed_store.clone(),
            log: parts.log.clone(),
            env: parts.env.clone(),
            monitor: parts.monitor.clone(),
            ordinals: parts.ordinals.clone(),
            waiting: Mutex::new(Unpublished::new(parts.env.elapsed())),
            one: Mutex::new(()),
        }
    }

    /// Notes that there is something new to be stored.
    pub(super) fn begin(&self) {
        self.waiting.lock().begin(self.env.elapsed());
    }

    /// Adds a pack that is stored; true when publishing is due.
    pub(super) fn add(&self, pack: FinishedPack) -> bool {
        self.waiting.lock().add(pack, self.env.elapsed())
    }

    /// A sign of life when one is due: what is stored is published, or an entry without packs.
    /// Whoever is silent for long is fenced.
    pub(super) fn beat(&self, known: &Known) -> Result<()> {
        let Some(ordinals) = &self.ordinals else { return Ok(()) };
        let now = self.env.elapsed();
        let is_due =
            |unpublished: &Unpublished| now - unpublished.since >= PUBLISH_SECONDS || unpublished.is_first_due(now);
        if !is_due(&self.waiting.lock()) {
            return Ok(());
        }
        // Who is publishing gives the sign itself.
        let Some(one) = self.one.try_lock() else { return Ok(()) };
        let is_empty = {
            let mut waiting = self.waiting.lock();
            waiting.since = self.env.elapsed();
            waiting.packs.is_empty()
        };
        if !is_empty {
            drop(one);
            return self.publish(known);
        }
        self.append(ordinals.session(), &[], None)
    }

    /// Publishes what is stored now. Others go on storing meanwhile; two publishes never overlap.
    pub(super) fn publish(&self, known: &Known) -> Result<()> {
        let Some(ordinals) = &self.ordinals else { return Ok(()) };
        let _one = self.one.lock();
        let mut taken = {
            let mut waiting = self.waiting.lock();
            if waiting.packs.is_empty() {
                return Ok(());
            }
            std::mem::replace(&mut *waiting, Unpublished::later(self.env.elapsed()))
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
        known.remember(id, segment);
        let packs: Vec<PublishedPack> = taken.packs.iter().map(|(_, published, _)| *published).collect();
        self.append(ordinals.session(), &packs, Some(object))?;
        known.published(&ids)?;
        taken.bodies.into_iter().for_each(|body| body.discard());
        Ok(())
    }

    fn append(&self, session: u32, packs: &[PublishedPack], segment: Option<ObjectRef>) -> Result<()> {
        self.log.append(&*self.env, &mut |view| {
            view.expect_session(session)?;
            Ok(Change::Publish { session, packs: packs.to_vec(), segment })
        })?;
        Ok(())
    }
}

/// Packs that are stored and checked, but not published.
struct Unpublished {
    /// Where packs were built: they go when all of them are published.
    bodies: Vec<Box<dyn Body>>,
    packs: Vec<(PackRow, PublishedPack, Vec<PackedBlock>)>,
    bytes: u64,
    blobs: u64,
    since: f64,
    /// When the session's first new blob came, as long as nothing was published: the first publish
    /// is an early one.
    first_since: Option<f64>,
    is_first: bool,
}

impl Unpublished {
    fn new(now: f64) -> Self {
        let (bodies, packs) = (Vec::new(), Vec::new());
        Unpublished { bodies, packs, bytes: 0, blobs: 0, since: now, first_since: None, is_first: true }
    }

    /// What waits after a publish: nothing.
    fn later(now: f64) -> Self {
        Unpublished { is_first: false, ..Unpublished::new(now) }
    }

    /// Notes that there is something new to be stored.
    fn begin(&mut self, now: f64) {
        self.first_since.get_or_insert(now);
    }

    /// Whether the first publish is due. Packs of the spool lie in files until they are published:
    /// nothing of them is read again.
    fn is_first_due(&self, now: f64) -> bool {
        let waited = self.first_since.is_some_and(|since| now - since >= PUBLISH_FIRST_SECONDS);
        let early = self.is_first && self.bodies.is_empty() && !self.packs.is_empty();
        early && (self.bytes >= PUBLISH_FIRST_BYTES || waited)
    }

    /// Adds a pack; true when publishing is due.
    fn add(&mut self, pack: FinishedPack, now: f64) -> bool {
        let bytes_max = if pack.body.is_some() { PUBLISH_SPOOLED_BYTES } else { PUBLISH_BYTES };
        self.bytes += pack.row.bytes;
        self.blobs += u64::from(pack.row.blobs);
        self.bodies.extend(pack.body);
        self.packs.push((pack.row, pack.published, pack.blocks));
        let full = self.bytes >= bytes_max || self.blobs >= PUBLISH_BLOBS;
        full || now - self.since >= PUBLISH_SECONDS || self.is_first_due(now)
    }
}
