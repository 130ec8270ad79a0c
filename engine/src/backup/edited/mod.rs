//! A point made of changes: its base, edited by a source that knows what changed.
//!
//! ```text
//! source   --edit-->   folders    changed names wait here, by folder  \
//!          --state-->  pending    rows of the source's state            > closed at a commit
//!          --fail-->   told       lines of the ledger                  /
//!          --store-->  the writer of the open session, from any thread
//!          --interim-> commit, and another session upon that
//! ```
//!
//! Promises: what is not edited is taken over by its nodes and read by nobody; each folder is written
//! once per commit; the reference set counts what the point reaches and nothing else; only the last
//! commit bears the caller's id, and it lets the interim points before it go. Refuses to compare:
//! what the source does not tell has not changed.
//!
//! Order of locks, outermost first: the turn, the root of the folders, the state, the lines of the
//! ledger, the open session. The session is held for one chunk or node at a time, but for a commit.

mod draft;
mod folders;
mod fresh;
mod pending;
mod point;
mod superseded;
mod told;

use super::BackupSummary;
use super::session::{Attempt, Ended};
use crate::error::{Error, Kind};
use crate::source::ChangedSource;
use draft::Draft;

/// Lets the source edit, and commits.
pub(super) fn run(
    attempt: Attempt<'_>,
    source: &dyn ChangedSource,
    reason: String,
) -> std::result::Result<BackupSummary, Ended> {
    if attempt.session.is_none() {
        let what = "a source that tells what changed cannot be tried without storing anything";
        return Err(Error::new(Kind::Input, what).into());
    }
    if let Err(e) = attempt.writer.recover() {
        return Err(attempt.give_up(e.into()));
    }
    let draft = Draft::new(attempt, source.about());
    let done = source.update(&draft).map_err(Ended::reading_old).and_then(|closing| draft.finish(closing, reason));
    done.map_err(|ended| draft.give_up(ended))
}
