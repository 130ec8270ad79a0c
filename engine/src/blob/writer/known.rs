//! What need not be stored: blobs that the index knows, and blobs that this session has taken on
//! itself.
//!
//! Promises: of the callers that claim a blob at the same time one alone is told to store it; a
//! blob stays known from its claim on, first as pending, then by the index. The locks of the shards
//! are leaves: the index is asked under none of them.

use crate::blob::live_index::LiveIndex;
use crate::error::Result;
use format_spec::index::Segment;
use format_spec::{ChunkId, ObjectId};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashSet;
use std::sync::Arc;

/// So many that puts of different blobs seldom wait for each other.
const PENDING_SHARDS: usize = 16;

pub(super) struct Known {
    live_index: Arc<LiveIndex>,
    /// Put, but not published.
    pending: [Mutex<HashSet<ChunkId>>; PENDING_SHARDS],
}

impl Known {
    pub(super) fn new(live_index: Arc<LiveIndex>) -> Self {
        Known { live_index, pending: std::array::from_fn(|_| Mutex::new(HashSet::new())) }
    }

    /// Whether this blob is published, or on its way.
    pub(super) fn has(&self, id: &ChunkId) -> Result<bool> {
        let is_pending = self.shard(id).contains(id);
        Ok(is_pending || self.live_index.is_stored(id)?)
    }

    /// Whether the caller has to store this blob, which is pending from then on.
    pub(super) fn claim(&self, id: ChunkId) -> Result<bool> {
        Ok(!self.has(&id)? && self.shard(&id).insert(id))
    }

    /// Takes blobs on, whoever else has them.
    pub(super) fn take_on(&self, ids: impl Iterator<Item = ChunkId>) {
        ids.for_each(|id| _ = self.shard(&id).insert(id));
    }

    /// Remembers a segment that is stored and not yet in the log.
    pub(super) fn remember(&self, id: ObjectId, segment: Segment) {
        self.live_index.remember(id, segment);
    }

    /// The log has published these blobs: the index learns them, and they are pending no longer.
    pub(super) fn published(&self, ids: &[ChunkId]) -> Result<()> {
        self.live_index.sync()?;
        ids.iter().for_each(|id| _ = self.shard(id).remove(id));
        Ok(())
    }

    fn shard(&self, id: &ChunkId) -> MutexGuard<'_, HashSet<ChunkId>> {
        self.pending[usize::from(id.0[0]) % PENDING_SHARDS].lock()
    }
}
