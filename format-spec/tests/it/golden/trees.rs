//! Nodes of the three trees: those of the golden repository, and one vector of each tree at leaf and inner level.

use super::forge::verdict;
use super::{Shape, Vector, fixed};
use format_spec::container::Suite;
use format_spec::ledger::{Exception, Outcome};
use format_spec::point::PackReferences;
use format_spec::tree::{
    Child, Content, Entry, Kind, Pair, Piece, Totals, TreeKind, encode_child, encode_node, encode_pair, encode_piece,
};
use format_spec::{ChunkId, Time};

/// A plain item of this kind.
pub(crate) fn entry(name: &[u8], kind: Kind) -> Entry {
    Entry {
        mode: 0o644,
        uid: 1000,
        gid: 100,
        mtime: Time::new(1_600_000_000, 123_456_789),
        ctime: Time::new(1_600_000_001, 0),
        inode: 77,
        device: 5,
        ..Entry::new(name.to_vec(), kind)
    }
}

/// The sums of a folder of these entries ([TREE-8]).
pub(crate) fn totals(entries: &[Entry]) -> Totals {
    entries.iter().fold(Totals::default(), |sum, e| Totals {
        entries: sum.entries + 1,
        descendants: sum.descendants + 1 + e.totals.descendants,
        bytes: sum.bytes + e.totals.bytes + if e.kind == Kind::File { e.size } else { 0 },
        oldest: sum.oldest.min(e.mtime.seconds).min(e.totals.oldest),
        newest: sum.newest.max(e.mtime.seconds).max(e.totals.newest),
    })
}

/// The root folder of a point with these entries.
pub(crate) fn root(entries: &[Entry], node: ChunkId) -> Entry {
    Entry { content: Content::Tree(node), totals: totals(entries), ..entry(b"", Kind::Folder) }
}

/// A leaf of a folder tree. That its entries need no cut before the last ([TREE-11]) is asserted: equal sequences give equal trees.
pub(crate) fn leaf_of_folder(entries: &[Entry]) -> Vec<u8> {
    entries.iter().rev().skip(1).for_each(|e| assert!(!ends_node(&fixed_mark(&e.name)), "{:?} ends a node", e.name));
    node(TreeKind::Folder, 0, entries, Entry::encode)
}

/// A leaf of a map.
pub(crate) fn leaf_of_map(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    pairs.iter().rev().skip(1).for_each(|p| assert!(!ends_node(&fixed_mark(&p.0)), "{:?} ends a node", p.0));
    let pairs: Vec<Pair> = pairs.iter().map(|(key, value)| Pair { key: key.clone(), value: value.clone() }).collect();
    node(TreeKind::Map, 0, &pairs, encode_pair)
}

/// A leaf of a content tree.
pub(crate) fn leaf_of_content(chunks: &[(ChunkId, u32)]) -> Vec<u8> {
    chunks.iter().rev().skip(1).for_each(|c| assert!(!ends_node(&c.0.0), "{} ends a node", c.0));
    let pieces: Vec<Piece> = chunks.iter().map(|(id, bytes)| Piece { id: *id, bytes: *bytes }).collect();
    node(TreeKind::Content, 0, &pieces, encode_piece)
}

/// A node of these rows.
pub(crate) fn node<T>(tree: TreeKind, level: u8, rows: &[T], encode: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    rows.iter().for_each(|row| encode(row, &mut bytes));
    encode_node(tree, level, u32::try_from(rows.len()).unwrap(), &bytes)
}

/// A vector of a node.
pub(crate) fn node_vector(case: &str, bytes: Vec<u8>) -> Vector {
    verdict(Vector::new("nodes".into(), Shape::Node, Suite::Clear, bytes), case)
}

/// A vector of a reference set's value.
pub(crate) fn value_vector(case: &str, bytes: Vec<u8>) -> Vector {
    verdict(Vector::new("reference_values".into(), Shape::ReferenceValue, Suite::Clear, bytes), case)
}

pub(crate) fn ledger_vector(case: &str, bytes: Vec<u8>) -> Vector {
    verdict(Vector::new("ledger_values".into(), Shape::LedgerValue, Suite::Clear, bytes), case)
}

/// Two children of an inner node.
pub(crate) fn children(tree: TreeKind) -> [Child; 2] {
    let totals = match tree {
        TreeKind::Folder => Totals { entries: 9, descendants: 11, bytes: 900, oldest: -5, newest: 1_700_000_000 },
        TreeKind::Content => Totals { entries: 9, bytes: 900, ..Totals::default() },
        TreeKind::Map => Totals { entries: 9, ..Totals::default() },
    };
    let child = |label: &str| {
        let key = if tree == TreeKind::Content { Vec::new() } else { label.as_bytes().to_vec() };
        Child { id: ChunkId(fixed(label)), totals, key }
    };
    [child("alpha"), child("beta")]
}

/// Good nodes and values.
pub(crate) fn good() -> Vec<Vector> {
    let id = |label: &str| ChunkId(fixed(label));
    let file = Entry { size: 5, content: Content::Chunk(id("five")), ..entry(b"file", Kind::File) };
    let raw_name = entry(&[0xFF, 0xFE, b'\n', b' '], Kind::Socket);
    let longest = entry(&[b'n'; 4095], Kind::Fifo);
    let mut out = vec![
        node_vector("ok folder leaf", leaf_of_folder(&[file, longest, raw_name])),
        node_vector("ok content leaf", leaf_of_content(&[(id("a"), 1), (id("b"), 4_194_304)])),
        node_vector("ok map leaf", leaf_of_map(&[(b"a".to_vec(), Vec::new()), (b"b".to_vec(), vec![7; 300])])),
        node_vector("ok inner node of level 8", node(TreeKind::Map, 8, &children(TreeKind::Map), encode_child)),
    ];
    for (tree, word) in [(TreeKind::Folder, "folder"), (TreeKind::Content, "content"), (TreeKind::Map, "map")] {
        out.push(node_vector(&format!("ok {word} inner"), node(tree, 1, &children(tree), encode_child)));
    }
    let mut references = PackReferences { blobs: 11, ..PackReferences::default() };
    [(0, 1), (3, 2), (10, 70_000)].iter().for_each(|(blob, count)| references.set_count(*blob, *count));
    out.push(value_vector("ok eleven blobs two of them counted", references.encode()));
    out.push(value_vector("ok a pack of no blobs", PackReferences::default().encode()));
    out.extend(ledger_values());
    out
}

/// One value of the ledger for each way in which an item may have ended.
fn ledger_values() -> Vec<Vector> {
    let kept = Outcome::Kept { as_of: Time::new(1_700_000_000, 5), items: 3 };
    let outcomes = [
        ("ok an item that failed", Outcome::Failed),
        ("ok an item that vanished", Outcome::Vanished),
        ("ok an item that changed while it was read", Outcome::Changed),
        ("ok an item that was left out", Outcome::Skipped),
        ("ok a folder that is kept with two items in it", kept),
    ];
    let value = |outcome| Exception { outcome, reason: "permission denied".to_owned() }.encode();
    outcomes.map(|(case, outcome)| ledger_vector(case, value(outcome))).into()
}

fn fixed_mark(key: &[u8]) -> [u8; 32] {
    *blake3::hash(key).as_bytes()
}

/// The mark of [TREE-11] at leaf level.
fn ends_node(mark: &[u8; 32]) -> bool {
    mark[0] & 0x7F == 0
}
