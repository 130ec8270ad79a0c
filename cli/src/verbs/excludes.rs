//! What of a source is left out.

use crate::exit::{Failure, Result};
use crate::output::human;
use crate::parse::quantity;
use clap::Args;
use engine::source::rules::{Patterns, Rules};
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What to leave out.
#[derive(Debug, Args)]
pub(crate) struct Excludes {
    /// Leave out what matches: a name (*.o), part of a path (a/b) or a path from the root (/srv/tmp); `!` takes back
    ///
    /// `**` stands for any number of folders, a trailing `/` for folders only, and the last pattern that matches decides.
    /// Files called .cairnignore in the sources hold patterns too, as .gitignore files do, for their folder and below.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<OsString>,
    /// Read patterns from a file, one a line
    #[arg(long, value_name = "FILE")]
    exclude_file: Vec<PathBuf>,
    /// Leave out the contents of folders that hold a CACHEDIR.TAG
    #[arg(long)]
    exclude_caches: bool,
    /// Leave out files of more bytes: 500k, 10M, 1.5GiB
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    exclude_larger_than: Option<u64>,
    /// Keep folders on other file systems empty
    #[arg(short = 'x', long)]
    one_file_system: bool,
}

impl Excludes {
    /// The engine's rules.
    ///
    /// # Errors
    /// Wrong usage for files and patterns that cannot be read.
    pub(crate) fn rules(&self) -> Result<Rules> {
        let mut excludes = Patterns::default();
        for file in &self.exclude_file {
            excludes.add_lines(&read(file, "the exclude file")?)?;
        }
        for pattern in &self.exclude {
            excludes.add(pattern.as_bytes())?;
        }
        Ok(Rules {
            excludes,
            exclude_caches: self.exclude_caches,
            exclude_larger_than: self.exclude_larger_than,
            one_file_system: self.one_file_system,
            ..Rules::default()
        })
    }
}

/// Reads a list; `-` is standard input.
///
/// # Errors
/// Wrong usage when it cannot be read.
pub(super) fn read(path: &Path, what: &str) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        return read
            .map(|_| bytes)
            .map_err(|e| Failure::usage(format!("{what} cannot be read from standard input: {e}")));
    }
    std::fs::read(path).map_err(|e| Failure::usage(format!("{}: {what} cannot be read: {e}", human::path(path))))
}
