//! Reading blobs: id -> place -> block -> verified bytes, with decoded blocks and nodes kept under a budget.

use super::decoded::{BlockKey, Decoded, DecodedBlocks};
use super::live_index::LiveIndex;
use super::sealed_store::SealedStore;
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::limits::{DECODED_BYTES_MAX, NODES_BYTES_MAX};
use bytes::Bytes;
use format_spec::ChunkId;
use format_spec::container::ObjectKind;
use format_spec::tree::Node;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much the reading half of the blob store may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheBudgets {
    /// Bytes of decoded blocks.
    pub blocks: u64,
    /// Bytes of decoded tree nodes.
    pub nodes: u64,
}

impl Default for CacheBudgets {
    fn default() -> Self {
        CacheBudgets { blocks: DECODED_BYTES_MAX, nodes: NODES_BYTES_MAX }
    }
}

/// One part in so many of the decoded blocks' budget is for blocks of nodes: nodes that are asked for again are kept as nodes.
const NODE_BLOCKS_SHARE: u64 = 6;

/// The reading half of the blob store.
pub struct Blobs {
    sealed_store: Arc<SealedStore>,
    live_index: Arc<LiveIndex>,
    /// Blocks of data and of nodes apart: a walk through a million folders should not cost the contents that are kept, nor a scan the folders.
    data_blocks: DecodedBlocks,
    node_blocks: DecodedBlocks,
    nodes: Cache<ChunkId, (Arc<Node>, u64), ByLength>,
    fetched_bytes: AtomicU64,
}

#[derive(Debug, Clone)]
struct ByLength;

impl Weighter<ChunkId, (Arc<Node>, u64)> for ByLength {
    fn weight(&self, _: &ChunkId, node: &(Arc<Node>, u64)) -> u64 {
        node.1
    }
}

impl Blobs {
    /// A blob store over this sealed store and index.
    pub fn new(sealed_store: Arc<SealedStore>, live_index: Arc<LiveIndex>, budgets: CacheBudgets) -> Self {
        let nodes = usize::try_from(budgets.nodes / 16_384).unwrap_or(1024).max(16);
        Blobs {
            sealed_store,
            live_index,
            data_blocks: DecodedBlocks::new(budgets.blocks - budgets.blocks / NODE_BLOCKS_SHARE),
            node_blocks: DecodedBlocks::new(budgets.blocks / NODE_BLOCKS_SHARE),
            nodes: Cache::with_weighter(nodes, budgets.nodes, ByLength),
            fetched_bytes: AtomicU64::new(0),
        }
    }

    /// The index.
    pub fn live_index(&self) -> &Arc<LiveIndex> {
        &self.live_index
    }

    /// The sealed store.
    pub fn sealed_store(&self) -> &Arc<SealedStore> {
        &self.sealed_store
    }

    /// A chunk of a file's content, verified.
    pub fn chunk(&self, id: &ChunkId) -> Result<Bytes> {
        self.get(ObjectKind::DataPack, id)
    }

    /// A chunk, or the bytes of a node, verified.
    pub fn blob(&self, kind: ObjectKind, id: &ChunkId) -> Result<Bytes> {
        self.get(kind, id)
    }

