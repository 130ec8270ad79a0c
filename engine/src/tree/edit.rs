//! Changing a tree: some keys set or taken out, everything else taken over node by node.
//!
//! The result is the tree that building from nothing would give. What the cuts leave whole between two edits is named again without being
//! read: a node can be taken over when the builder stands at a boundary of its level, no edit falls into it, and it was ended by its own
//! last row, not by the end of the sequence.

use super::NodeSource;
use super::build::TreeBuilder;
use super::builders::{FolderBuilder, MapBuilder};
use super::check::Promise;
use super::descent::Descent;
use super::sums::NOTHING;
use super::{NodeSink, rows};
use crate::error::{Error, Kind, Result};
use format_spec::ChunkId;
use format_spec::tree::{Child, Content, Entry, Kind as ItemKind, Node, Totals, TreeKind};

/// A folder with some of its entries set (`Some`, of the same name) or taken out (`None`); names rise strictly. What was to be taken out
/// and is not there is no error. Answers with the new folder's content and sums; reads and writes O(log n) nodes for each edit.
///
/// # Errors
/// `Input` for an entry that cannot be stored or a base that is no folder, `Bug` for names that do not rise or do not match, `Damaged`
/// for a base that is, else the source's and the sink's.
pub fn edit_folder(
    source: &dyn NodeSource,
    base: &Entry,
    edits: impl IntoIterator<Item = (Vec<u8>, Option<Entry>)>,
    sink: &mut dyn NodeSink,
) -> Result<(Content, Totals)> {
    edit_folder_telling(source, base, edits, sink, &mut |_| {})
}

/// As [`edit_folder`]; `told` hears of each edit, in their order, whether the base had its name.
///
/// # Errors
/// As [`edit_folder`].
pub fn edit_folder_telling(
    source: &dyn NodeSource,
    base: &Entry,
    edits: impl IntoIterator<Item = (Vec<u8>, Option<Entry>)>,
    sink: &mut dyn NodeSink,
    told: &mut dyn FnMut(bool),
) -> Result<(Content, Totals)> {
    if base.kind != ItemKind::Folder {
        return Err(Error::new(Kind::Input, "not a folder").on(String::from_utf8_lossy(&base.name)));
    }
    let old = Descent::folder(source, base.content, base.totals);
    let root = apply(source, old, FolderBuilder::new(), edits.into_iter(), sink, told)?;
    Ok(root.map_or((Content::None, NOTHING), |root| (Content::Tree(root.id), root.totals)))
}

/// A map with some of its keys set (`Some`) or taken out (`None`); keys rise strictly. Answers with the new root, `None` for an empty
/// map; reads and writes O(log n) nodes for each edit.
///
/// # Errors
/// As [`edit_folder`].
pub fn edit_map(
    source: &dyn NodeSource,
    base: Option<ChunkId>,
    edits: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
    sink: &mut dyn NodeSink,
) -> Result<Option<ChunkId>> {
    let old = Descent::new(source, TreeKind::Map, base, Promise::Nothing);
    Ok(apply(source, old, MapBuilder::new(), edits.into_iter(), sink, &mut |_| {})?.map(|root| root.id))
}

/// A builder as the editor sees it.
trait Rebuild {
    type Value;
    fn core(&mut self) -> &mut TreeBuilder;
    fn put(&mut self, key: &[u8], value: &Self::Value, sink: &mut dyn NodeSink) -> Result<()>;
    /// Pushes a leaf row of the base again.
    fn keep(&mut self, leaf: &Node, at: usize, sink: &mut dyn NodeSink) -> Result<()>;
    fn finish(self, sink: &mut dyn NodeSink) -> Result<Option<(Child, bool)>>;
}

