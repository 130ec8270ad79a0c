//! Why a question to the view has no answer. Kinds stay apart, so that each gets its own errno.

use engine::{Error, Kind};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It is not in memory; ask again with a longer reach.
    #[error("not in memory")]
    WouldBlock,
    /// There is no such name.
    #[error("no such name")]
    NoSuchName,
    /// The number stands for nothing (any more): the point has expired, or it never was.
    #[error("the restore point is gone")]
    Gone,
    /// It is not a folder.
    #[error("not a folder")]
    NotAFolder,
    /// It is a folder.
    #[error("a folder")]
    IsAFolder,
    /// It is of another kind than the question needs.
    #[error("not of this kind")]
    WrongKind,
    /// There is no such attribute.
    #[error("no such attribute")]
    NoAttribute,
    /// The mount has no attributes of this kind at all.
    #[error("no attributes of this kind")]
    NoNamespace,
    /// There is nothing of what is sought behind the offset.
    #[error("nothing behind this offset")]
    Beyond,
    /// The repository cannot say it.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Failure {
    /// The engine's kind, if the repository could not say it.
    pub fn kind(&self) -> Option<Kind> {
        if let Failure::Store(e) = self { Some(e.kind()) } else { None }
    }
}
