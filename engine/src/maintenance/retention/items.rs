//! Item-level retention on trees: a folder without the items below it that are older than the period.
//!
//! Promises: the result is the tree that a backup without those items would have made; nodes are read only where an expired item, or a
//! folder that is older itself, lies (entries carry the oldest time below); a folder that many restore points share is read and written
//! once. Folders never leave by their age: they hold what is younger, and a restore gives their names and attributes back. Memory: one
//! row for each folder that something leaves, one node a level while a folder is read, however deep the tree.

use super::leaving::Leaving;
use crate::error::{Error, Kind, Result};
use crate::maintenance::calendar;
use crate::monitor::Monitor;
use crate::tree::{NodeSink, NodeSource, Promise, check_child, check_root, edit_folder};
use format_spec::config::{Retention, RetentionKind};
use format_spec::tree::{Content, Entry, Kind as ItemKind, Node, Totals, TreeKind};
use format_spec::{ChunkId, Time};
use std::collections::HashMap;
use std::sync::Arc;

/// The second from which on items are within the period, when items are what leaves: older ones are not stored, and taken out of points. A whole
/// day leaves at once, so that a plan made in the morning can be applied in the afternoon.
pub fn items_from(retention: Retention, now: Time) -> Option<i64> {
    let begin = calendar::before(now, retention.period).filter(|_| retention.kind == RetentionKind::Item)?;
    Some(calendar::start_of_day(begin).seconds)
}

/// Takes old items out of restore points, one after the other.
pub struct OldItems<'a> {
    source: &'a dyn NodeSource,
    monitor: &'a Monitor,
    before: i64,
    /// What became of each folder that was looked into, by its old root node.
    done: HashMap<ChunkId, Lighter>,
}

/// A folder after its old items have left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lighter {
    /// Its tree.
    pub content: Content,
    /// Its sums.
    pub totals: Totals,
    /// What left, at any depth.
    pub left: Leaving,
}

impl<'a> OldItems<'a> {
    /// Items modified before this second leave.
    pub fn new(source: &'a dyn NodeSource, before: i64, monitor: &'a Monitor) -> Self {
        OldItems { source, monitor, before, done: HashMap::new() }
    }

    /// The root folder of a point without its old items; `None` when none of it is old.
    ///
    /// # Errors
    /// The source's and the sink's; `Damaged` when a node is not what its parent says.
    pub fn leave(&mut self, root: &Entry, sink: &mut dyn NodeSink) -> Result<Option<Lighter>> {
        let mut open = vec![Open { folder: root.clone(), after: Vec::new() }];
        while let Some(top) = open.last_mut() {
            self.monitor.check()?;
            let next = if self.is_old(&top.folder) { self.next_folder(top)? } else { None };
            match next {
                Some(folder) => open.push(Open { folder, after: Vec::new() }),
                None => {
                    let Some(Open { folder, .. }) = open.pop() else { break };
                    let lighter = self.rebuild(&folder, sink)?;
                    match (folder.content, open.is_empty()) {
                        (_, true) => return Ok(Some(lighter).filter(|l| l.left.items > 0)),
                        (Content::Tree(id), false) => _ = self.done.insert(id, lighter),
                        _ => {}
                    }
                }
            }
        }
        Ok(None)
    }

    /// Visits each folder of a point that old items have left, with their number; after [`OldItems::leave`] of its root.
    ///
    /// # Errors
    /// The source's; `Damaged` when a node is not what its parent says.
    pub(super) fn each_lighter_folder(&self, root: &Entry, visit: &mut dyn FnMut(&[u8], u64)) -> Result<()> {
        let mut open = vec![(Vec::new(), root.clone())];
        while let Some((path, folder)) = open.pop() {
            self.monitor.check()?;
            if !self.is_old(&folder) {
                continue;
            }
            let mut left = 0;
            for entry in Old::start(self, &folder, &[])? {
                let entry = entry?;
                if entry.kind != ItemKind::Folder {
                    left += 1;
                } else if let Content::Tree(id) = entry.content
                    && self.done.get(&id).is_some_and(|lighter| lighter.left.items > 0)
                {
                    let below = if path.is_empty() { entry.name.clone() } else { [&path[..], &entry.name].join(&b'/') };
                    open.push((below, entry));
                }
            }
            if left > 0 {
                visit(&path, left);
            }
        }
        Ok(())
    }

    /// Whether anything in or below this folder is older than the period, be it a folder that stays.
    fn is_old(&self, folder: &Entry) -> bool {
        folder.kind == ItemKind::Folder && folder.totals.oldest < self.before
    }

