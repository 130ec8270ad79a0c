//! A restore point that leaves while somebody reads it.
//!
//! Promises: what a reader does not find is called damage only while the point is live, by a log that was read to its head just now. Refuses to
//! guess: where the log cannot be read, the reader's own error stands.

use super::open::Repository;
use crate::error::{Error, Kind};
use crate::restore_point::Point;

impl Repository {
    /// What an error means that came while `point` was read: that of a point which has left since is not damage. Mounts answer ESTALE to the same
    /// question, WebDAV says 410.
    pub fn or_gone(&self, point: &Point, error: Error) -> Error {
        let is_missing = matches!(error.kind(), Kind::Absent | Kind::Damaged);
        if is_missing { self.gone(point).unwrap_or(error) } else { error }
    }

    /// Reads the log to its head; the error to tell a reader of `point` where the point is no longer there, or no longer what was read.
    pub fn gone(&self, point: &Point) -> Option<Error> {
        self.refresh().ok()?;
        let id = point.manifest.id;
        match self.log().view().live(&id) {
            None => Some(
                Error::new(Kind::Absent, "the restore point has expired meanwhile")
                    .on(id)
                    .advise("`cairn points` lists those that are there"),
            ),
            Some(live) if live.slot != point.slot => Some(
                Error::new(
                    Kind::Conflict,
                    "the restore point was rewritten meanwhile: it has lost items or got other tags",
                )
                .on(id)
                .advise("run the command again: it reads the restore point as it is now"),
            ),
            Some(_) => None,
        }
    }
}
