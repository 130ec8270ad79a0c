//! Where the nodes of a point under construction go: to the blob store, and into the account of who names whom.

use super::spool::Spool;
use crate::blob::Writer;
use crate::error::Result;
use crate::tree::{Names, NodeSink, NodeSource, names_of};
use format_spec::ChunkId;
use format_spec::keys::IdKeys;
use parking_lot::Mutex;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// Every distinct node that was put in this session, with what it names; shared by the session's threads.
#[derive(Debug, Default)]
pub struct NewNodes {
    /// Where the record of each node begins.
    inner: Mutex<(HashMap<ChunkId, u64>, Spool)>,
}

/// Asked about a node that is not new: whether the base of the point names it.
pub type IsOld<'a> = dyn FnMut(&ChunkId) -> Result<bool> + 'a;

impl NewNodes {
    /// Records a node once.
    pub(crate) fn record(&self, id: ChunkId, names: &Names) -> Result<()> {
        let mut inner = self.inner.lock();
        let (seen, spool) = &mut *inner;
        if let Entry::Vacant(vacant) = seen.entry(id) {
            vacant.insert(spool.push(id, names)?);
        }
        Ok(())
    }

    /// Those that the roots of a point reach, and only those: folders that were written and then
    /// edited again are named by nobody. A node that is met, is not new, and that the base does not
    /// name either, was taken from another point: it is read from `nodes` and counts as new.
    ///
    /// # Errors
    /// Those of `is_old` and of the source.
    pub fn reached(&self, roots: &[Names], nodes: &dyn NodeSource, is_old: &mut IsOld<'_>) -> Result<NewNodes> {
        let (reached, mut old) = (NewNodes::default(), HashSet::new());
        let mut todo: Vec<ChunkId> = roots.iter().flat_map(|names| names.nodes.iter().copied()).collect();
        while let Some(id) = todo.pop() {
            if reached.has(&id) || old.contains(&id) {
                continue;
            }
            let names = match self.names(&id)? {
                Some(names) => names,
                None if is_old(&id)? => {
                    old.insert(id);
                    continue;
                }
                None => names_of(&*nodes.node(&id)?),
            };
            todo.extend(&names.nodes);
            reached.record(id, &names)?;
        }
        Ok(reached)
    }

    fn has(&self, id: &ChunkId) -> bool {
        self.inner.lock().0.contains_key(id)
    }

    /// What a new node names.
    fn names(&self, id: &ChunkId) -> Result<Option<Names>> {
        let mut inner = self.inner.lock();
        let (seen, spool) = &mut *inner;
        seen.get(id).map(|at| spool.at(*at)).transpose()
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
