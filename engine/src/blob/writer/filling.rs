//! What is being filled: the open block and the open pack of each lane, and the spool where packs
//! are filled in files.
//!
//! Promises: the order of puts is the order in blocks, so what belongs together is compressed and
//! read together; what is full is handed to the caller, never sent. A pack is locked while a block
//! is sealed into it, and takes its ordinal and the age of the spool under that lock; the other
//! locks are leaves.

use super::parts::WriterParts;
use super::spool::Spool;
use crate::blob::ordinals::Ordinals;
use crate::blob::sealed_store::SealedStore;
use crate::block::{EncodedBlock, OpenBlock};
use crate::env::SharedEnv;
use crate::error::{Error, Kind, Result};
use crate::limits::{COPY_META_PACK_FILL, COPY_PACK_FILL, META_BLOCK_TARGET};
use crate::pack::{FinishedPack, PackBuilder};
use bytes::Bytes;
use format_spec::config::{Class, Config};
use format_spec::container::ObjectKind;
use format_spec::{ChunkId, Time};
use parking_lot::Mutex;
use std::sync::Arc;

/// Rows of packs that are filled beside each other: of data by its expected lifetime, and one of
/// metadata.
const LANES: usize = DATA_LANES + 1;
/// Rows of data packs: 0 for what is expected to stay longest.
pub const DATA_LANES: usize = 5;

pub(super) struct Filling {
    sealed_store: Arc<SealedStore>,
    env: SharedEnv,
    config: Config,
    /// The session's; `None` in a dry run, which fills no packs.
    ordinals: Option<Arc<Ordinals>>,
    open: [Mutex<OpenBlock>; LANES],
    packs: [Mutex<Option<PackBuilder>>; LANES],
    spool: Option<Spool>,
    /// When the oldest block was put that an ended process had left in the spool.
    spooled_since: Mutex<Option<Time>>,
    /// The buffer of the pack of the spool that was stored last.
    spare: Mutex<Option<Vec<u8>>>,
}

impl Filling {
    pub(super) fn new(parts: &mut WriterParts) -> Self {
        Filling {
            sealed_store: parts.sealed_store.clone(),
            env: parts.env.clone(),
            config: parts.config.clone(),
            ordinals: parts.ordinals.clone(),
            open: std::array::from_fn(|_| Mutex::new(OpenBlock::default())),
            packs: std::array::from_fn(|_| Mutex::new(None)),
            spool: parts.spool.take(),
            spooled_since: Mutex::new(None),
            spare: Mutex::new(None),
        }
    }

    /// Puts a blob into the open block of its lane; returns the block that is full by that, if any.
    pub(super) fn push(&self, kind: ObjectKind, lane: usize, id: ChunkId, bytes: Vec<u8>) -> Option<OpenBlock> {
        let target = if kind == ObjectKind::DataPack { self.config.block_target as usize } else { META_BLOCK_TARGET };
        if bytes.len() * 2 >= target {
            return Some(OpenBlock::of(id, bytes));
        }
        let mut open = self.open[slot(kind, lane)].lock();
        let is_full = !open.fits(bytes.len()) || open.bytes() + bytes.len() > target;
        let full = is_full.then(|| std::mem::take(&mut *open));
        open.push(id, &bytes);
        full.filter(|block| !block.is_empty())
    }

    /// The open block of a slot, which is empty from then on, with the kind and lane of its pack.
    pub(super) fn take_block(&self, slot: usize) -> (ObjectKind, usize, OpenBlock) {
        let kind = if slot == DATA_LANES { ObjectKind::MetaPack } else { ObjectKind::DataPack };
        (kind, slot, std::mem::take(&mut *self.open[slot].lock()))
    }

