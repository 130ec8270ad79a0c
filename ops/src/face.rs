//! Whom an operation works for: somebody who may accept what it refuses, hears what it notices, and can stop it.

use crate::known::Trouble;
use crate::recognise::{Rollback, Twin};
use format_spec::RepositoryId;

/// A face, as operations see it. It outlives them: what goes wrong while an open repository is used is told as well.
pub trait Face: Send + Sync {
    /// Whether a person has looked at what would be refused, and accepts it for this run.
    fn accepts(&self, what: Accept) -> bool;

    /// Hears what is noticed beside the work.
    fn hear(&self, note: &Note<'_>);

    /// Asked while somebody waits for a key; an error gives it up.
    ///
    /// # Errors
    /// `Interrupted`, when nobody wants the work any more.
    fn check(&self) -> engine::Result<()>;
}

/// What can be accepted after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accept {
    /// The log is older than this machine remembers, or has another history.
    Rollback,
    /// Another repository lies at this place, or one with weaker encryption.
    OtherRepository,
    /// The repository is not encrypted although a password was given for it.
    ClearText,
    /// The clock contradicts the log, the store or what this machine remembers.
    Clock,
}

/// What is noticed, for the face to put into words.
#[derive(Debug)]
pub enum Note<'a> {
    /// A key slot takes long: what is tried, and at what cost.
    SlowKey(&'a str),
    /// What this machine remembers cannot be used; the work goes on without.
    Forgetful(&'a Trouble),
    /// This machine uses a repository for the first time.
    FirstUse {
        /// Where it is.
        place: &'a str,
        /// Which it is.
        repository: RepositoryId,
        /// Whether it is encrypted.
        is_encrypted: bool,
    },
    /// A password that lies ready for all repositories is not used for this one, which is not encrypted.
    PasswordUnused {
        /// Where the repository is.
        place: &'a str,
        /// The password's source, as people would say it.
        source: &'a str,
    },
    /// The same repository was seen at another location, and this one has not all of it, or something else.
    Twin {
        /// This location.
        place: &'a str,
        /// The other one.
        twin: &'a Twin,
        /// Whether it is new: else it was accepted once.
        is_new: bool,
    },
    /// The log falls short of what is remembered; only reading goes on.
    RolledBack {
        /// Where the repository is.
        place: &'a str,
        /// How.
        rollback: &'a Rollback,
    },
    /// The same was accepted: from now on the log is remembered as it is.
    RollbackAccepted {
        /// Where the repository is.
        place: &'a str,
        /// What was accepted.
        what: &'a str,
        /// The entry that is remembered now; `None` where it is written down with the rest.
        head: Option<u32>,
    },
}
