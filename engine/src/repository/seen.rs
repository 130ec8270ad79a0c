//! What copied points say of the logs that they came through, and whether a source is still of that history ([POINT-14]).
//!
//! A repository whose files were copied is two repositories of one id. Points of both must not meet in one repository of
//! copies: their jobs, names and bases would be taken for each other's. Promises: what a copy says of its source is an entry
//! that it had read itself; whoever copies is refused where the source's log has another entry there, or ends before it.

use super::open::Repository;
use crate::error::{Error, Kind, Result};
use crate::log::{LogView, Recollection, hash_in_store};
use crate::restore_point::Point;
use format_spec::point::{Manifest, Seen};
use std::sync::Arc;

impl Repository {
    /// The entries that a copy of this point names: those that it names itself, and two of this repository's own log.
    pub fn seen_with(&self, point: &Point) -> Vec<Seen> {
        let own = self.id();
        let view = self.log().view();
        let mut rows: Vec<Seen> = point.manifest.seen.iter().filter(|row| row.repository != own).copied().collect();
        rows.drain(..rows.len().saturating_sub(SEEN_KEPT_MAX));
        let newest = view.newest_entry();
        let mark = newest.and_then(|(newest, _)| {
            let marks = (1..=newest / MARK).rev().take(MARKS_ASKED).map(|n| n * MARK);
            marks.filter(|slot| *slot != newest).find_map(|slot| Some((slot, view.entry_hash(slot)?)))
        });
        let own_row = |(slot, hash)| Seen { repository: own, slot, hash };
        rows.extend(mark.into_iter().chain(newest).map(own_row));
        rows
    }

    /// Refuses a source whose log is not the one that points of this repository came from, as `view` shows them.
    ///
    /// # Errors
    /// `Unrecognised`, with the slot and both hashes; the stores'.
    pub fn expect_history_of(&self, source: &Repository, view: &LogView) -> Result<()> {
        for (back, commit) in view.commits.iter().rev().enumerate() {
            self.load_before(view, back);
            let Some(point) = readable(self.load(commit))? else { continue };
            for row in point.manifest.seen.iter().filter(|row| row.repository == source.id()) {
                self.expect_seen(source, &point, row)?;
            }
            // Whoever copied it from there has looked at those before it. What was rewritten since may be older than it seems.
            let is_direct = point.manifest.seen.last().is_some_and(|row| row.repository == source.id());
            if is_direct && point.manifest.first.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Refuses a point of a repository of copies whose original is of another history than points of this repository say, as `view` shows them.
    ///
    /// # Errors
    /// `Unrecognised`, with the slot.
    pub fn expect_beside(&self, view: &LogView, original: &Manifest) -> Result<()> {
        if original.seen.is_empty() {
            return Ok(());
        }
        for point in self.load_all(&view.commits) {
            let Some(point) = readable(point)? else { continue };
            let is_other = |a: &Seen, b: &Seen| (a.repository, a.slot) == (b.repository, b.slot) && a.hash != b.hash;
            let rows = original.seen.iter();
            let Some(row) = rows.clone().find(|row| point.manifest.seen.iter().any(|known| is_other(row, known)))
            else {
                continue;
            };
            let what = format!(
                "restore point {} and restore point {} come from two histories of repository {}: its entry {} was another one for each",
                original.id, point.manifest.id, row.repository, row.slot
            );
            let advice = "copy it into a repository of its own: `cairn init --class copy --from SOURCE --repo NEW`";
            return Err(Error::new(Kind::Unrecognised, what).on(self.location()).advise(advice));
        }
        Ok(())
    }

    fn expect_seen(&self, source: &Repository, point: &Point, row: &Seen) -> Result<()> {
        let (id, of) = (point.manifest.id, source.id());
        // What was set aside was an entry once: that says nothing of the history.
        if source.log().view().is_void(row.slot) {
            return Ok(());
        }
        let what = match source.log().recall(row.slot, &row.hash)? {
            Recollection::Agrees => return Ok(()),
            Recollection::Differs(fork) => format!(
                "repository {of} has two histories: this is not the one that restore point {id} was copied from ({fork})"
            ),
            // A listing may be stale.
            Recollection::Ahead if hash_in_store(&*source.sealed_store().store, row.slot)? == Some(row.hash) => {
                return Ok(());
            }
            Recollection::Ahead => format!(
                "its log ends at entry {}, and restore point {id} was copied when it had entry {}: it is an older copy of repository {of}, or its newest entries are lost",
                source.log().view().head,
                row.slot
            ),
        };
        let advice = format!(
            "copy from the one that {} was copied from; this one needs a repository for copies of its own: `cairn init --class copy --from {} --repo NEW`",
            self.location(),
            source.location()
        );
        Err(Error::new(Kind::Unrecognised, what).on(source.location()).advise(advice))
    }
}

/// A manifest that is damaged, or of a later release, says nothing; `check` reports it. One that is out of reach might say something.
fn readable(point: Result<Arc<Point>>) -> Result<Option<Arc<Point>>> {
    match point {
        Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Absent | Kind::Unsupported) => Ok(None),
        other => other.map(Some),
    }
}

/// Entries of other repositories that a copy of a copy keeps: of more steps than anybody takes.
const SEEN_KEPT_MAX: usize = 30;
/// One slot in so many is named by all copies that were made until the next one, so that two histories have a slot in common.
const MARK: u32 = 16;
/// Marks that are asked for: the log knows the hashes of its last 256 entries, and void slots are few.
const MARKS_ASKED: usize = 16;
