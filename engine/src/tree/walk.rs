//! The preorder walk over a restore point, as deep as it goes: an explicit stack, not recursion.
//!
//! Memory: one node a level of the innermost [`OPEN_FOLDERS`] folders; folders further out are parked and read again on the way back.

use super::NodeSource;
use super::folder::FolderCursor;
use super::held::EntryRef;
use crate::error::Result;
use format_spec::tree::{Entry, Kind};

/// How many folders on the way down keep their nodes: enough for the folders that people make, little enough for those that tests make.
pub(super) const OPEN_FOLDERS: usize = 64;

/// What a visitor wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on, into this entry if it is a folder.
    Continue,
    /// Go on behind everything below this entry.
    Skip,
    /// End.
    Stop,
}

/// An entry on a walk.
#[derive(Debug)]
pub struct Visit<'w> {
    /// Path below the root, raw bytes without leading `/`; empty for the root.
    pub path: &'w [u8],
    /// The entry.
    pub entry: &'w EntryRef,
    /// Its preorder index ([TREE-13]).
    pub index: u64,
    /// How many folders it is in; 0 for the root.
    pub depth: usize,
}

/// One step of a walk.
#[derive(Debug)]
pub enum Step<'w> {
    /// An entry, before everything below it.
    Enter(Visit<'w>),
    /// A folder, after everything below it; not for folders that were skipped.
    Leave(Visit<'w>),
}

/// A walk that the caller drives. After an error it yields nothing more.
pub struct Walk<'a> {
    source: &'a dyn NodeSource,
    path: Vec<u8>,
    open: Vec<OpenFolder<'a>>,
    /// What the caller was shown last, and its index.
    shown: (EntryRef, u64),
    next: Next,
}

/// Where the next step leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Root,
    /// Into the folder that was shown last.
    Inside,
    /// Behind what was shown last.
    Behind,
}

/// Which of the two sights of an entry a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Entry,
    FolderAgain,
}

struct OpenFolder<'a> {
    cursor: FolderCursor<'a>,
    entry: EntryRef,
    index: u64,
    path_bytes: usize,
}

/// Visits a restore point's root and everything below it in preorder.
///
/// # Errors
/// The source's, the visitor's, and `Damaged` when a node is not what its parent says.
pub fn walk(source: &dyn NodeSource, root: &Entry, visit: &mut dyn FnMut(&Visit<'_>) -> Result<Flow>) -> Result<()> {
    let mut walk = Walk::start(source, root);
    loop {
        let flow = match walk.step()? {
            None => return Ok(()),
            Some(Step::Enter(seen)) => visit(&seen)?,
            Some(Step::Leave(_)) => Flow::Continue,
        };
        match flow {
            Flow::Continue => {}
            Flow::Skip => walk.skip(),
            Flow::Stop => return Ok(()),
        }
    }
}

impl<'a> Walk<'a> {
    /// Before the root.
    pub fn start(source: &'a dyn NodeSource, root: &Entry) -> Self {
        Walk { source, path: Vec::new(), open: Vec::new(), shown: (root.clone().into(), 0), next: Next::Root }
    }

    /// The next entry, or the next folder to leave; `None` at the end.
    ///
    /// # Errors
    /// The source's; `Damaged` when a node is not what its parent says.
    pub fn step(&mut self) -> Result<Option<Step<'_>>> {
        let seen = match self.advance() {
            Ok(Some(seen)) => seen,
            Ok(None) => return Ok(None),
            Err(e) => {
                self.open.clear();
                self.next = Next::Behind;
                return Err(e.on(String::from_utf8_lossy(&self.path)));
            }
        };
        let (entry, index) = (&self.shown.0, self.shown.1);
        let visit = Visit { path: &self.path, entry, index, depth: self.open.len() };
        Ok(Some(match seen {
            Seen::Entry => Step::Enter(visit),
            Seen::FolderAgain => Step::Leave(visit),
        }))
    }

    /// Does not enter the folder that was shown last.
    pub fn skip(&mut self) {
        if self.next == Next::Inside {
            self.next = Next::Behind;
        }
    }

    fn advance(&mut self) -> Result<Option<Seen>> {
        match self.next {
            Next::Root => {
                self.next = self.after_shown();
                return Ok(Some(Seen::Entry));
            }
            Next::Inside => self.open_shown()?,
            Next::Behind => {}
        }
        let Some(folder) = self.open.last_mut() else { return Ok(None) };
        self.path.truncate(folder.path_bytes);
        if let Some(found) = folder.cursor.next().transpose()? {
            let placed = found.below(folder.index)?;
            join(&mut self.path, &placed.entry.name);
            self.shown = (placed.entry, placed.index);
            self.next = self.after_shown();
            return Ok(Some(Seen::Entry));
        }
        self.next = Next::Behind;
        let Some(left) = self.open.pop() else { return Ok(None) };
        self.shown = (left.entry, left.index);
        Ok(Some(Seen::FolderAgain))
    }

    fn after_shown(&self) -> Next {
        if self.shown.0.kind == Kind::Folder { Next::Inside } else { Next::Behind }
    }

    fn open_shown(&mut self) -> Result<()> {
        // A copy of the entry: holding a reference would hold the outer folder's leaf, which parking is to give back.
        let entry = EntryRef::from((*self.shown.0).clone());
        let cursor = FolderCursor::open(self.source, &entry)?;
        self.open.push(OpenFolder { cursor, entry, index: self.shown.1, path_bytes: self.path.len() });
        let outer = self.open.len().checked_sub(OPEN_FOLDERS + 1).and_then(|at| self.open.get_mut(at));
        outer.into_iter().for_each(|folder| folder.cursor.park());
        Ok(())
    }
}

/// Appends a name to a path.
pub(super) fn join(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}
