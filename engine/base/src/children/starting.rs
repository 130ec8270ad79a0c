//! Starting a command, and waiting for it to end by itself.

use super::household::{HOUSEHOLD, Process, hear};
use rustix::process::Pid;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus};

/// A process that was started and has not been waited for.
#[derive(Debug)]
pub struct Started {
    pub(super) child: Child,
    pub(super) process: Process,
}

/// The variable that may hold this process's password.
pub const PASSWORD: &str = "CAIRN_PASSWORD";

/// Starts a command.
///
/// # Errors
/// The system's.
pub fn start(command: &mut Command) -> io::Result<Started> {
    command.env_remove(PASSWORD);
    let leads = File::open("/dev/tty").is_err();
    if leads {
        command.process_group(0);
    }
    // Held while it starts: what is started while all are killed would be missed.
    let mut household = HOUSEHOLD.lock();
    household.prepare();
    let child = command.spawn()?;
    let process = Process { pid: Pid::from_child(&child), leads };
    household.live.push(process);
    Ok(Started { child, process })
}

impl Started {
    /// Its output, if it is a pipe, once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system's.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let ended = self.child.try_wait()?;
        match ended {
            Some(_) => HOUSEHOLD.lock().forget(self.process),
            None => hear(),
        }
        Ok(ended)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        HOUSEHOLD.lock().forget(self.process);
    }
}
