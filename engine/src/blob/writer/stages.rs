//! The stages behind a put: encode and verify, seal into a pack, store and look again.
//!
//! Promises: a job that was begun lands, whatever becomes of it; a panic in it fails the session;
//! queues are bounded, so a put waits when encoders or the store are behind. No lock is held while
//! a job is sent or done.

use super::counts::Counts;
use super::filling::Filling;
use super::known::Known;
use super::parts::WriterParts;
use super::publish::Publishing;
use super::underway::{LOOK_AGAIN, Underway};
use super::verdict::Verdict;
use crate::blob::durable::put_again;
use crate::blob::sealed_store::SealedStore;
use crate::block::{EncodedBlock, OpenBlock};
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::pack::{FinishedPack, PackBuilder};
use crate::store::ObjectName;
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};
use format_spec::container::ObjectKind;
use format_spec::{ChunkId, names};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Work of the stages.
pub(super) enum Job {
    Block(ObjectKind, usize, OpenBlock),
    Pack(Box<FinishedPack>),
    /// A full pack of the spool: it is taken into memory when its turn has come.
    Spooled(Box<PackBuilder>),
}

/// Where jobs wait for the threads of their stage.
pub(super) struct Queues {
    pub(super) blocks: Sender<Job>,
    pub(super) packs: Sender<Job>,
}

/// What the threads of a writer share: each object has its own locks, and this one only leads from
/// one to the next.
pub(super) struct Stages {
    sealed_store: Arc<SealedStore>,
    monitor: Arc<Monitor>,
    level: i32,
    /// Nothing is stored, only counted.
    is_dry: bool,
    pub(super) known: Known,
    pub(super) filling: Filling,
    pub(super) underway: Underway,
    pub(super) publishing: Publishing,
    pub(super) verdict: Verdict,
    pub(super) counts: Counts,
    /// `None`: there are no threads, and whoever sends a job does it.
    queues: Option<Queues>,
    closed: AtomicBool,
}

