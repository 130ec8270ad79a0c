//! What `backup` reads: sources, a pipe, or what a command writes.

use super::excludes::{Excludes, read};
use crate::exit::{Failure, Result};
use crate::output::human;
use clap::Args;
use engine::Kind;
use engine::env::SharedEnv;
use engine::monitor::Monitor;
use engine::restore_point::made::Named;
use engine::source::Source;
use engine::source::command::CommandSource;
use engine::source::folder::FolderSource;
use engine::source::rules::{Lines, OwnFolders, Rules, paths_in_list, without_carriage_return};
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
    ///
    /// One that is not there is a warning (exit 3) as long as another one is.
    #[arg(value_name = "SOURCE", required_unless_present_any = ["files_from", "files_from_verbatim", "stdin"])]
    sources: Vec<PathBuf>,
    /// Read further sources from a file, one per line, or parted by NUL as `find -print0` writes them; `-` is standard input
    ///
    /// A line that begins with `#` is a comment; one that names an existing file is a warning. Lists with NUL have no comments.
    #[arg(long, value_name = "FILE")]
    files_from: Vec<PathBuf>,
    /// The same, and every line is a path, also one that begins with `#`
    #[arg(long, value_name = "FILE")]
    files_from_verbatim: Vec<PathBuf>,
    #[command(flatten)]
    excludes: Excludes,
    /// Back up standard input as one file
    #[arg(long, conflicts_with_all = ["sources", "files_from", "files_from_verbatim", "Excludes"])]
    stdin: bool,
    /// Run the command that SOURCE... is, and back up what it writes as one file
    ///
    /// Write it at the end of the line: `cairn backup --stdin-from-command -- pg_dump -Fc shop`. No shell is involved. When the command fails,
    /// no restore point is made, and the backup ends with exit 1 (command_failed). It ends with the backup, and so does all that it has started:
    /// SIGTERM, after a second SIGKILL.
    /// CAIRN_PASSWORD it does not see.
    #[arg(long, conflicts_with_all = ["stdin", "files_from", "files_from_verbatim", "Excludes"])]
    stdin_from_command: bool,
    /// What the file of --stdin or --stdin-from-command is called (default: stdin)
    #[arg(long, value_name = "NAME", conflicts_with_all = ["files_from", "files_from_verbatim"])]
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
    pub(crate) fn open(&self, env: &SharedEnv, host: &str, own: &OwnFolders, monitor: &Arc<Monitor>) -> Result<Chosen> {
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
        let (roots, has_returns) = self.roots(monitor)?;
        refuse_own(&roots, own)?;
        let rules = Rules { own: own.clone(), ..self.excludes.rules()? };
        let source = FolderSource::new(&roots, rules).map_err(|e| match has_returns && e.kind() == Kind::Absent {
            true => {
                e.advise_instead("write the list with plain line feeds: its lines end as Windows writes them (CRLF)")
            }
            false => e,
        })?;
        let source = source.on_host(host);
        let named = match self.lists().next() {
            None => source.about().paths.into_iter().map(Named::Path).collect(),
            // Its own path alone says what it is: what it names may be another thing each time.
            Some(_) => named(&self.sources, Named::Path).chain(named(self.lists(), Named::List)).collect(),
        };
        Ok(Chosen { source: Arc::new(source), workload: Workload::Folders, named, command: None })
    }

    /// The lists, whatever their lines mean.
    fn lists(&self) -> impl Iterator<Item = &PathBuf> {
        self.files_from.iter().chain(&self.files_from_verbatim)
    }

    /// What was typed and what the lists say, and whether a list has lines that end in a carriage return and name nothing.
    fn roots(&self, monitor: &Monitor) -> Result<(Vec<PathBuf>, bool)> {
        let mut roots = self.sources.clone();
        let mut has_returns = false;
        let commented = self.files_from.iter().map(|list| (list, Lines::Commented));
        let verbatim = self.files_from_verbatim.iter().map(|list| (list, Lines::Verbatim));
        for (list, lines) in commented.chain(verbatim) {
            let subject = list.as_os_str().as_bytes();
            let listed = paths_in_list(&read(list, "the list of sources")?, lines);
            for meant in listed.comments.iter().filter(|path| path.symlink_metadata().is_ok()) {
                let name = human::name(meant.as_os_str().as_bytes());
                monitor.warn(subject, format!("the comment {name} names a file that exists and is not backed up: if it is meant, use --files-from-verbatim"));
            }
            let returns = listed.paths.iter().filter(|path| names_nothing_but_for_a_return(path)).count();
            if returns > 0 {
                has_returns = true;
                let lines = human::counted(returns as u64, "line ends", "lines end");
                monitor.warn(subject, format!("{lines} in a carriage return, as Windows writes lists (CRLF), and no file has such a name: write it with plain line feeds"));
            }
            roots.extend(listed.paths);
        }
        match roots.is_empty() {
            true => Err(Failure::usage("the lists of --files-from name no source")),
            false => Ok((roots, has_returns)),
        }
    }

    /// Refuses a list that no later run can name again: a job's name cannot be made of it.
    ///
    /// # Errors
    /// Wrong usage, with what to do.
    pub(crate) fn refuse_passing_lists(&self) -> Result<()> {
        match self.lists().find(|list| is_passing(list)) {
            None => Ok(()),
            Some(list) => Err(Failure::usage(format!(
                "{}: a list that comes from a pipe, a descriptor or a temporary file has no lasting name to make a job's name of",
                human::path(list)
            ))
            .advise("name the job with --job")),
        }
    }
}

/// Paths as a source records them: absolute by their text, whether anything is there or not.
fn named<'p>(paths: impl IntoIterator<Item = &'p PathBuf>, kind: fn(Vec<u8>) -> Named) -> impl Iterator<Item = Named> {
    paths.into_iter().filter_map(|path| FolderSource::recorded_path(path).ok()).map(kind)
}

/// Refuses a source that is the repository, or lies in it: each run would store the whole repository once more.
fn refuse_own(roots: &[PathBuf], own: &OwnFolders) -> Result<()> {
    let Some(repository) = own.repository.as_ref().and_then(|path| path.canonicalize().ok()) else { return Ok(()) };
    let is_own = |root: &&PathBuf| root.canonicalize().is_ok_and(|root| root.starts_with(&repository));
    match roots.iter().find(is_own) {
        None => Ok(()),
        Some(root) => Err(Failure::usage(format!("{}: this source lies in the repository itself", human::path(root)))
            .advise("name another source, or another repository with --repo; `cairn copy` copies repositories")),
    }
}

/// Whether a path ends in a carriage return and nothing has that name.
fn names_nothing_but_for_a_return(path: &Path) -> bool {
    without_carriage_return(path).is_some() && path.symlink_metadata().is_err()
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
