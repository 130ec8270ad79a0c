//! A mount that outlives its command: the command starts itself again as a child, waits until the mount answers, and leaves.
//!
//! ```text
//! parent: start child -> copy its stdout until the ready mark -> exit 0
//! child:  password, repository, mount -> let go of the shell -> summary, ready mark -> serve
//! ```
//! A password of the environment does not go on in the child's, where it could be read for as long as the mount stands: it is handed over
//! through the child's stdin. A child that fails has said why on stderr; its exit code becomes the command's. What is let go of: standard streams, files
//! that the shell had open (its locks among them), terminal, session, working folder, umask.

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::settings::password::{self, Password};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Whether this process is the child.
pub(super) fn is_child() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// In a child that is handed a password: takes it.
///
/// # Errors
/// When there is none.
pub(super) fn take_password() -> Result<()> {
    match std::env::var_os(VARIABLE) {
        Some(word) if word == HANDED => password::take_handed(),
        _ => Ok(()),
    }
}

/// Starts the child and waits until the mount answers.
///
/// # Errors
/// When no child can be started. What keeps the child from mounting it has told itself; its exit code is returned.
pub(super) fn start(context: &Context) -> Result<Exit> {
    let failed = |e: io::Error| Failure::new(Exit::Failed, "bug", format!("the mount cannot be started: {e}"));
    let handed = match context.settings()?.password {
        source @ Password::Environment => source.read()?,
        _ => None,
    };
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    // The file may be called `mount.cairn`; the child is told in words of `cairn`.
    command.arg0("cairn").args(context.args.iter().skip(1)).stdout(Stdio::piped());
    command.env(VARIABLE, if handed.is_some() { HANDED } else { "1" }).env_remove(password::VARIABLE);
    if handed.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(password), Some(mut stdin)) = (handed, child.stdin.take()) {
        // A child that ended has said why.
        let _ = stdin.write_all(&password);
    }
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
/// Its value where a password comes through stdin.
const HANDED: &str = "password";
const READY: &str = "\u{1}ready";
