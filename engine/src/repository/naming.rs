//! What a point's name needs, settled at its commit and never again ([POINT-12], decision 0018).
//!
//! A mount shows points by the second of their start. A second that was a name once must never become another point's, and
//! nothing remembers points that are gone. So a point may be called by its second alone only where what the log still
//! says rules out that another one was. Three kinds of evidence bound the seconds of all points of a job that were committed
//! before, and the lowest bound counts:
//!
//! ```text
//! numbers  1 .. L .. n        L: the newest live point of the job that states a bound; each number behind it is a live point's
//! numbers  1 .. b .. n        b: the numbers of the time before the session; up to there the times of entries are the bound
//! any                         the latest time of all entries
//! ```
//!
//! The times of entries are a bound because a point is called by its second alone only if that second is not later than its
//! session's own `Open`. Promises: whatever clocks say, no name is given twice; a clock that is wrong costs a longer name.

use super::open::Repository;
use crate::error::Result;
use crate::log::LogView;
use format_spec::point::{Alone, Manifest, Naming};

/// What the log said before a session was opened.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// The latest time of its entries, in seconds.
    latest: i64,
    /// The first number that was not given.
    next_number: u32,
}

/// Where a point's name comes from.
#[derive(Debug, Clone, Copy)]
pub enum NameOf {
    /// It is a new point.
    Made(Before),
    /// It is a copy, and what its original's name needs; `None` where the original does not say it.
    Copied(Option<Alone>, Before),
}

/// What is known of the points that were committed before.
struct Evidence {
    /// None of the job is called by a later second alone.
    latest: i64,
    /// Whether the second is later than all that the repository had before the session, and no point's since.
    is_alone: bool,
}

impl Repository {
    /// What the log says now; to be asked before a session is opened.
    pub fn before(&self) -> Before {
        let view = self.log().view();
        Before { latest: view.latest.seconds, next_number: view.next_number }
    }

    /// What the name of a point needs that is committed as the next one after `view`.
    pub(super) fn naming(
        &self,
        view: &LogView,
        session: u32,
        manifest: &Manifest,
        of: NameOf,
    ) -> Result<Option<Naming>> {
        let (before, original) = match of {
            NameOf::Made(before) => (before, None),
            NameOf::Copied(None, _) => return Ok(None),
            NameOf::Copied(Some(alone), before) => (before, Some(alone)),
        };
        let second = manifest.started.seconds;
        let evidence = self.evidence(view, manifest, before);
        let is_in_time = view.sessions.get(&session).is_some_and(|session| second <= session.opened.seconds);
        let alone = match original {
            _ if !is_in_time => Alone::Nowhere,
            None if evidence.is_alone => Alone::InRepository,
            None if second > evidence.latest => Alone::InJob,
            None => Alone::Nowhere,
            Some(_) if self.has_namesake(view, manifest) => Alone::Nowhere,
            Some(alone) => alone,
        };
        Ok(Some(Naming { alone, latest: second.max(evidence.latest) }))
    }

    fn evidence(&self, view: &LogView, manifest: &Manifest, before: Before) -> Evidence {
        let second = manifest.started.seconds;
        let mut evidence = Evidence { latest: view.latest.seconds, is_alone: false };
        // All numbers from `from` on are those of live points, whose seconds of the job are at most `seen`.
        let (mut from, mut seen, mut is_shared) = (view.next_number, i64::MIN, false);
        let mut commits = view.commits.iter().rev();
        loop {
            if from <= before.next_number {
                evidence.latest = evidence.latest.min(seen.max(before.latest));
                evidence.is_alone = second > before.latest && !is_shared;
            }
            if from == 1 {
                evidence.latest = evidence.latest.min(seen);
            }
            // A number that is gone, or a manifest that cannot be read, could be anything.
            let Some(commit) = commits.next().filter(|commit| commit.number + 1 == from) else { return evidence };
            let Ok(point) = self.load(commit) else { return evidence };
            let other = &point.manifest;
            is_shared |= other.started.seconds == second;
            if is_same_job(other, manifest) {
                seen = seen.max(other.started.seconds);
                if let Some(naming) = other.naming {
                    evidence.latest = evidence.latest.min(seen.max(naming.latest));
                    if from <= before.next_number {
                        return evidence;
                    }
                }
            }
            from = commit.number;
        }
    }

    /// Whether a live point of the job started in the same second.
    fn has_namesake(&self, view: &LogView, manifest: &Manifest) -> bool {
        view.commits.iter().filter_map(|commit| self.load(commit).ok()).any(|point| {
            let other = &point.manifest;
            is_same_job(other, manifest) && other.started.seconds == manifest.started.seconds && other.id != manifest.id
        })
    }
}

fn is_same_job(one: &Manifest, other: &Manifest) -> bool {
    one.owner() == other.owner() && one.job == other.job
}
