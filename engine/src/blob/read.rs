//! Reading blobs: id -> place -> block -> verified bytes, with decoded blocks and nodes kept under a budget.

use super::catalog::{Catalog, lost};
use super::decoded::{BlockKey, Decoded, DecodedBlocks};
use super::ranges::RangeCache;
use crate::error::{Error, Kind, Result};
use crate::index::Place;
use crate::limits::{DECODED_BYTES_MAX, NODES_BYTES_MAX};
use crate::pack::open_block;
use crate::store::{Look, ObjectName, SecondLook, Store, StoreExt, reread};
use bytes::Bytes;
use format_spec::container::ObjectKind;
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
    /// Records kept on this machine's disk, if any are.
    pub ranges: Option<RangeCache>,
}

impl Vault {
    /// Fetches and opens one block. A kept record that does not open is fetched again.
    pub fn read_block(&self, place: &Place) -> Result<Vec<u8>> {
        if let Some((ranges, record)) = self.ranges.as_ref().and_then(|r| Some((r, r.get(place)?))) {
            match self.open_block(place, &record) {
                Err(e) if e.kind() == Kind::Damaged => ranges.forget(place),
                other => return other,
            }
        }
        let name = ObjectName::new(names::of_session(place.pack_kind, place.pack))?;
        let (record, block) = reread(&*self.store, |look| self.look_at_block(look, &name, place))?;
        if let Some(ranges) = &self.ranges {
            ranges.put(place, &record);
        }
        Ok(block)
    }

    fn look_at_block(&self, look: &Look<'_>, name: &ObjectName, place: &Place) -> Result<(Bytes, Vec<u8>)> {
        let range = u64::from(place.block_offset)..place.record_end();
        let record = look.get_range(name, range).map_err(|e| lost(e, name))?;
        let block = self.open_block(place, &record)?;
        Ok((record, block))
    }

    /// Opens a block whose record came with others; where it is damaged it is looked at once more, alone and over another connection.
    ///
    /// # Errors
    /// `Damaged` when both looks show the same; the store's.
    pub fn open_fetched(&self, place: &Place, record: &Bytes) -> Result<Vec<u8>> {
        match self.open_block(place, record) {
            Err(e) if e.kind() == Kind::Damaged => {
                let name = ObjectName::new(names::of_session(place.pack_kind, place.pack))?;
                if let Some(ranges) = &self.ranges {
                    ranges.forget(place);
                }
                let again = SecondLook::after(record, e);
                Ok(again.over(&*self.store, |look| self.look_at_block(look, &name, place))?.1)
            }
            other => other,
        }
    }

    /// Fetches the records of several blocks of one pack, in rising order, with one request.
    ///
    /// # Errors
    /// The store's; `Damaged` when the pack is not there, or not that long.
    pub fn read_records(&self, places: &[Place]) -> Result<Vec<Bytes>> {
        let Some(ranges) = &self.ranges else { return self.fetch_records(places) };
        let mut records: Vec<Option<Bytes>> = places.iter().map(|place| ranges.get(place)).collect();
        // From the first to the last that is missing, as one request.
        let missing = |r: &Option<Bytes>| r.is_none();
        let (first, last) = (records.iter().position(missing), records.iter().rposition(missing));
        if let Some((fetch, slots)) =
            first.zip(last).and_then(|(a, b)| Some((places.get(a..=b)?, records.get_mut(a..=b)?)))
        {
            for ((place, slot), record) in fetch.iter().zip(slots).zip(self.fetch_records(fetch)?) {
                ranges.put(place, &record);
                *slot = Some(record);
            }
        }
        Ok(records.into_iter().flatten().collect())
    }

    fn fetch_records(&self, places: &[Place]) -> Result<Vec<Bytes>> {
        let Some((first, last)) = places.first().zip(places.last()) else { return Ok(Vec::new()) };
        let name = ObjectName::new(names::of_session(first.pack_kind, first.pack))?;
        let start = u64::from(first.block_offset);
        let bytes = self.store.get_range(&name, start..last.record_end()).map_err(|e| lost(e, &name))?;
        let record = |place: &Place| {
            let from = u64::from(place.block_offset).checked_sub(start).and_then(|n| usize::try_from(n).ok());
            let to = place.record_end().checked_sub(start).and_then(|n| usize::try_from(n).ok());
            let (from, to) = from.zip(to).filter(|(from, to)| from <= to && *to <= bytes.len())?;
            Some(bytes.slice(from..to))
        };
        let all: Option<Vec<Bytes>> = places.iter().map(record).collect();
        all.ok_or_else(|| Error::new(Kind::Bug, "blocks of one request are not in order").on(name))
    }