    /// Seals a block into the open pack of its lane; returns the pack before it when that was full.
    pub(super) fn seal(&self, kind: ObjectKind, lane: usize, block: EncodedBlock) -> Result<Option<PackBuilder>> {
        let mut open = self.packs[slot(kind, lane)].lock();
        let full = open.take_if(|pack| !pack.fits(&block));
        if open.is_none() {
            *open = Some(self.new_pack(kind, lane)?);
        }
        let pack = open.as_mut().expect("was just made");
        if !pack.fits(&block) {
            return Err(Error::new(Kind::Bug, "a block does not fit into an empty pack"));
        }
        pack.push(block)?;
        Ok(full)
    }

    /// The open pack of a slot, which has none from then on.
    pub(super) fn take_pack(&self, slot: usize) -> Option<PackBuilder> {
        self.packs[slot].lock().take()
    }

    /// Every slot: a lane of data or the one of metadata.
    pub(super) fn slots() -> std::ops::Range<usize> {
        0..LANES
    }

    /// Whether any block or pack is open with something in it.
    pub(super) fn is_any_open(&self) -> bool {
        self.packs.iter().any(|pack| pack.lock().is_some()) || self.open.iter().any(|block| !block.lock().is_empty())
    }

    /// Makes open packs of the spool safe against a loss of power.
    pub(super) fn sync(&self) -> Result<()> {
        self.packs.iter().try_for_each(|pack| pack.lock().as_mut().map_or(Ok(()), |pack| pack.sync()))
    }

    pub(super) fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// Notes since when something waits in the spool; the time of the oldest.
    pub(super) fn note_since(&self, time: Time) -> Time {
        let mut since = self.spooled_since.lock();
        let oldest = since.map_or(time, |since| since.min(time));
        *since = Some(oldest);
        oldest
    }

    /// Nothing of ended processes waits in the spool any more.
    pub(super) fn forget_since(&self) {
        *self.spooled_since.lock() = None;
    }

    /// An empty pack: in the spool if there is one.
    pub(super) fn new_pack(&self, kind: ObjectKind, lane: usize) -> Result<PackBuilder> {
        let ordinals = self.ordinals.as_ref().ok_or_else(|| Error::new(Kind::Bug, "a dry run makes no packs"))?;
        let id = ordinals.take()?;
        let mut salt = [0; 32];
        self.env.random(&mut salt)?;
        let (most, parity) = (fill(&self.config, kind), self.config.parity_percent);
        let pack =
            PackBuilder::new(kind, id, self.sealed_store.repository, salt, &self.sealed_store.secrets, most, parity);
        Ok(match &self.spool {
            Some(spool) => {
                let now = self.env.now();
                let since = self.spooled_since.lock().map_or(now, |since| since.min(now));
                pack.in_body(spool.body(kind, lane, since)?)
            }
            None => pack,
        })
    }

    /// A pack of the spool comes into memory, where the one before it was.
    pub(super) fn finish_spooled(&self, pack: PackBuilder) -> Result<FinishedPack> {
        let buffer = self.spare.lock().take().unwrap_or_default();
        pack.finish_in(&self.sealed_store.secrets, buffer)
    }

    /// Takes the memory of a stored pack back: memory that was touched once is not asked for again,
    /// for the first touch costs more than all that is done with it.
    pub(super) fn keep_buffer(&self, bytes: Bytes) {
        *self.spare.lock() = bytes.is_unique().then(|| bytes.into());
    }
}

/// Where the open block and pack of a kind and lane stand.
fn slot(kind: ObjectKind, lane: usize) -> usize {
    if kind == ObjectKind::MetaPack { DATA_LANES } else { lane.min(DATA_LANES - 1) }
}

/// How long a pack of this kind becomes. Of copies data packs stay below the length up to which the
/// fastest retrieval is offered everywhere; metadata rests in a readable class, and is read in
/// parts.
fn fill(config: &Config, kind: ObjectKind) -> u32 {
    let most = match (config.class, kind) {
        (Class::Copy, ObjectKind::MetaPack) => COPY_META_PACK_FILL,
        (Class::Copy, _) => COPY_PACK_FILL,
        _ => u32::MAX,
    };
    most.min(config.pack_bytes_max)
}
