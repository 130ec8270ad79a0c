//! Reading blobs: id -> place -> block -> verified bytes, with decoded blocks and nodes kept under a budget.

use super::catalog::{Catalog, lost};
use crate::error::{Error, Kind, Result};
use crate::index::Place;
use crate::limits::{DECODED_BYTES_MAX, NODES_BYTES_MAX};
use crate::pack::open_block;
use crate::store::{Name, Store};
use bytes::Bytes;
use format_spec::container::{HEAD_BYTES, ObjectKind};
use format_spec::keys::{IdKeys, Secrets};
use format_spec::tree::Node;
use format_spec::{ChunkId, ObjectId, RepositoryId, names};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What every room needs to open objects of one repository: the store, the identity, the secrets.
#[derive(Debug)]
pub struct Vault {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The repository's identity.
    pub repository: RepositoryId,
    /// Its secrets.
    pub secrets: Secrets,
    /// The keys of ids.
    pub ids: IdKeys,
}

impl Vault {
    /// Fetches and opens one block.
    pub fn read_block(&self, place: &Place) -> Result<Vec<u8>> {
        let name = Name::new(names::of_session(place.pack_kind, place.pack))?;
        let start = u64::from(place.block_offset);
        let end = start + HEAD_BYTES as u64 + u64::from(place.block_stored);
        let record = self.store.get_range(&name, start..end).map_err(|e| lost(e, &name))?;
        self.open_block(place, &record)
    }

    /// Opens a block from its stored bytes.
    pub fn open_block(&self, place: &Place, record: &[u8]) -> Result<Vec<u8>> {
        let ObjectId { session, ordinal } = place.pack;
        let cipher = self.secrets.cipher_for(place.pack_kind, self.repository, session, ordinal, &place.salt);
        let pack = || names::of_session(place.pack_kind, place.pack);
        open_block(record, &cipher).map_err(|e| e.on(format!("{} at {}", pack(), place.block_offset)))
    }
}

type BlockKey = (ObjectId, u32);

/// The reading half of the hall.
pub struct Blobs {
    vault: Arc<Vault>,
    catalog: Arc<Catalog>,
    decoded: Cache<BlockKey, Bytes, ByLength>,
    nodes: Cache<ChunkId, (Arc<Node>, u64), ByLength>,
    fetched_bytes: AtomicU64,
}

#[derive(Debug, Clone)]
struct ByLength;

impl Weighter<BlockKey, Bytes> for ByLength {
    fn weight(&self, _: &BlockKey, block: &Bytes) -> u64 {
        block.len() as u64 + 64
    }
}

impl Weighter<ChunkId, (Arc<Node>, u64)> for ByLength {
    fn weight(&self, _: &ChunkId, node: &(Arc<Node>, u64)) -> u64 {
        node.1
    }
}

impl Blobs {
    /// A hall over this vault and index.
    pub fn new(vault: Arc<Vault>, catalog: Arc<Catalog>) -> Self {
        let blocks = usize::try_from(DECODED_BYTES_MAX / (256 * 1024)).unwrap_or(1024);
        let nodes = usize::try_from(NODES_BYTES_MAX / 16_384).unwrap_or(1024);
        Blobs {
            vault,
            catalog,
            decoded: Cache::with_weighter(blocks, DECODED_BYTES_MAX, ByLength),
            nodes: Cache::with_weighter(nodes, NODES_BYTES_MAX, ByLength),
            fetched_bytes: AtomicU64::new(0),
        }
    }

    /// The index.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The vault.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// A chunk of a file's content, verified.
    pub fn chunk(&self, id: &ChunkId) -> Result<Bytes> {
        self.get(ObjectKind::DataPack, id)
    }

    /// A tree node, verified, decoded and kept.
    pub fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        let load = || -> Result<(Arc<Node>, u64)> {
            let bytes = self.get(ObjectKind::MetaPack, id)?;
            let node = Node::decode(&bytes).map_err(|e| Error::from(e).on(format!("node {id}")))?;
            // Decoded nodes are about three times as long as their bytes.
            Ok((Arc::new(node), bytes.len() as u64 * 3 + 128))
        };
        Ok(self.nodes.get_or_insert_with(id, load)?.0)
    }

    /// Where a blob of this kind is read first.
    pub fn place(&self, kind: ObjectKind, id: &ChunkId) -> Result<Place> {
        let places = self.catalog.places(id)?;
        places.into_iter().find(|p| p.pack_kind == kind).ok_or_else(|| unknown(kind, id))
    }

    /// The decoded block of a place: from the cache, or fetched once however many ask.
    pub fn block(&self, place: &Place) -> Result<Bytes> {
        self.decoded.get_or_insert_with(&(place.pack, place.block_offset), || {
            self.fetched_bytes.fetch_add(u64::from(place.block_stored), Ordering::Relaxed);
            self.vault.read_block(place).map(Bytes::from)
        })
    }

    /// True when the block of a place is decoded already.
    pub fn is_decoded(&self, place: &Place) -> bool {
        self.decoded.peek(&(place.pack, place.block_offset)).is_some()
    }

    /// Puts a block that was decoded elsewhere into the cache.
    pub fn keep(&self, place: &Place, plain: Bytes) {
        self.fetched_bytes.fetch_add(u64::from(place.block_stored), Ordering::Relaxed);
        self.decoded.insert((place.pack, place.block_offset), plain);
    }

    /// Stored bytes of blocks fetched so far.
    pub fn fetched_bytes(&self) -> u64 {
        self.fetched_bytes.load(Ordering::Relaxed)
    }

    /// Reads from the first place that has the blob whole; a pack that fails to is distrusted. The error of the first place is the one told.
    fn get(&self, kind: ObjectKind, id: &ChunkId) -> Result<Bytes> {
        let mut first = None;
        for place in self.catalog.places(id)?.iter().filter(|p| p.pack_kind == kind) {
            match self.block(place).and_then(|block| self.verified(kind, id, place, &block)) {
                Err(e) if e.kind() == Kind::Damaged => {
                    self.catalog.distrust().add(place.pack);
                    first.get_or_insert(e);
                }
                other => return other,
            }
        }
        Err(first.unwrap_or_else(|| unknown(kind, id)))
    }

    /// Cuts a blob out of its block and verifies it against its id (invariant 2).
    pub fn verified(&self, kind: ObjectKind, id: &ChunkId, place: &Place, block: &Bytes) -> Result<Bytes> {
        let (start, end) = (place.offset as usize, place.offset as usize + place.bytes as usize);
        let damaged = |what: &str| {
            Error::new(Kind::Damaged, what.to_owned())
                .on(format!("blob {id} in {}", names::of_session(kind, place.pack)))
        };
        if end > block.len() {
            return Err(damaged("its place reaches beyond its block"));
        }
        let bytes = block.slice(start..end);
        if self.vault.ids.blob(kind, &bytes) != *id {
            return Err(damaged("its bytes do not have its id"));
        }
        Ok(bytes)
    }
}

fn unknown(kind: ObjectKind, id: &ChunkId) -> Error {
    let what = if kind == ObjectKind::MetaPack { "node" } else { "chunk" };
    Error::new(Kind::Damaged, "no published pack has it")
        .on(format!("{what} {id}"))
        .advise("run `cairn index rebuild`, then `cairn check`")
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blobs").field("vault", &self.vault).finish_non_exhaustive()
    }
}
