//! The core of all builders: rows in, nodes out, cut where the content says (TREE-11, TREE-12).
//!
//! ```text
//!   level 2              [ open node                        <- children of level 1
//!   level 1   | node | node | [ open node                   <- children of level 0
//!   level 0   | node | node | node | [ open node            <- rows
//! ```
//! A level's first node is held back until it has a second one: a level of one node is the root and is named by nobody below.

use super::Names;
use super::NodeSink;
use super::sums::{self, NOTHING};
use crate::error::{Error, Kind, Result};
use format_spec::ChunkId;
use format_spec::tree::{
    Child, ENTRY_BYTES_MAX, LEVEL_MAX, NODE_BYTES_TARGET, NODE_HEAD_BYTES, Totals, TreeKind, encode_child, encode_node,
};

/// [TREE-11] also ends a node before it exceeds 4 MiB. That never happens: an open node is below its target, and an entry is at most 1 MiB.
const _: () = assert!(NODE_BYTES_TARGET + ENTRY_BYTES_MAX <= 4_194_304);

/// Builds one tree from its rows in order.
#[derive(Debug)]
pub(super) struct TreeBuilder {
    tree: TreeKind,
    levels: Vec<Level>,
}

/// One row of a leaf, or one child of an inner node, with its bytes.
pub(super) struct Row<'a> {
    pub(super) key: &'a [u8],
    pub(super) mark: u64,
    pub(super) totals: Totals,
    pub(super) bytes: &'a [u8],
    pub(super) node: Option<ChunkId>,
    pub(super) chunk: Option<ChunkId>,
}

#[derive(Debug, Default)]
struct Level {
    open: OpenNode,
    /// How many nodes of this level there are.
    nodes: u64,
    /// The only one so far.
    first: Option<Child>,
    /// Whether that one was taken over from another tree.
    first_taken_over: bool,
}

#[derive(Debug)]
struct OpenNode {
    rows: Vec<u8>,
    count: u32,
    totals: Totals,
    key: Vec<u8>,
    names: Names,
}

impl TreeBuilder {
    pub(super) fn new(tree: TreeKind) -> Self {
        TreeBuilder { tree, levels: vec![Level::default()] }
    }

    /// Appends a row to the leaves.
    ///
    /// # Errors
    /// `Input` for a row above 1 MiB, which leaves the builder as it was; else the sink's own.
    pub(super) fn push(&mut self, row: &Row<'_>, sink: &mut dyn NodeSink) -> Result<()> {
        if row.bytes.len() > ENTRY_BYTES_MAX {
            let message = format!("an entry of {} bytes is above the limit of {ENTRY_BYTES_MAX}", row.bytes.len());
            return Err(Error::new(Kind::Input, message));
        }
        self.append(0, row, sink)
    }

    /// Whether a whole node of this level may follow: nothing is open in it or below it.
    pub(super) fn at_boundary(&self, level: usize) -> bool {
        let closed = |(at, row): (usize, &Level)| row.open.count == 0 && (at == level || row.first.is_none());
        self.levels.iter().take(level + 1).enumerate().all(closed)
    }

    /// Appends a node of another tree at a boundary of its level. It has been ended by its own last row, or nothing follows.
    pub(super) fn take_over(&mut self, level: usize, child: Child, sink: &mut dyn NodeSink) -> Result<()> {
        while self.levels.len() <= level {
            self.levels.push(Level::default());
        }
        // There are nodes below it, so none that follows there can be the root.
        self.levels.iter_mut().take(level).for_each(|row| row.nodes += 2);
        self.levels[level].first_taken_over = self.levels[level].nodes == 0;
        self.name(level, child, sink)
    }

    /// Closes all levels. `None` for no rows at all ([TREE-2]); `true` with a root that was taken over, which may have a single child.
    pub(super) fn finish(mut self, sink: &mut dyn NodeSink) -> Result<Option<(Child, bool)>> {
        let mut level = 0;
        while level < self.levels.len() {
            if self.levels[level].open.count > 0 {
                self.close(level, sink)?;
            }
            if let Some(root) = self.levels[level].first.take() {
                return Ok(Some((root, self.levels[level].first_taken_over)));
            }
            level += 1;
        }
        Ok(None)
    }