    /// The next folder to look into before `open` itself can be built.
    fn next_folder(&self, open: &mut Open) -> Result<Option<Entry>> {
        for entry in Old::start(self, &open.folder, &open.after)? {
            let entry = entry?;
            let Content::Tree(id) = entry.content else { continue };
            if self.is_old(&entry) && !self.done.contains_key(&id) {
                open.after.clone_from(&entry.name);
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The folder with what became of its folders and without its old items.
    fn rebuild(&self, folder: &Entry, sink: &mut dyn NodeSink) -> Result<Lighter> {
        let same = Lighter { content: folder.content, totals: folder.totals, left: Leaving::default() };
        if !self.is_old(folder) {
            return Ok(same);
        }
        let (mut left, mut failed) = (Leaving::default(), None);
        let edits = Old::start(self, folder, &[])?.map_while(|entry| entry.map_err(|e| failed = Some(e)).ok());
        let mut edits = edits.filter_map(|entry| self.edit(entry, &mut left)).peekable();
        let built = if edits.peek().is_some() { Some(edit_folder(self.source, folder, edits, sink)?) } else { None };
        if let Some(e) = failed {
            return Err(e);
        }
        Ok(built.map_or(same, |(content, totals)| Lighter { content, totals, left }))
    }

    /// How an old entry changes, if it does.
    fn edit(&self, mut entry: Entry, left: &mut Leaving) -> Option<(Vec<u8>, Option<Entry>)> {
        if entry.kind != ItemKind::Folder {
            left.item(&entry);
            return Some((entry.name, None));
        }
        let Content::Tree(id) = entry.content else { return None };
        let lighter = self.done.get(&id).filter(|lighter| lighter.left.items > 0)?;
        left.add(&lighter.left);
        (entry.content, entry.totals) = (lighter.content, lighter.totals);
        Some((entry.name.clone(), Some(entry)))
    }
}

/// A folder on the way down, and the name of the folder in it that was entered last.
struct Open {
    folder: Entry,
    after: Vec<u8>,
}

/// The old entries of one folder, in order: items that leave, and folders that are old or hold something old.
struct Old<'s> {
    of: &'s OldItems<'s>,
    steps: Vec<(Arc<Node>, usize)>,
    after: Vec<u8>,
}

impl<'s> Old<'s> {
    /// Before the first old entry behind a name.
    fn start(of: &'s OldItems<'s>, folder: &Entry, after: &[u8]) -> Result<Self> {
        let Content::Tree(id) = folder.content else {
            return Err(Error::new(Kind::Damaged, "[TREE-8] a folder has sums but no entries")
                .on(String::from_utf8_lossy(&folder.name))
                .advise("run `cairn check --read-data` to learn what else is damaged"));
        };
        let node = of.source.node(&id)?;
        check_root(&id, TreeKind::Folder, &Promise::Folder(folder.totals), &node)?;
        let mut old = Old { of, steps: Vec::new(), after: after.to_vec() };
        old.push(node);
        Ok(old)
    }

    fn push(&mut self, node: Arc<Node>) {
        let after = &self.after;
        let at = match &*node {
            Node::Inner { children, .. } => children.partition_point(|c| c.key <= *after).saturating_sub(1),
            Node::Folder(entries) => entries.partition_point(|e| e.name <= *after),
            Node::Content(_) | Node::Map(_) => 0,
        };
        self.steps.push((node, at));
    }

    fn advance(&mut self) -> Result<Option<Entry>> {
        let before = self.of.before;
        while let Some((node, at)) = self.steps.last_mut() {
            let here = *at;
            *at += 1;
            let (parent, row) = match &**node {
                Node::Folder(entries) => match entries.get(here) {
                    Some(entry) if entry.mtime.seconds < before || self.of.is_old(entry) => {
                        return Ok(Some(entry.clone()));
                    }
                    Some(_) => continue,
                    None => (node.clone(), None),
                },
                Node::Inner { children, .. } => match children.get(here) {
                    Some(child) if child.totals.oldest < before => (node.clone(), Some(child.id)),
                    Some(_) => continue,
                    None => (node.clone(), None),
                },
                Node::Content(_) | Node::Map(_) => (node.clone(), None),
            };
            let Some(id) = row else {
                self.steps.pop();
                continue;
            };
            let child = self.of.source.node(&id)?;
            check_child(&parent, here, &child)?;
            self.push(child);
        }
        Ok(None)
    }
}

impl Iterator for Old<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.advance();
        if entry.is_err() {
            self.steps.clear();
        }
        entry.transpose()
    }
}
