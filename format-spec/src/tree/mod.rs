//! Sequence trees: one structure for folders, file contents and maps (spec/tree.md). Here are the bytes of their nodes; how trees
//! are built, walked and compared is the engine's.

mod entry;
mod layout;
mod node;

pub use entry::{Content, Entry, Extent, Kind, Totals};
pub use node::{
    Child, ENTRY_BYTES_MAX, LEVEL_MAX, NODE_BYTES_TARGET, NODE_HEAD_BYTES, Node, Pair, Piece, TreeKind, encode_child,
    encode_node, encode_pair, encode_piece,
};
