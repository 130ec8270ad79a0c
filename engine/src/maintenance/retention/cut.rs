//! How a restore point is rewritten: what it loses, and what its other parts make of that.
//!
//! Promises: id, times, job, sources and the source's state stay; the link map names the first of the names that are left (POINT-5); a path that is
//! erased leaves the ledger's exceptions too; the ledger's counts go on adding up to the items that the point has. What a point loses is left out of
//! it from then on: the ledger names it, or the folder that held it, so that nobody takes the gap for an item that was never there.

use super::held::Held;
use super::items::OldItems;
use super::leaving::Leaving;
use super::paths::{Erasure, entries};
use crate::error::{Error, Kind, Result};
use crate::limits::{EXCEPTIONS_MAX, LEFT_OUT_ROWS_MAX};
use crate::restore_point::{Point, listing_of};
use crate::tree::{Flow, MapCursor, NodeSink, NodeSource, edit_map, lookup, map_get, walk};
use format_spec::ledger::{Exception, Outcome};
use format_spec::point::{INTERIM, LedgerCounts, Manifest, Maps, Workload};
use format_spec::tree::{Entry, Kind as ItemKind, Node};
use format_spec::{ChunkId, Time};
use std::collections::{BTreeMap, BTreeSet};

/// What points lose, or get.
pub(super) enum Cut<'a> {
    /// Nothing: points stay as they are, or leave whole.
    Nothing,
    /// Items that are older than a period.
    Items { old: OldItems<'a>, before: i64 },
    /// Whatever lies at some paths.
    Paths(Erasure<'a>),
    /// Words.
    Tags { add: BTreeSet<String>, remove: BTreeSet<String> },
}

/// The parts of a manifest that a rewrite changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The root folder.
    pub root: Entry,
    /// The maps beside it. The source's state is not changed by age; an erasure of a person changes it (`erase`).
    pub maps: Maps,
    /// How items ended; the sum is of those that are left.
    pub counts: LedgerCounts,
    /// What was modified before it has left.
    pub cut: Option<Time>,
    /// How many left out items no exception names.
    pub unnamed: u64,
    /// The point's words.
    pub tags: Vec<String>,
    /// What it loses.
    pub left: Leaving,
    /// Names that only the ledger had, and that leave it: of items that failed, vanished or were left out.
    pub names: u64,
    /// Names that stay, of files of which a name is erased.
    pub others: OtherNames,
}

/// Names that keep the bytes of files of which other names are erased.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtherNames {
    /// How many.
    pub names: u64,
    /// The first of them, in the order of the tree.
    pub first: Vec<u8>,
}

impl Rewritten {
    /// The manifest with these parts and a new reference set.
    pub(super) fn manifest(&self, point: &Point, references: ChunkId) -> Manifest {
        let old = &point.manifest;
        Manifest {
            first: Some(point.place()),
            root: self.root.clone(),
            maps: self.maps,
            counts: self.counts,
            cut: self.cut,
            unnamed: Some(self.unnamed),
            tags: self.tags.clone(),
            references,
            ..old.clone()
        }
    }
}

