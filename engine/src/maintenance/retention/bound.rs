//! The bound of a run: how much of a job a plan may take where nobody looks at it first.
//!
//! A policy in its steady state takes about as much as was added since it ran last. What goes
//! beyond that is a change: of the rules, of the clock, or of the job. So each job may lose as many
//! points as were added to it since the last plan that took points of it, and a share of all its
//! points besides, at least one (decision 0031).
//!
//! ```text
//!   points of a job, by their places
//!   | . . . . . . . . . . . . . . | . . . . . |
//!                                 |<- added ->|     the last plan that took points of it, as far as the log knows;
//!   |<--------- points ---------------------->|     else the last day
//!
//!   leaving <= added + max(1, share * points)
//! ```
//!
//! Promises: the plan alone decides, so that what is applied is what was held against the bound; a
//! point that stays and loses more than the share of its items counts as one that leaves. Refuses
//! to stop a person: only runs are bounded.

use super::plan::{RetentionPlan, Row};
use crate::error::{Error, Result};
use crate::limits::{DAY_SECONDS, EXPIRE_SHARE, GIVEN_UP_MANIFESTS_READ_MAX};
use crate::log::LogView;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::JobId;
use format_spec::container::{Header, ObjectKind};
use format_spec::log::ObjectRow;
use format_spec::point::Manifest;
use format_spec::{ObjectId, Time, names};
use std::collections::{BTreeMap, BTreeSet};

/// How much of each job a run may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// A share of the job's points (0 to 1), at least one point, beyond those that were added since
    /// the last plan.
    pub share: f64,
}

impl Default for Bound {
    fn default() -> Self {
        Bound { share: EXPIRE_SHARE }
    }
}

/// What a plan takes of one job, and what a run may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The job.
    pub job: JobId,
    /// Its points, as far as they can be read.
    pub points: usize,
    /// Points that would leave, or lose more than the share of their items.
    pub leaving: usize,
    /// Points that were added since the last plan that took points of the job.
    pub added: usize,
    /// How many may leave.
    pub allowed: usize,
}

impl Loss {
    /// Whether a run may take it.
    pub fn is_within(&self) -> bool {
        self.leaving <= self.allowed
    }
}

impl Bound {
    /// The jobs that lose something by a plan, each with what a run may take of it.
    ///
    /// # Errors
    /// The store's, and a stop: of a job that would lose more than the share, the log is asked when
    /// it last lost points.
    pub fn losses(&self, plan: &RetentionPlan, repository: &Repository, monitor: &Monitor) -> Result<Vec<Loss>> {
        let mut jobs: BTreeMap<&JobId, Vec<&Row>> = BTreeMap::new();
        plan.rows.iter().for_each(|row| jobs.entry(&row.decision.point.job).or_default().push(row));
        let mut losses: Vec<Loss> = jobs.iter().map(|(job, rows)| self.loss(job, rows)).collect();
        losses.retain(|loss| loss.leaving > 0);
        let asked: BTreeSet<&JobId> = losses.iter().filter(|loss| !loss.is_within()).map(|loss| &loss.job).collect();
        let ends = last_plans(repository, asked, monitor)?;
        let now = repository.env().now();
        for loss in losses.iter_mut().filter(|loss| !loss.is_within()) {
            let rows = jobs.get(&loss.job).into_iter().flatten();
            loss.added = match ends.get(&loss.job) {
                Some(number) => rows.filter(|row| row.decision.point.place >= *number).count(),
                None => rows.filter(|row| is_of_last_day(row.decision.point.time, now)).count(),
            };
            loss.allowed += loss.added;
        }
        Ok(losses)
    }

    fn loss(&self, job: &JobId, rows: &[&Row]) -> Loss {
        let leaving = rows.iter().filter(|row| self.counts_as_leaving(row)).count();
        Loss { job: job.clone(), points: rows.len(), leaving, added: 0, allowed: self.of(rows.len() as u64).max(1) }
    }

