//! Where the nodes of a point under construction go: to the blob store, and into the account of who names whom.

use super::spool::Spool;
use crate::blob::Writer;
use crate::error::Result;
use crate::tree::{Names, NodeSink};
use format_spec::ChunkId;
use format_spec::keys::IdKeys;
use parking_lot::Mutex;
use std::collections::HashSet;

/// Every distinct node that was put in this session, with what it names; shared by the session's threads.
#[derive(Debug, Default)]
pub struct NewNodes {
    inner: Mutex<(HashSet<ChunkId>, Spool)>,
}

impl NewNodes {
    /// Records a node once.
    pub(crate) fn record(&self, id: ChunkId, names: &Names) -> Result<()> {
        let mut inner = self.inner.lock();
        let (seen, spool) = &mut *inner;
        if seen.insert(id) { spool.push(id, names) } else { Ok(()) }
    }

    /// Takes in what was recorded apart, because it was not known yet whether anything would name it.
    pub fn absorb(&self, apart: NewNodes) -> Result<()> {
        apart.read(&mut |id, names| self.record(id, names))
    }

    /// Reads the record back, in the order of first puts.
    pub(super) fn read(&self, visit: &mut dyn FnMut(ChunkId, &Names) -> Result<()>) -> Result<()> {
        self.inner.lock().1.read(visit)
    }
}

/// One thread's sink.
pub struct PointSink<'a> {
    writer: &'a Writer,
    ids: &'a IdKeys,
    new_nodes: Option<&'a NewNodes>,
}

impl<'a> PointSink<'a> {
    /// A sink that accounts for names.
    pub fn new(writer: &'a Writer, ids: &'a IdKeys, new_nodes: &'a NewNodes) -> Self {
        PointSink { writer, ids, new_nodes: Some(new_nodes) }
    }

    /// A sink for the reference set's own nodes, which nobody accounts for (decision 0003).
    pub fn unaccounted(writer: &'a Writer, ids: &'a IdKeys) -> Self {
        PointSink { writer, ids, new_nodes: None }
    }
}

impl NodeSink for PointSink<'_> {
    fn put_node(&mut self, bytes: Vec<u8>, names: &Names) -> Result<ChunkId> {
        let id = self.ids.node(&bytes);
        if let Some(new_nodes) = self.new_nodes {
            new_nodes.record(id, names)?;
        }
        self.writer.put_node(id, bytes)?;
        Ok(id)
    }
}
