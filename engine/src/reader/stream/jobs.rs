//! What the threads of a prefetcher hand to each other, and how it arrives in a window.

use super::shared::Shared;
use super::window::State;
use crate::index::BlobLocation;
use crate::tree::Placement;
use bytes::Bytes;
use std::sync::{Arc, Weak};

/// Work for the planning thread.
pub(super) enum ReadPlan {
    /// A window has room.
    Window(Arc<Shared>, usize),
    /// Chunks of files that will be opened next.
    Chunks(Vec<format_spec::ChunkId>),
    /// Nodes that will be asked for next.
    Nodes(Vec<format_spec::ChunkId>),
}

/// Adjacent blocks of one pack: one request.
pub(super) struct Fetch {
    pub(super) blocks: Vec<Block>,
}

/// One block and who waits for what is in it.
pub(super) struct Block {
    pub(super) place: BlobLocation,
    pub(super) goal: Goal,
}

/// Where a decoded block goes.
pub(super) enum Goal {
    /// Into a window, as verified pieces.
    Window(Delivery),
    /// Into the shared cache.
    Cache,
}

/// A fetched record to be decoded.
pub(super) struct Decode {
    pub(super) block: Block,
    pub(super) record: Bytes,
}

/// The pieces of one block that a window waits for. What was not delivered when this is dropped has failed: nobody waits for ever.
pub(super) struct Delivery {
    to: Weak<Shared>,
    window: usize,
    generation: u64,
    pieces: Vec<(Placement, BlobLocation)>,
}

impl Delivery {
    pub(super) fn new(to: &Arc<Shared>, window: usize, generation: u64, first: (Placement, BlobLocation)) -> Self {
        Delivery { to: Arc::downgrade(to), window, generation, pieces: vec![first] }
    }

    /// One more piece of the same block.
    pub(super) fn push(&mut self, piece: Placement, place: BlobLocation) {
        self.pieces.push((piece, place));
    }

    /// Whether anybody still waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.to.upgrade().is_some_and(|to| to.is_current(self.window, self.generation))
    }

    /// Delivers each piece as `cut` gives it; `None` has failed.
    pub(super) fn deliver(mut self, cut: impl Fn(&Placement, &BlobLocation) -> Option<Bytes>) {
        let Some(to) = self.to.upgrade() else { return };
        for (piece, place) in std::mem::take(&mut self.pieces) {
            let state = cut(&piece, &place).map_or(State::Failed, State::Ready);
            to.arrive(self.window, self.generation, piece.offset, state);
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let Some(to) = self.to.upgrade() else { return };
        for (piece, _) in &self.pieces {
            to.arrive(self.window, self.generation, piece.offset, State::Failed);
        }
    }
}
