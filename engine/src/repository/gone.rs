//! A restore point that leaves while somebody reads it.
//!
//! Promises: what a reader does not find is called damage only while the point is live, by a log that was read to its head since. All who read ask
//! here: one predicate says which errors may mean that a point has left, and one question to the log says whether it has. Refuses to guess: where
//! the log cannot be read, the reader's own error stands.

use super::open::Repository;
use crate::error::{Error, Kind, Result};
use crate::log::CommitRef;
use crate::restore_point::Point;
use format_spec::log::PointId;

/// Whether an error of this kind may mean that what was read has left: something is not there, or not what it was.
pub fn may_be_gone(kind: Kind) -> bool {
    matches!(kind, Kind::Absent | Kind::Damaged)
}

/// What the log says of a point by now.
pub(super) enum Standing {
    /// It is as it was.
    Live,
    /// It has another manifest.
    Rewritten(CommitRef),
    /// It is there no longer.
    Expired,
    /// It is there as of the position that the log is read at, and what it needs has been collected since.
    Collected(Error),
}

impl Repository {
    /// What an error means that came while `point` was read: that of a point which has left since is not damage. Mounts answer ESTALE to the same
    /// question, WebDAV says 410.
    pub fn or_gone(&self, point: &Point, error: Error) -> Error {
        self.gone_since(error.kind(), [point]).unwrap_or(error)
    }

    /// The same of an error that only its kind is known of, and of several points: what to tell their reader instead.
    pub fn gone_since<'p>(&self, kind: Kind, points: impl IntoIterator<Item = &'p Point>) -> Option<Error> {
        if !may_be_gone(kind) {
            return None;
        }
        points.into_iter().find_map(|point| self.gone(point))
    }

    /// Reads the log to its head; the error to tell a reader of `point` where the point is no longer there, or no longer what was read.
    pub fn gone(&self, point: &Point) -> Option<Error> {
        self.refresh().ok()?;
        self.told(point.manifest.id, point.slot)
    }

    /// Whether the point of this number is there, with all that it needs, by a log that is read to its head for it.
    ///
    /// # Errors
    /// The log's.
    pub fn stands(&self, number: u32) -> Result<bool> {
        self.refresh()?;
        let view = self.log().view();
        let commit = view.commits.iter().find(|commit| commit.number == number);
        Ok(commit.is_some_and(|commit| matches!(self.standing(commit.id, commit.slot), Standing::Live)))
    }

    /// What an error means that came while a manifest was read.
    pub(super) fn manifest_or_gone(&self, commit: &CommitRef, error: Error) -> Error {
        if !may_be_gone(error.kind()) || self.refresh().is_err() {
            return error;
        }
        self.told(commit.id, commit.slot).unwrap_or(error)
    }

    fn told(&self, id: PointId, slot: u32) -> Option<Error> {
        match self.standing(id, slot) {
            Standing::Live => None,
            Standing::Expired => Some(
                Error::new(Kind::Absent, "the restore point has expired meanwhile")
                    .on(id)
                    .advise("`cairn points` lists those that are there"),
            ),
            Standing::Rewritten(_) => Some(
                Error::new(
                    Kind::Conflict,
                    "the restore point was rewritten meanwhile: it has lost items or got other tags",
                )
                .on(id)
                .advise("run the command again: it reads the restore point as it is now"),
            ),
            Standing::Collected(error) => Some(error),
        }
    }

    /// What the log, as far as it was read, says of the point that the entry in `slot` made.
    pub(super) fn standing(&self, id: PointId, slot: u32) -> Standing {
        match self.log().view().live(&id) {
            None => Standing::Expired,
            Some(live) if live.slot != slot => Standing::Rewritten(*live),
            Some(live) => self.collected(live).map_or(Standing::Live, Standing::Collected),
        }
    }
}
