//! File systems as a source: some folders and files, merged into one walk from the file system's root.
//!
//! Promises: every kind of item is yielded as what it is; nothing but folders and regular files is ever opened; names are raw
//! bytes; folders above a source appear with their own attributes and only the way to the sources in them. Memory is the
//! names of the folders from the root to the current one; open folders are bounded (`handle`).
//! Refuses to: follow symlinks (but those in the middle of a source's path, and of a source that ends in a slash), wake
//! automounters, ask the name service switch. Files of pseudo file systems that claim to be empty (`/proc`) are stored empty.

mod attributes;
mod extents;
mod handle;
mod names;
mod opens;
mod owners;
mod reader;
mod selection;
mod walk;
mod xattrs;

pub use xattrs::sized_answer;

use super::rules::Rules;
use super::{About, Source, Walk, host_name};
use base::error::{Error, Result};
use owners::Owners;
use selection::Selection;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders and files of this machine.
pub struct FolderSource {
    selection: Selection,
    rules: Rules,
    owners: Arc<Owners>,
    host: String,
}

impl FolderSource {
    /// The sources `roots`, without what `rules` leave out. Relative paths are made absolute by their text alone; a source
    /// inside another one is covered by it. Rules judge what lies in a source, never a source itself.
    ///
    /// # Errors
    /// `Absent` or `Denied` when no source can be reached (the walk tells of single ones), `Input` a path that is none.
    pub fn new(roots: &[PathBuf], rules: Rules) -> Result<FolderSource> {
        let selection = Selection::new(roots, &current()?)?;
        Ok(FolderSource { selection, rules, owners: Arc::new(Owners::of_this_machine()), host: host_name() })
    }

    /// A source's path as restore points record it, whether anything is there or not.
    ///
    /// # Errors
    /// `Input` for a path that is none.
    pub fn recorded_path(root: &Path) -> Result<Vec<u8>> {
        Selection::recorded_path(root, &current()?)
    }

    /// The same sources, recorded as those of a host of this name.
    #[must_use]
    pub fn on_host(self, host: impl Into<String>) -> FolderSource {
        FolderSource { host: host.into(), ..self }
    }
}

fn current() -> Result<PathBuf> {
    std::env::current_dir().map_err(|e| {
        Error::from(e).on("the working directory").advise("change to a folder that exists and run the command again")
    })
}

impl Source for FolderSource {
    fn about(&self) -> About {
        About {
            host: self.host.clone(),
            paths: self.selection.paths(),
            rules: self.rules.in_force(),
            ..About::default()
        }
    }

    fn walk(&self) -> Result<Box<dyn Walk + '_>> {
        Ok(Box::new(walk::FolderWalk::start(&self.selection, &self.rules, &self.owners)?))
    }
}

impl std::fmt::Debug for FolderSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FolderSource").field("selection", &self.selection).finish_non_exhaustive()
    }
}
