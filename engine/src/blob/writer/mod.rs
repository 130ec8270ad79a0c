//! The writing half of the blob store: chunks and nodes in, published packs out.
//!
//! Promises: a blob that is known (published in a pack that is not distrusted, or pending in this
//! session) is not stored twice; order of puts decides the order in blocks, so what belongs
//! together is compressed and read together; a failure anywhere ends every later call. Queues are
//! bounded: a put waits when encoders or the store are behind. Refuses to rely on packs of others
//! that are not published (I6).
//!
//! ```text
//! Writer  the session's face: put, flush, leave, salvage
//! Stages  leads a blob from one object to the next, in the threads of the stages
//!   Known       what need not be stored: published, or pending in this session
//!   Filling     open blocks and packs of the lanes, and the spool
//!   Underway    jobs that were begun and have not landed
//!   Publishing  packs that are stored and wait for their segment and log entry
//!   Verdict     whether the session is sound, and what ended it
//!   Counts      for people
//! ```
//!
//! Order of locks, outermost first. Two locks of one row are never held together, nor one of the
//! second row with `publishing`:
//!
//! ```text
//! 1  publishing.one                    while a publish stores its segment, appends and syncs the index
//! 2  a pack of filling                 while a block is sealed into it, which may take an ordinal and begin a file
//! 3  publishing.waiting, a shard of known, an open block, the spool's age and spare buffer, underway, the error of verdict
//! ```
//!
//! Locks of the third row are held for no call that locks; no lock is held while a job is sent,
//! encoded or stored.

mod carried;
mod counts;
mod filling;
mod known;
mod parts;
mod publish;
mod spool;
mod stages;
mod underway;
mod verdict;

use crate::error::Result;
use crate::limits::{BLOCKS_QUEUED_PER_THREAD, PACKS_QUEUED_MAX, UPLOADS_MAX};
use crate::threads;
pub use carried::Carried;
pub use counts::Stored;
use crossbeam_channel::bounded;
pub use filling::DATA_LANES;
use format_spec::ChunkId;
use format_spec::container::ObjectKind;
pub use parts::{WriterOptions, WriterParts};
pub use spool::Spool;
use stages::{Queues, Stages};
use std::sync::Arc;
use std::thread::JoinHandle;

/// A session's writer; shared by reference between the threads that put.
pub struct Writer {
    stages: Arc<Stages>,
    threads: Vec<JoinHandle<()>>,
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
        let queues = (encoders > 0).then_some(Queues { blocks: blocks_in, packs: packs_in });
        let mut writer = Writer { stages: Arc::new(Stages::new(parts, queues)), threads: Vec::new() };
        for _ in 0..encoders {
            let (stages, blocks) = (writer.stages.clone(), blocks_out.clone());
            writer.threads.push(threads::spawn(move || stages.run(&blocks))?);
        }
        for _ in 0..uploads {
            let (stages, packs) = (writer.stages.clone(), packs_out.clone());
            writer.threads.push(threads::spawn(move || stages.run(&packs))?);
        }
        Ok(writer)
    }

    /// Stores a data chunk unless it is known; returns whether it was new.
    pub fn put_chunk(&self, id: ChunkId, chunk: Vec<u8>) -> Result<bool> {
        self.stages.put(ObjectKind::DataPack, 0, id, chunk)
    }

    /// Stores a tree node unless it is known; returns whether it was new.
    pub fn put_node(&self, id: ChunkId, node: Vec<u8>) -> Result<bool> {
        self.stages.put(ObjectKind::MetaPack, 0, id, node)
    }

    /// Waits until everything put so far is stored, checked and published.
    pub fn flush(&self) -> Result<()> {
        self.stages.flush()
    }

    /// Publishes what is stored, and what is on its way to the store, and begins nothing more: what
    /// a stopped session leaves behind for the next one. The session has failed from then on.
    pub fn salvage(&self) -> Result<()> {
        self.settle();
        self.stages.publish()
    }

    /// Begins nothing more, and waits for what is on its way to the store: nothing is put from then
    /// on, so the session can end. It has failed.
    pub fn settle(&self) {
        self.stages.verdict.give_up();
        self.stages.underway.wait();
    }

    /// Whether a stage has failed: the store refused, or did not keep what it was given.
    pub fn has_failed(&self) -> bool {
        self.stages.verdict.has_failed()
    }

    /// What was stored so far.
    pub fn stored(&self) -> Stored {
        self.stages.counts.so_far()
    }
}

impl Drop for Writer {
    /// Ends the threads; what was not flushed is given up.
    fn drop(&mut self) {
        self.stages.verdict.give_up();
        self.stages.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on stderr, and its work is given up anyway.
            let _ = thread.join();
        }
    }
}
