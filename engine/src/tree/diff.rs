//! Comparing trees: what differs is read, what is equal is passed over by its id.
//!
//! Two descents go side by side, always entering the child that starts first or stands higher. When both stand before children of one
//! id, everything below is equal and neither is read: boundaries depend on keys, so two versions fall into step again right
//! after a change.

use super::NodeSource;
use super::check::Promise;
use super::descent::{Descent, Step};
use super::held::{EntryRef, PairRef};
use super::rows;
use super::sums::NOTHING;
use super::walk::{Flow, OPEN_FOLDERS, join};
use crate::error::Result;
use format_spec::ChunkId;
use format_spec::tree::{Content, Entry, Kind, Node, TreeKind};
use std::cmp::Ordering;

/// How an entry differs. A folder has changed when anything below it has, for its sums or its tree are other ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change<'c> {
    /// Only in the new tree.
    Added(&'c Entry),
    /// Only in the old tree.
    Removed(&'c Entry),
    /// In both, not equal.
    Changed(&'c Entry, &'c Entry),
}

/// Visits everything that differs between two restore points (or folders), in the order of names, folders before what is below them.
///
/// The roots are compared like entries, under the empty path. Below an added or removed folder, or one that became something else, each
/// entry is visited too, unless the visitor answers `Skip`. Reads O(log n) nodes for each difference.
///
/// # Errors
/// The source's, the visitor's, and `Damaged` when a node is not what its parent says.
pub fn diff(
    source: &dyn NodeSource,
    old: Option<&Entry>,
    new: Option<&Entry>,
    visit: &mut dyn FnMut(&[u8], Change<'_>) -> Result<Flow>,
) -> Result<()> {
    let mut path: Vec<u8> = Vec::new();
    let mut open: Vec<OpenFolders<'_>> = Vec::new();
    match show(&path, old, new, visit)? {
        Flow::Continue => open.extend(OpenFolders::of(source, old, new, 0)),
        Flow::Skip | Flow::Stop => return Ok(()),
    }
    while let Some(folders) = open.last_mut() {
        path.truncate(folders.path_bytes);
        let Some((old, new)) = folders.pair.next().map_err(|e| e.on(String::from_utf8_lossy(&path)))? else {
            open.pop();
            continue;
        };
        let (old, new) = (old.and_then(|s| EntryRef::at(&s)), new.and_then(|s| EntryRef::at(&s)));
        let (old, new) = (old.as_deref(), new.as_deref());
        join(&mut path, new.or(old).map_or(&[], |e| &e.name));
        match show(&path, old, new, visit)? {
            Flow::Continue => {}
            Flow::Skip => continue,
            Flow::Stop => return Ok(()),
        }
        if let Some(folders) = OpenFolders::of(source, old, new, path.len()) {
            open.push(folders);
            let outer = open.len().checked_sub(OPEN_FOLDERS + 1).and_then(|at| open.get_mut(at));
            outer.into_iter().for_each(|folders| folders.pair.park());
        }
    }
    Ok(())
}

/// Visits the keys whose values differ between two maps, rising, with the old pair, the new one, or both.
///
/// # Errors
/// The source's, the visitor's, and `Damaged` when a node is not what its parent says.
pub fn map_diff(
    source: &dyn NodeSource,
    old: Option<ChunkId>,
    new: Option<ChunkId>,
    visit: &mut dyn FnMut(Option<PairRef>, Option<PairRef>) -> Result<()>,
) -> Result<()> {
    if old == new {
        return Ok(());
    }
    let map = |root| Descent::new(source, TreeKind::Map, root, Promise::Nothing);
    let mut pair = Pair { old: map(old), new: map(new) };
    while let Some((old, new)) = pair.next()? {
        visit(old.and_then(|s| PairRef::at(&s)), new.and_then(|s| PairRef::at(&s)))?;
    }
    Ok(())
}

/// Two trees side by side.
struct Pair<'a> {
    old: Descent<'a>,
    new: Descent<'a>,
}

/// Two folders of one path; one may be empty.
struct OpenFolders<'a> {
    pair: Pair<'a>,
    path_bytes: usize,
}

/// What to do at a pair of rows.
enum Move {
    Enter { old: bool, new: bool },
    Pass { old: bool, new: bool, differs: bool },
    End,
}

type Rows = (Option<Step>, Option<Step>);

