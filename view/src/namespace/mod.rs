//! The folders and symlinks that lead to restore points. Pure: made from a list of points, then never changed; when points come
//! or go, a new one takes its place, and [`Changes`] says what differs.
//!
//! ```text
//! /by-job/<organisation or host>/<job>/<2026-11-22T00-37-49Z>/    the first template: the one real tree
//!                                     /latest                     -> <2026-11-22T00-37-49Z>
//! /by-time/<year>/<month>/<day>/<time>--<host>--<job>             further templates -> ../../../../by-job/...
//! /by-id/<id>                                                     -> ../by-job/...
//! /history/<organisation or host>/<job>/...                       versions of a path; below, `view::history`
//! ```
//!
//! Everything but the first template is a relative symlink, so that `find`, `du` and `tar` see each file once, and bind mounts
//! and exports still resolve. A point that cannot be read has its own name there, too ([`unreadable`]). A name that does not
//! suffice for a point is followed by `-<id8>`; a name that was given to a point is never given to another one ([`Given`]). In a
//! repository of copies the job of another source than the repository's origin is called `<job>%of-<digits of the source's id>`
//! ([`Sources`]).

mod changes;
mod given;
mod plan;
mod unreadable;

pub use changes::Changes;
pub(crate) use given::Given;

use super::inode::Inode;
use super::layout::{HISTORY, Layout};
use super::names::Sources;
use crate::catalog::Unreadable;
use engine::Error;
use engine::restore_point::Point;
use format_spec::Time;
use std::collections::HashMap;
use std::sync::Arc;

/// The leading folders of one set of points.
#[derive(Debug)]
pub(crate) struct Namespace {
    nodes: HashMap<Inode, Arc<Leading>>,
    points: HashMap<u32, Placed>,
    jobs: HashMap<Inode, Arc<PastJob>>,
    given: Given,
    unreadable: Vec<Unreadable>,
    /// Which of its kind in the life of a view.
    pub(crate) generation: u64,
    /// The entry that is the mount's root: number of its point, preorder index.
    pub(crate) alone: Option<(u32, u64)>,
    /// Points' entries and bytes, for `statfs`.
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// One folder or symlink that leads to points.
#[derive(Debug, PartialEq)]
pub(crate) struct Leading {
    pub(crate) parent: Inode,
    /// The newest start of a point below.
    pub(crate) time: Time,
    pub(crate) what: What,
}

#[derive(Debug, PartialEq)]
pub(crate) enum What {
    Folder(Names),
    Link(String),
    /// Shown as a folder that cannot be looked into.
    Unreadable(Unreadable),
}

/// The names in a folder. Each keeps its serial for as long as it is there, so that a listing that is under way while points
/// come and go neither leaves out nor repeats what stays.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Names {
    /// In the order of names.
    all: Vec<Name>,
    /// Positions in `all`, in the order of serials.
    in_order: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    pub(crate) name: String,
    pub(crate) inode: Inode,
    pub(crate) serial: u64,
}

/// A point and where it lies.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) point: Arc<Point>,
    pub(crate) parent: Inode,
    /// From the root, without a leading `/`.
    pub(crate) path: String,
    /// What it is called among the points of its job.
    pub(crate) name: String,
}

/// A job in `/history`.
#[derive(Debug)]
pub(crate) struct PastJob {
    pub(crate) parent: Inode,
    /// The newest ones, oldest first. Never empty.
    pub(crate) points: Vec<Arc<Point>>,
}

impl Namespace {
    /// Lays out `points`, oldest first, and those that cannot be read; names that `old` has already keep their serials.
    pub(crate) fn new(
        points: &[Arc<Point>],
        unreadable: Vec<Unreadable>,
        layout: &Layout,
        sources: Sources,
        old: Option<&Namespace>,
    ) -> Self {
        let given = old.map(|old| old.given.clone()).unwrap_or_default();
        let plan = plan::Plan::new(points, &unreadable, layout, sources, given);
        Namespace { unreadable, ..plan.finish(points, old) }
    }

    /// One point, or a folder of it, as the root; without it, nothing.
    pub(crate) fn alone(
        point: Option<Arc<Point>>,
        index: u64,
        entries: u64,
        bytes: u64,
        old: Option<&Namespace>,
    ) -> Self {
        let number = point.as_ref().map(|p| p.number);
        let (path, name) = (String::new(), String::new());
        let placed = |point: Arc<Point>| (point.number, Placed { point, parent: Inode::ROOT, path, name });
        Namespace {
            nodes: HashMap::new(),
            points: point.map(placed).into_iter().collect(),
            jobs: HashMap::new(),
            given: Given::default(),
            unreadable: Vec::new(),
            generation: old.map_or(0, |old| old.generation + 1),
            alone: number.map(|number| (number, index)),
            entries,
            bytes,
        }
    }

