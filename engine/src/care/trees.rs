//! Checking trees: every node of every point is there, verified, and its sums, order and references hold.

use super::check::Findings;
use crate::error::{Error, Kind, Result};
use crate::log::Moved;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::tree::{MapCursor, Promise, check_child, check_root, names_of};
use format_spec::container::ObjectKind;
use format_spec::point::{PackReferences, reference_pack};
use format_spec::tree::{Content, Entry, Kind as ItemKind, Node, TreeKind};
use format_spec::{ChunkId, ObjectId};
use std::collections::{HashMap, HashSet};

/// Walks points; nodes that were seen in an earlier point are not read again.
pub(super) struct TreeCheck<'a> {
    repository: &'a Repository,
    findings: &'a Findings,
    monitor: &'a Monitor,
    sound: HashSet<ChunkId>,
    pub(super) nodes: u64,
}

impl<'a> TreeCheck<'a> {
    pub(super) fn new(repository: &'a Repository, findings: &'a Findings, monitor: &'a Monitor) -> Self {
        TreeCheck { repository, findings, monitor, sound: HashSet::new(), nodes: 0 }
    }

    /// Checks one point: its folders, contents, maps and reference set.
    pub(super) fn point(&mut self, point: &Point) -> Result<()> {
        let manifest = &point.manifest;
        let subject = format!("restore point {}", manifest.id);
        let mut roots = Vec::new();
        if let Content::Tree(id) = manifest.root.content {
            roots.push((id, TreeKind::Folder, Promise::Folder(manifest.root.totals)));
        }
        roots.extend(manifest.links.map(|id| (id, TreeKind::Map, Promise::Nothing)));
        roots.extend(manifest.exceptions.map(|id| (id, TreeKind::Map, Promise::Nothing)));
        for (id, tree, promise) in roots {
            self.tree(&subject, id, tree, promise)?;
        }
        let references = self.references(point);
        references.or_else(|e| self.findings.add(&subject, &e))
    }

    /// Packs that the reference sets of these points name.
    pub(super) fn needed_packs(&self, points: &[std::sync::Arc<Point>]) -> Result<HashSet<ObjectId>> {
        let mut packs = HashSet::new();
        let view = self.repository.log().view();
        for point in points {
            for pair in MapCursor::open(&**self.repository.blobs(), Some(point.manifest.references)) {
                let pair = pair?;
                let (pack, row) = (reference_pack(&pair.key)?, PackReferences::decode(&pair.value)?);
                if !view.condemned.has(pack) {
                    packs.insert(pack);
                    continue;
                }
                for blob in (0..row.blobs).filter(|b| row.names(*b)) {
                    if let Moved::Here(pack, _) = view.condemned.translate(pack, blob) {
                        packs.insert(pack);
                    }
                }
            }
        }
        Ok(packs)
    }

    /// Checks a whole tree with an explicit stack.
    fn tree(&mut self, subject: &str, id: ChunkId, tree: TreeKind, promise: Promise) -> Result<()> {
        let mut stack = vec![Todo::Root(id, tree, promise)];
        while let Some(todo) = stack.pop() {
            self.monitor.check()?;
            let id = todo.id();
            if self.sound.contains(&id) {
                continue;
            }
            match self.node(&todo) {
                Ok((node, below)) => {
                    self.sound.insert(id);
                    self.nodes += 1;
                    stack.extend(below);
                    self.chunks_of(subject, &node)?;
                }
                Err(e) => self.findings.add(format!("node {id} of {subject}"), &e)?,
            }
        }
        Ok(())
    }

    fn node(&self, todo: &Todo) -> Result<(std::sync::Arc<Node>, Vec<Todo>)> {
        let node = self.repository.node(&todo.id())?;
        match todo {
            Todo::Root(id, tree, promise) => check_root(id, *tree, promise, &node)?,
            Todo::Child(parent, at, _) => check_child(parent, *at, &node)?,
        }
        let below = match &*node {
            Node::Inner { children, .. } => {
                children.iter().enumerate().map(|(at, c)| Todo::Child(node.clone(), at, c.id)).collect()
            }
            Node::Folder(entries) => entries.iter().filter_map(below_entry).collect(),
            Node::Content(_) | Node::Map(_) => Vec::new(),
        };
        Ok((node, below))
    }

