//! Sources: whatever yields items in canonical order.
//!
//! Promises: folders are walked depth first, the entries of a folder in byte order of their names; an item is described
//! before anything of it is opened; what cannot be read is reported as a [`Failure`] and never ends the walk.
//! Refuses to: compare with earlier points (that is the engine's concern) and to follow symlinks.
//!
//! `folder` reads file systems, `stream` one pipe, `command` what a command writes. Other sources implement [`Source`] in their own crates,
//! or, where they are told what changed, [`ChangedSource`].

mod changes;
pub mod command;
mod estimate;
mod failure;
pub mod folder;
#[doc(hidden)]
pub mod fuzzing;
pub mod rules;
pub mod stream;

pub use base::env::host_name;
pub use changes::{Base, ChangedSource, Closing, PointDraft, Stored, Visit};
pub use estimate::{Estimate, Estimation};
pub use failure::outcome_of;
pub use format_spec::ledger::Outcome;

use base::error::Result;
use format_spec::left_out::Rule;
use format_spec::tree::{Entry, Extent};
use std::fmt;
use std::sync::Arc;

/// Something that can be backed up.
pub trait Source: Send + Sync {
    /// What the restore point records about where it came from.
    fn about(&self) -> About;
    /// Starts a walk from the root. Walks are independent of each other.
    fn walk(&self) -> Result<Box<dyn Walk + '_>>;
    /// Asked when everything was read, before the restore point is committed.
    ///
    /// # Errors
    /// Why what was read must not become a restore point.
    fn finish(&self) -> Result<()> {
        Ok(())
    }
}

/// What a restore point records about its source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// The host, or empty.
    pub host: String,
    /// The organisation, or empty. Where there is one, jobs are told apart by it, and not by the host.
    pub organisation: String,
    /// What was asked for, as raw bytes (absolute paths of a folder source).
    pub paths: Vec<Vec<u8>>,
    /// The rules by which items are left out.
    pub rules: Vec<Rule>,
}

/// A walk in canonical order: `Enter(root) (Item | Missing | Failed | Enter Unlisted? .. Leave)* Leave`, then `None`.
pub trait Walk: Send {
    /// The next step. The walk goes on after any failure.
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
    /// The item of this path, whose place in the order is here, could not even be looked at. An item that is still there but cannot be read
    /// is kept as an earlier restore point has it, with everything below it.
    Missing(Failure),
    /// The folder that was entered last cannot be listed: what an earlier restore point has in it is kept. With `in_part` some of its
    /// items follow, and what is kept are those that do not.
    Unlisted {
        /// The folder and why.
        failure: Failure,
        /// Whether some of its names are known.
        in_part: bool,
    },
    /// Something else could not be read or was left out; it becomes a warning and a line of the ledger.
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
    /// Why an end without a single byte is a failure, where it is one: a pipe whose writer has failed looks like an empty one.
    fn empty_is_a_failure(&self) -> Option<String> {
        None
    }
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

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("entry", &self.entry).finish_non_exhaustive()
    }
}