impl Stages {
    pub(super) fn new(mut parts: WriterParts, queues: Option<Queues>) -> Self {
        Stages {
            filling: Filling::new(&mut parts),
            publishing: Publishing::new(&parts),
            known: Known::new(parts.live_index),
            verdict: Verdict::new(parts.monitor.clone()),
            sealed_store: parts.sealed_store,
            monitor: parts.monitor,
            level: parts.config.level,
            is_dry: parts.ordinals.is_none(),
            underway: Underway::default(),
            counts: Counts::default(),
            queues,
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn sealed_store(&self) -> &SealedStore {
        &self.sealed_store
    }

    /// Stores a blob unless it is known; whether it was new.
    pub(super) fn put(&self, kind: ObjectKind, lane: usize, id: ChunkId, bytes: Vec<u8>) -> Result<bool> {
        self.verdict.expect_sound()?;
        if !self.known.claim(id)? {
            return Ok(false);
        }
        if self.counts.put(kind, 1, bytes.len()) {
            self.publishing.begin();
        }
        if !self.is_dry
            && let Some(full) = self.filling.push(kind, lane, id, bytes)
        {
            self.send(Job::Block(kind, lane, full))?;
        }
        Ok(true)
    }

    /// Stores a block as it is. None of its blobs is known.
    pub(super) fn carry(&self, kind: ObjectKind, lane: usize, block: EncodedBlock) -> Result<()> {
        self.counts.put(kind, block.blobs.len() as u64, block.plain_bytes);
        self.known.take_on(block.blobs.iter().map(|blob| blob.id));
        if self.is_dry { Ok(()) } else { self.pack_block(kind, lane, block) }
    }

    /// Waits until nothing is on its way, then publishes.
    pub(super) fn flush(&self) -> Result<()> {
        if self.is_dry {
            return self.verdict.expect_sound();
        }
        self.close_blocks()?;
        for slot in Filling::slots() {
            self.filling.take_pack(slot).map_or(Ok(()), |pack| self.send_pack(pack))?;
        }
        self.underway.wait_if_sound(&self.verdict)?;
        self.filling.forget_since();
        self.publish()
    }

    /// Seals what is in open blocks into packs, which stay open.
    pub(super) fn close_blocks(&self) -> Result<()> {
        for slot in Filling::slots() {
            let (kind, lane, block) = self.filling.take_block(slot);
            if !block.is_empty() {
                self.send(Job::Block(kind, lane, block))?;
            }
        }
        self.underway.wait_if_sound(&self.verdict)
    }

    /// Publishes what is stored now.
    pub(super) fn publish(&self) -> Result<()> {
        self.publishing.publish(&self.known)
    }

    /// A stage's thread: runs until the writer is dropped.
    pub(super) fn run(&self, jobs: &Receiver<Job>) {
        loop {
            match jobs.recv_timeout(LOOK_AGAIN) {
                Ok(job) => self.work(job),
                Err(RecvTimeoutError::Timeout) if !self.closed.load(Ordering::SeqCst) => {
                    if !self.verdict.has_failed() {
                        self.beat();
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Lets the threads end when they have nothing to do.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Hands a job to its stage; waits while the queue is full and the session sound.
    fn send(&self, mut job: Job) -> Result<()> {
        let Some(queues) = &self.queues else {
            self.beat();
            self.underway.begin();
            self.work(job);
            return self.verdict.expect_sound();
        };
        self.underway.begin();
        let queue = if matches!(job, Job::Block(..)) { &queues.blocks } else { &queues.packs };
        loop {
            match queue.send_timeout(job, LOOK_AGAIN) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(back)) => {
                    job = back;
                    if self.verdict.has_failed() {
                        self.underway.arrive();
                        return self.verdict.expect_sound();
                    }
                }
                Err(SendTimeoutError::Disconnected(_)) => {
                    self.underway.arrive();
                    return Err(Error::new(Kind::Bug, "the stages of the session have ended early"));
                }
            }
        }
    }

    /// One job, to its end; a session that has failed does no more.
    fn work(&self, job: Job) {
        let _landing = Landing(self);
        if !self.verdict.has_failed() {
            let done = match job {
                Job::Block(kind, lane, block) => self.encode(kind, lane, block),
                Job::Pack(pack) => self.store(*pack),
                Job::Spooled(pack) => self.filling.finish_spooled(*pack).and_then(|pack| self.store(pack)),
            };
            done.unwrap_or_else(|e| self.fail(e));
        }
    }

    fn encode(&self, kind: ObjectKind, lane: usize, block: OpenBlock) -> Result<()> {
        self.pack_block(kind, lane, block.encode(self.level)?)
    }

    /// Seals the block into the open pack of its lane; sends the pack before it on when that was
    /// full.
    fn pack_block(&self, kind: ObjectKind, lane: usize, block: EncodedBlock) -> Result<()> {
        let full = self.filling.seal(kind, lane, block)?;
        full.map_or(Ok(()), |full| self.send_pack(full))
    }

    /// A pack in memory is finished where it was filled, one in the spool where it is stored.
    fn send_pack(&self, pack: PackBuilder) -> Result<()> {
        if self.filling.spool().is_some() {
            return self.send(Job::Spooled(Box::new(pack)));
        }
        self.send(Job::Pack(Box::new(pack.finish(&self.sealed_store.secrets)?)))
    }

    fn store(&self, mut pack: FinishedPack) -> Result<()> {
        let mut again: Option<FinishedPack> = None;
        let mut tries = 0;
        put_again(&*self.sealed_store.store, &self.monitor, &mut || {
            if tries > 0 {
                again = Some(pack.reseal(self.filling.new_pack(pack.row.kind, 0)?, &self.sealed_store.secrets)?);
            }
            tries += 1;
            let pack = again.as_ref().unwrap_or(&pack);
            Ok((ObjectName::new(names::of_session(pack.row.kind, pack.row.id))?, pack.bytes.clone(), ()))
        })?;
        if let Some(again) = again {
            pack.body.take().into_iter().for_each(|body| body.discard());
            pack = again;
        }
        self.counts.stored(&pack);
        if self.filling.spool().is_some() {
            self.filling.keep_buffer(std::mem::take(&mut pack.bytes));
        }
        if self.publishing.add(pack) { self.publish() } else { Ok(()) }
    }

    /// A sign of life when one is due; without it the session fails.
    fn beat(&self) {
        self.publishing.beat(&self.known).unwrap_or_else(|e| self.fail(e));
    }

    fn fail(&self, error: Error) {
        self.verdict.fail(error);
        self.underway.wake();
    }
}

/// A job that ends, one way or the other: a panic must neither leave others waiting nor look like
/// success.
struct Landing<'a>(&'a Stages);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(Error::new(Kind::Bug, "a thread that encodes or stores has panicked; nothing was committed"));
        }
        self.0.underway.arrive();
    }
}
