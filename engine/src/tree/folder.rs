//! Reading folders: page by page, by name, by path, and by preorder index.

use super::NodeSource;
use super::descent::{Descent, Step, Target};
use super::held::EntryRef;
use crate::error::{Error, Kind, Result};
use format_spec::tree::{Entry, Kind as ItemKind};

/// An entry and its place in its folder.
#[derive(Debug, Clone)]
pub struct Found {
    /// The entry.
    pub entry: EntryRef,
    /// How many entries of the folder come before it.
    pub position: u64,
    /// Its preorder index less that of its folder ([TREE-13]), at least 1.
    pub offset: u64,
}

/// An entry and its place in its restore point.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The entry.
    pub entry: EntryRef,
    /// Its preorder index ([TREE-13]); the root's is 0.
    pub index: u64,
}

/// Yields a folder's entries in byte order of their names; one node a level is in memory. After an error it yields nothing more.
pub struct FolderCursor<'a> {
    descent: Descent<'a>,
}

impl<'a> FolderCursor<'a> {
    /// Before the first entry of a folder. Nothing is read yet.
    ///
    /// # Errors
    /// `Input` when the entry is no folder.
    pub fn open(source: &'a dyn NodeSource, folder: &Entry) -> Result<Self> {
        if folder.kind != ItemKind::Folder {
            return Err(Error::new(Kind::Input, "not a folder").on(String::from_utf8_lossy(&folder.name)));
        }
        Ok(FolderCursor { descent: Descent::folder(source, folder.content, folder.totals) })
    }

    /// Goes to the first entry whose name is not below `name`.
    ///
    /// # Errors
    /// The source's; `Damaged` when a node is not what its parent says.
    pub fn seek(&mut self, name: &[u8]) -> Result<()> {
        self.descent.seek(Target::Key(name))
    }

    /// Goes to the entry that has `position` entries before it, or behind the last.
    ///
    /// # Errors
    /// As [`FolderCursor::seek`].
    pub fn seek_index(&mut self, position: u64) -> Result<()> {
        self.descent.seek(Target::Entry(position))
    }

    /// Goes to the entry that is, or holds below it, the entry of this preorder offset in the folder (at least 1), or behind the last.
    ///
    /// # Errors
    /// As [`FolderCursor::seek`].
    pub fn seek_preorder(&mut self, offset: u64) -> Result<()> {
        self.descent.seek(Target::Slot(offset.saturating_sub(1)))
    }

    /// Keeps the place but no node; the next call reads them again.
    pub fn park(&mut self) {
        self.descent.park();
    }

    fn advance(&mut self) -> Result<Option<Found>> {
        let Some(found) = self.descent.entry()?.and_then(Found::at) else { return Ok(None) };
        self.descent.pass()?;
        Ok(Some(found))
    }
}

impl Iterator for FolderCursor<'_> {
    type Item = Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.advance();
        if found.is_err() {
            self.descent.stop();
        }
        found.transpose()
    }
}

impl Found {
    fn at(step: &Step) -> Option<Self> {
        let (position, offset) = (step.before.entries, step.before.descendants.saturating_add(1));
        EntryRef::at(step).map(|entry| Found { entry, position, offset })
    }
}

/// The entry of this name in a folder.
///
/// # Errors
/// As [`FolderCursor::open`] and [`FolderCursor::seek`].
pub fn find(source: &dyn NodeSource, folder: &Entry, name: &[u8]) -> Result<Option<Found>> {
    let mut cursor = FolderCursor::open(source, folder)?;
    cursor.seek(name)?;
    Ok(cursor.next().transpose()?.filter(|found| found.entry.name == name))
}

/// The entry at a path of names below the root of a restore point, with its preorder index. No names: the root itself.
/// `None` when a name is not there or something on the way is no folder.
///
/// # Errors
/// As [`find`].
pub fn lookup<'p>(
    source: &dyn NodeSource,
    root: &Entry,
    names: impl IntoIterator<Item = &'p [u8]>,
) -> Result<Option<Placed>> {
    let mut here = Placed { entry: root.clone().into(), index: 0 };
    for name in names {
        if here.entry.kind != ItemKind::Folder {
            return Ok(None);
        }
        let Some(found) = find(source, &here.entry, name)? else { return Ok(None) };
        here = found.below(here.index)?;
    }
    Ok(Some(here))
}

/// The way from the root of a restore point down to the entry of a preorder index: every entry on it but the root, the one asked for last.
/// Empty for index 0, `None` for an index that the point does not have. Reads one node a level of each folder on the way.
///
/// # Errors
/// As [`FolderCursor::seek`].
pub fn entry_at_preorder(source: &dyn NodeSource, root: &Entry, index: u64) -> Result<Option<Vec<Placed>>> {
    let mut way: Vec<Placed> = Vec::new();
    loop {
        let here = way.last().map_or(0, |p| p.index);
        if here == index {
            return Ok(Some(way));
        }
        let folder = way.last().map_or(root, |p| &p.entry);
        if folder.kind != ItemKind::Folder {
            return Ok(None);
        }
        let mut cursor = FolderCursor::open(source, folder)?;
        cursor.seek_preorder(index - here)?;
        let Some(found) = cursor.next().transpose()? else { return Ok(None) };
        way.push(found.below(here)?);
    }
}

impl Found {
    /// The place in the point, below a folder of this preorder index.
    pub(super) fn below(self, folder: u64) -> Result<Placed> {
        let overflow = || Error::new(Kind::Damaged, "a preorder index does not fit into 64 bits");
        let index = folder.checked_add(self.offset).ok_or_else(overflow)?;
        Ok(Placed { entry: self.entry, index })
    }
}
