//! What `backup` reads: sources, or a pipe.

use super::excludes::{Excludes, read};
use crate::exit::{Failure, Result};
use clap::Args;
use engine::env::SharedEnv;
use engine::source::Source;
use engine::source::folder::FolderSource;
use engine::source::rules::paths_in_list;
use engine::source::stream::{NAME_DEFAULT, StreamSource};
use format_spec::point::Workload;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

/// What to back up.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Files and folders
    #[arg(value_name = "SOURCE", required_unless_present_any = ["files_from", "stdin"])]
    sources: Vec<PathBuf>,
    /// Read further sources from a file, one a line, or parted by NUL as `find -print0` writes them; `-` is standard input
    #[arg(long, value_name = "FILE")]
    files_from: Vec<PathBuf>,
    #[command(flatten)]
    excludes: Excludes,
    /// Back up standard input as one file
    #[arg(long, conflicts_with_all = ["sources", "files_from", "Excludes"])]
    stdin: bool,
    /// What the file of --stdin is called (default: stdin)
    #[arg(long, value_name = "NAME", requires = "stdin", conflicts_with_all = ["sources", "files_from"])]
    stdin_name: Option<OsString>,
}

/// Sources whose lists and patterns were read.
pub(crate) struct Chosen {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) workload: Workload,
}

impl Sources {
    /// Opens them. Lists that come from standard input can be read once only.
    ///
    /// # Errors
    /// Wrong usage for lists and patterns that cannot be read; the engine's for sources that are not there.
    pub(crate) fn open(&self, env: &SharedEnv) -> Result<Chosen> {
        if self.stdin {
            let pipe = Box::new(std::io::stdin());
            let name = self.stdin_name.as_ref().map_or(NAME_DEFAULT.as_bytes(), |name| name.as_bytes());
            let source = StreamSource::new(name, pipe, env.now())?;
            return Ok(Chosen { source: Arc::new(source), workload: Workload::Stream });
        }
        let mut roots = self.sources.clone();
        for list in &self.files_from {
            roots.extend(paths_in_list(&read(list, "the list of sources")?));
        }
        if roots.is_empty() {
            return Err(Failure::usage("the lists of --files-from name no source"));
        }
        let source = FolderSource::new(&roots, self.excludes.rules()?)?;
        Ok(Chosen { source: Arc::new(source), workload: Workload::Folders })
    }
}