    /// Every chunk that a leaf names has a place.
    fn chunks_of(&self, subject: &str, node: &Node) -> Result<()> {
        for id in names_of(node).chunks {
            if let Err(e) = self.repository.blobs().place(ObjectKind::DataPack, &id) {
                self.findings.add(format!("chunk {id} of {subject}"), &e)?;
            }
        }
        Ok(())
    }

    /// The reference set is exactly what the point's nodes name ([POINT-6], [POINT-7]).
    fn references(&mut self, point: &Point) -> Result<()> {
        let manifest = &point.manifest;
        let blobs = self.repository.blobs();
        let mut counts: HashMap<ChunkId, u32> = HashMap::new();
        let mut stack: Vec<ChunkId> = Vec::new();
        let mut name = |id: ChunkId, is_node: bool, stack: &mut Vec<ChunkId>| {
            let count = counts.entry(id).or_insert(0);
            *count += 1;
            if is_node && *count == 1 {
                stack.push(id);
            }
        };
        let root = crate::tree::Names::of_entry(&manifest.root);
        root.nodes.iter().for_each(|id| name(*id, true, &mut stack));
        [manifest.links, manifest.exceptions].into_iter().flatten().for_each(|id| name(id, true, &mut stack));
        while let Some(id) = stack.pop() {
            self.monitor.check()?;
            let names = names_of(&*self.repository.node(&id)?);
            names.nodes.iter().for_each(|id| name(*id, true, &mut stack));
            names.chunks.iter().for_each(|id| name(*id, false, &mut stack));
        }
        let view = self.repository.log().view();
        let mut named: HashMap<(ObjectId, u32), u32> = HashMap::new();
        for pair in MapCursor::open(&**blobs, Some(manifest.references)) {
            let pair = pair?;
            let (pack, references) = (reference_pack(&pair.key)?, PackReferences::decode(&pair.value)?);
            for blob in (0..references.blobs).filter(|b| references.names(*b)) {
                let Moved::Here(to, at) = view.condemned.translate(pack, blob) else {
                    let what = format!("LOG-13: blob {blob} of pack {pack} is needed and did not survive");
                    return Err(Error::new(Kind::Damaged, what));
                };
                *named.entry((to, at)).or_insert(0) += references.count(blob);
            }
        }
        for (id, count) in counts {
            let places = blobs.catalog().places(&id)?;
            let found = places.iter().find_map(|p| named.remove(&(p.pack, p.blob)));
            if found != Some(count) {
                let what =
                    format!("POINT-7: {count} nodes name blob {id}, its reference set says {}", found.unwrap_or(0));
                return Err(Error::new(Kind::Damaged, what));
            }
        }
        match named.into_iter().next() {
            None => Ok(()),
            Some(((pack, blob), _)) => Err(Error::new(
                Kind::Damaged,
                format!("POINT-6: the reference set names blob {blob} of pack {pack}, which no node names"),
            )),
        }
    }
}

/// A node to be checked, with what was promised about it.
enum Todo {
    Root(ChunkId, TreeKind, Promise),
    Child(std::sync::Arc<Node>, usize, ChunkId),
}

impl Todo {
    fn id(&self) -> ChunkId {
        match self {
            Todo::Root(id, ..) | Todo::Child(_, _, id) => *id,
        }
    }
}

fn below_entry(entry: &Entry) -> Option<Todo> {
    let Content::Tree(id) = entry.content else { return None };
    Some(match entry.kind {
        ItemKind::Folder => Todo::Root(id, TreeKind::Folder, Promise::Folder(entry.totals)),
        _ => Todo::Root(id, TreeKind::Content, Promise::Bytes(crate::tree::stored_bytes(entry))),
    })
}
