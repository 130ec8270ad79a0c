//! The writing half of the blob store: chunks and nodes in, published packs out.
//!
//! Promises: a blob that is known (published in a pack that is not distrusted, or pending in this session) is not stored twice; order of puts decides the order
//! in blocks, so what belongs together is compressed and read together; a failure anywhere ends every later call. Queues are bounded: a put waits
//! when encoders or the store are behind. Refuses to rely on packs of others that are not published (I6).

mod carried;
mod publish;
mod spool;
mod stages;

use super::live_index::LiveIndex;
use super::ordinals::Ordinals;
use super::sealed_store::SealedStore;
use crate::block::OpenBlock;
use crate::env::SharedEnv;
use crate::error::{Error, Kind, Result};
use crate::limits::{BLOCKS_QUEUED_PER_THREAD, META_BLOCK_TARGET, PACKS_QUEUED_MAX, UPLOADS_MAX};
use crate::log::Log;
use crate::monitor::Monitor;
use crate::pack::{FinishedPack, PackBuilder};
use crate::threads;
pub use carried::Carried;
use crossbeam_channel::{Sender, bounded};
use format_spec::config::Config;
use format_spec::container::ObjectKind;
use format_spec::{ChunkId, Time};
use parking_lot::{Condvar, Mutex};
use publish::Unpublished;
pub use spool::Spool;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// What a session has stored so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Chunks and nodes that were new.
    pub blobs_new: u64,
    /// Data chunks among them.
    pub chunks_new: u64,
    /// Plaintext bytes of new chunks.
    pub bytes_new: u64,
    /// Bytes of finished packs.
    pub bytes_stored: u64,
    /// Packs stored.
    pub packs: u64,
    /// Data packs among them.
    pub data_packs: u64,
}

/// A session's writer; shared by reference between the threads that put.
pub struct Writer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    sealed_store: Arc<SealedStore>,
    live_index: Arc<LiveIndex>,
    log: Arc<Log>,
    env: SharedEnv,
    config: Config,
    monitor: Arc<Monitor>,
    /// The session's; `None` in a dry run: nothing is stored, only counted.
    ordinals: Option<Arc<Ordinals>>,
    /// There are no stages: who sends a job does it.
    is_inline: bool,
    pending: [Mutex<HashSet<ChunkId>>; PENDING_SHARDS],
    open: [Mutex<OpenBlock>; LANES],
    packs: [Mutex<Option<PackBuilder>>; LANES],
    spool: Option<Spool>,
    /// When the oldest block was put that an ended process had left in the spool.
    spooled_since: Mutex<Option<Time>>,
    unpublished: Mutex<Unpublished>,
    publishing: Mutex<()>,
    /// The buffer of the pack of the spool that was stored last.
    spare: Mutex<Option<Vec<u8>>>,
    underway: Mutex<u64>,
    landed: Condvar,
    failure: Mutex<Option<Error>>,
    failed: AtomicBool,
    closed: AtomicBool,
    counts: Counts,
    blocks: Sender<Job>,
    packs_out: Sender<Job>,
}

#[derive(Default)]
struct Counts {
    blobs_new: AtomicU64,
    chunks_new: AtomicU64,
    bytes_new: AtomicU64,
    bytes_stored: AtomicU64,
    packs: AtomicU64,
    data_packs: AtomicU64,
}

/// Work of the stages.
enum Job {
    Block(ObjectKind, usize, OpenBlock),
    Pack(Box<FinishedPack>),
    /// A full pack of the spool: it is taken into memory when its turn has come.
    Spooled(Box<PackBuilder>),
}

/// Rows of packs that are filled beside each other: of data by its expected lifetime, and one of metadata.
const LANES: usize = DATA_LANES + 1;
/// Rows of data packs: 0 for what is expected to stay longest.
pub const DATA_LANES: usize = 5;

const PENDING_SHARDS: usize = 16;

/// What a writer is made of.
pub struct WriterParts {
    /// Store, identity, secrets.
    pub sealed_store: Arc<SealedStore>,
    /// The index.
    pub live_index: Arc<LiveIndex>,
    /// The log.
    pub log: Arc<Log>,
    /// Clock and dice.
    pub env: SharedEnv,
    /// The repository's parameters.
    pub config: Config,
    /// Progress and the stop button.
    pub monitor: Arc<Monitor>,
    /// The names of the session's objects; `None` for a dry run.
    pub ordinals: Option<Arc<Ordinals>>,
    /// Encoding threads. 0: no thread is started, each put does what it causes, so that a simulation repeats itself.
    pub threads: usize,
    /// Where packs are filled, if not in memory.
    pub spool: Option<Spool>,
}

/// How a writer works, beyond what the repository says.
#[derive(Debug, Default)]
pub struct WriterOptions {
    /// Encoding threads. 0: no thread is started, each put does what it causes, so that a simulation repeats itself.
    pub threads: usize,
    /// Where packs are filled, if not in memory.
    pub spool: Option<Spool>,
    /// Another compression level and block size than the repository's.
    pub regroup: Option<(i32, u32)>,
}

