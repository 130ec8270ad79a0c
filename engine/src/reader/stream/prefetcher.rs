//! The threads that read ahead: one plans, some fetch, as many as there are cores decode.

use super::budget::{Budget, Reserved};
use super::handle::FileStream;
use super::jobs::{Block, Decode, Delivery, Fetch, Goal, ReadPlan};
use super::pattern::RUNS;
use super::shared::Shared;
use super::window::{Gap, State};
use crate::blob::Blobs;
use crate::error::Result;
use crate::index::BlobLocation;
use crate::limits::{COALESCED_BYTES_MAX, COALESCED_GAP_MAX, WARM_BLOCKS_MAX};
use crate::threads;
use crate::tree::{Placement, pieces};
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use format_spec::ChunkId;
use format_spec::container::ObjectKind;
use format_spec::tree::Entry;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How much may be read ahead, and by how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefetchLimits {
    /// Bytes of all windows together.
    pub windows: u64,
    /// Bytes of one window at most.
    pub window: u64,
    /// Requests under way at once.
    pub fetchers: usize,
    /// Threads that decode.
    pub decoders: usize,
}

/// Reads ahead for all open files of one repository. Its threads end with it.
pub struct Prefetcher {
    blobs: Arc<Blobs>,
    limits: PrefetchLimits,
    budget: Arc<Budget>,
    plans: Sender<ReadPlan>,
    streams: Arc<Mutex<Vec<Weak<Shared>>>>,
}

/// Plans that may wait; one a window is enough.
const PLANS_QUEUED: usize = 1024;
/// A window that nobody used for so long is given back when another one needs the room.
const IDLE: Duration = Duration::from_secs(5);
/// So long the planner waits for a fetcher.
const HELD_UP: Duration = Duration::from_millis(500);

impl Prefetcher {
    /// Starts the threads.
    ///
    /// # Errors
    /// `Transient` when one cannot be made.
    pub fn start(blobs: &Arc<Blobs>, limits: PrefetchLimits) -> Result<Arc<Self>> {
        let (plans, to_plan) = bounded(PLANS_QUEUED);
        let (fetches, to_fetch) = bounded::<Fetch>(2 * limits.fetchers.max(1));
        let (decodes, to_decode) = bounded::<Decode>(4 * limits.decoders.max(1));
        let streams = Arc::new(Mutex::new(Vec::new()));
        let budget = Budget::new(limits.windows);
        let planner =
            Planner { blobs: blobs.clone(), limits, budget: budget.clone(), fetches, streams: streams.clone() };
        threads::spawn(move || planner.run(&to_plan))?;
        for _ in 0..limits.fetchers.max(1) {
            let (blobs, to_fetch, decodes) = (blobs.clone(), to_fetch.clone(), decodes.clone());
            threads::spawn(move || to_fetch.iter().for_each(|fetch| run_fetch(&blobs, fetch, &decodes)))?;
        }
        for _ in 0..limits.decoders.max(1) {
            let (blobs, to_decode) = (blobs.clone(), to_decode.clone());
            threads::spawn(move || to_decode.iter().for_each(|decode| run_decode(&blobs, decode)))?;
        }
        Ok(Arc::new(Prefetcher { blobs: blobs.clone(), limits, budget, plans, streams }))
    }

    /// Opens a file's content.
    ///
    /// # Errors
    /// `Input` when the entry is no file.
    pub fn open(self: &Arc<Self>, entry: &Entry) -> Result<FileStream> {
        let stream = FileStream::open(self, &self.blobs, entry)?;
        let mut streams = self.streams.lock();
        if streams.len() == streams.capacity() {
            streams.retain(|s| s.strong_count() > 0);
        }
        streams.push(Arc::downgrade(stream.shared()));
        Ok(stream)
    }

    /// Chunks that will be needed soon go into the shared cache, as far as a few megabytes reach. Returns at once.
    pub fn warm_chunks(&self, ids: Vec<ChunkId>) {
        // A full queue means that there is better work than this.
        let _ = self.plans.try_send(ReadPlan::Chunks(ids));
    }

