//! Sequence trees: folders, file contents and maps, built, walked, searched and compared.
//!
//! One structure serves all three (`format-spec/spec/tree.md`). Leaves are cut by content and inner nodes carry sums, so one
//! changed entry in a folder of a million rewrites kilobytes, a listing continues anywhere, and a comparison reads what differs.
//!
//! ```text
//!               inner  [ child, sums, first key | child, sums, first key | ... ]
//!                          |                          |
//!    leaf [ entry | entry | ... ]        leaf [ entry | entry | ... ]      sums: entries, descendants, bytes, times
//! ```
//!
//! Promises: equal sequences give equal trees, whatever their history; memory is one open node a level; a node that breaks
//! a rule or contradicts its parent is a `Damaged` error that names it, never a panic, a loop or a wrong answer.
//! Refuses to: know where nodes live, start threads, and verify ids (a [`NodeSource`] has done that).

mod build;
mod builders;
mod check;
mod content;
mod descent;
mod diff;
mod edit;
mod folder;
mod held;
mod map;
mod names;
mod rows;
mod sums;
mod walk;

use crate::error::Result;
use format_spec::ChunkId;
use format_spec::tree::Node;
use std::sync::Arc;

pub use builders::{ContentBuilder, FolderBuilder, MapBuilder, check_entry};
pub use check::{Promise, check_child, check_root};
pub use content::{ContentCursor, Placement, pieces, stored_bytes};
pub use diff::{Change, diff, map_diff};
pub use edit::{edit_folder, edit_folder_telling, edit_map};
pub use folder::{FolderCursor, Found, Placed, entry_at_preorder, find, lookup};
pub use held::{EntryRef, PairRef};
pub use map::{MapCursor, map_get};
pub use names::{Names, names_of};
pub use sums::NOTHING;
pub use walk::{Flow, Step, Visit, Walk, walk};

/// Where nodes come from.
pub trait NodeSource: Send + Sync {
    /// The node of this id, whose bytes were verified against the id before they were decoded and cached.
    ///
    /// # Errors
    /// Whatever keeps the node away: absent, damaged, transient.
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>>;
}

/// Where new nodes go.
pub trait NodeSink {
    /// Keeps a node, answers with its id, and counts one reference to each id that the node names.
    ///
    /// # Errors
    /// Whatever keeps the node from being stored; it ends the build.
    fn put_node(&mut self, bytes: Vec<u8>, names: &Names) -> Result<ChunkId>;
}
