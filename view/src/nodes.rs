//! Tree nodes between the tree room and the catalog: kept by bytes, and askable for what is kept alone.

use crate::catalog::PointCatalog;
use crate::limits::NODE_CACHE_BYTES;
use engine::tree::NodeSource;
use engine::{Error, Kind, Result};
use format_spec::ChunkId;
use format_spec::tree::{Entry, Node};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// For the cache's first layout: a node takes some 16 KiB.
const NODES_EXPECTED: usize = 3_000;

/// How far an answer may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// What is in memory: never waits.
    CachedOnly,
    /// The store: may wait as long as the store does.
    MayBlock,
}

/// The nodes of one mount.
pub(super) struct Nodes {
    catalog: Arc<dyn PointCatalog>,
    cache: Cache<ChunkId, Arc<Node>, Bytes>,
    /// Whether any decoded entry had a `security.` or `trusted.` attribute.
    pub(super) seen_security: AtomicBool,
    pub(super) seen_trusted: AtomicBool,
}

/// The nodes within a reach.
pub(super) struct Reached<'a> {
    nodes: &'a Nodes,
    fetch: Fetch,
    missed: AtomicBool,
}

impl Nodes {
    pub(super) fn new(catalog: Arc<dyn PointCatalog>) -> Self {
        let cache = Cache::with_weighter(NODES_EXPECTED, NODE_CACHE_BYTES, Bytes);
        Nodes { catalog, cache, seen_security: AtomicBool::new(false), seen_trusted: AtomicBool::new(false) }
    }

    pub(super) fn within(&self, fetch: Fetch) -> Reached<'_> {
        Reached { nodes: self, fetch, missed: AtomicBool::new(false) }
    }

    /// Whether a node is in memory.
    pub(super) fn has(&self, id: &ChunkId) -> bool {
        self.cache.peek(id).is_some()
    }

    fn look_at(&self, node: &Node) {
        let Node::Folder(entries) = node else { return };
        let any = |prefix: &[u8]| entries.iter().flat_map(|e| &e.xattrs).any(|(name, _)| name.starts_with(prefix));
        if any(b"security.") {
            self.seen_security.store(true, Ordering::Relaxed);
        }
        if any(b"trusted.") {
            self.seen_trusted.store(true, Ordering::Relaxed);
        }
    }
}

impl Reached<'_> {
    /// Whether a node was asked for that is beyond the reach: the error that followed means nothing else.
    pub(super) fn missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }
}

impl NodeSource for Reached<'_> {
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        if let Some(node) = self.nodes.cache.get(id) {
            return Ok(node);
        }
        let found = match self.fetch {
            Fetch::CachedOnly => self.nodes.catalog.node_in_memory(id),
            Fetch::MayBlock => Some(self.nodes.catalog.node(id)?),
        };
        let Some(node) = found else {
            self.missed.store(true, Ordering::Relaxed);
            return Err(Error::new(Kind::Transient, "not in memory"));
        };
        self.nodes.look_at(&node);
        self.nodes.cache.insert(*id, Arc::clone(&node));
        Ok(node)
    }
}

/// What a decoded node takes in memory, roughly.
#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<ChunkId, Arc<Node>> for Bytes {
    fn weight(&self, _: &ChunkId, node: &Arc<Node>) -> u64 {
        let rows = match &**node {
            Node::Inner { children, .. } => children.iter().map(|c| 128 + c.key.len()).sum(),
            Node::Folder(entries) => entries.iter().map(entry_bytes).sum(),
            Node::Content(pieces) => pieces.len() * 36,
            Node::Map(pairs) => pairs.iter().map(|p| 64 + p.key.len() + p.value.len()).sum::<usize>(),
        };
        rows as u64 + 64
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    let attributes: usize = entry.xattrs.iter().map(|(n, v)| 64 + n.len() + v.len()).sum();
    let runs = entry.extents.as_ref().map_or(0, |e| e.len() * 16);
    size_of::<Entry>()
        + entry.name.len()
        + entry.target.len()
        + entry.user.len()
        + entry.group.len()
        + attributes
        + runs
}