impl Cut<'_> {
    /// What becomes of a point; `None` when nothing changes. New nodes go to `sink`, old ones are read from `nodes`.
    ///
    /// # Errors
    /// The source's and the sink's; `Damaged` when the point's trees are.
    pub(super) fn rewrite(
        &mut self,
        nodes: &dyn NodeSource,
        old: &Manifest,
        sink: &mut dyn NodeSink,
    ) -> Result<Option<Rewritten>> {
        let same = |root: Entry, left: Leaving, held: &Held| Rewritten {
            root,
            maps: old.maps,
            counts: without(old.counts, &left, held),
            cut: old.cut,
            unnamed: old.left_out_unnamed(),
            tags: old.tags.clone(),
            left,
            names: 0,
            others: OtherNames::default(),
        };
        match self {
            Cut::Nothing => Ok(None),
            Cut::Tags { add, remove } => {
                if old.workload == Workload::Microsoft365 && add.iter().chain(remove.iter()).any(|tag| tag == INTERIM) {
                    return Err(Error::new(
                        Kind::Input,
                        "the tag `interim` says how the point was made: nobody sets it",
                    )
                    .on(old.id));
                }
                let tags = tagged(&old.tags, add, remove);
                let changed = tags != old.tags;
                Ok(changed.then(|| Rewritten { tags, ..same(old.root.clone(), Leaving::default(), &Held::default()) }))
            }
            Cut::Items { old: items, before } => {
                let Some(lighter) = items.leave(&old.root, sink)? else { return Ok(None) };
                let root = Entry { content: lighter.content, totals: lighter.totals, ..old.root.clone() };
                let mut leaves = |_: &[u8], entry: &Entry| match entry.kind {
                    ItemKind::Folder => Ok((items.leave(entry, sink)?.map_or(0, |lighter| lighter.left.items), true)),
                    _ => Ok((u64::from(entry.mtime.seconds < *before), entry.mtime.seconds >= *before)),
                };
                let held = Held::settle(nodes, old, &mut leaves)?;
                let mut new = same(root, lighter.left, &held);
                // Names of one inode have one modification time: where the first has left, all have.
                let stays = |path: &[u8]| Ok(at(nodes, &old.root, path)?.is_some_and(|e| e.mtime.seconds >= *before));
                new.maps.links = settle_links(nodes, old, &new.left.groups, stays, |_| Ok(BTreeMap::new()), sink)?;
                new.cut = old.cut.max(Some(Time::new(*before, 0)));
                name_aged_out(nodes, old, items, held, &mut new, sink)?;
                Ok(Some(new))
            }
            Cut::Paths(erasure) => {
                let (root, left) = match erasure.erase(&old.root, sink)? {
                    Some(lighter) => lighter,
                    // A name can be all that there is to erase.
                    None if is_named(nodes, old, erasure)? => (old.root.clone(), Leaving::default()),
                    None => return Ok(None),
                };
                let mut leaves = |path: &[u8], entry: &Entry| match erasure.erases(path) {
                    true => Ok((entries(entry), false)),
                    false => Ok((erasure.entries_below(&old.root, path)?, true)),
                };
                let held = Held::settle(nodes, old, &mut leaves)?;
                let mut new = same(root, left, &held);
                let search = |lost: BTreeSet<[u8; 16]>| first_names(nodes, &old.root, lost, erasure);
                let stays = |path: &[u8]| Ok(!erasure.erases(path));
                new.maps.links = settle_links(nodes, old, &new.left.groups, stays, search, sink)?;
                erase_exceptions(nodes, old, erasure, held, &mut new, sink)?;
                new.others = other_names(nodes, &old.root, &new.left.groups, erasure)?;
                Ok(Some(new))
            }
        }
    }
}

fn tagged(old: &[String], add: &BTreeSet<String>, remove: &BTreeSet<String>) -> Vec<String> {
    let mut tags: Vec<String> = old.iter().filter(|tag| !remove.contains(*tag)).cloned().collect();
    let new: Vec<String> = add.iter().filter(|tag| !tags.contains(tag)).cloned().collect();
    tags.extend(new);
    tags
}

/// The ledger does not tell how each item ended, only their numbers: what leaves is taken from those that were taken over, then from those
/// that were stored. What was kept has lines that tell; of its files and folders together.
fn without(mut counts: LedgerCounts, left: &Leaving, held: &Held) -> LedgerCounts {
    held.count(&mut counts);
    let mut items = left.items.saturating_sub(held.left);
    let folders = left.folders.saturating_sub(held.left.saturating_sub(left.items));
    for count in [&mut counts.unchanged, &mut counts.changed, &mut counts.new] {
        let taken = items.min(*count);
        (*count, items) = (*count - taken, items - taken);
    }
    counts.folders = counts.folders.saturating_sub(folders);
    counts.skipped = counts.skipped.saturating_add(left.items).saturating_add(left.folders);
    counts
}