fn apply<B: Rebuild>(
    source: &dyn NodeSource,
    mut old: Descent<'_>,
    mut new: B,
    edits: impl Iterator<Item = (Vec<u8>, Option<B::Value>)>,
    sink: &mut dyn NodeSink,
    told: &mut dyn FnMut(bool),
) -> Result<Option<Child>> {
    let mut last: Option<Vec<u8>> = None;
    for (key, value) in edits {
        if last.as_ref().is_some_and(|last| key <= *last) {
            let key = String::from_utf8_lossy(&key);
            return Err(Error::new(Kind::Bug, format!("edits of a tree must rise, but {key:?} does not")));
        }
        copy_until(&mut old, &mut new, Some(&key), sink)?;
        let was_there = old.row()?.is_some_and(|row| rows::key(&row.node, row.at) == key);
        if was_there {
            old.pass()?;
        }
        told(was_there);
        if let Some(value) = value {
            new.put(&key, &value, sink)?;
        }
        last = Some(key);
    }
    copy_until(&mut old, &mut new, None, sink)?;
    let Some((mut root, mut taken_over)) = new.finish(sink)? else { return Ok(None) };
    // Of a tree that shrank, a node may be left that is the only one of its level and has one child only: then that child is the root.
    while taken_over {
        let node = source.node(&root.id)?;
        match &*node {
            Node::Inner { children, .. } if children.len() == 1 => root.clone_from(&children[0]),
            _ => taken_over = false,
        }
    }
    Ok(Some(root))
}

/// Takes over everything below `key`, whole nodes where it can. Ends with the base at a leaf row not below `key`, or at its end.
fn copy_until<B: Rebuild>(
    old: &mut Descent<'_>,
    new: &mut B,
    key: Option<&[u8]>,
    sink: &mut dyn NodeSink,
) -> Result<()> {
    loop {
        let Some(row) = old.row()? else { return Ok(()) };
        let Node::Inner { level, children, .. } = &*row.node else {
            if key.is_some_and(|key| rows::key(&row.node, row.at) >= key) {
                return Ok(());
            }
            new.keep(&row.node, row.at, sink)?;
            old.pass()?;
            continue;
        };
        let (below, child) = (usize::from(level.saturating_sub(1)), children.get(row.at).cloned());
        let untouched = match (key, old.next_key()) {
            (None, _) => true,
            (Some(key), Some(next)) => next <= key,
            (Some(_), None) => false,
        };
        match child.filter(|_| untouched && new.core().at_boundary(below)) {
            Some(child) => {
                new.core().take_over(below, child, sink)?;
                old.pass()?;
            }
            None => old.enter()?,
        }
    }
}

impl Rebuild for FolderBuilder {
    type Value = Entry;

    fn core(&mut self) -> &mut TreeBuilder {
        FolderBuilder::core(self)
    }

    fn put(&mut self, key: &[u8], value: &Entry, sink: &mut dyn NodeSink) -> Result<()> {
        if value.name != key {
            return Err(Error::new(Kind::Bug, "an edit names another entry").on(String::from_utf8_lossy(key)));
        }
        self.push(value, sink)
    }

    fn keep(&mut self, leaf: &Node, at: usize, sink: &mut dyn NodeSink) -> Result<()> {
        match leaf {
            Node::Folder(entries) => entries.get(at).map_or(Ok(()), |entry| self.push(entry, sink)),
            _ => Ok(()),
        }
    }

    fn finish(self, sink: &mut dyn NodeSink) -> Result<Option<(Child, bool)>> {
        self.into_core().finish(sink)
    }
}

impl Rebuild for MapBuilder {
    type Value = Vec<u8>;

    fn core(&mut self) -> &mut TreeBuilder {
        MapBuilder::core(self)
    }

    fn put(&mut self, key: &[u8], value: &Vec<u8>, sink: &mut dyn NodeSink) -> Result<()> {
        self.push(key, value, sink)
    }

    fn keep(&mut self, leaf: &Node, at: usize, sink: &mut dyn NodeSink) -> Result<()> {
        match leaf {
            Node::Map(pairs) => pairs.get(at).map_or(Ok(()), |pair| self.push(&pair.key, &pair.value, sink)),
            _ => Ok(()),
        }
    }

    fn finish(self, sink: &mut dyn NodeSink) -> Result<Option<(Child, bool)>> {
        self.into_core().finish(sink)
    }
}