    /// Opens a block from its stored bytes.
    pub fn open_block(&self, place: &Place, record: &[u8]) -> Result<Vec<u8>> {
        let ObjectId { session, ordinal } = place.pack;
        let cipher = self.secrets.cipher_for(place.pack_kind, self.repository, session, ordinal, &place.salt);
        let pack = || names::of_session(place.pack_kind, place.pack);
        open_block(record, &cipher).map_err(|e| e.on(format!("{} at {}", pack(), place.block_offset)))
    }
}

/// How much the reading half of the hall may keep.
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

/// The reading half of the hall.
pub struct Blobs {
    vault: Arc<Vault>,
    catalog: Arc<Catalog>,
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
    /// A hall over this vault and index.
    pub fn new(vault: Arc<Vault>, catalog: Arc<Catalog>, budgets: CacheBudgets) -> Self {
        let nodes = usize::try_from(budgets.nodes / 16_384).unwrap_or(1024).max(16);
        Blobs {
            vault,
            catalog,
            data_blocks: DecodedBlocks::new(budgets.blocks - budgets.blocks / NODE_BLOCKS_SHARE),
            node_blocks: DecodedBlocks::new(budgets.blocks / NODE_BLOCKS_SHARE),
            nodes: Cache::with_weighter(nodes, budgets.nodes, ByLength),
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
    pub fn place(&self, kind: ObjectKind, id: &ChunkId) -> Result<Place> {
        let places = self.catalog.places(id)?;
        places.into_iter().find(|p| p.pack_kind == kind).ok_or_else(|| unknown(kind, id))
    }

    /// True when the block of a place is decoded already.
    pub fn is_decoded(&self, place: &Place) -> bool {
        self.decoded(place).has(&key_of(place))
    }

    /// Decodes the block of a place into the cache, once however many ask.
    pub fn decode(&self, place: &Place) -> Result<()> {
        self.block(place).map(|_| ())
    }

    /// Puts a block that was fetched and decoded elsewhere into the cache.
    pub fn keep(&self, place: &Place, plain: Bytes) {
        self.decoded(place).keep(key_of(place), plain);
    }

    /// The records of several blocks of one pack, in rising order, to be opened by the caller.
    ///
    /// # Errors
    /// As [`Vault::read_records`].
    pub fn records(&self, places: &[Place]) -> Result<Vec<Bytes>> {
        let records = self.vault.read_records(places)?;
        places.iter().for_each(|place| self.count_fetched(place));
        Ok(records)
    }

    /// Notes that a block's record has come.
    fn count_fetched(&self, place: &Place) {
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
        let places = self.catalog.places(id).ok()?;
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
        let seen = self.catalog.head();
        match self.get_as_known(kind, id) {
            Err(e) if e.kind() == Kind::Damaged => match self.catalog.look_again(seen) {
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
        for place in self.catalog.places_given_up(id)?.iter().filter(|p| p.pack_kind == kind) {
            match self
                .vault
                .read_block(place)
                .and_then(|block| self.vault.verified(kind, id, place, &Bytes::from(block)))
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
        for place in self.catalog.places(id)?.iter().filter(|p| p.pack_kind == kind) {
            match self.block(place).and_then(|block| self.cut(kind, id, place, &block)) {
                Err(e) if e.kind() == Kind::Damaged => {
                    self.catalog.distrust().add(place.pack);
                    first.get_or_insert(e);
                }
                other => return other,
            }
        }
        Err(first.unwrap_or_else(|| unknown(kind, id)))
    }

    fn decoded(&self, place: &Place) -> &DecodedBlocks {
        if place.pack_kind == ObjectKind::MetaPack { &self.node_blocks } else { &self.data_blocks }
    }

    fn block(&self, place: &Place) -> Result<Arc<Decoded>> {
        self.decoded(place).get_or(&key_of(place), || {
            let block = self.vault.read_block(place)?;
            self.count_fetched(place);
            Ok(Bytes::from(block))
        })
    }

    fn cut(&self, kind: ObjectKind, id: &ChunkId, place: &Place, block: &Decoded) -> Result<Bytes> {
        if block.is_verified(place.offset, place.bytes, id) {
            let start = place.offset as usize;
            return Ok(block.plain.slice(start..start + place.bytes as usize));
        }
        let bytes = self.vault.verified(kind, id, place, &block.plain)?;
        block.set_verified(place.offset, place.bytes, *id);
        Ok(bytes)
    }
}

impl Vault {
    /// Cuts a blob out of its decoded block and verifies it against its id (invariant 2).
    ///
    /// # Errors
    /// `Damaged` when it is not there or not this blob.
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
        if self.ids.blob(kind, &bytes) != *id {
            return Err(damaged("its bytes do not have its id"));
        }
        Ok(bytes)
    }
}

/// Decoded nodes are about three times as long as their bytes.
fn node_weight(bytes: &Bytes) -> u64 {
    bytes.len() as u64 * 3 + 128
}

fn key_of(place: &Place) -> BlockKey {
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
        f.debug_struct("Blobs").field("vault", &self.vault).finish_non_exhaustive()
    }
}
