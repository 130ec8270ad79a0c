//! Sequence trees: one structure for folders and file contents (spec/tree.md).

mod entry;

pub use entry::{Content, Entry, Extent, Kind, Totals};