impl Writer {
    /// Starts the stages of an opened session.
    ///
    /// # Errors
    /// `Transient` when a thread cannot be made; those that were made end.
    pub fn start(parts: WriterParts) -> Result<Self> {
        let encoders = parts.threads;
        // Packs that are filled in files are large: one is in memory at a time.
        let uploads = match (encoders, &parts.spool) {
            (0, _) => 0,
            (_, Some(_)) => 1,
            (_, None) => UPLOADS_MAX,
        };
        let (blocks_in, blocks_out) = bounded(encoders * BLOCKS_QUEUED_PER_THREAD);
        let (packs_in, packs_out) = bounded(PACKS_QUEUED_MAX);
        let shared = Arc::new(Shared::new(parts, blocks_in, packs_in));
        let mut writer = Writer { shared, threads: Vec::new() };
        for _ in 0..encoders {
            let (shared, blocks) = (writer.shared.clone(), blocks_out.clone());
            writer.threads.push(threads::spawn(move || shared.run(&blocks))?);
        }
        for _ in 0..uploads {
            let (shared, packs) = (writer.shared.clone(), packs_out.clone());
            writer.threads.push(threads::spawn(move || shared.run(&packs))?);
        }
        Ok(writer)
    }

    /// Stores a data chunk unless it is known; returns whether it was new.
    pub fn put_chunk(&self, id: ChunkId, chunk: Vec<u8>) -> Result<bool> {
        self.shared.put(ObjectKind::DataPack, 0, id, chunk)
    }

    /// Stores a tree node unless it is known; returns whether it was new.
    pub fn put_node(&self, id: ChunkId, node: Vec<u8>) -> Result<bool> {
        self.shared.put(ObjectKind::MetaPack, 0, id, node)
    }

    /// Waits until everything put so far is stored, checked and published.
    pub fn flush(&self) -> Result<()> {
        self.shared.flush()
    }

    /// Publishes what is stored, and what is on its way to the store, and begins nothing more: what a stopped session leaves behind for the next
    /// one. The session has failed from then on.
    pub fn salvage(&self) -> Result<()> {
        self.settle();
        self.shared.publish()
    }

    /// Begins nothing more, and waits for what is on its way to the store: nothing is put from then on, so the session can end. It has failed.
    pub fn settle(&self) {
        self.shared.failed.store(true, Ordering::SeqCst);
        self.shared.wait_for_arrivals();
    }

    /// Whether a stage has failed: the store refused, or did not keep what it was given.
    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::SeqCst)
    }

    /// What was stored so far.
    pub fn stored(&self) -> Stored {
        let c = &self.shared.counts;
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Stored {
            blobs_new: read(&c.blobs_new),
            chunks_new: read(&c.chunks_new),
            bytes_new: read(&c.bytes_new),
            bytes_stored: read(&c.bytes_stored),
            packs: read(&c.packs),
            data_packs: read(&c.data_packs),
        }
    }
}

impl Drop for Writer {
    /// Ends the threads; what was not flushed is given up.
    fn drop(&mut self) {
        self.shared.failed.store(true, Ordering::SeqCst);
        self.shared.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on stderr, and its work is given up anyway.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn put(&self, kind: ObjectKind, lane: usize, id: ChunkId, bytes: Vec<u8>) -> Result<bool> {
        self.expect_sound()?;
        let shard = &self.pending[usize::from(id.0[0]) % PENDING_SHARDS];
        if shard.lock().contains(&id) || self.live_index.is_stored(&id)? || !shard.lock().insert(id) {
            return Ok(false);
        }
        if self.counts.blobs_new.fetch_add(1, Ordering::Relaxed) == 0 {
            self.unpublished.lock().begin(self.env.elapsed());
        }
        if kind == ObjectKind::DataPack {
            self.counts.chunks_new.fetch_add(1, Ordering::Relaxed);
            self.counts.bytes_new.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        if self.ordinals.is_none() {
            return Ok(true);
        }
        let target = if kind == ObjectKind::DataPack { self.config.block_target as usize } else { META_BLOCK_TARGET };
        if bytes.len() * 2 >= target {
            self.send(Job::Block(kind, lane, OpenBlock::of(id, bytes)))?;
            return Ok(true);
        }
        let full = {
            let mut open = self.open[slot(kind, lane)].lock();
            let full =
                (!open.fits(bytes.len()) || open.bytes() + bytes.len() > target).then(|| std::mem::take(&mut *open));
            open.push(id, &bytes);
            full
        };
        match full {
            Some(block) if !block.is_empty() => self.send(Job::Block(kind, lane, block))?,
            _ => {}
        }
        Ok(true)
    }

    /// The error that ended the session, told to each who asks: whoever is heard in the end knows the cause. Asked before and after each wait.
    fn expect_sound(&self) -> Result<()> {
        if !self.failed.load(Ordering::SeqCst) {
            return self.monitor.check();
        }
        let failure = self.failure.lock();
        Err(failure.as_ref().map_or_else(|| Error::new(Kind::Interrupted, "the session has ended"), Error::again))
    }

    fn fail(&self, error: Error) {
        self.failure.lock().get_or_insert(error);
        self.failed.store(true, Ordering::SeqCst);
        self.landed.notify_all();
    }
}

/// Where the open block and pack of a kind and lane stand.
fn slot(kind: ObjectKind, lane: usize) -> usize {
    if kind == ObjectKind::MetaPack { DATA_LANES } else { lane.min(DATA_LANES - 1) }
}
