//! Checking trees: every node of every point is there, verified, and its sums, order and references hold.

use super::findings::{Findings, Subject, is_live};
use super::marks::Marks;
use super::packs::Published;
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use crate::log::{Condemned, Moved};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::{Point, roots_of};
use crate::tree::{MapCursor, Promise, check_child, check_root, names_of};
use format_spec::container::ObjectKind;
use format_spec::point::{PackReferences, reference_pack};
use format_spec::tree::{Content, Entry, Kind as ItemKind, Node, TreeKind};
use format_spec::{ChunkId, ObjectId, names};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Walks points; nodes that were seen in an earlier point are not read again.
pub(super) struct TreeCheck<'a> {
    repository: &'a Repository,
    /// Every pack that the log has published, as far as it is known.
    published: &'a [Published],
    findings: &'a Findings,
    monitor: &'a Monitor,
    sound: Marks,
    pub(super) nodes: u64,
}

impl<'a> TreeCheck<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        published: &'a [Published],
        findings: &'a Findings,
        monitor: &'a Monitor,
    ) -> Self {
        TreeCheck { repository, published, findings, monitor, sound: Marks::default(), nodes: 0 }
    }

    /// Checks one point: its folders, contents, maps and reference set. What others moved while it was looked at is looked at again; a point that
    /// they gave up meanwhile is nobody's loss.
    pub(super) fn point(&mut self, point: &Point) -> Result<()> {
        for _ in 0..OVERTAKEN_MAX {
            let before = self.repository.log().view().head;
            self.look(point)?;
            if !self.findings.has_of(point.slot) {
                break;
            }
            self.repository.refresh()?;
            let view = self.repository.log().view();
            if is_live(&view, point.slot) && view.head == before {
                break;
            }
            self.findings.forget(point.slot);
            if !is_live(&view, point.slot) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether everything that a point needs is there, also of one that no entry commits.
    pub(super) fn is_sound(&mut self, point: &Point) -> Result<bool> {
        self.findings.forget(point.slot);
        self.look(point)?;
        Ok(!self.findings.has_of(point.slot))
    }

    fn look(&mut self, point: &Point) -> Result<()> {
        let manifest = &point.manifest;
        let mut roots = Vec::new();
        if let Content::Tree(id) = manifest.root.content {
            roots.push((id, TreeKind::Folder, Promise::Folder(manifest.root.totals)));
        }
        roots.extend(manifest.maps.roots().map(|id| (id, TreeKind::Map, Promise::Nothing)));
        for (id, tree, promise) in roots {
            self.tree(point, id, tree, promise)?;
        }
        let references = self.references(point);
        references.or_else(|e| self.findings.add_of(point.slot, Subject::Needs, subject(point), &e))
    }

    /// Packs that the reference sets of these points name.
    pub(super) fn needed_packs(&self, points: &[std::sync::Arc<Point>]) -> Result<HashSet<ObjectId>> {
        let mut packs = HashSet::new();
        for point in points {
            // What cannot be read of a set was found, or is now.
            let named = self.name_packs(point, &mut packs);
            named.or_else(|e| self.findings.add_of(point.slot, Subject::Needs, subject(point), &e))?;
        }
        Ok(packs)
    }

    fn name_packs(&self, point: &Point, packs: &mut HashSet<ObjectId>) -> Result<()> {
        let view = self.repository.log().view();
        for pair in MapCursor::open(self.repository.nodes(), Some(point.manifest.references)) {
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
        Ok(())
    }

    /// Checks a whole tree with an explicit stack.
    fn tree(&mut self, point: &Point, id: ChunkId, tree: TreeKind, promise: Promise) -> Result<()> {
        let mut stack = vec![Todo::Root(id, tree, promise)];
        while let Some(todo) = stack.pop() {
            self.monitor.check()?;
            let id = todo.id();
            let place = self.repository.blobs().place(ObjectKind::MetaPack, &id);
            if place.as_ref().is_ok_and(|place| self.sound.has(place)) {
                continue;
            }
            let is_placed = place.is_ok();
            match place.and_then(|place| Ok((place, self.node(&todo)?))) {
                Ok((place, (node, below))) => {
                    self.sound.set(&place);
                    self.nodes += 1;
                    stack.extend(below);
                    self.chunks_of(point, &node)?;
                }
                Err(e) => {
                    // A node that has a place is its pack's damage.
                    let about = if is_placed { Subject::Needs } else { Subject::Blob(ObjectKind::MetaPack, id) };
                    self.findings.add_of(point.slot, about, format!("node {id} of {}", subject(point)), &e)?;
                }
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
    fn chunks_of(&self, point: &Point, node: &Node) -> Result<()> {
        for id in names_of(node).chunks {
            if let Err(e) = self.repository.blobs().place(ObjectKind::DataPack, &id) {
                let about = Subject::Blob(ObjectKind::DataPack, id);
                self.findings.add_of(point.slot, about, format!("chunk {id} of {}", subject(point)), &e)?;
            }
        }
        Ok(())
    }

    /// What a reference set names and no segment maps: packs and their segment are lost together.
    fn lost_packs(&self, unknown: &BTreeSet<ObjectId>) -> Error {
        let name = |id: &ObjectId| match self.published.binary_search_by_key(id, |p| p.id) {
            Ok(at) => self.published.get(at).map_or_else(String::new, |p| names::of_session(p.pack.kind, *id)),
            // Its entry is summed up, and nothing else tells what kind it is of.
            Err(_) => format!("data or meta/{:08x}/{:08x}", id.session, id.ordinal),
        };
        let named: Vec<String> = unknown.iter().take(PACKS_NAMED_MAX).map(name).collect();
        let more = unknown.len().saturating_sub(named.len());
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let what = format!(
            "it needs {} packs that no index segment maps, they or their segment are lost: {}{rest}",
            unknown.len(),
            named.join(", ")
        );
        Error::new(Kind::Damaged, what)
            .advise("look at `cairn repair plan`; a copy of the repository (--from) can give them back")
    }

    /// The reference set is exactly what the point's nodes name ([POINT-6], [POINT-7]): what they name is taken away from it, and nothing may be
    /// left. In memory are the set itself, a bit for each blob and the counts above one, and a bit for each node that was seen.
    fn references(&self, point: &Point) -> Result<()> {
        let manifest = &point.manifest;
        let view = self.repository.log().view();
        let mut left = Left { repository: self.repository, packs: HashMap::new() };
        for pair in MapCursor::open(self.repository.nodes(), Some(manifest.references)) {
            let pair = pair?;
            left.add(reference_pack(&pair.key)?, PackReferences::decode(&pair.value)?, &view.condemned)?;
        }
        // Where the index does not know what the set names, counting it would blame the point for packs that are lost.
        let known: HashSet<ObjectId> = self.repository.blobs().live_index().packs()?.iter().map(|p| p.id).collect();
        // A set that names nothing has one row, of a pack that is none ([POINT-6]).
        let named = left.packs.iter().filter(|(_, set)| !set.is_empty()).map(|(pack, _)| *pack);
        let unknown: BTreeSet<ObjectId> = named.filter(|pack| !known.contains(pack)).collect();
        if !unknown.is_empty() {
            return Err(self.lost_packs(&unknown));
        }
        let mut seen = Marks::default();
        let mut stack: Vec<ChunkId> = Vec::new();
        let mut names = roots_of(&manifest.root, manifest.maps);
        loop {
            for names in names.drain(..) {
                for id in &names.nodes {
                    if seen.set(&left.take(ObjectKind::MetaPack, id)?) {
                        stack.push(*id);
                    }
                }
                names.chunks.iter().try_for_each(|id| left.take(ObjectKind::DataPack, id).map(|_| ()))?;
            }
            self.monitor.check()?;
            let Some(id) = stack.pop() else { break };
            names.push(names_of(&*self.repository.node(&id)?));
        }
        left.expect_nothing()
    }
}

/// A point is looked at again when others moved something while it was looked at, so many times in all: who collects so often is not waited for.
const OVERTAKEN_MAX: u32 = 8;

/// Packs that one finding names.
const PACKS_NAMED_MAX: usize = 20;

fn subject(point: &Point) -> String {
    format!("restore point {}", point.manifest.id)
}

/// What of a reference set nobody has named yet.
struct Left<'a> {
    repository: &'a Repository,
    packs: HashMap<ObjectId, PackReferences>,
}

impl Left<'_> {
    /// Adds a row of the set. What was moved since is named where it is now: two places may have become one.
    fn add(&mut self, pack: ObjectId, set: PackReferences, condemned: &Condemned) -> Result<()> {
        if !condemned.has(pack) && !self.packs.contains_key(&pack) {
            self.packs.insert(pack, set);
            return Ok(());
        }
        for blob in (0..set.blobs).filter(|blob| set.names(*blob)) {
            let Moved::Here(to, at) = condemned.translate(pack, blob) else {
                let what = format!("LOG-13: blob {blob} of pack {pack} is needed and did not survive");
                return Err(Error::new(Kind::Damaged, what));
            };
            let row = self.packs.entry(to).or_default();
            row.set_count(at, row.count(at).saturating_add(set.count(blob)));
        }
        Ok(())
    }

    /// Takes one naming of this blob away; the place that the set names.
    fn take(&mut self, kind: ObjectKind, id: &ChunkId) -> Result<BlobLocation> {
        for place in self.repository.blobs().live_index().places(id)?.iter().filter(|p| p.pack_kind == kind) {
            if let Some(set) = self.packs.get_mut(&place.pack)
                && let Some(rest) = set.count(place.blob).checked_sub(1)
            {
                set.set_count(place.blob, rest);
                return Ok(*place);
            }
        }
        let places = self.repository.blobs().live_index().places(id)?;
        if places.iter().all(|p| p.pack_kind != kind) {
            let what = if kind == ObjectKind::MetaPack { "node" } else { "chunk" };
            return Err(Error::new(Kind::Damaged, format!("no published pack has {what} {id}, which it needs")));
        }
        let what = format!("POINT-7: more nodes name blob {id} than its reference set says");
        Err(Error::new(Kind::Damaged, what))
    }

    fn expect_nothing(self) -> Result<()> {
        for (pack, set) in self.packs {
            if let Some(blob) = (0..set.blobs).find(|blob| set.names(*blob)) {
                let what = format!(
                    "POINT-6: the reference set names blob {blob} of pack {pack} {} times more than nodes do",
                    set.count(blob)
                );
                return Err(Error::new(Kind::Damaged, what));
            }
        }
        Ok(())
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
