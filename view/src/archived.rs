//! What to do about files that rest in an archive.

use std::time::Duration;

/// How an archived file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Archived {
    /// Not at all: ENODATA.
    #[default]
    Fail,
    /// As others; reading what is archived is ENODATA.
    Read,
    /// When it can be read, or ENODATA after this time.
    Wait(Duration),
}

impl Archived {
    /// How long opening waits.
    pub fn patience(self) -> Duration {
        if let Archived::Wait(patience) = self { patience } else { Duration::ZERO }
    }
}