/// The entry at a path of a point.
pub(super) fn at(nodes: &dyn NodeSource, root: &Entry, path: &[u8]) -> Result<Option<Entry>> {
    let placed = lookup(nodes, root, path.split(|b| *b == b'/').filter(|name| !name.is_empty()))?;
    Ok(placed.map(|placed| Entry::clone(&placed.entry)))
}

/// The link map without groups that lost all their names, and with the next name of those that lost their first.
fn settle_links(
    nodes: &dyn NodeSource,
    old: &Manifest,
    groups: &BTreeSet<[u8; 16]>,
    stays: impl Fn(&[u8]) -> Result<bool>,
    search: impl FnOnce(BTreeSet<[u8; 16]>) -> Result<BTreeMap<[u8; 16], Vec<u8>>>,
    sink: &mut dyn NodeSink,
) -> Result<Option<ChunkId>> {
    let mut lost = BTreeSet::new();
    for group in groups {
        if let Some(pair) = map_get(nodes, old.maps.links, group)?
            && !stays(&pair.value)?
        {
            lost.insert(*group);
        }
    }
    if lost.is_empty() {
        return Ok(old.maps.links);
    }
    let names = search(lost.clone())?;
    let edits = lost.iter().map(|group| (group.to_vec(), names.get(group).cloned()));
    edit_map(nodes, old.maps.links, edits, sink)
}

/// Of each group the first name in preorder that is not erased.
fn first_names(
    nodes: &dyn NodeSource,
    root: &Entry,
    mut wanted: BTreeSet<[u8; 16]>,
    erasure: &Erasure<'_>,
) -> Result<BTreeMap<[u8; 16], Vec<u8>>> {
    let mut names = BTreeMap::new();
    walk(nodes, root, &mut |seen| {
        if erasure.erases(seen.path) {
            return Ok(Flow::Skip);
        }
        if let Some(group) = seen.entry.link_group.filter(|group| wanted.remove(group)) {
            names.insert(group, seen.path.to_vec());
        }
        Ok(if wanted.is_empty() { Flow::Stop } else { Flow::Continue })
    })?;
    Ok(names)
}

/// Of files that lose a name, those names that are not erased.
fn other_names(
    nodes: &dyn NodeSource,
    root: &Entry,
    groups: &BTreeSet<[u8; 16]>,
    erasure: &Erasure<'_>,
) -> Result<OtherNames> {
    let mut others = OtherNames::default();
    if groups.is_empty() {
        return Ok(others);
    }
    walk(nodes, root, &mut |seen| {
        if erasure.erases(seen.path) {
            return Ok(Flow::Skip);
        }
        if seen.entry.link_group.is_some_and(|group| groups.contains(&group)) {
            if others.names == 0 {
                others.first = seen.path.to_vec();
            }
            others.names += 1;
        }
        Ok(Flow::Continue)
    })?;
    Ok(others)
}

/// Names the folders that old items have left, or counts what goes beyond the ledger's bound.
fn name_aged_out(
    nodes: &dyn NodeSource,
    old: &Manifest,
    items: &OldItems<'_>,
    held: Held,
    new: &mut Rewritten,
    sink: &mut dyn NodeSink,
) -> Result<()> {
    let room = (EXCEPTIONS_MAX + LEFT_OUT_ROWS_MAX).saturating_sub(map_len(nodes, old.maps.exceptions)?);
    let why = left_out("older than the repository keeps items");
    let (mut edits, mut unnamed) = (BTreeMap::new(), 0);
    items.each_lighter_folder(&old.root, &mut |folder, left| {
        if edits.len() < room.min(LEFT_OUT_ROWS_MAX) {
            edits.insert(listing_of(folder), Some(why.clone()));
        } else {
            unnamed += left;
        }
    })?;
    new.unnamed = new.unnamed.saturating_add(unnamed);
    let mut edits = without_failures(nodes, old, edits)?;
    edits.extend(held.edits);
    new.maps.exceptions = edit_map(nodes, old.maps.exceptions, edits, sink)?;
    Ok(())
}

