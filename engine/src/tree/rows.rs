//! One face over the rows of all four kinds of nodes: how many, which key, which sums.

use super::sums;
use crate::error::Result;
use format_spec::tree::{Node, Totals};

/// How many rows the node has.
pub(super) fn len(node: &Node) -> usize {
    match node {
        Node::Inner { children, .. } => children.len(),
        Node::Folder(entries) => entries.len(),
        Node::Content(pieces) => pieces.len(),
        Node::Map(pairs) => pairs.len(),
    }
}

/// The key of a row; empty in content trees and beyond the last row.
pub(super) fn key(node: &Node, at: usize) -> &[u8] {
    match node {
        Node::Inner { children, .. } => children.get(at).map_or(&[], |c| &c.key),
        Node::Folder(entries) => entries.get(at).map_or(&[], |e| &e.name),
        Node::Content(_) => &[],
        Node::Map(pairs) => pairs.get(at).map_or(&[], |p| &p.key),
    }
}

/// The sums of a row; those of nothing beyond the last row.
pub(super) fn totals(node: &Node, at: usize) -> Result<Totals> {
    Ok(match node {
        Node::Inner { children, .. } => children.get(at).map_or(sums::NOTHING, |c| c.totals),
        Node::Folder(entries) => entries.get(at).map_or(Ok(sums::NOTHING), sums::of_entry)?,
        Node::Content(pieces) => pieces.get(at).map_or(sums::NOTHING, sums::of_piece),
        Node::Map(pairs) => pairs.get(at).map_or(sums::NOTHING, sums::of_pair),
    })
}

/// The sums of all rows.
pub(super) fn sum(node: &Node) -> Result<Totals> {
    (0..len(node)).try_fold(sums::NOTHING, |sum, at| sums::add(&sum, &totals(node, at)?))
}
