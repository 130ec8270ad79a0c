//! What a check finds, and whose loss it is.
//!
//! A check may last for hours while others expire, collect and fold. What they took away is no damage: when something was found, the log is read
//! on, and findings about what it has given up meanwhile are dropped. Promises: what is dropped is named by no live point and no live entry.
//! Refuses to keep errors that are no damage: they end the check.

use crate::error::{Error, Kind, Result};
use crate::log::{LogView, SegmentRef};
use crate::repository::Repository;
use format_spec::container::ObjectKind;
use format_spec::{ChunkId, ObjectId};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::fmt::Display;
use std::sync::atomic::AtomicU64;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The object's name.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
}

impl Finding {
    /// What an error says of an object. An error names its object, and so does the finding: it is named once.
    pub fn of(object: impl Display, error: &Error) -> Finding {
        let (object, what) = (object.to_string(), error.to_string());
        let what = what.strip_prefix(&format!("{object}: ")).map_or(what.clone(), str::to_owned);
        Finding { object, what }
    }
}

/// Findings and counters that the parts of a check share.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) packs: AtomicU64,
    pub(super) packs_read: AtomicU64,
    pub(super) chunks: AtomicU64,
    pub(super) bytes_read: AtomicU64,
    /// Packs that rest in an archive: they are neither damaged nor sound, as far as anybody can see.
    pub(super) archived: AtomicU64,
    /// Those of them that nothing is known of.
    pub(super) unread: Mutex<HashSet<ObjectId>>,
    found: Mutex<Vec<Found>>,
}

/// A finding with what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) about: Subject,
    /// The slot of the point that it takes something away from, where only one is known to suffer.
    pub(super) point: Option<u32>,
    /// Why it cannot be read.
    kind: Kind,
    pub(super) finding: Finding,
}

/// What a finding is about, as far as somebody else could stand in for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A published pack.
    Pack(ObjectId),
    /// A blob that no published pack has.
    Blob(ObjectKind, ChunkId),
    /// What a restore point needs, where the damage is that of packs which hold it: it is whole again when they are healed.
    Needs,
    /// An index segment that counts.
    Segment(SegmentRef),
    /// The manifest that the commit in this slot names.
    Manifest(u32),
    /// Anything else.
    Other,
}

/// Findings kept; a repository with more is lost anyway, and the count would tell no more.
const FINDINGS_MAX: usize = 100_000;

impl Findings {
    /// Records a finding. Errors that are no damage end the check instead: what is out of reach is not known to be broken.
    pub(super) fn add(&self, about: Subject, object: impl Display, error: &Error) -> Result<()> {
        self.push(about, None, &object, error)
    }

    /// The same of what the point of this slot needs, and perhaps no other one.
    pub(super) fn add_of(&self, point: u32, about: Subject, object: impl Display, error: &Error) -> Result<()> {
        self.push(about, Some(point), &object, error)
    }

    fn push(&self, about: Subject, point: Option<u32>, object: &dyn Display, error: &Error) -> Result<()> {
        match error.kind() {
            Kind::Damaged | Kind::Absent | Kind::Unsupported | Kind::Archived => {
                let mut found = self.found.lock();
                if found.len() < FINDINGS_MAX {
                    found.push(Found { about, point, kind: error.kind(), finding: Finding::of(object, error) });
                }
                Ok(())
            }
            kind => Err(Error::new(kind, error.to_string()).advise(error.advice().unwrap_or("try again").to_owned())),
        }
    }

    /// Whether something was found of this point alone.
    pub(super) fn has_of(&self, point: u32) -> bool {
        self.found.lock().iter().any(|found| found.point == Some(point))
    }

    /// Drops what was found of this point alone.
    pub(super) fn forget(&self, point: u32) {
        self.found.lock().retain(|found| found.point != Some(point));
    }

    /// What counts at the log's head by now, sorted.
    pub(super) fn settle(self, repository: &Repository) -> Result<Vec<Found>> {
        let mut found = self.found.into_inner();
        found.sort_by(|a, b| a.finding.cmp(&b.finding));
        found.dedup();
        drop_given_up(&mut found, repository)?;
        Ok(found)
    }
}

/// Reads the log on when something was found, and drops what is nobody's loss any more.
pub(super) fn drop_given_up(found: &mut Vec<Found>, repository: &Repository) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    repository.refresh()?;
    let view = repository.log().view();
    found.retain(|found| !found.is_given_up(&view));
    Ok(())
}

/// As of an earlier position: takes out what was given up since. That is nobody's loss, and no damage.
pub(super) fn take_collected(found: &mut Vec<Found>, repository: &Repository) -> Vec<Found> {
    let Some(later) = repository.later().filter(|_| !found.is_empty()) else { return Vec::new() };
    // A checkpoint forgets what was condemned long ago; then no segment names it any more.
    let segments: Vec<_> = later.segments.iter().map(|segment| repository.sealed_store().segment(segment)).collect();
    let named: HashSet<ObjectId> =
        segments.iter().flatten().flat_map(|segment| segment.packs.iter().map(|pack| pack.id)).collect();
    let is_all_known = segments.iter().all(Result::is_ok);
    let is_collected = |found: &mut Found| {
        found.is_given_up(&later)
            || found.point.is_some_and(|slot| repository.is_collected_since(slot))
            || is_all_known && found.pack().is_some_and(|id| !named.contains(&id))
    };
    found.extract_if(.., is_collected).collect()
}

impl Found {
    pub(super) fn pack(&self) -> Option<ObjectId> {
        match self.about {
            Subject::Pack(id) => Some(id),
            _ => None,
        }
    }

    /// Whether the store has other bytes than were written, or none: what cannot be read for another reason is not damage.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self.kind, Kind::Damaged | Kind::Absent)
    }

    /// Whether it is whole, and needs a newer release.
    pub(super) fn is_newer(&self) -> bool {
        self.kind == Kind::Unsupported
    }

    fn is_given_up(&self, view: &LogView) -> bool {
        let is_gone = |slot: u32| !is_live(view, slot);
        self.point.is_some_and(is_gone)
            || match self.about {
                Subject::Pack(id) => view.condemned.has(id),
                Subject::Segment(segment) => !view.segments.iter().any(|s| s.id() == segment.id()),
                Subject::Manifest(slot) => is_gone(slot),
                Subject::Blob(..) | Subject::Needs | Subject::Other => false,
            }
    }
}

/// Whether the entry in this slot made a point that nobody has given up.
pub(super) fn is_live(view: &LogView, slot: u32) -> bool {
    view.commits.iter().any(|commit| commit.slot == slot)
}
