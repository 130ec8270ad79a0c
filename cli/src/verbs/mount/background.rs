//! A mount that outlives its command: the command starts itself again as a child, waits until the mount answers, and leaves.
//!
//! ```text
//! parent: start child -> copy its stdout until the ready mark -> exit 0
//! child:  password, repository, mount -> summary, ready mark -> own session, stdio to /dev/null -> serve
//! ```
//! A child that fails has said why on stderr; its exit code becomes the command's.

use crate::exit::{Exit, Failure, Result};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Whether this process is the child.
pub(super) fn is_child() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Starts the child and waits until the mount answers.
///
/// # Errors
/// When no child can be started. What keeps the child from mounting it has told itself; its exit code is returned.
pub(super) fn start() -> Result<Exit> {
    let failed = |e: std::io::Error| Failure::new(Exit::Failed, "bug", format!("the mount cannot be started: {e}"));
    let mut child = Command::new(std::env::current_exe().map_err(failed)?)
        .args(std::env::args_os().skip(1))
        .env(VARIABLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdout = child.stdout.take().ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(failed)?;
        if line == READY {
            return Ok(Exit::Done);
        }
        writeln!(std::io::stdout().lock(), "{line}").map_err(|e| Failure::writing("stdout", &e))?;
    }
    let status = child.wait().map_err(failed)?;
    Ok(status.code().map_or(Exit::Failed, Exit::from_code))
}

/// Tells the parent that the mount answers, and lets go of the terminal.
///
/// # Errors
/// When stdio cannot be let go of.
pub(super) fn ready() -> Result<()> {
    let let_go = || -> std::io::Result<()> {
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{READY}")?;
        stdout.flush()?;
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
        // It fails only for who leads a group already, and such a one has let go.
        let _ = rustix::process::setsid();
        Ok(())
    };
    let_go().map_err(|e| Failure::writing("stdout", &e))
}

const VARIABLE: &str = "CAIRN_MOUNT_IN_BACKGROUND";
const READY: &str = "\u{1}ready";
