//! What has become of a point since the position that its repository is read at.
//!
//! `--as-of` shows what was there, and a collection since then may have taken away or moved what it needs. Promises: that is told, with the times
//! that the log still has, and is not called damage. Refuses to guess: of a log that does not end early there is nothing to know, and where the rest
//! of it cannot be read, the reader's own error stands.

use super::open::Repository;
use crate::env::utc;
use crate::error::{Error, Kind, Result};
use crate::log::{CommitRef, Log, LogView};
use format_spec::container::ObjectKind;
use format_spec::log::{Change, ObjectRow, PointId};
use format_spec::{ObjectId, Time};
use std::collections::HashMap;
use std::sync::Arc;

/// What the entries behind an earlier position say, as far as they are still there.
#[derive(Debug)]
pub(super) struct Since {
    /// The log at its head.
    view: Arc<LogView>,
    /// Slot and time of the entry by which a point left or got another manifest first.
    left: HashMap<PointId, (u32, Time)>,
    /// Slots and times of collections, rising.
    collections: Vec<(u32, Time)>,
}

impl Since {
    fn read(repository: &Repository) -> Result<Since> {
        let from = repository.log().view().head;
        let log: Log = repository.log().over(Arc::clone(&repository.sealed_store().store));
        let view = log.refresh()?;
        let (mut left, mut collections) = (HashMap::new(), Vec::new());
        for slot in from + 1..=view.head {
            let Some(entry) = log.entry(slot)? else { continue };
            let at = (slot, entry.time);
            match entry.change {
                Change::Expire { points, .. } => points.into_iter().for_each(|id| _ = left.entry(id).or_insert(at)),
                Change::Rewrite { id, .. } => _ = left.entry(id).or_insert(at),
                Change::Condemn { .. } => collections.push(at),
                _ => {}
            }
        }
        Ok(Since { view, left, collections })
    }
}

impl Repository {
    /// The log at its head, where this repository is read as of an earlier position and the rest of it can be read.
    pub fn later(&self) -> Option<Arc<LogView>> {
        self.since().map(|since| since.view.clone())
    }

    /// Whether what the point of this slot needs may have been collected since the position that the log is read at.
    pub fn is_collected_since(&self, slot: u32) -> bool {
        let view = self.log().view();
        view.commits.iter().find(|commit| commit.slot == slot).is_some_and(|commit| self.collected(commit).is_some())
    }

    fn since(&self) -> Option<&Since> {
        if !self.log().ends_early() {
            return None;
        }
        self.since.get_or_init(|| Since::read(self).ok()).as_ref()
    }

    /// What to tell a reader who does not find what this point needs, where the log is read as of an earlier position and a collection came since.
    pub(super) fn collected(&self, commit: &CommitRef) -> Option<Error> {
        let since = self.since()?;
        let live = since.view.live(&commit.id);
        let manifest = ObjectId { session: commit.session, ordinal: commit.object.ordinal };
        let manifest = ObjectRow { kind: ObjectKind::RestorePoint, id: manifest };
        let is_as_it_was = live.is_some_and(|live| live.slot == commit.slot);
        let is_swept = !is_as_it_was && !since.view.given_up.contains_key(&manifest);
        let has_moved = since.view.condemned.any_after(self.log().view().head);
        if !is_swept && !has_moved {
            return None;
        }
        let left = since.left.get(&commit.id);
        let from = left.filter(|_| !is_as_it_was).map_or(0, |(slot, _)| *slot);
        let collection = since.collections.iter().find(|(slot, _)| *slot > from);
        let at = |(slot, time): &(u32, Time)| format!("at {} (log entry {slot})", utc(*time));
        let when = |known: Option<&(u32, Time)>| known.map_or_else(|| "since then".to_owned(), at);
        let (what, advice) = match live {
            Some(_) if is_as_it_was => (
                format!("a collection moved what the restore point needs, {}", when(collection)),
                "leave --as-of out: the restore point is still there",
            ),
            Some(_) => (
                format!(
                    "the restore point was rewritten {}, and what it lost was collected {}",
                    when(left),
                    when(collection)
                ),
                "leave --as-of out: it is there as it was rewritten",
            ),
            None => (
                format!(
                    "the restore point expired {}, and what it needed was collected {}",
                    when(left),
                    when(collection)
                ),
                "`cairn points` without --as-of lists those that are there",
            ),
        };
        Some(Error::new(Kind::Absent, what).on(commit.id).advise(advice))
    }
}
