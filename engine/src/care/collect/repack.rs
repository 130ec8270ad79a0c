//! Survivors into new packs: read, opened, verified chunk by chunk, regrouped in their old order, sealed and stored.
//!
//! Promises: nothing is carried over that was not verified against its id; a pack with a survivor that fails stays where it is, under its
//! name, and is told (bad bytes are never given a new name). Refuses to publish: that is the `Condemn`'s.

use super::plan::PackPlan;
use super::session::CareSession;
use crate::blob::put_durable;
use crate::block::OpenBlock;
use crate::error::{Error, Kind, Result};
use crate::index::SegmentBuilder;
use crate::limits::{META_BLOCK_TARGET, TAIL_BYTES};
use crate::pack::{FinishedPack, PackBuilder, PackTail};
use crate::repository::Repository;
use crate::store::Name;
use bytes::Bytes;
use format_spec::container::{DirectoryEntry, Header, ObjectKind, kind};
use format_spec::index::Segment;
use format_spec::log::{CondemnedPack, Run, Survivors};
use format_spec::{ChunkId, ObjectId, names};

/// One batch of packs on its way into new ones.
pub(super) struct Repacker<'a, 's> {
    repository: &'a Repository,
    session: &'a mut CareSession<'s>,
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
    pub(super) fn new(repository: &'a Repository, session: &'a mut CareSession<'s>) -> Self {
        let open = [Open::default(), Open::default()];
        let finished = Vec::new();
        Repacker { repository, session, open, finished, bytes: 0, stored: 0, blobs: 0, requests: 0 }
    }

    /// Carries the survivors of a pack over.
    ///
    /// # Errors
    /// `Damaged` when the pack, or one of its survivors, cannot be read: nothing of it was carried over.
    pub(super) fn pack(&mut self, pack: &PackPlan, salt: [u8; 32]) -> Result<CondemnedPack> {
        let survivors = self.read(pack, salt)?;
        let mut runs: Vec<Run> = Vec::new();
        for (id, bytes) in &survivors {
            let (to, blob) = self.push(pack.kind, *id, bytes)?;
            match runs.last_mut() {
                Some(run) if run.pack == to && run.first + run.count == blob => run.count += 1,
                _ => runs.push(Run { count: 1, pack: to, first: blob }),
            }
        }
        self.blobs += survivors.len() as u64;
        let mut bitmap = pack.survivors.clone();
        bitmap.resize(pack.blobs.div_ceil(8) as usize, 0);
        let survivors = Some(Survivors { blobs: pack.blobs, bitmap, runs });
        Ok(CondemnedPack { kind: pack.kind, id: pack.id, survivors })
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

    /// The survivors of a pack, verified, in order.
    fn read(&mut self, pack: &PackPlan, salt: [u8; 32]) -> Result<Vec<(ChunkId, Vec<u8>)>> {
        let vault = self.repository.vault();
        let name = Name::new(names::of_session(pack.kind, pack.id))?;
        let header =
            Header::new(pack.kind, vault.secrets.suite(), vault.repository, pack.id.session, pack.id.ordinal, salt);
        let cipher = vault.secrets.cipher(&header);
        let (mut tail, length) = vault.store.get_tail(&name, TAIL_BYTES)?;
        self.requests += 3;
        let needed = PackTail::bytes_needed(&tail, length)?;
        if needed > tail.len() as u64 {
            tail = vault.store.get_tail(&name, needed)?.0;
        }
        let tail = PackTail::parse(&tail, length)?;
        let record = vault.store.get_range(&name, tail.contents_entry()?.range())?;
        let contents = tail.contents(&header, &cipher, &record)?;
        let is_live = |blob: u32| pack.survivors.get(blob as usize / 8).is_some_and(|b| b >> (blob % 8) & 1 == 1);
        let blocks: Vec<&DirectoryEntry> = tail.entries.iter().filter(|e| e.head.kind == kind::BLOCK).collect();
        let mut first = 0u32;
        let mut wanted: Vec<(&DirectoryEntry, &[format_spec::pack::BlobEntry], u32)> = Vec::new();
        for (entry, blobs) in blocks.into_iter().zip(&contents.blocks) {
            let count = u32::try_from(blobs.len()).unwrap_or(u32::MAX);
            if (first..first.saturating_add(count)).any(is_live) {
                wanted.push((entry, blobs, first));
            }
            first = first.saturating_add(count);
        }
        let mut survivors = Vec::new();
        for row in in_requests(&wanted) {
            let (Some(from), Some(to)) = (row.first(), row.last()) else { continue };
            let range = from.0.range().start..to.0.range().end;
            let bytes = vault.store.get_range(&name, range.clone())?;
            self.requests += 1;
            self.bytes += bytes.len() as u64;
            for (entry, blobs, first) in row {
                let at = |n: u64| usize::try_from(n - range.start).unwrap_or(usize::MAX);
                let record = bytes.get(at(entry.range().start)..at(entry.range().end)).unwrap_or_default();
                let plain = crate::pack::open_block(record, &cipher).map_err(|e| e.on(&name))?;
                let mut offset = 0usize;
                for (number, blob) in (*first..).zip(*blobs) {
                    let end = offset + blob.bytes as usize;
                    if is_live(number) {
                        let chunk = plain.get(offset..end).unwrap_or_default();
                        if vault.ids.blob(pack.kind, chunk) != blob.id {
                            let what = format!("the bytes of blob {} do not have its id", blob.id);
                            return Err(Error::new(Kind::Damaged, what).on(&name));
                        }
                        survivors.push((blob.id, chunk.to_vec()));
                    }
                    offset = end;
                }
            }
        }
        let expected: u32 = pack.survivors.iter().map(|b| b.count_ones()).sum();
        if survivors.len() != expected as usize {
            let what = format!("its contents have {} of {expected} blobs that restore points need", survivors.len());
            return Err(Error::new(Kind::Damaged, what).on(&name));
        }
        Ok(survivors)
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
            let vault = self.repository.vault();
            let id = self.session.take()?;
            let mut salt = [0; 32];
            self.repository.env().random(&mut salt)?;
            let (limit, parity) = (self.repository.config().pack_bytes_max, self.repository.config().parity_percent);
            let pack = PackBuilder::new(kind, id, vault.repository, salt, &vault.secrets, limit, parity);
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
        pack.push(block);
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
        let vault = self.repository.vault();
        let pack = pack.finish(&vault.secrets)?;
        let stored = put_durable(&*vault.store, &Name::new(names::of_session(kind, id))?, &Bytes::clone(&pack.bytes));
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

/// Survivors of a block are counted as if none were shorter: what room is kept for in a pack's contents.
const BYTES_A_BLOB: usize = 64;

type Wanted<'w> = (&'w DirectoryEntry, &'w [format_spec::pack::BlobEntry], u32);

/// Blocks that one request fetches: near each other, and not too long together.
fn in_requests<'r, 'w>(wanted: &'r [Wanted<'w>]) -> impl Iterator<Item = &'r [Wanted<'w>]> {
    wanted.chunk_by(|a, b| {
        let gap = b.0.range().start.saturating_sub(a.0.range().end);
        gap <= crate::limits::COALESCED_GAP_MAX
    })
}
