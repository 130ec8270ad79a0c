//! What a node must be because of where it hangs: level, kind of tree, first key, order, sums (TREE-2 to TREE-4, TREE-8).
//!
//! Every reader of this room holds each node against its parent before it believes a number or a key in it.

use super::rows;
use crate::error::{Error, Kind, Result};
use format_spec::ChunkId;
use format_spec::tree::{Node, Totals, TreeKind};

/// What is known of a tree before its root is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Nothing: a map.
    Nothing,
    /// The folder's own entry carries its sums.
    Folder(Totals),
    /// The file's entry says how many bytes are stored.
    Bytes(u64),
}

/// Checks a child of an inner node against row `at` of its parent.
///
/// # Errors
/// `Damaged`, naming the child and what is wrong with it.
pub fn check_child(parent: &Node, at: usize, node: &Node) -> Result<()> {
    let Node::Inner { tree, level, children } = parent else {
        return Err(Error::new(Kind::Bug, "a leaf of a tree was asked for its child"));
    };
    let child = children.get(at).ok_or_else(|| Error::new(Kind::Bug, "a tree node was asked for a child too many"))?;
    let expect_level = level.saturating_sub(1);
    if node.tree() != *tree || node.level() != expect_level {
        let found = format!("{:?}, level {}", node.tree(), node.level());
        return Err(damaged(&child.id, "TREE-3", format!("expected {tree:?}, level {expect_level}, found {found}")));
    }
    if rows::key(node, 0) != child.key {
        return Err(damaged(&child.id, "TREE-3", "its first key is not the one that its parent gives".into()));
    }
    let next = children.get(at + 1).map(|c| &c.key[..]);
    check_below(&child.id, node, next)?;
    check_sums(&child.id, node, &child.totals)
}

/// Checks a root against what is known of its tree.
///
/// # Errors
/// `Damaged`, naming the root and what is wrong with it.
pub fn check_root(id: &ChunkId, tree: TreeKind, promise: &Promise, node: &Node) -> Result<()> {
    if node.tree() != tree {
        return Err(damaged(id, "TREE-3", format!("expected a tree of {tree:?}, found {:?}", node.tree())));
    }
    if rows::len(node) < 2 && (node.level() > 0 || tree == TreeKind::Content) {
        return Err(damaged(id, "TREE-2", "it is a root with one row that needs none".into()));
    }
    match promise {
        Promise::Nothing => rows::sum(node).map(|_| ()).map_err(|e| e.on(format!("tree node {id}"))),
        Promise::Folder(totals) => check_sums(id, node, totals),
        Promise::Bytes(bytes) => {
            let found = rows::sum(node).map_err(|e| e.on(format!("tree node {id}")))?.bytes;
            let message = || format!("its chunks have {found} bytes, its file says {bytes}");
            if found == *bytes { Ok(()) } else { Err(damaged(id, "TREE-9", message())) }
        }
    }
}

/// [TREE-4] across nodes: everything in a node lies below the key that follows it.
pub(super) fn check_below(id: &ChunkId, node: &Node, next: Option<&[u8]>) -> Result<()> {
    let last = rows::key(node, rows::len(node).saturating_sub(1));
    match next {
        Some(next) if node.tree() != TreeKind::Content && last >= next => {
            Err(damaged(id, "TREE-4", "its last key is not below the one that follows it".into()))
        }
        _ => Ok(()),
    }
}

/// An error about a node that is not what it must be.
pub(super) fn damaged(id: &ChunkId, rule: &str, what: String) -> Error {
    Error::new(Kind::Damaged, format!("[{rule}] {what}"))
        .on(format!("tree node {id}"))
        .advise("run `cairn check --read-data` to learn what else is damaged")
}

fn check_sums(id: &ChunkId, node: &Node, expected: &Totals) -> Result<()> {
    let found = rows::sum(node).map_err(|e| e.on(format!("tree node {id}")))?;
    if found == *expected {
        return Ok(());
    }
    Err(damaged(id, "TREE-8", format!("its sums are not those that name it: expected {expected:?}, found {found:?}")))
}

/// An error about a folder that promises entries but names no tree.
pub(super) fn empty_folder(totals: &Totals) -> Error {
    Error::new(Kind::Damaged, format!("[TREE-9] a folder claims {} entries but names none", totals.entries))
        .advise("run `cairn check --read-data` to learn what else is damaged")
}
