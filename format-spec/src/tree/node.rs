//! Nodes of sequence trees ([TREE-1] to [TREE-5]).

use super::entry::{Entry, Totals};
use crate::bytes::Cursor;
use crate::{ChunkId, FormatError, Result};

/// What a tree is a sequence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TreeKind {
    /// A folder's entries, keyed by name.
    Folder = 1,
    /// A content's chunks, in order.
    Content = 2,
    /// Keys and values.
    Map = 3,
}

/// Length of a node's head.
pub const NODE_HEAD_BYTES: usize = 8;
/// A node that is this long ends ([TREE-11]).
pub const NODE_BYTES_TARGET: usize = 65_536;
/// [TREE-5].
pub const ENTRY_BYTES_MAX: usize = 1_048_576;
/// [TREE-1].
pub const LEVEL_MAX: u8 = 8;

/// A child of an inner node ([TREE-3]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The child's node id.
    pub id: ChunkId,
    /// Sums over the leaf entries below; `entries` counts them.
    pub totals: Totals,
    /// The first key below; empty in content trees.
    pub key: Vec<u8>,
}

/// One chunk of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The chunk's id.
    pub id: ChunkId,
    /// Its length.
    pub bytes: u32,
}

/// One key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// A decoded node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Children, one level lower.
    Inner {
        /// Which tree it belongs to.
        tree: TreeKind,
        /// At least 1.
        level: u8,
        /// In order.
        children: Vec<Child>,
    },
    /// Entries of a folder.
    Folder(Vec<Entry>),
    /// Chunks of a content.
    Content(Vec<Piece>),
    /// Pairs of a map.
    Map(Vec<Pair>),
}

