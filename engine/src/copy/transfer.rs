//! The flow: packs of one point are lifted by several threads and put into the target in their order.
//!
//! Promises: order of packs and of blocks in them stays, so what was read together is read together in the copy; memory is bounded by the batches
//! on their way. A block of which the target has a part by now is taken apart here.

use super::CopySummary;
use super::fetch::{From, Lifted, TransferMode, lift};
use super::wanted::WantedPack;
use crate::blob::Writer;
use crate::blob::pack_reader::Read;
use crate::block::EncodedBlock;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::threads;
use crossbeam_channel::{Receiver, Sender, bounded};
use format_spec::container::ObjectKind;
use format_spec::{ChunkId, ObjectId, codec};
use std::collections::{BTreeMap, VecDeque};

/// What is carried from where to where.
pub(super) struct Carrier<'a> {
    pub(super) source: &'a Repository,
    /// Who is asked for what the source cannot read.
    pub(super) healer: Option<&'a Repository>,
    pub(super) writer: &'a Writer,
    pub(super) monitor: &'a Monitor,
    pub(super) manner: TransferMode,
    pub(super) threads: usize,
    /// Which row of packs a blob of the source belongs into.
    pub(super) lane: &'a dyn Fn(ObjectId, u32) -> usize,
    /// Blobs that cannot be read, and why.
    pub(super) lost: BTreeMap<ChunkId, String>,
    pub(super) summary: &'a mut CopySummary,
}

/// Blocks and blobs of one pack that travel together.
struct Batch {
    lifted: Vec<Lifted>,
    /// Bytes and requests that reading took so far; in the last batch of a pack.
    read: Option<Read>,
}

/// Payload of a batch.
const BATCH_BYTES: usize = 2_000_000;
/// Batches of one pack on their way.
const BATCHES_QUEUED_MAX: usize = 2;

/// What all packs on their way may hold, however many threads there are: a full pack of the target is in memory beside them.
const LIFTED_BYTES_MAX: u64 = 64_000_000;

/// Threads that lift: so many packs of 5 MB fill the room above, and what an allocator keeps for each thread lies beside it.
const LIFT_THREADS_MAX: usize = 6;

/// A pack on its way.
type Way<'j> = (ObjectId, &'j WantedPack, Receiver<Result<Batch>>);
type Job<'j> = (ObjectId, &'j WantedPack, Sender<Result<Batch>>);

