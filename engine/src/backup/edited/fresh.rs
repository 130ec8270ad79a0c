//! Nodes that were written early, because their folder moves: readable before they are published.

use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::tree::{Names, NodeSink, NodeSource};
use format_spec::ChunkId;
use format_spec::tree::Node;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Nodes that no published pack may have yet.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    nodes: Mutex<HashMap<ChunkId, Arc<Node>>>,
}

impl Fresh {
    /// All of them are published.
    pub(super) fn forget(&self) {
        self.nodes.lock().clear();
    }
}

/// The nodes of the repository, and those.
#[derive(Clone, Copy)]
pub(super) struct Nodes<'a> {
    pub(super) fresh: &'a Fresh,
    pub(super) blobs: &'a Blobs,
}

impl NodeSource for Nodes<'_> {
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        let fresh = self.fresh.nodes.lock().get(id).cloned();
        fresh.map_or_else(|| self.blobs.node(id), Ok)
    }
}

/// A sink whose nodes are fresh.
pub(super) struct FreshSink<'a> {
    pub(super) fresh: &'a Fresh,
    pub(super) sink: &'a mut dyn NodeSink,
}

impl NodeSink for FreshSink<'_> {
    fn put_node(&mut self, bytes: Vec<u8>, names: &Names) -> Result<ChunkId> {
        let node =
            Node::decode(&bytes).map_err(|e| Error::new(Kind::Bug, format!("a node that was just made: {e}")))?;
        let id = self.sink.put_node(bytes, names)?;
        self.fresh.nodes.lock().insert(id, Arc::new(node));
        Ok(id)
    }
}