impl Node {
    /// Reads a node. Its id has been verified before; this checks its layout and order.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "TREE-1");
        let tree = match cursor.u8()? {
            1 => TreeKind::Folder,
            2 => TreeKind::Content,
            3 => TreeKind::Map,
            other => return Err(FormatError::unsupported("TREE-1", "a tree", other)),
        };
        let level = cursor.u8()?;
        cursor.zero(2, "zero bytes of a node")?;
        let count = cursor.u32()?;
        if count == 0 || level > LEVEL_MAX {
            return Err(FormatError::broken(
                "TREE-1",
                "count or level",
                "count >= 1, level <= 8",
                format!("{count}, {level}"),
            ));
        }
        let node = match (level, tree) {
            (0, TreeKind::Folder) => Node::Folder(rows(&mut cursor, count, Entry::decode_from)?),
            (0, TreeKind::Content) => Node::Content(rows(&mut cursor, count, decode_piece)?),
            (0, TreeKind::Map) => Node::Map(rows(&mut cursor, count, decode_pair)?),
            _ => Node::Inner { tree, level, children: rows(&mut cursor, count, decode_child)? },
        };
        cursor.end()?;
        node.check_order()?;
        node.check_rows()?;
        Ok(node)
    }

    /// Which tree the node belongs to.
    pub fn tree(&self) -> TreeKind {
        match self {
            Node::Inner { tree, .. } => *tree,
            Node::Folder(_) => TreeKind::Folder,
            Node::Content(_) => TreeKind::Content,
            Node::Map(_) => TreeKind::Map,
        }
    }

    /// 0 for leaves.
    pub fn level(&self) -> u8 {
        if let Node::Inner { level, .. } = self { *level } else { 0 }
    }

    /// [TREE-4].
    fn check_order(&self) -> Result<()> {
        let rising = match self {
            Node::Folder(entries) => entries.is_sorted_by(|a, b| a.name < b.name),
            Node::Map(pairs) => pairs.is_sorted_by(|a, b| a.key < b.key),
            Node::Inner { tree: TreeKind::Content, .. } | Node::Content(_) => true,
            Node::Inner { children, .. } => children.is_sorted_by(|a, b| a.key < b.key),
        };
        if rising { Ok(()) } else { Err(FormatError::broken("TREE-4", "order of keys", "rising", "other")) }
    }

    /// What a row alone shows of [TREE-3], and that only a point's root has the empty name ([TREE-7]).
    fn check_rows(&self) -> Result<()> {
        match self {
            Node::Folder(entries) if entries.iter().any(|e| e.name.is_empty()) => {
                Err(FormatError::broken("TREE-7", "name", "at least 1 byte", 0))
            }
            Node::Inner { tree, children, .. } => match children.iter().find(|c| !c.fits(*tree)) {
                Some(child) => Err(FormatError::broken(
                    "TREE-3",
                    "key or sums of a child",
                    "what its tree has",
                    format!("{child:?}"),
                )),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl Child {
    fn fits(&self, tree: TreeKind) -> bool {
        let Totals { entries, descendants, bytes, oldest, newest } = self.totals;
        let nothing_below = Totals { entries, bytes, ..Totals::default() } == self.totals;
        entries > 0
            && match tree {
                TreeKind::Folder => descendants >= entries && oldest <= newest && !self.key.is_empty(),
                TreeKind::Content => nothing_below && bytes >= entries && self.key.is_empty(),
                TreeKind::Map => nothing_below && bytes == 0,
            }
    }
}

/// The bytes of a node from its encoded entries.
pub fn encode_node(tree: TreeKind, level: u8, count: u32, entries: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(NODE_HEAD_BYTES + entries.len());
    out.extend_from_slice(&[tree as u8, level, 0, 0]);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(entries);
    out
}

/// Appends an inner entry.
pub fn encode_child(child: &Child, out: &mut Vec<u8>) {
    out.extend_from_slice(&child.id.0);
    put_totals(&child.totals, out);
    put_short(&child.key, out);
}

/// Appends an entry of a content leaf.
pub fn encode_piece(piece: &Piece, out: &mut Vec<u8>) {
    out.extend_from_slice(&piece.id.0);
    out.extend_from_slice(&piece.bytes.to_le_bytes());
}

/// Appends an entry of a map leaf.
pub fn encode_pair(pair: &Pair, out: &mut Vec<u8>) {
    out.extend_from_slice(
        &u16::try_from(pair.key.len()).expect("keys are names, paths below 64 KiB or ids").to_le_bytes(),
    );
    out.extend_from_slice(&u32::try_from(pair.value.len()).expect("values are below 1 MiB").to_le_bytes());
    out.extend_from_slice(&pair.key);
    out.extend_from_slice(&pair.value);
}

pub(super) fn put_totals(totals: &Totals, out: &mut Vec<u8>) {
    [totals.entries, totals.descendants, totals.bytes].iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
    [totals.oldest, totals.newest].iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
}

pub(super) fn take_totals(cursor: &mut Cursor<'_>) -> Result<Totals> {
    Ok(Totals {
        entries: cursor.u64()?,
        descendants: cursor.u64()?,
        bytes: cursor.u64()?,
        oldest: cursor.i64()?,
        newest: cursor.i64()?,
    })
}

fn put_short(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(bytes.len()).expect("keys are below 64 KiB").to_le_bytes());
    out.extend_from_slice(bytes);
}

fn rows<T>(cursor: &mut Cursor<'_>, count: u32, one: impl Fn(&mut Cursor<'_>) -> Result<T>) -> Result<Vec<T>> {
    // The shortest entry has 6 bytes: a count that cannot be true allocates no more than the node's own length.
    let mut out = Vec::with_capacity((count as usize).min(cursor.remaining() / 6));
    for _ in 0..count {
        let before = cursor.remaining();
        out.push(one(cursor)?);
        let length = before - cursor.remaining();
        if length > ENTRY_BYTES_MAX {
            return Err(FormatError::broken("TREE-5", "length of an entry", ENTRY_BYTES_MAX, length));
        }
    }
    Ok(out)
}

fn decode_child(cursor: &mut Cursor<'_>) -> Result<Child> {
    let (id, totals) = (ChunkId(cursor.array()?), take_totals(cursor)?);
    let length = usize::from(cursor.u16()?);
    Ok(Child { id, totals, key: cursor.take(length)?.to_vec() })
}

fn decode_piece(cursor: &mut Cursor<'_>) -> Result<Piece> {
    let piece = Piece { id: ChunkId(cursor.array()?), bytes: cursor.u32()? };
    if piece.bytes == 0 {
        return Err(FormatError::broken("TREE-5", "length of a chunk", "at least 1", 0));
    }
    Ok(piece)
}

fn decode_pair(cursor: &mut Cursor<'_>) -> Result<Pair> {
    let (key_bytes, value_bytes) = (usize::from(cursor.u16()?), cursor.u32()? as usize);
    Ok(Pair { key: cursor.take(key_bytes)?.to_vec(), value: cursor.take(value_bytes)?.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(tree: TreeKind, totals: Totals, key: &[u8]) -> Result<Node, &'static str> {
        let mut entries = Vec::new();
        encode_child(&Child { id: ChunkId([1; 32]), totals, key: key.to_vec() }, &mut entries);
        Node::decode(&encode_node(tree, 1, 1, &entries)).map_err(|e| e.rule())
    }

    #[test]
    fn a_childs_sums_are_those_of_its_tree() {
        let none = Totals::default();
        let three = Totals { entries: 3, ..none };
        let folder = Totals { entries: 3, descendants: 4, bytes: 9, oldest: -1, newest: 5 };
        assert!(inner(TreeKind::Map, three, b"key").is_ok());
        assert!(inner(TreeKind::Content, Totals { bytes: 9, ..three }, b"").is_ok());
        assert!(inner(TreeKind::Folder, folder, b"name").is_ok());
        for (tree, totals, key) in [
            (TreeKind::Map, none, &b"key"[..]),
            (TreeKind::Map, Totals { bytes: 1, ..three }, b"key"),
            (TreeKind::Map, Totals { oldest: 0, ..three }, b"key"),
            (TreeKind::Content, Totals { bytes: 9, ..three }, b"key"),
            (TreeKind::Content, Totals { bytes: 2, ..three }, b""),
            (TreeKind::Content, Totals { bytes: 9, descendants: 3, ..three }, b""),
            (TreeKind::Folder, Totals { descendants: 2, ..folder }, b"name"),
            (TreeKind::Folder, Totals { oldest: 6, ..folder }, b"name"),
            (TreeKind::Folder, folder, b""),
        ] {
            assert_eq!(inner(tree, totals, key), Err("TREE-3"), "{tree:?} {totals:?} {key:?}");
        }
    }
}
