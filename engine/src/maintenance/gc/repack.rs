//! Survivors into new packs: regrouped in their old order, sealed and stored.
//!
//! Promises: nothing is carried over that was not verified against its id; a pack with a survivor that is nowhere whole stays where it is, under
//! its name, and is told (bad bytes are never given a new name). Refuses to publish: that is the `Condemn`'s.

use super::copies::for_each_copy;
use super::plan::PackPlan;
use super::survivors::for_each_survivor;
use crate::blob::put_durable;
use crate::block::OpenBlock;
use crate::error::{Error, Kind, Result};
use crate::index::SegmentBuilder;
use crate::limits::META_BLOCK_TARGET;
use crate::pack::{FinishedPack, PackBuilder};
use crate::repository::Repository;
use crate::session::LateWriteSession;
use crate::store::ObjectName;
use bytes::Bytes;
use format_spec::container::ObjectKind;
use format_spec::index::{PackRow, Segment};
use format_spec::log::{CondemnedPack, Run, Survivors};
use format_spec::{ChunkId, ObjectId, names};

/// One batch of packs on its way into new ones.
pub(super) struct Repacker<'a, 's> {
    repository: &'a Repository,
    session: &'a mut LateWriteSession<'s>,
    open: [Open; 2],
    finished: Vec<FinishedPack>,
    /// Bytes read and stored.
    pub(super) bytes: u64,
    /// Bytes stored.
    pub(super) stored: u64,
    /// Blobs carried over.
    pub(super) blobs: u64,
    /// Requests.
    pub(super) requests: u64,
}

/// The block and the pack that are being filled, of one kind.
#[derive(Default)]
struct Open {
    block: OpenBlock,
    /// Blobs in the block.
    waiting: u32,
    pack: Option<(PackBuilder, ObjectId, u32)>,
}

/// What a batch became.
pub(super) struct Repacked {
    pub(super) packs: Vec<FinishedPack>,
    pub(super) segment: Option<Segment>,
}

impl<'a, 's> Repacker<'a, 's> {
    pub(super) fn new(repository: &'a Repository, session: &'a mut LateWriteSession<'s>) -> Self {
        let open = [Open::default(), Open::default()];
        let finished = Vec::new();
        Repacker { repository, session, open, finished, bytes: 0, stored: 0, blobs: 0, requests: 0 }
    }

    /// Carries the survivors of a pack over.
    ///
    /// # Errors
    /// `Damaged` when the pack, or one of its survivors, cannot be read. What was carried over before is dead weight in its new pack, and nothing
    /// names it.
    pub(super) fn pack(&mut self, pack: &PackPlan, row: &PackRow) -> Result<CondemnedPack> {
        let (mut runs, repository) = (Vec::new(), self.repository);
        let read = for_each_survivor(repository, pack, row, &mut |id, bytes| self.carry(pack, id, bytes, &mut runs))?;
        self.requests += read.requests;
        self.bytes += read.bytes;
        Ok(condemned(pack, runs))
    }

    /// The same for a damaged pack, each survivor from wherever it is sound; `None` when one is nowhere to be had.
    pub(super) fn pack_from_copies(&mut self, pack: &PackPlan) -> Result<Option<CondemnedPack>> {
        let (mut runs, repository) = (Vec::new(), self.repository);
        let mut read = (0, 0);
        let found = for_each_copy(repository, pack, &mut |id, bytes| {
            read = (read.0 + 2, read.1 + 2 * bytes.len() as u64);
            self.carry(pack, id, bytes, &mut runs)
        })?;
        self.requests += read.0;
        self.bytes += read.1;
        Ok(found.then(|| condemned(pack, runs)))
    }

    fn carry(&mut self, pack: &PackPlan, id: ChunkId, bytes: &[u8], runs: &mut Vec<Run>) -> Result<()> {
        let (to, blob) = self.push(pack.kind, id, bytes)?;
        self.blobs += 1;
        match runs.last_mut() {
            Some(run) if run.pack == to && run.first + run.count == blob => run.count += 1,
            _ => runs.push(Run { count: 1, pack: to, first: blob }),
        }
        Ok(())
    }

