//! Why a session of a backup ended, and whose damage it met.

use crate::error::Error;

/// The error that ended a session.
#[derive(Debug)]
pub(in crate::backup) struct Ended {
    pub(super) error: Error,
    /// Whether it came while the session read what earlier ones had stored: then damage is of the base, not of this session.
    pub(super) read_old: bool,
}

impl Ended {
    /// An error of reading what earlier sessions had stored.
    pub(in crate::backup) fn reading_old(error: Error) -> Self {
        Ended { error, read_old: true }
    }
}

impl Ended {
    /// What ended it, for whoever cannot do anything about whose damage it was.
    pub(in crate::backup) fn into_error(self) -> Error {
        self.error
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Ended { error, read_old: false }
    }
}
