//! The core of all readers: a place in a tree, as one node a level, with the sums of everything before it.
//!
//! The place is a row of the lowest node that was read: an entry of a leaf, or a child that nobody has entered yet. So a comparison can
//! pass over whole children, and a cursor enters them. A descent that is parked keeps its place and gives its nodes back.

use super::check::{Promise, check_below, check_child, check_root};
use super::rows;
use super::sums::{self, NOTHING};
use super::{NodeSource, check};
use crate::error::Result;
use format_spec::ChunkId;
use format_spec::tree::{Content, Node, Totals, TreeKind};
use std::sync::Arc;

/// A place in a tree.
pub(super) struct Descent<'a> {
    source: &'a dyn NodeSource,
    tree: TreeKind,
    root: Option<ChunkId>,
    promise: Promise,
    steps: Vec<Step>,
    /// Before the first read, and while parked: the entry to go on at.
    resume: Option<u64>,
}

/// A row of a node on the way down.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) node: Arc<Node>,
    pub(super) at: usize,
    /// Sums of all leaf entries of the tree before this row.
    pub(super) before: Totals,
}

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'k> {
    /// The first entry whose key is not below this one.
    Key(&'k [u8]),
    /// The entry before which there are this many.
    Entry(u64),
    /// The entry that holds the nth slot of the folder's preorder, counted from 0.
    Slot(u64),
    /// The chunk that holds this byte.
    Byte(u64),
}

impl<'a> Descent<'a> {
    /// Before the first row; nothing is read yet.
    pub(super) fn new(source: &'a dyn NodeSource, tree: TreeKind, root: Option<ChunkId>, promise: Promise) -> Self {
        Descent { source, tree, root, promise, steps: Vec::new(), resume: Some(0) }
    }

    /// A folder's tree. Its content is a tree or nothing.
    pub(super) fn folder(source: &'a dyn NodeSource, content: Content, totals: Totals) -> Self {
        let root = if let Content::Tree(id) = content { Some(id) } else { None };
        Descent::new(source, TreeKind::Folder, root, Promise::Folder(totals))
    }

    /// The row that is the place, a child or an entry; `None` behind the last.
    pub(super) fn row(&mut self) -> Result<Option<&Step>> {
        match self.resume.take() {
            Some(0) => self.open()?,
            Some(entry) => self.seek(Target::Entry(entry))?,
            None => {}
        }
        Ok(self.steps.last())
    }

    /// The entry that is the place, entering children until there is one.
    pub(super) fn entry(&mut self) -> Result<Option<&Step>> {
        self.row()?;
        while self.steps.last().is_some_and(|s| s.node.level() > 0) {
            self.enter()?;
        }
        Ok(self.steps.last())
    }

    /// Goes to the next row, which is higher up when a node has no more.
    pub(super) fn pass(&mut self) -> Result<()> {
        while let Some(top) = self.steps.last_mut() {
            top.before = sums::add(&top.before, &rows::totals(&top.node, top.at)?)?;
            top.at += 1;
            if top.at < rows::len(&top.node) {
                break;
            }
            self.steps.pop();
        }
        Ok(())
    }

    /// Goes to the first row of the child that is the place.
    pub(super) fn enter(&mut self) -> Result<()> {
        let Some(top) = self.steps.last() else { return Ok(()) };
        let Node::Inner { children, .. } = &*top.node else { return Ok(()) };
        let Some(child) = children.get(top.at) else { return Ok(()) };
        let node = self.source.node(&child.id)?;
        check_child(&top.node, top.at, &node)?;
        check_below(&child.id, &node, self.next_key())?;
        let before = top.before;
        self.steps.push(Step { node, at: 0, before });
        Ok(())
    }

    /// The first key behind the row that is the place; `None` when nothing follows in the whole tree.
    pub(super) fn next_key(&self) -> Option<&[u8]> {
        let step = self.steps.iter().rev().find(|s| s.at + 1 < rows::len(&s.node))?;
        Some(rows::key(&step.node, step.at + 1))
    }

    /// Goes to an entry, or behind the last if there is none: reads one node a level.
    pub(super) fn seek(&mut self, target: Target<'_>) -> Result<()> {
        self.stop();
        self.open()?;
        loop {
            let Some(top) = self.steps.last_mut() else { return Ok(()) };
            let rows = rows::len(&top.node);
            let stop = stop_row(&top.node, &target);
            while top.at < rows && stop.is_none_or(|stop| top.at < stop) {
                let after = sums::add(&top.before, &rows::totals(&top.node, top.at)?)?;
                if stop.is_none() && target.lies_below(&after) {
                    break;
                }
                (top.before, top.at) = (after, top.at + 1);
            }
            let (found, leaf) = (top.at < rows, top.node.level() == 0);
            match (found, leaf) {
                (true, true) => return Ok(()),
                (true, false) => self.enter()?,
                (false, _) => return self.leave(),
            }
        }
    }

    /// Keeps the place, gives the nodes back.
    pub(super) fn park(&mut self) {
        if let Some(top) = self.steps.last() {
            self.resume = Some(top.before.entries);
            self.steps.clear();
        }
    }

    /// Behind the last row, for good: after an error nothing more can be trusted.
    pub(super) fn stop(&mut self) {
        self.steps.clear();
        self.resume = None;
    }

    /// Leaves a node whose rows are all passed.
    fn leave(&mut self) -> Result<()> {
        self.steps.pop();
        self.pass()?;
        self.entry().map(|_| ())
    }

    fn open(&mut self) -> Result<()> {
        let Some(id) = self.root else {
            return match self.promise {
                Promise::Folder(totals) if totals.entries > 0 => Err(check::empty_folder(&totals)),
                _ => Ok(()),
            };
        };
        let node = self.source.node(&id)?;
        check_root(&id, self.tree, &self.promise, &node)?;
        self.steps.push(Step { node, at: 0, before: NOTHING });
        Ok(())
    }
}

impl Target<'_> {
    /// Whether the target comes before a place that has these sums before it.
    fn lies_below(&self, sums: &Totals) -> bool {
        match self {
            Target::Key(_) => false,
            Target::Entry(n) => *n < sums.entries,
            Target::Slot(n) => *n < sums.descendants,
            Target::Byte(n) => *n < sums.bytes,
        }
    }
}

/// Where a search by key stops in a node; searches by number stop where their sums say.
fn stop_row(node: &Node, target: &Target<'_>) -> Option<usize> {
    let Target::Key(key) = target else { return None };
    Some(match node {
        Node::Inner { children, .. } => children.partition_point(|c| c.key[..] <= **key).saturating_sub(1),
        Node::Folder(entries) => entries.partition_point(|e| e.name[..] < **key),
        Node::Map(pairs) => pairs.partition_point(|p| p.key[..] < **key),
        Node::Content(_) => 0,
    })
}