    /// Closes what is open and stores it.
    pub(super) fn finish(&mut self) -> Result<Repacked> {
        for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
            self.close_block(kind)?;
            self.close_pack(kind)?;
        }
        let mut builder = SegmentBuilder::new();
        self.finished.sort_by_key(|p| p.row.id);
        for pack in &self.finished {
            let blocks: Vec<_> = pack.blocks.iter().map(|b| (b.offset, b.stored, &b.blobs[..])).collect();
            builder.add_pack(pack.row.clone(), &blocks)?;
        }
        let segment = (!builder.is_empty()).then(|| builder.finish());
        Ok(Repacked { packs: std::mem::take(&mut self.finished), segment })
    }

    /// Puts a survivor behind the one before; where it will be: pack and blob number.
    fn push(&mut self, kind: ObjectKind, id: ChunkId, bytes: &[u8]) -> Result<(ObjectId, u32)> {
        let target = match kind {
            ObjectKind::MetaPack => META_BLOCK_TARGET,
            _ => self.repository.config().block_target as usize,
        };
        let open = &self.open[usize::from(kind == ObjectKind::MetaPack)];
        let is_long = !open.block.fits(bytes.len()) || open.block.bytes() + bytes.len() > target;
        // As many as room is kept for in the pack's contents.
        let is_full = !open.block.is_empty() && (is_long || open.waiting as usize >= target / BYTES_A_BLOB);
        if is_full {
            self.close_block(kind)?;
        }
        // The pack is chosen before its block is encoded, so room is kept for a block that does not compress at all.
        self.room_for_block(kind, bytes.len().max(target))?;
        let open = &mut self.open[usize::from(kind == ObjectKind::MetaPack)];
        open.block.push(id, bytes);
        open.waiting += 1;
        let (_, pack, blobs) = open.pack.as_ref().ok_or_else(|| Error::new(Kind::Bug, "a pack is open"))?;
        Ok((*pack, blobs + open.waiting - 1))
    }

    /// Closes the open pack when a raw block of this length might not fit, and sees that there is one.
    fn room_for_block(&mut self, kind: ObjectKind, plain: usize) -> Result<()> {
        let at = usize::from(kind == ObjectKind::MetaPack);
        let is_between_blocks = self.open[at].block.is_empty();
        if is_between_blocks
            && self.open[at].pack.as_ref().is_some_and(|(pack, ..)| !pack.has_room(plain, plain / BYTES_A_BLOB + 1))
        {
            self.close_pack(kind)?;
        }
        if self.open[at].pack.is_none() {
            let sealed_store = self.repository.sealed_store();
            let id = self.session.take()?;
            let mut salt = [0; 32];
            self.repository.env().random(&mut salt)?;
            let (limit, parity) = (self.repository.config().pack_bytes_max, self.repository.config().parity_percent);
            let pack = PackBuilder::new(kind, id, sealed_store.repository, salt, &sealed_store.secrets, limit, parity);
            self.open[at].pack = Some((pack, id, 0));
        }
        Ok(())
    }

    fn close_block(&mut self, kind: ObjectKind) -> Result<()> {
        let level = self.repository.config().level;
        let open = &mut self.open[usize::from(kind == ObjectKind::MetaPack)];
        if open.block.is_empty() {
            return Ok(());
        }
        let block = std::mem::take(&mut open.block).encode(level)?;
        let (pack, _, blobs) = open.pack.as_mut().ok_or_else(|| Error::new(Kind::Bug, "a block without a pack"))?;
        if !pack.fits(&block) {
            return Err(Error::new(Kind::Bug, "room was kept for a block and it does not fit"));
        }
        pack.push(block)?;
        *blobs += std::mem::take(&mut open.waiting);
        Ok(())
    }

    fn close_pack(&mut self, kind: ObjectKind) -> Result<()> {
        let Some((pack, id, _)) = self.open[usize::from(kind == ObjectKind::MetaPack)].pack.take() else {
            return Ok(());
        };
        if pack.is_empty() {
            return Ok(());
        }
        let sealed_store = self.repository.sealed_store();
        let pack = pack.finish(&sealed_store.secrets)?;
        let stored = put_durable(
            &*sealed_store.store,
            &ObjectName::new(names::of_session(kind, id))?,
            &Bytes::clone(&pack.bytes),
        );
        // Survivors of earlier packs lie in it: that is no damage of the pack that is being read.
        stored.map_err(|e| match e.kind() {
            Kind::Damaged => {
                Error::new(Kind::Transient, e.to_string()).advise("nothing of it was condemned; run `cairn gc` again")
            }
            _ => e,
        })?;
        self.requests += 1;
        self.bytes += pack.bytes.len() as u64;
        self.stored += pack.bytes.len() as u64;
        self.finished.push(FinishedPack { bytes: Bytes::new(), ..pack });
        Ok(())
    }
}

fn condemned(pack: &PackPlan, runs: Vec<Run>) -> CondemnedPack {
    let mut bitmap = pack.survivors.clone();
    bitmap.resize(pack.blobs.div_ceil(8) as usize, 0);
    let survivors = Some(Survivors { blobs: pack.blobs, bitmap, runs });
    CondemnedPack { kind: pack.kind, id: pack.id, survivors }
}

/// Survivors of a block are counted as if none were shorter: what room is kept for in a pack's contents.
const BYTES_A_BLOB: usize = 64;
