//! Folders in the making: those of the base, with the names that change in them.
//!
//! A folder that has an edit somewhere below is *open*: its entry as the base has it, and a change
//! for each name. Nodes are read without a lock; a closing in between is noticed by its number.

use crate::error::{Error, Kind, Result};
use crate::tree::{NodeSink, NodeSource, check_entry, edit_folder_telling, lookup};
use format_spec::tree::{Entry, Kind as ItemKind};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::collections::btree_map;

/// The root of a point in the making.
pub(super) struct Folders {
    root: Mutex<Root>,
}

/// The root folder and what is known of its edits.
pub(super) struct Root {
    open: Open,
    /// Edits that wait for a closing.
    pub(super) waiting: usize,
    /// How often something was closed: what was looked up before is not what is there.
    closings: u64,
    counted: Counted,
}

/// What edits did to the tree, since the session began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    /// Entries that are no folders and whose names are new.
    pub(super) new: u64,
    /// Entries that are no folders and took another's place.
    pub(super) changed: u64,
    /// Folders that were put.
    pub(super) folders: u64,
}

struct Open {
    /// As it was when it was opened: sums and content do not know the changes.
    entry: Entry,
    /// Whether the source put it: then it counts.
    is_put: bool,
    changes: BTreeMap<Vec<u8>, Change>,
}

enum Change {
    Gone,
    Put(Box<Entry>),
    Open(Box<Open>),
}

/// A name of a closed folder, which nodes know.
struct Below {
    folder: Entry,
    /// How many names of the path lead to that folder.
    depth: usize,
    closings: u64,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// Itself and all that is below it, as of the last closing.
    pub(super) items: u64,
}

impl Folders {
    pub(super) fn over(root: Entry) -> Self {
        let open = Open { entry: root, is_put: false, changes: BTreeMap::new() };
        Folders { root: Mutex::new(Root { open, waiting: 0, closings: 0, counted: Counted::default() }) }
    }

    /// The root, which nobody else edits meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, Root> {
        self.root.lock()
    }

    /// The entry at a path. A folder that has edits is closed first, into `sink`.
    ///
    /// # Errors
    /// Those of the nodes.
    pub(super) fn entry(&self, path: &[u8], nodes: &dyn NodeSource, sink: &mut dyn NodeSink) -> Result<Option<Entry>> {
        let names = names_of(path)?;
        let below = {
            let mut root = self.root.lock();
            let Root { open, closings, counted, .. } = &mut *root;
            match open.way(&names, *closings) {
                Way::Gone => return Ok(None),
                Way::Put(entry) => return Ok(Some(*entry)),
                Way::Open(folder) => {
                    *closings += u64::from(!folder.changes.is_empty());
                    return folder.close(nodes, sink, counted).map(Some);
                }
                Way::Below(below) => below,
            }
        };
        let rest = names.get(below.depth..).unwrap_or_default();
        Ok(lookup(nodes, &below.folder, rest.iter().copied())?.map(|placed| Entry::clone(&placed.entry)))
    }

    /// What stands at a path, without closing anything.
    ///
    /// # Errors
    /// Those of the nodes.
    pub(super) fn standing(&self, path: &[u8], nodes: &dyn NodeSource) -> Result<Option<Standing>> {
        let names = names_of(path)?;
        let below = {
            let mut root = self.root.lock();
            let closings = root.closings;
            match root.open.way(&names, closings) {
                Way::Gone => return Ok(None),
                Way::Put(entry) => return Ok(Some(Standing::of(&entry))),
                Way::Open(folder) => return Ok(Some(Standing::of(&folder.entry))),
                Way::Below(below) => below,
            }
        };
        let rest = names.get(below.depth..).unwrap_or_default();
        Ok(lookup(nodes, &below.folder, rest.iter().copied())?.map(|placed| Standing::of(&placed.entry)))
    }

    /// Changes names of a folder; how many edits wait now.
    ///
    /// # Errors
    /// `Input` when there is no such folder, or an entry cannot be stored; those of the nodes.
    pub(super) fn edit(
        &self,
        path: &[u8],
        edits: Vec<(Vec<u8>, Option<Entry>)>,
        nodes: &dyn NodeSource,
    ) -> Result<usize> {
        let names = names_of(path)?;
        let edits = edits.into_iter().map(|(name, entry)| change(name, entry)).collect::<Result<Vec<_>>>()?;
        let missing = || Error::new(Kind::Input, "there is no such folder").on(String::from_utf8_lossy(path));
        loop {
            let below = {
                let mut root = self.root.lock();
                let closings = root.closings;
                match root.open.way(&names, closings) {
                    Way::Gone | Way::Put(_) => return Err(missing()),
                    Way::Open(folder) => {
                        let count = edits.len();
                        folder.changes.extend(edits);
                        root.waiting += count;
                        return Ok(root.waiting);
                    }
                    Way::Below(below) => below,
                }
            };
            let name = *names.get(below.depth).ok_or_else(missing)?;
            let found = lookup(nodes, &below.folder, [name])?.map(|placed| Entry::clone(&placed.entry));
            let folder = found.filter(|entry| entry.kind == ItemKind::Folder).ok_or_else(missing)?;
            let mut root = self.root.lock();
            if root.closings != below.closings {
                continue;
            }
            let above = names.get(..below.depth).unwrap_or_default();
            if let Way::Open(above) = root.open.way(above, below.closings) {
                let open = Open { entry: folder, is_put: false, changes: BTreeMap::new() };
                above.changes.entry(name.to_vec()).or_insert_with(|| Change::Open(Box::new(open)));
            }
        }
    }
}

