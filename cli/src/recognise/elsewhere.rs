//! What this machine saw of the same repository at other locations.
//!
//! Files of a repository can be copied. The copy has the same id, and as soon as both are written to there are two histories
//! (decision 0020). Where a location is used for the first time, what was seen elsewhere of that id is all that can tell an old
//! copy, or one that went its own way, from the repository. Promises: a location that was accepted once is not refused for what
//! happens at another one. Refuses to call a copy old that only lies at a second address: its log goes through what was seen.

use super::Acquaintance;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::Accept;
use crate::recognise;
use crate::settings::Settings;
use engine::log::{Recollection, hash_in_store};
use engine::repository::Repository;
use ops::known::{Folder, Row};

/// The repository at another location, of which this one has not all, or something else.
#[derive(Debug, Clone)]
pub(crate) struct Twin {
    /// The other location.
    pub(crate) location: String,
    /// How this one stands to it.
    pub(crate) what: String,
    /// Whether it has entries that the other one has not, or only fewer.
    pub(super) is_fork: bool,
}

/// What was seen at other locations and is not in this log; two histories first.
pub(super) fn twins(folder: &Folder, place: &str, repo: &Repository) -> Result<Vec<Twin>> {
    let mut found = Vec::new();
    // A record that cannot be read is told where its own location is used.
    for record in folder.list().unwrap_or_default().into_iter().flatten().filter(|record| record.location != place) {
        let Some(Row { position, hash, .. }) = record.row(repo.id()).copied() else { continue };
        let (what, is_fork) = match repo.log().recall(position, &hash)? {
            Recollection::Agrees => continue,
            // A listing may be stale.
            Recollection::Ahead if hash_in_store(&*repo.vault().store, position)? == Some(hash) => continue,
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

impl Twin {
    /// As a command tells it that goes on.
    pub(super) fn told(&self) -> String {
        format!("{}; `cairn known forget {}` if that one is gone for good", self.what, self.location)
    }
}

/// Refuses to write to a location for the first time where it is a copy of the repository that is used elsewhere, unless that is accepted.
pub(super) fn refuse(context: &Context, place: &str, twin: &Twin) -> Result<()> {
    if context.accepts(Accept::Rollback) {
        context.out.note(&format!("cairn: {place}: {}; this machine remembers it as it is from now on", twin.what));
        return Ok(());
    }
    let what = format!("{place}: {}; nothing was written, as it would begin a second history", twin.what);
    let how = format!(
        "use the other one; if it is gone, or this one shall go its own way, this command goes on: {}",
        context.command_accepting(Accept::Rollback)
    );
    Err(Failure::new(Exit::Unrecognised, "fork", what).advise(how))
}

impl Context {
    /// Says how an open repository stands to what this machine saw of it at other locations, unless that was said.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn tell_twins(&self, settings: &Settings, repo: &Repository, known: &Acquaintance) -> Result<()> {
        match (known.told_twins, recognise::folder(), recognise::place_of(settings)) {
            (false, Ok(folder), Ok(place)) if self.as_of().is_none() => self.note_twins(&folder, &place, repo),
            _ => Ok(()),
        }
    }

    pub(super) fn note_twins(&self, folder: &Folder, place: &str, repo: &Repository) -> Result<()> {
        let told = |twin: Twin| self.out.note(&format!("cairn: {}: {}", repo.location(), twin.told()));
        twins(folder, place, repo)?.into_iter().for_each(told);
        Ok(())
    }

    /// Refuses to take anything from a plain copy of a repository that has gone its own way, unless that is accepted.
    ///
    /// # Errors
    /// `Unrecognised`, with the slot and both hashes; the stores'.
    pub(crate) fn expect_same_history(&self, repo: &Repository, other: &Repository) -> Result<()> {
        if repo.id() != other.id() || self.accepts(Accept::Rollback) {
            return Ok(());
        }
        let Some(fork) = other.log().fork_from(repo.log())? else { return Ok(()) };
        let what = format!(
            "{}: this is another history of the repository {} than {} ({fork}); nothing was taken from it",
            other.location(),
            repo.id(),
            repo.location()
        );
        let how = format!(
            "name a copy of the same history; blobs are taken by their ids and cannot be mixed up, so this command goes on: {}",
            self.command_accepting(Accept::Rollback)
        );
        Err(Failure::new(Exit::Unrecognised, "fork", what).advise(how))
    }
}