    fn counts_as_leaving(&self, row: &Row) -> bool {
        // Folders do not age, so they are not counted.
        let counts = row.point.manifest.counts;
        let items =
            [counts.new, counts.changed, counts.unchanged, counts.kept].into_iter().fold(0, u64::saturating_add);
        let leaves = !row.decision.keep && !row.decision.point.interim;
        leaves || row.change.as_ref().is_some_and(|change| change.left.items > self.of(items) as u64)
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count, rounded down; a count above 2^53 is not one of points or items"
    )]
    fn of(&self, count: u64) -> usize {
        (count as f64 * self.share.clamp(0.0, 1.0)).floor() as usize
    }
}

/// Nights are not of one length: timers wait a little by chance, and clocks are put back in autumn.
fn is_of_last_day(time: Time, now: Time) -> bool {
    time <= now && now.seconds.saturating_sub(time.seconds) <= DAY_SECONDS + DAY_SECONDS / 12
}

/// The number that the next point got after the newest plan that took points of each of these jobs.
/// The log keeps the manifests of points that left until they are swept, also where a checkpoint
/// has summed their expiry up; whose they were is in them. A job of which none is there any more is
/// not in the answer.
fn last_plans(repository: &Repository, asked: BTreeSet<&JobId>, monitor: &Monitor) -> Result<BTreeMap<JobId, u32>> {
    let (view, mut found) = (repository.log().view(), BTreeMap::new());
    let is_manifest = |row: &ObjectRow| row.kind == ObjectKind::RestorePoint;
    let mut gone: Vec<_> = view.given_up.iter().filter(|(row, _)| is_manifest(row)).collect();
    gone.sort_by_key(|(row, given)| (std::cmp::Reverse(given.slot), row.id));
    for (row, given) in gone.into_iter().take(GIVEN_UP_MANIFESTS_READ_MAX) {
        if asked.iter().all(|job| found.contains_key(*job)) {
            break;
        }
        monitor.check()?;
        let Some(manifest) = manifest(repository, row.id)? else { continue };
        // A point that was rewritten is live still: what gave its old manifest up may have been a
        // change of its tags.
        // Interim points leave by the commit of a later one, which is not a plan.
        if view.live(&manifest.id).is_none() && !manifest.is_interim() {
            let job = JobId::of(&manifest, repository.config());
            found.entry(job).or_insert_with(|| next_number(&view, given.slot));
        }
    }
    Ok(found)
}

/// The lowest number of what was committed or rewritten after a slot, and is live. A point that was
/// added since and rewritten has a higher one now, so this counts too few points rather than too
/// many.
fn next_number(view: &LogView, slot: u32) -> u32 {
    let later = view.commits.iter().filter(|commit| commit.slot > slot).map(|commit| commit.number);
    later.min().unwrap_or(view.next_number)
}

/// A manifest that no live point has any more; `None` where it has gone, or cannot be read.
fn manifest(repository: &Repository, id: ObjectId) -> Result<Option<Manifest>> {
    let sealed_store = repository.sealed_store();
    let name = crate::store::ObjectName::new(names::of_session(ObjectKind::RestorePoint, id))?;
    let expected = Header::new(
        ObjectKind::RestorePoint,
        sealed_store.secrets.suite(),
        sealed_store.repository,
        id.session,
        id.ordinal,
        [0; 32],
    );
    match crate::store::StoreExt::get(&*sealed_store.store, &name) {
        Ok(object) => Ok(Manifest::decode(&object, &expected, &sealed_store.secrets).ok()),
        Err(e) if is_out_of_reach(&e) => Err(e),
        Err(_) => Ok(None),
    }
}

fn is_out_of_reach(error: &Error) -> bool {
    use crate::error::Kind::{Absent, Archived, Damaged};
    !matches!(error.kind(), Absent | Archived | Damaged)
}