    /// The same for tree nodes.
    pub fn warm_nodes(&self, ids: Vec<ChunkId>) {
        let _ = self.plans.try_send(ReadPlan::Nodes(ids));
    }

    /// Bytes that all windows hold or wait for.
    pub fn window_bytes(&self) -> u64 {
        self.budget.used()
    }

    pub(super) fn limits(&self) -> &PrefetchLimits {
        &self.limits
    }

    /// Asks for a plan; `false` when none will be made.
    pub(super) fn plan(&self, of: &Arc<Shared>, window: usize) -> bool {
        self.plans.try_send(ReadPlan::Window(Arc::clone(of), window)).is_ok()
    }
}

struct Planner {
    blobs: Arc<Blobs>,
    limits: PrefetchLimits,
    budget: Arc<Budget>,
    fetches: Sender<Fetch>,
    streams: Arc<Mutex<Vec<Weak<Shared>>>>,
}

impl Planner {
    fn run(&self, plans: &Receiver<ReadPlan>) {
        for plan in plans {
            match plan {
                ReadPlan::Window(of, window) => self.window(&of, window),
                ReadPlan::Chunks(ids) => self.warm(ObjectKind::DataPack, &ids),
                ReadPlan::Nodes(ids) => self.warm(ObjectKind::MetaPack, &ids),
            }
        }
    }

    /// Plans the next pieces of a window, as far as its share of the budget reaches.
    fn window(&self, of: &Arc<Shared>, window: usize) {
        let share = (self.budget.limit() / self.active().max(1)).clamp(1, self.limits.window.max(1));
        let Some(gap) = of.gap(window, share) else { return };
        let planned = self.pieces(of, gap);
        let mut blocks: Vec<Block> = Vec::new();
        let mut slots = Vec::new();
        for (piece, claim) in planned {
            if let Some(bytes) = self.blobs.chunk_in_memory(&piece.id) {
                slots.push((piece, State::Ready(bytes), claim));
                continue;
            }
            // What cannot be found fails at the reader, which says why.
            let Ok(place) = self.blobs.place(ObjectKind::DataPack, &piece.id) else { break };
            slots.push((piece, State::Waiting, claim));
            match blocks.last_mut() {
                Some(Block { place: last, goal: Goal::Window(delivery) }) if same_block(last, &place) => {
                    delivery.push(piece, place);
                }
                _ => {
                    let delivery = Delivery::new(of, window, gap.generation, (piece, place));
                    blocks.push(Block { place, goal: Goal::Window(delivery) });
                }
            }
        }
        // Dropped blocks fail their pieces, which are no longer waited for if the window is another's by now.
        if of.planned(window, gap.generation, slots) {
            self.send(blocks);
        }
    }

    fn pieces(&self, of: &Shared, gap: Gap) -> Vec<(Placement, Reserved)> {
        let mut planned = Vec::new();
        let Ok(all) = pieces(&*self.blobs, of.content, of.stored, gap.from..gap.to) else { return planned };
        for piece in all {
            let Ok(piece) = piece else { break };
            let claim = self.budget.reserve(u64::from(piece.bytes)).or_else(|| {
                self.reclaim();
                self.budget.reserve(u64::from(piece.bytes))
            });
            match claim {
                Some(claim) => planned.push((piece, claim)),
                None => break,
            }
        }
        planned
    }

    /// Blocks that are not decoded yet, in the order of the packs, go into the shared cache.
    fn warm(&self, kind: ObjectKind, ids: &[ChunkId]) {
        let mut seen = HashSet::new();
        let mut places: Vec<BlobLocation> = ids.iter().filter_map(|id| self.blobs.place(kind, id).ok()).collect();
        places.retain(|p| !self.blobs.is_decoded(p) && seen.insert((p.pack, p.block_offset)));
        places.truncate(WARM_BLOCKS_MAX);
        self.send(places.into_iter().map(|place| Block { place, goal: Goal::Cache }).collect());
    }