    fn append(&mut self, level: usize, row: &Row<'_>, sink: &mut dyn NodeSink) -> Result<()> {
        if level >= self.levels.len() {
            self.levels.push(Level::default());
        }
        self.levels[level].open.append(row)?;
        if ends(level, row.mark, self.levels[level].open.rows.len()) { self.close(level, sink) } else { Ok(()) }
    }

    /// Ends the open node of a level.
    fn close(&mut self, level: usize, sink: &mut dyn NodeSink) -> Result<()> {
        let child = self.levels[level].open.take(self.tree, level, sink)?;
        self.name(level, child, sink)
    }

    /// Names a node one level higher, together with the one that was held back.
    fn name(&mut self, level: usize, child: Child, sink: &mut dyn NodeSink) -> Result<()> {
        self.levels[level].nodes += 1;
        if self.levels[level].nodes == 1 {
            self.levels[level].first = Some(child);
            return Ok(());
        }
        if level >= usize::from(LEVEL_MAX) {
            let message = format!("a tree of more than {LEVEL_MAX} levels: its keys are too long to share nodes");
            return Err(Error::new(Kind::Input, message).advise("shorten the names"));
        }
        if let Some(first) = self.levels[level].first.take() {
            self.raise(level + 1, &first, sink)?;
        }
        self.raise(level + 1, &child, sink)
    }

    fn raise(&mut self, level: usize, child: &Child, sink: &mut dyn NodeSink) -> Result<()> {
        let mut bytes = Vec::with_capacity(74 + child.key.len());
        encode_child(child, &mut bytes);
        let mark = if self.tree == TreeKind::Content { id_mark(&child.id) } else { key_mark(&child.key) };
        let (key, totals) = (&child.key[..], child.totals);
        self.append(level, &Row { key, mark, totals, bytes: &bytes, node: Some(child.id), chunk: None }, sink)
    }
}

impl OpenNode {
    fn append(&mut self, row: &Row<'_>) -> Result<()> {
        let totals = sums::add(&self.totals, &row.totals)?;
        if self.count == 0 {
            self.key = row.key.to_vec();
        }
        self.totals = totals;
        self.count += 1;
        self.rows.extend_from_slice(row.bytes);
        self.names.nodes.extend(row.node);
        self.names.chunks.extend(row.chunk);
        Ok(())
    }

    fn take(&mut self, tree: TreeKind, level: usize, sink: &mut dyn NodeSink) -> Result<Child> {
        let level = u8::try_from(level).expect("levels end at LEVEL_MAX");
        self.names.settle();
        let id = sink.put_node(encode_node(tree, level, self.count, &self.rows), &self.names)?;
        let child = Child { id, totals: self.totals, key: std::mem::take(&mut self.key) };
        self.rows.clear();
        self.names.nodes.clear();
        self.names.chunks.clear();
        (self.count, self.totals) = (0, NOTHING);
        Ok(child)
    }
}

impl Default for OpenNode {
    fn default() -> Self {
        OpenNode { rows: Vec::new(), count: 0, totals: NOTHING, key: Vec::new(), names: Names::default() }
    }
}

/// [TREE-11]: whether a node ends after a row of this mark that made its rows so long.
pub(super) fn ends(level: usize, mark: u64, rows_bytes: usize) -> bool {
    let marked = match level {
        0 => mark & 0x7f == 0,
        _ => mark >> (7 + 5 * (level - 1)) & 0x1f == 0,
    };
    marked || NODE_HEAD_BYTES + rows_bytes >= NODE_BYTES_TARGET
}

/// The mark of a name or key.
pub(super) fn key_mark(key: &[u8]) -> u64 {
    first_eight(blake3::hash(key).as_bytes())
}

/// The mark of a chunk or node in a content tree: ids are hashes already.
pub(super) fn id_mark(id: &ChunkId) -> u64 {
    first_eight(&id.0)
}

fn first_eight(hash: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
