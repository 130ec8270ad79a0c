//! The stages behind a put: encode and verify, seal into a pack, store and look again.

use super::{Counts, DATA_LANES, Job, LANES, PENDING_SHARDS, Shared, WriterParts, slot};
use crate::blob::durable::put_again;
use crate::block::{EncodedBlock, OpenBlock};
use crate::error::{Error, Kind, Result};
use crate::limits::{COPY_META_PACK_FILL, COPY_PACK_FILL};
use crate::pack::{FinishedPack, PackBuilder};
use crate::store::ObjectName;
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};
use format_spec::config::{Class, Config};
use format_spec::container::ObjectKind;
use format_spec::names;
use parking_lot::{Condvar, Mutex};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a waiting thread sleeps before it looks whether the session has failed.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Shared {
    pub(super) fn new(parts: WriterParts, blocks: Sender<Job>, packs: Sender<Job>) -> Self {
        let now = parts.env.elapsed();
        Shared {
            sealed_store: parts.sealed_store,
            live_index: parts.live_index,
            log: parts.log,
            env: parts.env,
            config: parts.config,
            monitor: parts.monitor,
            ordinals: parts.ordinals,
            is_inline: parts.threads == 0,
            pending: std::array::from_fn(|_| Mutex::new(HashSet::new())),
            open: std::array::from_fn(|_| Mutex::new(OpenBlock::default())),
            packs: std::array::from_fn(|_| Mutex::new(None)),
            spool: parts.spool,
            spooled_since: Mutex::new(None),
            unpublished: Mutex::new(super::Unpublished::new(now)),
            publishing: Mutex::new(()),
            spare: Mutex::new(None),
            underway: Mutex::new(0),
            landed: Condvar::new(),
            failure: Mutex::new(None),
            failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            counts: Counts::default(),
            blocks,
            packs_out: packs,
        }
    }

    /// Hands a job to its stage; waits while the queue is full and the session sound.
    pub(super) fn send(&self, job: Job) -> Result<()> {
        if self.is_inline {
            self.beat().unwrap_or_else(|e| self.fail(e));
            *self.underway.lock() += 1;
            self.work(job);
            return self.expect_sound();
        }
        *self.underway.lock() += 1;
        let queue = if matches!(job, Job::Block(..)) { &self.blocks } else { &self.packs_out };
        let mut job = job;
        loop {
            match queue.send_timeout(job, LOOK_AGAIN) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(back)) => {
                    job = back;
                    if self.failed.load(Ordering::SeqCst) {
                        self.arrive();
                        return self.expect_sound();
                    }
                }
                Err(SendTimeoutError::Disconnected(_)) => {
                    self.arrive();
                    return Err(Error::new(Kind::Bug, "the stages of the session have ended early"));
                }
            }
        }
    }

    /// A stage's thread: runs until the writer is dropped.
    pub(super) fn run(&self, jobs: &Receiver<Job>) {
        loop {
            match jobs.recv_timeout(LOOK_AGAIN) {
                Ok(job) => self.work(job),
                Err(RecvTimeoutError::Timeout) if !self.closed.load(Ordering::SeqCst) => {
                    if !self.failed.load(Ordering::SeqCst) {
                        self.beat().unwrap_or_else(|e| self.fail(e));
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// One job, to its end; a session that has failed does no more.
    fn work(&self, job: Job) {
        let _landing = Landing(self);
        if !self.failed.load(Ordering::SeqCst) {
            let done = match job {
                Job::Block(kind, lane, block) => self.encode(kind, lane, block),
                Job::Pack(pack) => self.store(*pack),
                Job::Spooled(pack) => self.finish_spooled(*pack).and_then(|pack| self.store(pack)),
            };
            done.unwrap_or_else(|e| self.fail(e));
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// One job less on its way.
    fn arrive(&self) {
        *self.underway.lock() -= 1;
        self.landed.notify_all();
    }

    fn encode(&self, kind: ObjectKind, lane: usize, block: OpenBlock) -> Result<()> {
        self.pack_block(kind, lane, block.encode(self.config.level)?)
    }

    /// Seals the block into the open pack of its lane; sends the pack before it on when that was full.
    pub(super) fn pack_block(&self, kind: ObjectKind, lane: usize, block: EncodedBlock) -> Result<()> {
        let full = {
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
            full
        };
        full.map_or(Ok(()), |full| self.send_pack(full))
    }

    /// A pack in memory is finished where it was filled, one in the spool where it is stored.
    fn send_pack(&self, pack: PackBuilder) -> Result<()> {
        if self.spool.is_some() {
            return self.send(Job::Spooled(Box::new(pack)));
        }
        self.send(Job::Pack(Box::new(pack.finish(&self.sealed_store.secrets)?)))
    }

    /// A pack of the spool comes into memory, where the one before it was.
    fn finish_spooled(&self, pack: PackBuilder) -> Result<FinishedPack> {
        let buffer = self.spare.lock().take().unwrap_or_default();
        pack.finish_in(&self.sealed_store.secrets, buffer)
    }

    fn new_pack(&self, kind: ObjectKind, lane: usize) -> Result<PackBuilder> {
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

    fn store(&self, mut pack: FinishedPack) -> Result<()> {
        let mut again: Option<FinishedPack> = None;
        let mut tries = 0;
        put_again(&*self.sealed_store.store, &self.monitor, &mut || {
            if tries > 0 {
                again = Some(pack.reseal(self.new_pack(pack.row.kind, 0)?, &self.sealed_store.secrets)?);
            }
            tries += 1;
            let pack = again.as_ref().unwrap_or(&pack);
            Ok((ObjectName::new(names::of_session(pack.row.kind, pack.row.id))?, pack.bytes.clone(), ()))
        })?;
        if let Some(again) = again {
            pack.body.take().into_iter().for_each(|body| body.discard());
            pack = again;
        }
        self.counts.packs.fetch_add(1, Ordering::Relaxed);
        self.counts.data_packs.fetch_add(u64::from(pack.row.kind == ObjectKind::DataPack), Ordering::Relaxed);
        self.counts.bytes_stored.fetch_add(pack.bytes.len() as u64, Ordering::Relaxed);
        if self.spool.is_some() {
            let bytes = std::mem::take(&mut pack.bytes);
            // Memory that was touched once is not asked for again: the first touch costs more than all that is done with it.
            *self.spare.lock() = bytes.is_unique().then(|| bytes.into());
        }
        let due = self.unpublished.lock().add(pack, self.env.elapsed());
        if due { self.publish() } else { Ok(()) }
    }

    /// Waits until nothing is on its way, then publishes.
    pub(super) fn flush(&self) -> Result<()> {
        if self.ordinals.is_none() {
            return self.expect_sound();
        }
        self.close_blocks()?;
        for open in &self.packs {
            let pack = open.lock().take();
            pack.map_or(Ok(()), |pack| self.send_pack(pack))?;
        }
        self.wait_until_landed()?;
        *self.spooled_since.lock() = None;
        self.publish()
    }

    /// Seals what is in open blocks into packs, which stay open.
    pub(super) fn close_blocks(&self) -> Result<()> {
        for lane in 0..LANES {
            let kind = if lane == DATA_LANES { ObjectKind::MetaPack } else { ObjectKind::DataPack };
            let block = std::mem::take(&mut *self.open[slot(kind, lane)].lock());
            if !block.is_empty() {
                self.send(Job::Block(kind, lane, block))?;
            }
        }
        self.wait_until_landed()
    }

    /// Waits for the jobs that were begun; once the session has failed, the others end at once.
    pub(super) fn wait_for_arrivals(&self) {
        let mut underway = self.underway.lock();
        while *underway > 0 {
            self.landed.wait_for(&mut underway, LOOK_AGAIN);
        }
    }

    pub(super) fn wait_until_landed(&self) -> Result<()> {
        let mut underway = self.underway.lock();
        while *underway > 0 && !self.failed.load(Ordering::SeqCst) {
            self.landed.wait_for(&mut underway, LOOK_AGAIN);
            self.monitor.check()?;
        }
        drop(underway);
        self.expect_sound()
    }

    /// Forgets ids that are published: the index knows them now.
    pub(super) fn forget(&self, ids: impl Iterator<Item = format_spec::ChunkId>) {
        for id in ids {
            self.pending[usize::from(id.0[0]) % PENDING_SHARDS].lock().remove(&id);
        }
    }
}

/// How long a pack of this kind becomes. Of copies data packs stay below the length up to which the fastest retrieval is offered everywhere;
/// metadata rests in a readable class, and is read in parts.
fn fill(config: &Config, kind: ObjectKind) -> u32 {
    let most = match (config.class, kind) {
        (Class::Copy, ObjectKind::MetaPack) => COPY_META_PACK_FILL,
        (Class::Copy, _) => COPY_PACK_FILL,
        _ => u32::MAX,
    };
    most.min(config.pack_bytes_max)
}

/// A job that ends, one way or the other: a panic must neither leave others waiting nor look like success.
struct Landing<'a>(&'a Shared);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(Error::new(Kind::Bug, "a thread that encodes or stores has panicked; nothing was committed"));
        }
        self.0.arrive();
    }
}