    /// A tree node, verified, decoded and kept.
    pub fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        let load = || -> Result<(Arc<Node>, u64)> {
            let bytes = self.get(ObjectKind::MetaPack, id)?;
            let node = Node::decode(&bytes).map_err(|e| Error::from(e).on(format!("node {id}")))?;
            Ok((Arc::new(node), node_weight(&bytes)))
        };
        Ok(self.nodes.get_or_insert_with(id, load)?.0)
    }

    /// Where a blob of this kind is read first.
    pub fn place(&self, kind: ObjectKind, id: &ChunkId) -> Result<BlobLocation> {
        let places = self.live_index.places(id)?;
        places.into_iter().find(|p| p.pack_kind == kind).ok_or_else(|| unknown(kind, id))
    }

    /// True when the block of a place is decoded already.
    pub fn is_decoded(&self, place: &BlobLocation) -> bool {
        self.decoded(place).has(&key_of(place))
    }

    /// Decodes the block of a place into the cache, once however many ask.
    pub fn decode(&self, place: &BlobLocation) -> Result<()> {
        self.block(place).map(|_| ())
    }

    /// Puts a block that was fetched and decoded elsewhere into the cache.
    pub fn keep(&self, place: &BlobLocation, plain: Bytes) {
        self.decoded(place).keep(key_of(place), plain);
    }

    /// The records of several blocks of one pack, in rising order, to be opened by the caller.
    ///
    /// # Errors
    /// As [`SealedStore::read_records`].
    pub fn records(&self, places: &[BlobLocation]) -> Result<Vec<Bytes>> {
        let records = self.sealed_store.read_records(places)?;
        places.iter().for_each(|place| self.count_fetched(place));
        Ok(records)
    }

    /// Notes that a block's record has come.
    fn count_fetched(&self, place: &BlobLocation) {
        self.fetched_bytes.fetch_add(u64::from(place.block_stored), Ordering::Relaxed);
    }

    /// A chunk whose block is decoded already, verified. `None` also when it turns out to be damaged: [`chunk`](Self::chunk) says how.
    pub fn chunk_in_memory(&self, id: &ChunkId) -> Option<Bytes> {
        self.in_memory(ObjectKind::DataPack, id)
    }

    /// A node that is decoded already, or whose block is. `None` also when it turns out to be damaged: [`node`](Self::node) says how.
    pub fn node_in_memory(&self, id: &ChunkId) -> Option<Arc<Node>> {
        if let Some((node, _)) = self.nodes.get(id) {
            return Some(node);
        }
        let bytes = self.in_memory(ObjectKind::MetaPack, id)?;
        let node = Arc::new(Node::decode(&bytes).ok()?);
        self.nodes.insert(*id, (node.clone(), node_weight(&bytes)));
        Some(node)
    }

    fn in_memory(&self, kind: ObjectKind, id: &ChunkId) -> Option<Bytes> {
        let places = self.live_index.places(id).ok()?;
        let place = places.iter().find(|p| p.pack_kind == kind)?;
        let block = self.decoded(place).get(&key_of(place))?;
        self.cut(kind, id, place, &block).ok()
    }

    /// Stored bytes of the blocks that came so far; what a store refused or does not have is not counted.
    pub fn fetched_bytes(&self) -> u64 {
        self.fetched_bytes.load(Ordering::Relaxed)
    }

    /// A blob that is not where an old view of the log has it may have moved: the log is read on before anybody speaks of damage.
    fn get(&self, kind: ObjectKind, id: &ChunkId) -> Result<Bytes> {
        let seen = self.live_index.head();
        match self.get_as_known(kind, id) {
            Err(e) if e.kind() == Kind::Damaged => match self.live_index.look_again(seen) {
                Ok(true) => self.get_as_known(kind, id),
                Ok(false) => Err(e),
                Err(unread) => {
                    tracing::debug!(error = %unread, "the log cannot be read on after a blob was not found");
                    Err(e)
                }
            },
            other => other,
        }
    }

    /// A blob of a condemned pack, as long as that is not swept; for who must store it again.
    ///
    /// # Errors
    /// `Damaged` when no such pack has it any more.
    pub fn given_up(&self, kind: ObjectKind, id: &ChunkId) -> Result<Bytes> {
        let mut last = None;
        for place in self.live_index.places_given_up(id)?.iter().filter(|p| p.pack_kind == kind) {
            match self
                .sealed_store
                .read_block(place)
                .and_then(|block| self.sealed_store.verified(kind, id, place, &Bytes::from(block)))
            {
                Ok(bytes) => return Ok(bytes),
                Err(e) => _ = last.insert(e),
            }
        }
        Err(last.unwrap_or_else(|| unknown(kind, id)))
    }

    /// Reads from the first place that has the blob whole; a pack that fails to is distrusted. The error of the first place is the one told.
    fn get_as_known(&self, kind: ObjectKind, id: &ChunkId) -> Result<Bytes> {
        let mut first = None;
        for place in self.live_index.places(id)?.iter().filter(|p| p.pack_kind == kind) {
            match self.block(place).and_then(|block| self.cut(kind, id, place, &block)) {
                Err(e) if e.kind() == Kind::Damaged => {
                    self.live_index.distrust().add(place.pack);
                    first.get_or_insert(e);
                }
                other => return other,
            }
        }
        Err(first.unwrap_or_else(|| unknown(kind, id)))
    }

    fn decoded(&self, place: &BlobLocation) -> &DecodedBlocks {
        if place.pack_kind == ObjectKind::MetaPack { &self.node_blocks } else { &self.data_blocks }
    }

    fn block(&self, place: &BlobLocation) -> Result<Arc<Decoded>> {
        self.decoded(place).get_or(&key_of(place), || {
            let block = self.sealed_store.read_block(place)?;
            self.count_fetched(place);
            Ok(Bytes::from(block))
        })
    }

    fn cut(&self, kind: ObjectKind, id: &ChunkId, place: &BlobLocation, block: &Decoded) -> Result<Bytes> {
        if block.is_verified(place.offset, place.bytes, id) {
            let start = place.offset as usize;
            return Ok(block.plain.slice(start..start + place.bytes as usize));
        }
        let bytes = self.sealed_store.verified(kind, id, place, &block.plain)?;
        block.set_verified(place.offset, place.bytes, *id);
        Ok(bytes)
    }
}

/// Decoded nodes are about three times as long as their bytes.
fn node_weight(bytes: &Bytes) -> u64 {
    bytes.len() as u64 * 3 + 128
}

fn key_of(place: &BlobLocation) -> BlockKey {
    (place.pack, place.block_offset)
}

fn unknown(kind: ObjectKind, id: &ChunkId) -> Error {
    let what = if kind == ObjectKind::MetaPack { "node" } else { "chunk" };
    Error::new(Kind::Damaged, "no published pack has it")
        .on(format!("{what} {id}"))
        .advise("run `cairn index rebuild`, then `cairn check`")
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blobs").field("sealed_store", &self.sealed_store).finish_non_exhaustive()
    }
}
