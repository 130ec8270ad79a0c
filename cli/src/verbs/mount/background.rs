//! A mount that outlives its command: the command starts itself again as a child, waits until the mount answers, and leaves.
//!
//! ```text
//! parent: start child -> copy its stdout until the ready mark -> exit 0
//! child:  password, repository, mount -> let go of the shell -> summary, ready mark -> serve
//! ```
//! A child that fails has said why on stderr; its exit code becomes the command's. What is let go of: standard streams, files
//! that the shell had open (its locks among them), terminal, session, working folder, umask.

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Whether this process is the child.
pub(super) fn is_child() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Starts the child and waits until the mount answers.
///
/// # Errors
/// When no child can be started. What keeps the child from mounting it has told itself; its exit code is returned.
pub(super) fn start(context: &Context) -> Result<Exit> {
    let failed = |e: io::Error| Failure::new(Exit::Failed, "bug", format!("the mount cannot be started: {e}"));
    let mut child = Command::new(std::env::current_exe().map_err(failed)?)
        // The file may be called `mount.cairn`; the child is told in words of `cairn`.
        .arg0("cairn")
        .args(context.args.iter().skip(1))
        .env(VARIABLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdout = child.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(failed)?;
        if line == READY {
            return Ok(Exit::Done);
        }
        writeln!(io::stdout().lock(), "{line}").map_err(|e| Failure::writing("stdout", &e))?;
    }
    let status = child.wait().map_err(failed)?;
    Ok(status.code().map_or(Exit::Failed, Exit::from_code))
}

/// Files that the child got from the shell.
pub(super) struct Inherited(Vec<i32>);

impl Inherited {
    /// Looks at what is open. Everything that this program opens itself is closed on exec, so the rest came with exec.
    pub(super) fn now() -> Inherited {
        let came_with_exec = |number: &i32| {
            let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
            let flags = flags.and_then(|octal| i64::from_str_radix(octal.trim(), 8).ok());
            flags.is_some_and(|flags| flags & O_CLOEXEC == 0)
        };
        let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Inherited(numbers.filter(|number| *number > 2).filter(came_with_exec).collect())
    }
}

/// Lets go of the shell, and tells the parent that the mount answers.
///
/// # Errors
/// When something cannot be let go of.
pub(super) fn ready(inherited: Inherited) -> Result<()> {
    let let_go = || -> io::Result<()> {
        std::env::set_current_dir("/")?;
        // What is cached from now on is nobody else's concern, whatever the shell thought.
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        // It fails only for who leads a group already, and such a one has let go.
        let _ = rustix::process::setsid();
        for number in inherited.0 {
            nix::unistd::close(number)?;
        }
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        // The parent leaves at the mark, and the shell goes on: all else is done by then.
        let parent = File::from(rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?);
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
        writeln!(&parent, "{READY}")
    };
    let_go().map_err(|e| Failure::writing("stdout", &e))
}

/// The same number on all of Linux that matters here, except where [`Inherited`] then finds nothing.
const O_CLOEXEC: i64 = 0o2_000_000;
const VARIABLE: &str = "CAIRN_MOUNT_IN_BACKGROUND";
const READY: &str = "\u{1}ready";
