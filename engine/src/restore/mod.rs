//! Restore: a restore point, or a part of it, becomes files again, in place and resumable.
//!
//! Promises: bytes are verified before they are written; an existing file is replaced only by a whole one; a run that was cut off is
//! completed by the same command; symlinks in the target are never followed; what cannot be restored is a warning with its path; where others can
//! write, they gain nothing by a race (`item`, `staging`). Refuses
//! to remove anything that was not asked to be removed (`delete`), and then anything that the point does not cover ([`crate::coverage`]).
//!
//! ```text
//! walk the point -> plan blocks -> read ahead -> workers write files -> hard links -> folders get their attributes
//! ```

mod arriving;
mod attributes;
mod file;
mod folder;
mod item;
mod other;
mod plan;
mod remove;
mod restoring;
mod run;
mod staging;
mod target;

pub use arriving::{Arrived, Arriving, Part, Patience, restore_arriving};

use crate::coverage::Why;
use crate::error::Result;
use crate::limits::THREADS;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use format_spec::tree::Entry;
use std::path::Path;
use std::sync::Arc;

/// What to do with what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overwrite {
    /// Replace everything.
    Always,
    /// Keep files whose size and modification time are those of the point.
    #[default]
    IfChanged,
    /// Keep everything that exists.
    Never,
}

/// Whether an item (path without leading `/`, as raw bytes) is restored. Folders that are left out are not entered.
pub type Select = Arc<dyn Fn(&[u8], &Entry) -> bool + Send + Sync>;

/// What was done, or would be, at a path below the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<'w> {
    /// It is restored.
    Restored,
    /// It is removed.
    Removed,
    /// The point does not have it, and it is left there.
    Left(&'w Why),
}

/// Hears what happens to which path below the target; called by several threads.
pub type Tell = Arc<dyn Fn(&[u8], &Told<'_>) + Send + Sync>;

/// How to restore.
#[derive(Clone)]
pub struct RestoreOptions {
    /// What to do with what is there already.
    pub overwrite: Overwrite,
    /// Removes what the point covers and does not have from the target's folders.
    pub delete: bool,
    /// Only counts and tells.
    pub dry_run: bool,
    /// Reads every written file back and compares, and files that are there already as well.
    pub verify: bool,
    /// Makes holes of runs of zeros, also where the source had none.
    pub sparse: bool,
    /// Which items.
    pub select: Select,
    /// Restores owners (needs root).
    pub owners: bool,
    /// Writing threads.
    pub threads: usize,
    /// Hears what is done.
    pub tell: Option<Tell>,
}

impl Default for RestoreOptions {
    /// Every item, over what has changed; nothing is removed, and owners are left alone.
    fn default() -> Self {
        RestoreOptions {
            overwrite: Overwrite::IfChanged,
            delete: false,
            dry_run: false,
            verify: false,
            sparse: false,
            select: Arc::new(|_, _| true),
            owners: false,
            threads: THREADS,
            tell: None,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RestoreSummary {
    /// Files written.
    pub files: u64,
    /// Files that were there already.
    pub files_unchanged: u64,
    /// Folders made or updated.
    pub folders: u64,
    /// Links, devices, pipes.
    pub others: u64,
    /// Bytes of the files written, holes included.
    pub bytes: u64,
    /// Items removed.
    pub deleted: u64,
    /// Items that the point does not have and does not cover, which `delete` left where they are; what lies below them is not counted.
    pub left: u64,
    /// Files that were kept (`Overwrite::Never`) and are not what the point has, as `verify` found.
    pub differing: u64,
    /// Items that could not be restored because the repository is damaged.
    pub damaged: u64,
    /// Items whose data is archived and must be retrieved first.
    pub archived: u64,
    /// Items whose data the store refuses to give.
    pub denied: u64,
    /// Stored bytes fetched for it.
    pub bytes_downloaded: u64,
}

impl std::ops::AddAssign<&RestoreSummary> for RestoreSummary {
    fn add_assign(&mut self, more: &RestoreSummary) {
        self.files += more.files;
        self.files_unchanged += more.files_unchanged;
        self.folders += more.folders;
        self.others += more.others;
        self.bytes += more.bytes;
        self.deleted += more.deleted;
        self.left += more.left;
        self.differing += more.differing;
        self.damaged += more.damaged;
        self.archived += more.archived;
        self.denied += more.denied;
        self.bytes_downloaded += more.bytes_downloaded;
    }
}

/// Restores what lies at `inside` (a path without leading `/`; empty means everything) into the folder `target`. A folder's content is
/// laid directly into it; a single item under its own name.
///
/// # Errors
/// `Absent` when the point has no such path, `Input` when the target is unfit, and what ends everything: the store, no space. Damaged
/// items are warnings, and everything undamaged is restored.
pub fn restore(
    repository: &Arc<Repository>,
    point: &Point,
    inside: &[u8],
    target: &Path,
    options: &RestoreOptions,
    monitor: &Arc<Monitor>,
) -> Result<RestoreSummary> {
    run::run(repository, point, inside, target, options, monitor)
}