    /// Groups neighbours into requests, and sends those first whose blocks are needed first. Blocks that are needed in order lie a little out of
    /// order in their packs: several threads had encoded them.
    fn send(&self, blocks: Vec<Block>) {
        let mut ordered: Vec<(usize, Block)> = blocks.into_iter().enumerate().collect();
        ordered.sort_by_key(|(_, block)| (block.place.pack, block.place.block_offset));
        let mut runs: Vec<(usize, Vec<Block>)> = Vec::new();
        for (needed, block) in ordered {
            match runs.last_mut() {
                Some((first, run)) if joins(run, &block) => {
                    *first = needed.min(*first);
                    run.push(block);
                }
                _ => runs.push((needed, vec![block])),
            }
        }
        runs.sort_by_key(|(first, _)| *first);
        for (_, blocks) in runs {
            // When all fetchers are held up, those who need the blocks fetch them: dropping says so.
            let _ = self.fetches.send_timeout(Fetch { blocks }, HELD_UP);
        }
    }

    /// Windows that were used lately.
    fn active(&self) -> u64 {
        let now = Instant::now();
        let streams = self.streams.lock();
        let live = streams.iter().filter_map(Weak::upgrade);
        live.map(|s| (0..RUNS).filter(|w| s.is_active(*w, now, IDLE)).count() as u64).sum()
    }

    /// Takes the room of windows that nobody uses.
    fn reclaim(&self) {
        let now = Instant::now();
        let streams: Vec<_> = self.streams.lock().iter().filter_map(Weak::upgrade).collect();
        streams.iter().for_each(|s| s.give_back_idle(now, IDLE));
    }
}

fn joins(run: &[Block], next: &Block) -> bool {
    run.first().zip(run.last()).is_some_and(|(first, last)| continues(&first.place, &last.place, &next.place))
}

fn same_block(a: &BlobLocation, b: &BlobLocation) -> bool {
    (a.pack, a.block_offset) == (b.pack, b.block_offset)
}

/// Whether one request should fetch up to `next` too: small gaps cost less than another request.
fn continues(first: &BlobLocation, last: &BlobLocation, next: &BlobLocation) -> bool {
    let gap = u64::from(next.block_offset).checked_sub(last.record_end());
    (last.pack, last.pack_kind) == (next.pack, next.pack_kind)
        && gap.is_some_and(|gap| gap <= COALESCED_GAP_MAX)
        && next.record_end() - u64::from(first.block_offset) <= COALESCED_BYTES_MAX
}

fn run_fetch(blobs: &Blobs, mut fetch: Fetch, decodes: &Sender<Decode>) {
    fetch.blocks.retain(|b| match &b.goal {
        Goal::Window(delivery) => delivery.is_wanted(),
        Goal::Cache => !blobs.is_decoded(&b.place),
    });
    let places: Vec<BlobLocation> = fetch.blocks.iter().map(|b| b.place).collect();
    match blobs.records(&places) {
        Ok(records) => {
            for (block, record) in fetch.blocks.into_iter().zip(records) {
                // The decoders live as long as this thread.
                let _ = decodes.send(Decode { block, record });
            }
        }
        Err(e) => tracing::debug!(error = %e, "a read ahead failed; the reader will try for itself"),
    }
}

fn run_decode(blobs: &Blobs, Decode { block, record }: Decode) {
    if let Goal::Window(delivery) = &block.goal
        && !delivery.is_wanted()
    {
        return;
    }
    let plain = match blobs.sealed_store().open_fetched(&block.place, &record) {
        Ok(plain) => Bytes::from(plain),
        Err(e) => return tracing::debug!(error = %e, "a block that was read ahead does not open"),
    };
    match block.goal {
        Goal::Cache => blobs.keep(&block.place, plain),
        Goal::Window(delivery) => delivery.deliver(|piece, place| {
            let bytes = blobs.sealed_store().verified(ObjectKind::DataPack, &piece.id, place, &plain).ok()?;
            let whole = bytes.len() == piece.bytes as usize;
            // A slice would keep the whole block, which the budget does not know of.
            let small = bytes.len() < plain.len() / 2;
            whole.then(|| if small { Bytes::copy_from_slice(&bytes) } else { bytes })
        }),
    }
}
