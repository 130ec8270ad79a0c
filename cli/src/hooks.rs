//! `--before`, `--after` and `--on-failure`: commands around a backup, for file-system snapshots, database dumps and alarms.
//!
//! ```text
//! before ok -> backup -> after (always, with CAIRN_STATUS)
//! before failed, policy abort -> nothing is backed up, `after` does not run: `before` cleans up behind itself
//! before failed, policy warn  -> a warning, and the backup goes on
//! after failed,  policy abort -> the point stands, the command fails with `after_hook_failed`
//! after failed,  policy warn  -> a warning, exit code 3
//! any end but exit code 0     -> on-failure, last of all; what it does changes neither exit code nor output
//! a signal                    -> goes on to the running hook and all that it has started; what is left of them a second later is killed
//! ```
//! Hooks that run because of a signal have what is left of the three seconds in which a command ends.
//! A hook's stdout goes to stderr, so that `--json` stays one object a line.

use crate::exit::{Exit, Failure, Result};
use crate::interrupt::Interrupt;
use clap::{Args, ValueEnum};
use engine::children::{self, LOOK_AGAIN, Started};
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::process::{Command, ExitStatus, Stdio};

/// Commands around the work.
#[derive(Debug, Args)]
pub(crate) struct Hooks {
    /// Run CMD with `sh -c` before the backup
    ///
    /// Hooks see CAIRN_HOOK (before, after), CAIRN_JOB, CAIRN_REPO; after the backup also CAIRN_POINT, CAIRN_STATUS (done,
    /// warnings, failed, interrupted) and CAIRN_EXIT_CODE; CAIRN_PASSWORD they do not see. A failed hook ends with the error before_hook_failed or
    /// after_hook_failed (exit 1). A signal that ends the backup goes on to the running hook and all that it has started, also in sessions
    /// of their own; a second later they are killed. What a hook left running when it ended by itself goes on.
    #[arg(long, value_name = "CMD")]
    pub(crate) before: Option<OsString>,
    /// Run CMD with `sh -c` after the backup, whether it succeeded or not
    #[arg(long, value_name = "CMD")]
    pub(crate) after: Option<OsString>,
    /// Run CMD with `sh -c` if the command ends with any exit code but 0 (also 3, and when a hook failed)
    ///
    /// It sees CAIRN_HOOK (on-failure), CAIRN_STATUS, CAIRN_EXIT_CODE, CAIRN_REPO and CAIRN_JOB as far as they were known, CAIRN_POINT,
    /// CAIRN_ERROR (the name of the error, as in JSON), CAIRN_MESSAGE and CAIRN_ADVICE. If CMD itself fails, that is a warning.
    #[arg(long, value_name = "CMD")]
    pub(crate) on_failure: Option<OsString>,
    /// What a failed hook means: end with exit 1, or warn and go on (exit 3)
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Policy::Abort)]
    pub(crate) hook_failure: Policy,
}

/// What a failed hook means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// The command fails.
    Abort,
    /// A warning.
    Warn,
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

impl Hooks {
    /// Runs the hook, if there is one. `Ok(Some(reason))` is a failure that policy turned into a warning.
    ///
    /// # Errors
    /// `before_hook_failed` or `after_hook_failed`, exit 1; `interrupted` when a signal ended it.
    pub(crate) fn run(
        &self,
        interrupt: &Interrupt,
        when: When,
        variables: &[(&str, String)],
    ) -> Result<Option<String>> {
        let (word, name, command) = match when {
            When::Before => ("before", "before_hook_failed", &self.before),
            When::After => ("after", "after_hook_failed", &self.after),
        };
        let Some(command) = command else { return Ok(None) };
        let was_stopped = interrupt.signal().is_some();
        let Some(why) = failure(interrupt, command, word, variables) else { return Ok(None) };
        if !was_stopped {
            interrupt.monitor().check()?;
        }
        let message = format!("the {word} hook failed: {why}: {}", command.display());
        match self.hook_failure {
            Policy::Warn => Ok(Some(message)),
            Policy::Abort => Err(Failure::new(Exit::Failed, name, message)
                .advise("see what the command said above, or use --hook-failure warn")),
        }
    }
}

impl Hooks {
    /// Runs the hook of failures, if there is one; `Some(reason)` when it failed itself.
    pub(crate) fn run_on_failure(&self, interrupt: &Interrupt, variables: &[(&str, String)]) -> Option<String> {
        let command = self.on_failure.as_ref()?;
        let why = failure(interrupt, command, "on-failure", variables)?;
        Some(format!("the hook of --on-failure failed: {why}: {}", command.display()))
    }
}

/// Why the command failed, if it did.
fn failure(interrupt: &Interrupt, command: &OsString, word: &str, variables: &[(&str, String)]) -> Option<String> {
    let stdout = std::io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(stdout).env("CAIRN_HOOK", word);
    shell.envs(variables.iter().map(|(key, value)| (*key, value)));
    let ended = children::start(&mut shell).and_then(|hook| wait(interrupt, hook));
    match ended {
        Ok(status) if status.success() => None,
        Ok(status) => Some(status.to_string()),
        Err(e) => Some(format!("sh cannot be started: {e}")),
    }
}

/// Waits for a hook's end. A signal that comes meanwhile goes on to it; one that came before is why it runs.
fn wait(interrupt: &Interrupt, mut hook: Started) -> io::Result<ExitStatus> {
    let was_stopped = interrupt.signal().is_some();
    loop {
        if let Some(ended) = hook.try_wait()? {
            return Ok(ended);
        }
        if let Some(signal) = interrupt.signal().filter(|_| !was_stopped) {
            return hook.end(signal);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}
