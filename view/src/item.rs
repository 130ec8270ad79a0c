//! From an inode number to what it stands for: a descent by the sums in the tree, no table.

use super::history::Spot;
use super::inode::Inode;
use super::namespace::Leading;
use super::nodes::{Fetch, Reached};
use super::{Failure, View};
use engine::repository::may_be_gone;
use engine::restore_point::Point;
use engine::tree::{self, EntryRef};
use std::sync::Arc;

/// What an inode stands for.
pub(super) enum Item {
    Leading(Arc<Leading>),
    Inside(Inside),
    Past(Arc<Spot>),
}

/// An entry of a point.
pub(super) struct Inside {
    pub(super) point: Arc<Point>,
    pub(super) entry: EntryRef,
    pub(super) index: u64,
    pub(super) parent: Inode,
}

impl Item {
    /// The folder that it lies in; the root lies in itself.
    pub(super) fn parent(&self) -> Inode {
        match self {
            Item::Leading(leading) => leading.parent,
            Item::Inside(inside) => inside.parent,
            Item::Past(spot) => spot.parent(),
        }
    }
}

impl View {
    pub(super) fn item(&self, fetch: Fetch, inode: Inode) -> Result<Item, Failure> {
        let space = self.space();
        if inode.is_past() {
            return self.spot(&space, inode).map(Item::Past).ok_or(Failure::Gone);
        }
        let root = if inode == Inode::ROOT { space.alone } else { None };
        let Some((number, index)) = root.or(inode.split()) else {
            return space.leading(inode).cloned().map(Item::Leading).ok_or(Failure::Gone);
        };
        let placed = space.point(number).ok_or(Failure::Gone)?;
        let point = Arc::clone(&placed.point);
        let top = &point.manifest.root;
        let mut way =
            self.ask(fetch, &point, |nodes| tree::entry_at_preorder(nodes, top, index))?.ok_or(Failure::Gone)?;
        let (entry, parent) = match (way.pop(), way.pop()) {
            (None, _) => (EntryRef::from(top.clone()), placed.parent),
            (Some(last), above) => (last.entry, space.inode(number, above.map_or(0, |p| p.index))),
        };
        let parent = if root.is_some() { Inode::ROOT } else { parent };
        Ok(Item::Inside(Inside { point, entry, index, parent }))
    }

    /// Asks the tree of a point, and says what a failure means.
    pub(super) fn ask<T>(
        &self,
        fetch: Fetch,
        point: &Point,
        question: impl FnOnce(&Reached<'_>) -> engine::Result<T>,
    ) -> Result<T, Failure> {
        let nodes = self.nodes.within(fetch);
        question(&nodes).map_err(|e| match e.kind() {
            _ if nodes.missed() => Failure::WouldBlock,
            _ => self.failure(point, e),
        })
    }

    /// What is missing may have gone together with its point: then the point is gone, and nothing is damaged.
    pub(super) fn failure(&self, point: &Point, e: engine::Error) -> Failure {
        if may_be_gone(e.kind()) && self.catalog.is_visible(point.number).is_ok_and(|visible| !visible) {
            return Failure::Gone;
        }
        Failure::Store(e)
    }
}
