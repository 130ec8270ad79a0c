//! Restore points that the log shows and that cannot be read, and what there is to do about each.
//!
//! Promises: damage, what needs a newer release, and what was collected since an earlier position stay apart. Whoever lists points has the sound ones
//! whatever the others are. Refuses to take a store that is out of reach for any of them.

use super::open::Repository;
use crate::error::{Error, Kind, Result};
use crate::log::CommitRef;
use crate::restore_point::Point;
use std::sync::Arc;

/// The points of the log.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that can be read, in the order of their commits.
    pub points: Vec<Arc<Point>>,
    /// The others.
    pub unread: Vec<Unread>,
}

/// A point that cannot be read.
#[derive(Debug)]
pub struct Unread {
    /// What the log knows of it.
    pub commit: CommitRef,
    /// What is wrong with it, and what there is to do.
    pub error: Error,
}

/// Why a point cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// What it needed was collected since the position that the log is read at.
    Collected,
    /// It needs a newer release. All that it needs is kept, and nobody offers to let it go.
    Unsupported,
    /// Its manifest is not what was written, or missing.
    Damaged,
}

impl Why {
    /// Why an error of this kind keeps a point from being read; `None` where it says nothing about the point.
    pub fn of(kind: Kind) -> Option<Why> {
        match kind {
            Kind::Damaged => Some(Why::Damaged),
            Kind::Unsupported => Some(Why::Unsupported),
            Kind::Absent => Some(Why::Collected),
            _ => None,
        }
    }

    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Why::Collected => "collected",
            Why::Unsupported => "unsupported",
            Why::Damaged => "damaged",
        }
    }
}

impl Unread {
    /// Why it cannot be read.
    pub fn why(&self) -> Why {
        Why::of(self.error.kind()).unwrap_or(Why::Damaged)
    }

    /// What is wrong with the point, without the advice.
    pub fn what(&self) -> String {
        match self.why() {
            Why::Damaged => format!("its manifest is damaged: {}", self.error),
            Why::Unsupported => format!("it needs a newer release of cairn: {}", self.error),
            Why::Collected => self.error.to_string(),
        }
    }

    /// What there is to do.
    pub fn advice(&self) -> &str {
        self.error.advice().unwrap_or("`cairn check` tells more")
    }
}

impl Repository {
    /// The points of the log, those that can be read apart from the others.
    ///
    /// # Errors
    /// Those of a store that is out of reach or refuses.
    pub fn listing(&self) -> Result<Listing> {
        let mut listing = Listing::default();
        for (commit, point) in self.points_and_damage() {
            match point {
                Ok(point) => listing.points.push(point),
                Err(error) if Why::of(error.kind()).is_some() => listing.unread.push(Unread { commit, error }),
                Err(e) => return Err(e),
            }
        }
        Ok(listing)
    }
}

impl Repository {
    /// The points that cannot be read and may be newer than `found`, so that what was selected may mean one of them: `latest`, or a time. None where
    /// an id was given. One that was rewritten may be older: its place is known to its manifest alone.
    ///
    /// # Errors
    /// As [`listing`](Self::listing).
    pub fn passed_over(&self, selector: &str, found: &Point) -> Result<Vec<Unread>> {
        if found.manifest.id.to_string().starts_with(&selector.to_ascii_lowercase()) {
            return Ok(Vec::new());
        }
        let mut unread = self.listing()?.unread;
        unread.retain(|point| point.commit.number > found.place());
        Ok(unread)
    }
}

/// An error about a point's manifest with what there is to do about the point.
pub(super) fn advised(commit: &CommitRef, error: Error) -> Error {
    match error.kind() {
        Kind::Damaged => error.advise_instead(lost_point(commit)),
        Kind::Unsupported => error.advise_instead(NEWER),
        _ => error,
    }
}

/// What there is to do about a point whose manifest is damaged.
pub fn lost_point(commit: &CommitRef) -> String {
    let id = commit.id;
    format!(
        "`cairn repair plan --from COPY` gives it back from a copy that has it; `cairn expire plan {id}` offers to let it go"
    )
}

const NEWER: &str =
    "use a newer release of cairn for this restore point; until then it stays, and `cairn gc` keeps all that it needs";