/// The edits that do not put "left out" in the place of an item that failed.
fn without_failures(
    nodes: &dyn NodeSource,
    old: &Manifest,
    mut edits: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
) -> Result<BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
    // Of the root alone the key is the folder's own.
    if map_get(nodes, old.maps.exceptions, &[])?.is_some() {
        edits.remove(&b""[..]);
    }
    Ok(edits)
}

/// How many pairs a map has.
fn map_len(nodes: &dyn NodeSource, root: Option<ChunkId>) -> Result<usize> {
    let Some(root) = root else { return Ok(0) };
    let len = match &*nodes.node(&root)? {
        Node::Map(pairs) => pairs.len() as u64,
        Node::Inner { children, .. } => {
            children.iter().fold(0u64, |sum, child| sum.saturating_add(child.totals.entries))
        }
        Node::Folder(_) | Node::Content(_) => 0,
    };
    Ok(usize::try_from(len).unwrap_or(usize::MAX))
}

/// The value of an exception for what is left out ([POINT-4]).
fn left_out(why: &str) -> Vec<u8> {
    Exception { outcome: Outcome::Skipped, reason: why.to_owned() }.encode()
}

/// Whether the ledger has a name that is erased.
fn is_named(nodes: &dyn NodeSource, old: &Manifest, erasure: &Erasure<'_>) -> Result<bool> {
    for pair in MapCursor::open(nodes, old.maps.exceptions) {
        let pair = pair?;
        if erasure.erases(&pair.key) && !is_mark(&pair.key, &pair.value, erasure) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a line is what an earlier erasure of this very path has left.
fn is_mark(key: &[u8], value: &[u8], erasure: &Erasure<'_>) -> bool {
    erasure.names(key) && value == left_out(ERASED)
}

/// Why the ledger says that an erased item is left out.
const ERASED: &str = "erased";

/// Takes what stands at and below erased paths out of the ledger's exceptions: they are names that somebody wants gone. Of items that the point had,
/// the paths themselves take their place: the point does not know any more what was there. Of what only the ledger named, the folder does, and
/// the name is gone: it may be all that somebody wants erased.
fn erase_exceptions(
    nodes: &dyn NodeSource,
    old: &Manifest,
    erasure: &mut Erasure<'_>,
    held: Held,
    new: &mut Rewritten,
    sink: &mut dyn NodeSink,
) -> Result<()> {
    let mut edits = held.edits;
    let found = erasure.found_in(&old.root)?;
    let mut folders = BTreeSet::new();
    for pair in MapCursor::open(nodes, old.maps.exceptions) {
        let pair = pair?;
        if is_mark(&pair.key, &pair.value, erasure) {
            continue;
        }
        let Some(path) = erasure.note_named(&pair.key) else { continue };
        if !found.contains(&path) {
            new.names += 1;
            folders.insert(listing_of(&erasure.folder_above(&old.root, &path)?));
        }
        let counts = &mut new.counts;
        let count = match Exception::decode(&pair.value).map_err(|e| Error::from(e).on(old.id))?.outcome {
            Outcome::Failed => &mut counts.failed,
            Outcome::Vanished => &mut counts.vanished,
            Outcome::Changed => &mut counts.changed_while_read,
            Outcome::Skipped => &mut counts.skipped,
            // Counted with the items.
            Outcome::Kept { .. } => continue,
        };
        *count = count.saturating_sub(1);
        edits.insert(pair.key.clone(), None);
    }
    for path in found {
        edits.insert(path, Some(left_out(ERASED)));
    }
    for folder in folders {
        // What stands there already says as much of the folder, or more.
        if map_get(nodes, old.maps.exceptions, &folder)?.is_none() || edits.get(&folder).is_some_and(Option::is_none) {
            edits.insert(folder, Some(left_out(ERASED)));
            new.counts.skipped = new.counts.skipped.saturating_add(1);
        }
    }
    new.maps.exceptions = edit_map(nodes, old.maps.exceptions, edits, sink)?;
    Ok(())
}
