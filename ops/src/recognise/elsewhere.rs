//! What this machine saw of the same repository at other locations.
//!
//! Files of a repository can be copied. The copy has the same id, and as soon as both are written to there are two histories
//! (decision 0020). Where a location is used for the first time, what was seen elsewhere of that id is all that can tell an old
//! copy, or one that went its own way, from the repository. Promises: a location that was accepted once is not refused for what
//! happens at another one. Refuses to call a copy old that only lies at a second address: its log goes through what was seen.

use super::Twin;
use crate::face::{Accept, Face, Note};
use crate::known::{Folder, Row};
use crate::{Reason, Refusal, Result};
use engine::log::{Recollection, hash_in_store};
use engine::repository::Repository;

/// What was seen at other locations and is not in this log; two histories first.
pub(super) fn twins(folder: &Folder, place: &str, repo: &Repository) -> engine::Result<Vec<Twin>> {
    let mut found = Vec::new();
    // A record that cannot be read is told where its own location is used.
    for record in folder.list().unwrap_or_default().into_iter().flatten().filter(|record| record.location != place) {
        let Some(Row { position, hash, .. }) = record.row(repo.id()).copied() else { continue };
        let (what, is_fork) = match repo.log().recall(position, &hash)? {
            Recollection::Agrees => continue,
            // A listing may be stale.
            Recollection::Ahead if hash_in_store(&*repo.sealed_store().store, position)? == Some(hash) => continue,
            Recollection::Ahead => {
                let head = repo.log().view().head;
                let seen = format!("this machine saw entry {position} of the same repository at {}", record.location);
                (
                    format!(
                        "its log ends at entry {head}, and {seen}: this is an older copy of it, or another history"
                    ),
                    false,
                )
            }
            // What was set aside was an entry once.
            Recollection::Differs(_) if repo.log().view().is_void(position) => continue,
            Recollection::Differs(fork) => {
                let other = &record.location;
                (format!("this is another history of the repository than that at {other} ({fork})"), true)
            }
        };
        found.push(Twin { location: record.location, what, is_fork });
    }
    found.sort_by_key(|twin| !twin.is_fork);
    Ok(found)
}

/// Refuses to write to a location for the first time where it is a copy of the repository that is used elsewhere, unless that is accepted.
pub(super) fn refuse(face: &dyn Face, place: &str, twin: &Twin) -> std::result::Result<(), Refusal> {
    if face.accepts(Accept::Rollback) {
        face.hear(&Note::RollbackAccepted { place, what: &twin.what, head: None });
        return Ok(());
    }
    let what = format!("{place}: {}; nothing was written, as it would begin a second history", twin.what);
    Err(Refusal::new(Reason::Fork, what))
}

/// Says how an open repository stands to what this machine saw of it at other locations.
pub(super) fn note_twins(folder: &Folder, place: &str, repo: &Repository, face: &dyn Face) -> engine::Result<()> {
    for twin in twins(folder, place, repo)? {
        face.hear(&Note::Twin { place: &repo.location(), twin: &twin, is_new: false });
    }
    Ok(())
}

/// Refuses to take anything from a plain copy of a repository that has gone its own way, unless that is accepted.
///
/// # Errors
/// [`Reason::ForkedCopy`], with the slot and both hashes; the stores'.
pub fn expect_same_history<F>(repo: &Repository, other: &Repository, face: &dyn Face) -> Result<(), F> {
    if repo.id() != other.id() || face.accepts(Accept::Rollback) {
        return Ok(());
    }
    let Some(fork) = other.log().fork_from(repo.log())? else { return Ok(()) };
    let what = format!(
        "{}: this is another history of the repository {} than {} ({fork}); nothing was taken from it",
        other.location(),
        repo.id(),
        repo.location()
    );
    Err(Refusal::new(Reason::ForkedCopy, what).into())
}
