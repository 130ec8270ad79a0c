//! Sources: whatever yields items in canonical order.
//!
//! Promises: folders are walked depth first, the entries of a folder in byte order of their names; an item is described
//! before anything of it is opened; what cannot be read is reported as a [`Step::Failed`] and never ends the walk.
//! Refuses to: compare with earlier points (that is [`crate::backup`]'s concern) and to follow symlinks.
//!
//! `folder` reads file systems, `stream` one pipe. Other sources implement [`Source`] in their own crates.

mod estimate;
mod failure;
pub mod folder;
pub mod rules;
pub mod stream;

pub use crate::env::host_name;
pub use estimate::{Estimate, Estimation};

use crate::error::Result;
use format_spec::tree::{Entry, Extent};
use std::fmt;
use std::sync::Arc;

/// Something that can be backed up.
pub trait Source: Send + Sync {
    /// What the restore point records about where it came from.
    fn about(&self) -> About;
    /// Starts a walk from the root. Walks are independent of each other.
    fn walk(&self) -> Result<Box<dyn Walk + '_>>;
}

/// What a restore point records about its source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Host or organisation.
    pub host: String,
    /// What was asked for, as raw bytes (absolute paths of a folder source).
    pub paths: Vec<Vec<u8>>,
}

/// A walk in canonical order: `Enter(root) (Item | Failed | Enter .. Leave)* Leave`, then `None`.
pub trait Walk: Send {
    /// The next step. The walk goes on after any `Failed`.
    fn next(&mut self) -> Option<Step>;
}

/// One step of a walk.
pub enum Step {
    /// A folder begins; everything until its [`Step::Leave`] lies in it. The first one is the root, with an empty name.
    Enter(Found),
    /// An item that is no folder.
    Item(Found),
    /// The folder that was entered last ends.
    Leave,
    /// Something could not be read or was left out; it becomes a warning and a line of the ledger.
    Failed(Failure),
}

/// An item as the walk saw it: attributes of one `stat`, nothing opened. `entry.user`, `group`, `target`, `xattrs`,
/// `extents` and `content` are still empty; [`Opens::fill`] loads them.
pub struct Found {
    /// The item's attributes.
    pub entry: Entry,
    /// The item's full path from the root, without a leading `/`, as raw bytes (for messages and the ledger).
    pub path: Vec<u8>,
    /// The way to the item's bytes; shared by the items of one folder.
    pub opens: Arc<dyn Opens>,
}

/// The way to the bytes of the items of one folder. Used from other threads, after the walk has moved on.
pub trait Opens: Send + Sync {
    /// Loads what `stat` does not tell: owner and group names, symlink target (and its length as `size`), extended attributes.
    /// Problems with single attributes are returned as reasons and do not fail the item.
    fn fill(&self, entry: &mut Entry) -> std::io::Result<Vec<String>>;
    /// Opens a regular file, only if it still is the inode that `entry` describes.
    fn open(&self, entry: &Entry) -> std::io::Result<Box<dyn ItemReader>>;
}

/// One open file being read.
pub trait ItemReader: Send {
    /// The runs of data, `None` for a dense file. Asked once, before reading.
    fn extents(&mut self) -> std::io::Result<Option<Vec<Extent>>>;
    /// Reads the next bytes of the data runs, laid end to end; 0 at the end. Never reads beyond the size seen at `open`.
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize>;
    /// Looks at the file again: `Some(reason)` when it changed while it was read.
    fn changed(&mut self) -> std::io::Result<Option<String>>;
}

/// Why an item is not in the restore point as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The item's path as raw bytes, without a leading `/`.
    pub path: Vec<u8>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in one line.
    pub reason: String,
}

/// What became of an item that was not stored as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It could not be read.
    Failed,
    /// It vanished between being seen and being read.
    Vanished,
    /// It was stored, but changed while it was read.
    Changed,
    /// A rule left it out on purpose (only counted, no warning).
    Skipped,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("entry", &self.entry).finish_non_exhaustive()
    }
}
