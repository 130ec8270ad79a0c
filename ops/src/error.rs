//! Why an operation did not come to its end.

use crate::backup::Shortage;
use engine::Kind;
use std::convert::Infallible;
use std::fmt;

/// What failed, and who says so.
#[derive(Debug)]
pub enum Error<F = Infallible> {
    /// The engine.
    Engine(engine::Error),
    /// A policy: nothing was done that cannot be seen.
    Refused(Refusal),
    /// There was too little room.
    NoRoom(Shortage),
    /// The face itself, in one of its closures.
    Face(F),
}

/// The result of an operation that calls its face back.
pub type Result<T, F = Infallible> = std::result::Result<T, Error<F>>;

impl<F> Error<F> {
    /// The engine's kind, where the engine failed.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Error::Engine(e) => Some(e.kind()),
            _ => None,
        }
    }
}

impl<F> From<engine::Error> for Error<F> {
    fn from(e: engine::Error) -> Self {
        Error::Engine(e)
    }
}

impl<F> From<Refusal> for Error<F> {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal)
    }
}

/// What was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For whoever decides how to go on.
    pub reason: Reason,
    /// What was found, on which object.
    pub what: String,
    /// What to do about it, where that does not depend on the face.
    pub advice: Option<String>,
}

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The request contradicts itself, or the repository that it names.
    Request,
    /// A file of this machine cannot be written.
    CannotWrite,
    /// Another repository lies at the place, or one with weaker encryption.
    OtherRepository,
    /// A password is given for a repository that is not encrypted.
    ClearText,
    /// The log is older than this machine remembers, or has another history.
    Rollback,
    /// The place holds a copy of a repository that is used elsewhere: writing would begin a second history.
    Fork,
    /// A copy that is to be read from has gone its own way.
    ForkedCopy,
}

impl Reason {
    /// A stable name for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Request => "wrong_usage",
            Reason::CannotWrite => "cannot_write",
            Reason::OtherRepository => "other_repository",
            Reason::ClearText => "clear_text",
            Reason::Rollback => "rollback",
            Reason::Fork | Reason::ForkedCopy => "fork",
        }
    }
}

impl Refusal {
    /// A refusal for a reason.
    pub fn new(reason: Reason, what: impl Into<String>) -> Refusal {
        Refusal { reason, what: what.into(), advice: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Refusal {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
