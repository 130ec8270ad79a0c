//! What `backup` reads: sources, a pipe, or what a command writes.

use super::excludes::{Excludes, read};
use crate::exit::{Failure, Result};
use crate::say::human;
use clap::Args;
use engine::env::SharedEnv;
use engine::monitor::Monitor;
use engine::restore_point::made::Named;
use engine::source::Source;
use engine::source::command::CommandSource;
use engine::source::folder::FolderSource;
use engine::source::rules::{Rules, paths_in_list};
use engine::source::stream::{NAME_DEFAULT, StreamSource};
use format_spec::point::Workload;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
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
    /// Run the command that SOURCE... is, and back up what it writes as one file
    ///
    /// Write it at the end of the line: `cairn backup --stdin-from-command -- pg_dump -Fc shop`. No shell is involved. When the command fails,
    /// no restore point is made, and the backup ends with exit 1 (command_failed). It ends with the backup: SIGTERM, after 10 seconds SIGKILL.
    #[arg(long, conflicts_with_all = ["stdin", "files_from", "Excludes"])]
    stdin_from_command: bool,
    /// What the file of --stdin or --stdin-from-command is called (default: stdin)
    #[arg(long, value_name = "NAME", conflicts_with = "files_from")]
    stdin_name: Option<OsString>,
}

/// Sources whose lists and patterns were read.
pub(crate) struct Chosen {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) workload: Workload,
    /// What a job's name is made of, where nobody gives it one.
    pub(crate) named: Vec<Named>,
    /// The source, where it is a command.
    pub(crate) command: Option<Arc<CommandSource>>,
}

impl Sources {
    /// Opens them. Lists that come from standard input can be read once only.
    ///
    /// # Errors
    /// Wrong usage for lists and patterns that cannot be read; the engine's for sources that are not there.
    pub(crate) fn open(&self, env: &SharedEnv, host: &str, monitor: &Arc<Monitor>) -> Result<Chosen> {
        let name = self.stdin_name.as_ref().map_or(NAME_DEFAULT.as_bytes(), |name| name.as_bytes());
        let (workload, named_so) = (Workload::Stream, vec![Named::Stream(name.to_vec())]);
        if self.stdin {
            let pipe = Box::new(std::io::stdin());
            let source = StreamSource::new(name, pipe, env.now())?.on_host(host);
            return Ok(Chosen { source: Arc::new(source), workload, named: named_so, command: None });
        }
        if self.stdin_from_command {
            let words = self.sources.iter().map(|word| word.clone().into_os_string()).collect();
            let source = Arc::new(CommandSource::new(name, host, words, Arc::clone(monitor), env.now())?);
            return Ok(Chosen { source: source.clone(), workload, named: named_so, command: Some(source) });
        }
        if self.stdin_name.is_some() {
            return Err(Failure::usage("--stdin-name names the file of --stdin or --stdin-from-command"));
        }
        let mut roots = self.sources.clone();
        for list in &self.files_from {
            roots.extend(paths_in_list(&read(list, "the list of sources")?));
        }
        if roots.is_empty() {
            return Err(Failure::usage("the lists of --files-from name no source"));
        }
        let source = FolderSource::new(&roots, self.excludes.rules()?)?.on_host(host);
        let named = match &self.files_from[..] {
            [] => source.about().paths.into_iter().map(Named::Path).collect(),
            // Its own path alone says what it is: what it names may be another thing each time.
            _ => [named(&self.sources, Named::Path), named(&self.files_from, Named::List)].concat(),
        };
        Ok(Chosen { source: Arc::new(source), workload: Workload::Folders, named, command: None })
    }

    /// Refuses a list that no later run can name again: a job's name cannot be made of it.
    ///
    /// # Errors
    /// Wrong usage, with what to do.
    pub(crate) fn refuse_passing_lists(&self) -> Result<()> {
        match self.files_from.iter().find(|list| is_passing(list)) {
            None => Ok(()),
            Some(list) => Err(Failure::usage(format!(
                "{}: a list that comes from a pipe, a descriptor or a temporary file has no lasting name to make a job's name of",
                human::path(list)
            ))
            .advise("name the job with --job")),
        }
    }
}

/// Paths as a source records them: absolute by their text. Those that cannot be reached were told already, or are read by now.
fn named(paths: &[PathBuf], kind: fn(Vec<u8>) -> Named) -> Vec<Named> {
    let absolute = |path: &PathBuf| FolderSource::new(std::slice::from_ref(path), Rules::default()).ok();
    paths.iter().filter_map(absolute).flat_map(|source| source.about().paths).map(kind).collect()
}

/// Whether a list is gone after this run, or is another one under the same name.
fn is_passing(list: &Path) -> bool {
    if list == Path::new("-") || std::fs::metadata(list).is_ok_and(|found| !found.is_file()) {
        return true;
    }
    let real = [std::path::absolute(list).ok(), list.canonicalize().ok()];
    let temporary = std::env::temp_dir();
    let temporary = [Some(temporary.clone()), temporary.canonicalize().ok()];
    let passing = ["/tmp", "/var/tmp", "/dev", "/proc"].map(|folder| Some(PathBuf::from(folder)));
    let mut passing = temporary.iter().chain(&passing).flatten();
    passing.any(|folder| real.iter().flatten().any(|path| path.starts_with(folder)))
}