    /// What stands under a leading inode.
    pub(crate) fn leading(&self, inode: Inode) -> Option<&Arc<Leading>> {
        self.nodes.get(&inode)
    }

    /// The point of this number.
    pub(crate) fn point(&self, number: u32) -> Option<&Placed> {
        self.points.get(&number)
    }

    /// The job whose folder in `/history` this is.
    pub(crate) fn job(&self, inode: Inode) -> Option<&Arc<PastJob>> {
        self.jobs.get(&inode)
    }

    /// The number of an entry of a point, which may be the root.
    pub(crate) fn inode(&self, point: u32, index: u64) -> Inode {
        if self.alone == Some((point, index)) { Inode::ROOT } else { Inode::inside(point, index) }
    }

    /// Whether a path, from the root, was a point or led to one in the life of this view; of `/history` also what a version was called.
    pub(crate) fn was_given(&self, path: &[&str]) -> bool {
        let Some((name, folders)) = path.split_last() else { return false };
        let in_job = match folders {
            [HISTORY, owner, job, ..] => self.given.has(&[HISTORY, owner, job].join("/"), name),
            _ => false,
        };
        in_job || self.given.has(&folders.join("/"), name)
    }

    /// Whether it shows exactly these points.
    pub(crate) fn shows(&self, points: &[Arc<Point>], unreadable: &[Unreadable]) -> bool {
        unreadable == self.unreadable
            && points.len() == self.points.len()
            && points.iter().all(|p| self.points.contains_key(&p.number))
    }
}

impl Leading {
    /// The inode of a name in a folder, if it is there.
    ///
    /// # Errors
    /// What is wrong with a point that cannot be read.
    pub(crate) fn child(&self, name: &[u8]) -> Result<Option<Inode>, Error> {
        match &self.what {
            What::Folder(names) => Ok(names.get(name).map(|name| name.inode)),
            What::Link(_) => Ok(None),
            What::Unreadable(point) => Err(point.error()),
        }
    }
}

impl Names {
    /// Names with their inodes, in order of names; serials as in `old`.
    fn new(names: Vec<(String, Inode)>, old: Option<&Names>) -> Self {
        let mut free =
            old.and_then(|old| old.in_order.last().and_then(|at| old.all.get(*at))).map_or(0, |n| n.serial + 1);
        let numbered = |(name, inode): (String, Inode)| {
            let kept = old.and_then(|old| old.get(name.as_bytes())).map(|old| old.serial);
            let serial = kept.unwrap_or_else(|| {
                free += 1;
                free - 1
            });
            Name { name, inode, serial }
        };
        let all: Vec<Name> = names.into_iter().map(numbered).collect();
        let mut in_order: Vec<(u64, usize)> = all.iter().enumerate().map(|(at, name)| (name.serial, at)).collect();
        in_order.sort_unstable();
        Names { in_order: in_order.into_iter().map(|(_, at)| at).collect(), all }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// In the order of names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Name> {
        self.all.iter()
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<&Name> {
        let at = self.all.binary_search_by(|n| n.name.as_bytes().cmp(name)).ok()?;
        self.all.get(at)
    }

    /// Those with a serial from `from` on, in their order.
    pub(crate) fn starting_at(&self, from: u64) -> impl Iterator<Item = &Name> {
        let serial = |at: &usize| self.all.get(*at).map_or(0, |name| name.serial);
        let start = self.in_order.partition_point(|at| serial(at) < from);
        self.in_order.iter().skip(start).filter_map(|at| self.all.get(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str], old: Option<&Names>) -> Names {
        Names::new(all.iter().map(|n| ((*n).to_owned(), Inode(9))).collect(), old)
    }

    #[test]
    fn names_keep_their_place_in_a_listing_when_others_come_and_go() {
        let first = names(&["b", "c", "d"], None);
        let listed = |of: &Names, from| of.starting_at(from).map(|n| (n.name.clone(), n.serial)).collect::<Vec<_>>();
        assert_eq!(listed(&first, 1), [("c".into(), 1), ("d".into(), 2)]);
        let second = names(&["a", "c", "d", "e"], Some(&first));
        assert_eq!(listed(&second, 2), [("d".into(), 2), ("a".into(), 3), ("e".into(), 4)]);
        let third = names(&["a", "f"], Some(&second));
        assert_eq!(listed(&third, 0), [("a".into(), 3), ("f".into(), 5)]);
        assert_eq!(third.get(b"f").map(|n| n.serial), Some(5));
    }
}
