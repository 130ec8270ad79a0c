//! Why there are no credentials: what failed, whether it may pass, and what to do.
//!
//! The client of the store passes on nothing but the text of such an error. So it is kept beside
//! the request, as an answer is ([`super::super::line::heard`]), and whoever runs the request takes
//! it from there.

use base::error::{Error, Kind};
use std::fmt;

/// Why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::remote) struct Lack {
    kind: Kind,
    /// Whether it may pass by itself, where the store has answered before.
    passes: bool,
    message: String,
    advice: String,
}

impl Lack {
    /// The settings or the files make no sense, or name nothing.
    pub(super) fn settings(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Lack { kind: Kind::Input, passes: false, message: message.into(), advice: advice.into() }
    }

    /// Whoever gives credentials refuses.
    pub(super) fn refused(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Lack { kind: Kind::Denied, passes: false, message: message.into(), advice: advice.into() }
    }

    /// Whoever gives credentials does not answer, or is busy.
    pub(super) fn away(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Lack { kind: Kind::Transient, passes: true, message: message.into(), advice: advice.into() }
    }

    /// The same of something that worked before, so that it may work again.
    #[must_use]
    pub(super) fn may_pass(self) -> Self {
        Lack { passes: true, ..self }
    }

    /// As the caller of the store is told.
    pub(in crate::remote) fn error(&self, has_answered: bool) -> Error {
        let kind = if self.passes && has_answered { Kind::Transient } else { self.kind };
        Error::new(kind, self.message.clone()).advise(self.advice.clone())
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Lack {}

impl From<Lack> for Error {
    fn from(lack: Lack) -> Error {
        lack.error(false)
    }
}

impl From<Lack> for object_store::Error {
    fn from(lack: Lack) -> Self {
        object_store::Error::Generic { store: "credentials", source: Box::new(lack) }
    }
}

/// Foreign text as part of a message: one line of bounded length, without what moves a terminal's
/// cursor.
pub(super) fn said(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(SAID_CHARS).collect()
}

/// Answers may be whole web pages.
const SAID_CHARS: usize = 300;
