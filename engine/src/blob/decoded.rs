//! Decoded blocks, kept under a budget, each with the blobs of it that were verified: a block is read many times, and hashed once.

use crate::error::Result;
use bytes::Bytes;
use format_spec::{ChunkId, ObjectId};
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::sync::Arc;

/// A block by its pack and its offset in it.
pub(super) type BlockKey = (ObjectId, u32);

/// A decoded block. Its bytes were authenticated as a whole; a blob of it counts as verified once its bytes were seen to have its id.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) plain: Bytes,
    /// Offset of a verified blob, its length and its id.
    verified: Mutex<HashMap<u32, (u32, ChunkId)>>,
}

impl Decoded {
    pub(super) fn new(plain: Bytes) -> Arc<Self> {
        Arc::new(Decoded { plain, verified: Mutex::new(HashMap::new()) })
    }

    /// Whether these bytes were seen to have this id.
    pub(super) fn is_verified(&self, offset: u32, bytes: u32, id: &ChunkId) -> bool {
        self.verified.lock().get(&offset).is_some_and(|seen| *seen == (bytes, *id))
    }

    pub(super) fn set_verified(&self, offset: u32, bytes: u32, id: ChunkId) {
        self.verified.lock().insert(offset, (bytes, id));
    }
}

/// The blocks of one repository that are decoded at the moment.
pub(super) struct DecodedBlocks {
    cache: Cache<BlockKey, Arc<Decoded>, ByLength>,
}

#[derive(Debug, Clone)]
struct ByLength;

impl Weighter<BlockKey, Arc<Decoded>> for ByLength {
    fn weight(&self, _: &BlockKey, block: &Arc<Decoded>) -> u64 {
        block.plain.len() as u64 + 128
    }
}

impl DecodedBlocks {
    pub(super) fn new(budget: u64) -> Self {
        let expected = usize::try_from(budget / (256 * 1024)).unwrap_or(1024).max(16);
        DecodedBlocks { cache: Cache::with_weighter(expected, budget, ByLength) }
    }

    pub(super) fn get(&self, key: &BlockKey) -> Option<Arc<Decoded>> {
        self.cache.get(key)
    }

    pub(super) fn has(&self, key: &BlockKey) -> bool {
        self.cache.peek(key).is_some()
    }

    pub(super) fn keep(&self, key: BlockKey, plain: Bytes) {
        self.cache.insert(key, Decoded::new(plain));
    }

    /// From the cache, or decoded by one of those who ask while the others wait.
    pub(super) fn get_or(&self, key: &BlockKey, decode: impl FnOnce() -> Result<Bytes>) -> Result<Arc<Decoded>> {
        self.cache.get_or_insert_with(key, || decode().map(Decoded::new))
    }
}
