//! Which restore points and paths need what was lost: a bounded list, found in one walk over what differs between the points.

use super::plan::RepairItem;
use crate::error::Result;
use crate::maintenance::marks::Marks;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::tree::names_of;
use format_spec::ChunkId;
use format_spec::container::ObjectKind;
use format_spec::log::PointId;
use format_spec::tree::{Content, Node};
use std::collections::{BTreeSet, HashMap};

/// Points and paths told of one damaged object; the counts go on.
pub(super) const TOLD_MAX: usize = 20;

/// Adds to each item the points and paths that need one of its blobs. `lost` says which item a blob belongs to. Returns the ids of all points that
/// need any of them.
pub(super) fn find(
    repository: &Repository,
    points: &[std::sync::Arc<Point>],
    lost: &HashMap<ChunkId, usize>,
    items: &mut [RepairItem],
    monitor: &Monitor,
) -> Result<BTreeSet<PointId>> {
    let mut needing = BTreeSet::new();
    let mut clean = Marks::default();
    for point in points {
        let mut walk = Affected {
            repository,
            lost,
            items,
            monitor,
            clean: &mut clean,
            hits: 0,
            needing: &mut needing,
            point: point.manifest.id,
            id: point.manifest.id.to_string(),
        };
        let m = &point.manifest;
        let map = |id: Option<ChunkId>, what: &str| (id, what.as_bytes().to_vec());
        for (root, what) in [
            map(m.maps.links, "(names of linked files)"),
            map(m.maps.exceptions, "(the ledger's exceptions)"),
            map(m.maps.state, "(the state of the source)"),
        ] {
            if let Some(root) = root {
                walk.tree(root, what)?;
            }
        }
        if let Content::Tree(root) = m.root.content {
            walk.tree(root, Vec::new())?;
        }
        // The reference set is a map like the others, but its leaves name packs, which are no paths.
        walk.tree(m.references, b"(the reference set)".to_vec())?;
    }
    Ok(needing)
}

struct Affected<'a> {
    repository: &'a Repository,
    lost: &'a HashMap<ChunkId, usize>,
    items: &'a mut [RepairItem],
    monitor: &'a Monitor,
    /// Nodes under which nothing is lost.
    clean: &'a mut Marks,
    hits: u64,
    needing: &'a mut BTreeSet<PointId>,
    point: PointId,
    id: String,
}

enum Todo {
    Enter(ChunkId, Vec<u8>),
    /// Everything below was seen; so many hits there were before.
    Leave(ChunkId, u64),
}

impl Affected<'_> {
    fn tree(&mut self, root: ChunkId, path: Vec<u8>) -> Result<()> {
        let mut todo = vec![Todo::Enter(root, path)];
        while let Some(next) = todo.pop() {
            match next {
                Todo::Leave(id, before) if before == self.hits => {
                    if let Ok(place) = self.repository.blobs().place(ObjectKind::MetaPack, &id) {
                        self.clean.set(&place);
                    }
                }
                Todo::Leave(..) => {}
                Todo::Enter(id, path) => {
                    self.monitor.check()?;
                    let place = self.repository.blobs().place(ObjectKind::MetaPack, &id);
                    if place.is_ok_and(|place| self.clean.has(&place)) {
                        continue;
                    }
                    self.tell(&id, &path);
                    // What lies below a node that is lost cannot be named.
                    let Ok(node) = self.repository.node(&id) else { continue };
                    todo.push(Todo::Leave(id, self.hits));
                    self.below(&node, &path, &mut todo);
                }
            }
        }
        Ok(())
    }

    fn below(&mut self, node: &Node, path: &[u8], todo: &mut Vec<Todo>) {
        let Node::Folder(entries) = node else {
            let names = names_of(node);
            names.chunks.iter().for_each(|id| self.tell(id, path));
            todo.extend(names.nodes.into_iter().map(|id| Todo::Enter(id, path.to_vec())));
            return;
        };
        for entry in entries {
            let mut path = path.to_vec();
            path.push(b'/');
            path.extend_from_slice(&entry.name);
            match entry.content {
                Content::None => {}
                Content::Chunk(id) => self.tell(&id, &path),
                Content::Tree(id) => todo.push(Todo::Enter(id, path)),
            }
        }
    }

    fn tell(&mut self, id: &ChunkId, path: &[u8]) {
        let Some(item) = self.lost.get(id).and_then(|at| self.items.get_mut(*at)) else { return };
        self.hits += 1;
        self.needing.insert(self.point);
        if !item.points.contains(&self.id) && item.points.len() < TOLD_MAX {
            item.points.push(self.id.clone());
        }
        let path = if path.is_empty() { "/".to_owned() } else { String::from_utf8_lossy(path).into_owned() };
        let told = (self.id.clone(), path);
        if item.paths.last() == Some(&told) {
            return;
        }
        item.paths_total += 1;
        if item.paths.len() < TOLD_MAX {
            item.paths.push(told);
        }
    }
}