impl Root {
    /// Writes all edits: the root folder as it is now, and what edits have done so far.
    ///
    /// # Errors
    /// Those of the nodes.
    pub(super) fn close(&mut self, nodes: &dyn NodeSource, sink: &mut dyn NodeSink) -> Result<(Entry, Counted)> {
        self.closings += 1;
        self.waiting = 0;
        let entry = self.open.close(nodes, sink, &mut self.counted)?;
        Ok((entry, self.counted))
    }
}

/// Where a path leads, as far as memory knows.
enum Way<'a> {
    Gone,
    /// An entry that was put and has no edits in it.
    Put(Box<Entry>),
    Open(&'a mut Open),
    Below(Box<Below>),
}

impl Open {
    fn way(&mut self, names: &[&[u8]], closings: u64) -> Way<'_> {
        let mut at = self;
        for (depth, name) in names.iter().enumerate() {
            let is_last = depth + 1 == names.len();
            match at.changes.entry(name.to_vec()) {
                btree_map::Entry::Vacant(_) => {
                    return Way::Below(Box::new(Below { folder: at.entry.clone(), depth, closings }));
                }
                btree_map::Entry::Occupied(occupied) => match occupied.get() {
                    Change::Gone => return Way::Gone,
                    Change::Put(entry) if entry.kind != ItemKind::Folder => {
                        return if is_last { Way::Put(entry.clone()) } else { Way::Gone };
                    }
                    // A folder that was put is opened where it stands: nothing has to be read for that.
                    Change::Put(_) | Change::Open(_) => at = occupied.into_mut().opened(),
                },
            }
        }
        Way::Open(at)
    }

    /// Writes the changes of the folder and of all below it.
    fn close(&mut self, nodes: &dyn NodeSource, sink: &mut dyn NodeSink, counted: &mut Counted) -> Result<Entry> {
        if self.changes.is_empty() {
            return Ok(self.entry.clone());
        }
        let mut edits = Vec::with_capacity(self.changes.len());
        let mut puts = Vec::with_capacity(self.changes.len());
        for (name, change) in std::mem::take(&mut self.changes) {
            let (entry, is_put) = match change {
                Change::Gone => (None, false),
                Change::Put(entry) => (Some(*entry), true),
                Change::Open(mut open) => (Some(open.close(nodes, sink, counted)?), open.is_put),
            };
            puts.push(entry.as_ref().filter(|_| is_put).map(|entry| entry.kind));
            edits.push((name, entry));
        }
        let mut puts = puts.into_iter();
        let told = &mut |was_there: bool| match puts.next().flatten() {
            None => {}
            Some(ItemKind::Folder) => counted.folders += 1,
            Some(_) if was_there => counted.changed += 1,
            Some(_) => counted.new += 1,
        };
        (self.entry.content, self.entry.totals) = edit_folder_telling(nodes, &self.entry, edits, sink, told)?;
        Ok(self.entry.clone())
    }
}

impl Change {
    /// The folder that was put, open from now on.
    fn opened(&mut self) -> &mut Open {
        if let Change::Put(entry) = self {
            let entry = std::mem::replace(&mut **entry, Entry::new(Vec::new(), ItemKind::Folder));
            *self = Change::Open(Box::new(Open { entry, is_put: true, changes: BTreeMap::new() }));
        }
        match self {
            Change::Open(open) => open,
            Change::Gone | Change::Put(_) => {
                unreachable!("what was put was opened just now, and nothing else is asked")
            }
        }
    }
}

impl Standing {
    fn of(entry: &Entry) -> Self {
        let below = if entry.kind == ItemKind::Folder { entry.totals.descendants } else { 0 };
        Standing { items: below.saturating_add(1) }
    }
}

fn change(name: Vec<u8>, entry: Option<Entry>) -> Result<(Vec<u8>, Change)> {
    let Some(entry) = entry else { return Ok((name, Change::Gone)) };
    let entry = Entry { name: name.clone(), ..entry };
    check_entry(&entry)?;
    Ok((name, Change::Put(Box::new(entry))))
}

/// The names of a path.
fn names_of(path: &[u8]) -> Result<Vec<&[u8]>> {
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    if names.len() > DEPTH_MAX {
        let what = format!("folders are {} deep, and at most {DEPTH_MAX} are edited", names.len());
        return Err(Error::new(Kind::Input, what).on(String::from_utf8_lossy(path)));
    }
    Ok(names)
}

/// Folders in each other: closing goes down with them. Services that tell what changed allow some hundred characters of path.
const DEPTH_MAX: usize = 512;
