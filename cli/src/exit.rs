//! Exit codes, and failures that carry one.
//!
//! Promises: an engine error's kind alone decides the code (never its text), and every failure has a name that scripts can
//! match (`error` in JSON).

use crate::output::rows::ForeignEnd;
use engine::{Error, Kind};
use ops::{Reason, Refusal};
use std::fmt;
use std::process::ExitCode;

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line or its input makes no sense.
    Usage = 2,
    /// Done, but some items were not stored, or differ.
    Warnings = 3,
    /// Data is archived and must be retrieved first.
    Archived = 4,
    /// Stored data is damaged.
    Damaged = 5,
    /// There is no repository.
    NoRepository = 10,
    /// Locked by retention.
    Immutable = 11,
    /// The password or key opens nothing.
    WrongPassword = 12,
    /// The repository or the clock is not what this machine remembers; `--accept` goes on after a look.
    Unrecognised = 13,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
    /// Stopped by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// For `main`.
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }

    /// From the exit code of another `cairn`.
    pub(crate) fn from_code(code: i32) -> Exit {
        let known = [
            Exit::Done,
            Exit::Usage,
            Exit::Warnings,
            Exit::Archived,
            Exit::Damaged,
            Exit::NoRepository,
            Exit::Immutable,
            Exit::WrongPassword,
            Exit::Unrecognised,
            Exit::Interrupted,
            Exit::Terminated,
        ];
        known.into_iter().find(|exit| i32::from(*exit as u8) == code).unwrap_or(Exit::Failed)
    }

    /// As a word, for JSON and hooks.
    pub(crate) fn status(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Warnings => "warnings",
            Exit::Interrupted | Exit::Terminated => "interrupted",
            _ => "failed",
        }
    }
}

/// Why a command failed, as it is told to people and scripts.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// The engine's kind, if the engine failed.
    pub(crate) kind: Option<Kind>,
    /// A stable name, such as `wrong_password`.
    pub(crate) name: &'static str,
    /// What failed, on which object.
    pub(crate) message: String,
    /// What to try next.
    pub(crate) advice: Option<String>,
    /// Numbers for scripts that stand beside the error in JSON.
    pub(crate) ended: ForeignEnd,
}

/// The command line's result.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure of its own, with no engine error behind it.
    pub(crate) fn new(exit: Exit, name: &'static str, message: impl Into<String>) -> Self {
        Failure { exit, kind: None, name, message: message.into(), advice: None, ended: ForeignEnd::default() }
    }

    /// The command line makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, "wrong_usage", message)
    }

    /// Says what to try next.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// A reader of stdout that went away: nothing is left to say.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.name == CLOSED_PIPE
    }

    /// stdout (or a file of ours) could not be written.
    pub(crate) fn writing(what: &str, e: &std::io::Error) -> Self {
        match e.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::new(Exit::Done, CLOSED_PIPE, format!("{what}: closed")),
            _ => Failure::new(Exit::Failed, "cannot_write", format!("{what}: cannot be written: {e}")),
        }
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        let (exit, name) = match e.kind() {
            Kind::Absent => (Exit::Failed, "absent"),
            Kind::Exists => (Exit::Failed, "exists"),
            Kind::Damaged => (Exit::Damaged, "damaged"),
            Kind::Archived => (Exit::Archived, "archived"),
            Kind::Immutable => (Exit::Immutable, "immutable"),
            Kind::Denied => (Exit::Failed, "denied"),
            Kind::Transient => (Exit::Failed, "transient"),
            Kind::NoSpace => (Exit::Failed, "no_space"),
            Kind::Input => (Exit::Usage, "input"),
            Kind::WrongPassword => (Exit::WrongPassword, "wrong_password"),
            Kind::NoRepository => (Exit::NoRepository, "no_repository"),
            Kind::Unrecognised => (Exit::Unrecognised, "unrecognised"),
            Kind::Unsupported => (Exit::Failed, "unsupported"),
            Kind::Conflict => (Exit::Failed, "conflict"),
            Kind::Interrupted => (Exit::Interrupted, "interrupted"),
            Kind::Bug => (Exit::Failed, "bug"),
        };
        let advice = e.advice().map(str::to_owned);
        Failure { exit, kind: Some(e.kind()), name, message: e.to_string(), advice, ended: ForeignEnd::default() }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let Refusal { reason, what, advice } = refusal;
        let exit = match reason {
            Reason::Request => Exit::Usage,
            Reason::CannotWrite => Exit::Failed,
            Reason::OtherRepository | Reason::ClearText | Reason::Rollback | Reason::Fork | Reason::ForkedCopy => {
                Exit::Unrecognised
            }
        };
        Failure { advice, ..Failure::new(exit, reason.name(), what) }
    }
}

impl From<ops::Error<Failure>> for Failure {
    fn from(e: ops::Error<Failure>) -> Self {
        match e {
            ops::Error::Engine(e) => e.into(),
            ops::Error::Refused(refusal) => refusal.into(),
            ops::Error::NoRoom(short) => short.into(),
            ops::Error::Face(failure) => failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

const CLOSED_PIPE: &str = "closed_pipe";

/// Stands in every `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong usage, or something that comes with a later release
  3  done with warnings (some items were not stored, or differ)
  4  data is archived and must be retrieved first
  5  damage found
 10  the repository does not exist
 11  locked by retention (immutable)
 12  wrong password
 13  the repository or the clock is not what this machine remembers (see --accept)
130  stopped by Ctrl-C (the same command resumes); 143 by SIGTERM
Either ends a command within 3 seconds; SIGUSR1 prints how far it is.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_alone_decides_the_exit_code() {
        let cases = [
            (Kind::Absent, 1),
            (Kind::Transient, 1),
            (Kind::Unsupported, 1),
            (Kind::NoSpace, 1),
            (Kind::Input, 2),
            (Kind::Archived, 4),
            (Kind::Damaged, 5),
            (Kind::NoRepository, 10),
            (Kind::Immutable, 11),
            (Kind::WrongPassword, 12),
            (Kind::Unrecognised, 13),
            (Kind::Interrupted, 130),
        ];
        for (kind, code) in cases {
            let failure = Failure::from(Error::new(kind, "password, archived, damaged").advise("try this"));
            assert_eq!((failure.exit as u8, failure.advice.as_deref()), (code, Some("try this")), "{kind:?}");
        }
    }

    #[test]
    fn exit_codes_survive_a_child_process() {
        for exit in [Exit::Done, Exit::Failed, Exit::Damaged, Exit::WrongPassword, Exit::Terminated] {
            assert_eq!(Exit::from_code((exit as u8).into()), exit);
        }
        assert_eq!(Exit::from_code(101), Exit::Failed);
    }
}