impl Carrier<'_> {
    /// Carries what is wanted of these packs.
    ///
    /// # Errors
    /// The stores'; `Interrupted`. What cannot be read is remembered in `lost`.
    pub(super) fn carry(&mut self, packs: &[(ObjectId, WantedPack)]) -> Result<()> {
        if self.threads == 0 {
            for (id, pack) in packs {
                let mut lifted = Vec::new();
                let read = lift((self.source, self.healer), *id, pack, self.manner, &mut |one| {
                    lifted.push(one);
                    Ok(())
                })?;
                self.take(*id, pack, Batch { lifted, read: Some(read) })?;
            }
            return Ok(());
        }
        let threads = self.threads.min(LIFT_THREADS_MAX);
        let (jobs_in, jobs_out) = bounded::<Job<'_>>(threads);
        let (from, manner) = ((self.source, self.healer), self.manner);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let jobs = jobs_out.clone();
                threads::scoped(scope, move || work(from, manner, &jobs))?;
            }
            drop(jobs_out);
            self.drain(packs, jobs_in)
        })
    }

    /// Hands packs out and takes their batches back, in order.
    fn drain<'j>(&mut self, packs: &'j [(ObjectId, WantedPack)], jobs: Sender<Job<'j>>) -> Result<()> {
        let died = || Error::new(Kind::Bug, "a thread that reads packs died");
        let mut rest = packs.iter();
        let mut under_way: VecDeque<Way<'j>> = VecDeque::new();
        loop {
            let held = |packs: &VecDeque<Way<'j>>| packs.iter().map(|(_, pack, _)| in_memory(pack)).sum::<u64>();
            while under_way.len() < self.threads.min(LIFT_THREADS_MAX) * 2
                && let Some((id, pack)) = rest.as_slice().first()
                && (under_way.is_empty() || held(&under_way) + in_memory(pack) <= LIFTED_BYTES_MAX)
            {
                rest.next();
                let (to, from) = bounded(BATCHES_QUEUED_MAX);
                jobs.send((*id, pack, to)).map_err(|_| died())?;
                under_way.push_back((*id, pack, from));
            }
            let Some((id, pack, batches)) = under_way.pop_front() else { return Ok(()) };
            let mut is_done = false;
            for batch in batches {
                let batch = batch?;
                is_done = batch.read.is_some();
                self.monitor.check()?;
                self.take(id, pack, batch)?;
            }
            if !is_done {
                return Err(died());
            }
        }
    }

    fn take(&mut self, id: ObjectId, pack: &WantedPack, batch: Batch) -> Result<()> {
        for lifted in batch.lifted {
            match lifted {
                Lifted::Block(block, first) => {
                    let lane = (first..).zip(&block.blobs).map(|(blob, _)| (self.lane)(id, blob)).min().unwrap_or(0);
                    let bytes = block.plain_bytes as u64;
                    self.block(pack.kind, lane, block)?;
                    self.monitor.done(1, bytes);
                }
                Lifted::Blob(blob, bytes, number) => {
                    let (lane, length) = ((self.lane)(id, number), bytes.len() as u64);
                    self.summary.blobs_regrouped += 1;
                    self.writer.put_in(pack.kind, lane, blob, bytes)?;
                    self.monitor.done(0, length);
                }
                Lifted::Healed(blob, why) => {
                    self.monitor.warn(
                        blob.to_string().as_bytes(),
                        format!("the source cannot read it ({why}), and it was taken from elsewhere"),
                    );
                    self.summary.blobs_healed += 1;
                }
                // Told with the points that need it, if they are still there when they are to be committed.
                Lifted::Lost(blob, why) => _ = self.lost.insert(blob, why),
            }
        }
        if let Some(read) = batch.read {
            self.summary.bytes_read += read.bytes;
            self.summary.packs_read += 1;
        }
        Ok(())
    }

    /// Carries a block as it is, or what is new of it where the target has a part of it by now.
    fn block(&mut self, kind: ObjectKind, lane: usize, block: EncodedBlock) -> Result<()> {
        let Some(block) = self.writer.put_block(kind, lane, block)? else {
            self.summary.blocks_carried += 1;
            return Ok(());
        };
        let plain = codec::decode(block.codec, &block.encoded, block.plain_bytes)?;
        let mut at = 0usize;
        for blob in &block.blobs {
            let bytes = plain.get(at..at + blob.bytes as usize).unwrap_or_default();
            at += blob.bytes as usize;
            if self.source.sealed_store().ids.blob(kind, bytes) != blob.id {
                self.lost.insert(blob.id, "its bytes do not have its id".to_owned());
            } else if self.writer.put_in(kind, lane, blob.id, bytes.to_vec())? {
                self.summary.blobs_regrouped += 1;
            }
        }
        Ok(())
    }
}

/// The most that a pack on its way holds: what one request brought of it, and batches that wait, that are filled, and that are put.
fn in_memory(pack: &WantedPack) -> u64 {
    let batches = (BATCHES_QUEUED_MAX as u64 + 1) * BATCH_BYTES as u64;
    pack.bytes.min(super::fetch::REQUEST_BYTES_MAX) + pack.bytes.min(batches)
}

/// A thread's work: one pack after the other, until there are no more or nobody listens.
fn work(from: From<'_>, manner: TransferMode, jobs: &Receiver<Job<'_>>) {
    for (id, pack, to) in jobs {
        let (mut lifted, mut bytes) = (Vec::new(), 0);
        let unheard = || Error::new(Kind::Interrupted, "nobody listens any more");
        let read = lift(from, id, pack, manner, &mut |one| {
            bytes += match &one {
                Lifted::Block(block, _) => block.encoded.len(),
                Lifted::Blob(_, blob, _) => blob.len(),
                Lifted::Healed(..) | Lifted::Lost(..) => 64,
            };
            lifted.push(one);
            if bytes < BATCH_BYTES {
                return Ok(());
            }
            bytes = 0;
            to.send(Ok(Batch { lifted: std::mem::take(&mut lifted), read: None })).map_err(|_| unheard())
        });
        // Whoever has stopped listening has its own error to tell.
        let _ = to.send(read.map(|read| Batch { lifted, read: Some(read) }));
    }
}
