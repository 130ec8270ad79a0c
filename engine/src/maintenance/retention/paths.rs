//! Erasing by path: a restore point without what lies at some paths.
//!
//! Promises: each folder on the way is written once, however many paths go through it; nothing beside the paths is read but what is erased,
//! to count it, and that once for all points that share it. Refuses to erase a whole point: that is expiry.

use super::leaving::Leaving;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::tree::{EntryRef, Flow, NodeSink, NodeSource, edit_folder, lookup, walk};
use format_spec::ChunkId;
use format_spec::tree::{Content, Entry, Kind as ItemKind};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Takes paths out of restore points, one after the other.
pub struct Erasure<'a> {
    source: &'a dyn NodeSource,
    monitor: &'a Monitor,
    /// None below another.
    paths: BTreeSet<Vec<u8>>,
    counted: HashMap<ChunkId, Leaving>,
    /// Those of the paths that some point had.
    found: BTreeSet<Vec<u8>>,
}

/// Folders to be written: the deepest first, each with its path and what changes in it.
type Edits = BTreeMap<(Reverse<usize>, Vec<u8>), BTreeMap<Vec<u8>, Option<Entry>>>;

impl<'a> Erasure<'a> {
    /// An erasure of these paths, raw bytes without leading `/`.
    ///
    /// # Errors
    /// `Input` for the empty path.
    pub fn new(source: &'a dyn NodeSource, paths: &BTreeSet<Vec<u8>>, monitor: &'a Monitor) -> Result<Self> {
        if paths.iter().any(Vec::is_empty) {
            return Err(Error::new(Kind::Input, "`/` is everything: that is no path to be erased")
                .advise("`cairn expire plan POINT...` lets whole restore points go"));
        }
        let outer = |path: &&Vec<u8>| !paths.iter().any(|p| is_below(path, p));
        let paths = paths.iter().filter(outer).cloned().collect();
        Ok(Erasure { source, monitor, paths, counted: HashMap::new(), found: BTreeSet::new() })
    }

    /// Whether a path is erased, itself or with a folder above it.
    pub fn erases(&self, path: &[u8]) -> bool {
        self.paths.iter().any(|p| p == path || is_below(path, p))
    }

    /// The paths that no point had so far.
    pub fn unmatched(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.paths.difference(&self.found)
    }

    /// The root folder of a point without the paths, and what left; `None` when it has none of them.
    ///
    /// # Errors
    /// The source's and the sink's; `Damaged` when a node is not what its parent says.
    pub fn erase(&mut self, root: &Entry, sink: &mut dyn NodeSink) -> Result<Option<(Entry, Leaving)>> {
        let (mut edits, mut left) = (Edits::new(), Leaving::default());
        for path in self.paths.clone() {
            let Some(found) = self.find(root, &path)? else { continue };
            self.count(&found, &mut left)?;
            self.found.insert(path.clone());
            note(&mut edits, &path, None);
        }
        while let Some(((_, path), changes)) = edits.pop_first() {
            self.monitor.check()?;
            let gone = || Error::new(Kind::Bug, "a folder on the way to an erased path is not there");
            let mut folder = Entry::clone(&*self.find(root, &path)?.ok_or_else(gone)?);
            (folder.content, folder.totals) = edit_folder(self.source, &folder, changes, sink)?;
            if path.is_empty() {
                return Ok(Some((folder, left)));
            }
            note(&mut edits, &path, Some(folder));
        }
        Ok(None)
    }

    /// How many entries of a point it takes that lie below a folder.
    ///
    /// # Errors
    /// The source's.
    pub(super) fn entries_below(&self, root: &Entry, folder: &[u8]) -> Result<u64> {
        let is_in = |path: &&Vec<u8>| folder.is_empty() || is_below(path, folder);
        self.paths
            .iter()
            .filter(is_in)
            .try_fold(0, |sum, path| Ok(sum + self.find(root, path)?.map_or(0, |entry| entries(&entry))))
    }

    /// Whether this is one of the paths, and not below one.
    pub(super) fn names(&self, path: &[u8]) -> bool {
        self.paths.contains(path)
    }

    /// Notes that some point has a name at or below the paths, be it in its ledger alone; the one of them that erases it.
    pub(super) fn note_named(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        let path = self.paths.iter().find(|path| *path == name || is_below(name, path))?.clone();
        self.found.insert(path.clone());
        Some(path)
    }

    /// The path of the lowest folder that a point has above a path.
    ///
    /// # Errors
    /// The source's.
    pub(super) fn folder_above(&self, root: &Entry, path: &[u8]) -> Result<Vec<u8>> {
        let ends = path.iter().enumerate().rev().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        for end in ends {
            let folder = path.get(..end).unwrap_or_default();
            if self.find(root, folder)?.is_some_and(|entry| entry.kind == ItemKind::Folder) {
                return Ok(folder.to_vec());
            }
        }
        Ok(Vec::new())
    }

    /// Those of the paths that a point has.
    ///
    /// # Errors
    /// The source's.
    pub(super) fn found_in(&self, root: &Entry) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        for path in &self.paths {
            if self.find(root, path)?.is_some() {
                found.push(path.clone());
            }
        }
        Ok(found)
    }

    fn find(&self, root: &Entry, path: &[u8]) -> Result<Option<EntryRef>> {
        let names = path.split(|b| *b == b'/').filter(|name| !name.is_empty());
        Ok(lookup(self.source, root, names)?.map(|placed| placed.entry))
    }

    fn count(&mut self, entry: &Entry, left: &mut Leaving) -> Result<()> {
        left.item(entry);
        let (ItemKind::Folder, Content::Tree(id)) = (entry.kind, entry.content) else { return Ok(()) };
        if !self.counted.contains_key(&id) {
            let mut below = Leaving::default();
            walk(self.source, entry, &mut |seen| {
                self.monitor.check()?;
                if seen.depth > 0 {
                    below.item(seen.entry);
                }
                Ok(Flow::Continue)
            })?;
            self.counted.insert(id, below);
        }
        self.counted.get(&id).into_iter().for_each(|below| left.add(below));
        Ok(())
    }
}

/// Files a change of the entry at a path with the folder that it stands in.
fn note(edits: &mut Edits, path: &[u8], change: Option<Entry>) {
    let cut = path.iter().rposition(|b| *b == b'/');
    let (folder, name) = cut.map_or((&path[..0], path), |at| (&path[..at], &path[at + 1..]));
    let depth = if folder.is_empty() { 0 } else { 1 + folder.iter().filter(|b| **b == b'/').count() };
    edits.entry((Reverse(depth), folder.to_vec())).or_default().insert(name.to_vec(), change);
}

/// An entry and everything below it.
pub(super) fn entries(entry: &Entry) -> u64 {
    1 + if entry.kind == ItemKind::Folder { entry.totals.descendants } else { 0 }
}

/// Whether a path lies below another one.
pub(super) fn is_below(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.first() == Some(&b'/'))
}