impl Pair<'_> {
    /// The next leaf rows that differ: of the old tree, the new one, or both when they have one key.
    fn next(&mut self) -> Result<Option<Rows>> {
        loop {
            let (old, new) = (self.old.row()?, self.new.row()?);
            match choose(old, new) {
                Move::End => return Ok(None),
                Move::Enter { old, new } => {
                    if old {
                        self.old.enter()?;
                    }
                    if new {
                        self.new.enter()?;
                    }
                }
                Move::Pass { old: pass_old, new: pass_new, differs } => {
                    let rows = differs.then(|| (old.filter(|_| pass_old).cloned(), new.filter(|_| pass_new).cloned()));
                    if pass_old {
                        self.old.pass()?;
                    }
                    if pass_new {
                        self.new.pass()?;
                    }
                    if rows.is_some() {
                        return Ok(rows);
                    }
                }
            }
        }
    }

    fn park(&mut self) {
        self.old.park();
        self.new.park();
    }
}

impl<'a> OpenFolders<'a> {
    /// The folders below two entries of one path, if they differ.
    fn of(source: &'a dyn NodeSource, old: Option<&Entry>, new: Option<&Entry>, path_bytes: usize) -> Option<Self> {
        let tree = |entry: Option<&Entry>| {
            entry.filter(|e| e.kind == Kind::Folder).map_or((Content::None, NOTHING), |e| (e.content, e.totals))
        };
        let (old, new) = (tree(old), tree(new));
        if old == new {
            return None;
        }
        let pair = Pair { old: Descent::folder(source, old.0, old.1), new: Descent::folder(source, new.0, new.1) };
        Some(OpenFolders { pair, path_bytes })
    }
}

fn show(
    path: &[u8],
    old: Option<&Entry>,
    new: Option<&Entry>,
    visit: &mut dyn FnMut(&[u8], Change<'_>) -> Result<Flow>,
) -> Result<Flow> {
    match (old, new) {
        (Some(old), Some(new)) if old == new => Ok(Flow::Skip),
        (Some(old), Some(new)) => visit(path, Change::Changed(old, new)),
        (Some(old), None) => visit(path, Change::Removed(old)),
        (None, Some(new)) => visit(path, Change::Added(new)),
        (None, None) => Ok(Flow::Skip),
    }
}

/// The whole art: pass equal children, else enter what starts first, else what stands higher, else compare two entries.
fn choose(old: Option<&Step>, new: Option<&Step>) -> Move {
    let inner = |s: &Step| s.node.level() > 0;
    match (old, new) {
        (None, None) => Move::End,
        (Some(old), None) if inner(old) => Move::Enter { old: true, new: false },
        (Some(_), None) => Move::Pass { old: true, new: false, differs: true },
        (None, Some(new)) if inner(new) => Move::Enter { old: false, new: true },
        (None, Some(_)) => Move::Pass { old: false, new: true, differs: true },
        (Some(old), Some(new)) => {
            let (high, low) = (old.node.level(), new.node.level());
            match rows::key(&old.node, old.at).cmp(rows::key(&new.node, new.at)) {
                _ if same_child(old, new) => Move::Pass { old: true, new: true, differs: false },
                Ordering::Less if inner(old) => Move::Enter { old: true, new: false },
                Ordering::Less => Move::Pass { old: true, new: false, differs: true },
                Ordering::Greater if inner(new) => Move::Enter { old: false, new: true },
                Ordering::Greater => Move::Pass { old: false, new: true, differs: true },
                Ordering::Equal if high == 0 && low == 0 => {
                    Move::Pass { old: true, new: true, differs: !same_row(old, new) }
                }
                Ordering::Equal => Move::Enter { old: high >= low, new: low >= high },
            }
        }
    }
}

fn same_child(old: &Step, new: &Step) -> bool {
    match (&*old.node, &*new.node) {
        (Node::Inner { children: a, .. }, Node::Inner { children: b, .. }) => {
            a.get(old.at).is_some_and(|a| b.get(new.at).is_some_and(|b| a.id == b.id))
        }
        _ => false,
    }
}

fn same_row(old: &Step, new: &Step) -> bool {
    match (&*old.node, &*new.node) {
        (Node::Folder(a), Node::Folder(b)) => a.get(old.at) == b.get(new.at),
        (Node::Map(a), Node::Map(b)) => a.get(old.at) == b.get(new.at),
        _ => false,
    }
}
