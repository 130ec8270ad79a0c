//! Carrying a plan out: fence, repack, condemn, sweep, orphans.

use super::condemn::Condemning;
use super::fold::fold;
use super::orphans::Orphans;
use super::plan::{CollectOptions, CollectPlan, draw, heard, is_over};
use super::report::{CollectReport, Spent};
use super::sweep::{Swept, sweep};
use crate::error::{Error, Kind, Result};
use crate::maintenance::clock::ClockVerdict;
use crate::maintenance::plan_hash::PlanHash;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::session::{LateWriteSession, Opening, fence};
use crate::store::StoreExt;
use format_spec::log::Purpose;
use std::sync::Arc;

/// Carries out the plan of this hash, then sweeps what is due.
///
/// By a clock that cannot be right nothing is done at all: not even what a plan that takes nothing does beside, as that goes by age, or is dated by
/// that clock.
///
/// # Errors
/// `Unrecognised` when the plan takes something by a clock that is refused; `Conflict` when the plan at the present head is another one, `Input` when it was made with other options; the store's and the log's.
pub fn collect(
    repository: &Arc<Repository>,
    options: &CollectOptions,
    hash: &PlanHash,
    clock: &ClockVerdict,
    monitor: &Monitor,
) -> Result<CollectReport> {
    repository.refresh()?;
    // What forbids to append forbids to delete.
    repository.log().view().expect_writable()?;
    let (plan, marks) = draw(repository, options, monitor)?;
    options.expect_quoted(&plan.hash, hash)?;
    if clock.is_refused() {
        return hold_still(repository, options, plan, clock, monitor);
    }
    let mut report = CollectReport::default();
    let mut spent = Spent { requests_max: options.requests_max, bytes_max: options.bytes_max, ..Spent::default() };
    fence_silent(repository, options, &plan, &mut report)?;
    // First what costs least and gives most; what this run condemns is due at once only without a grace.
    let mut swept = sweep(repository, &plan.due, &mut spent, monitor)?;
    let opening = Opening { job: "collection", host: &options.host, purpose: Purpose::Care, base: None };
    let mut session = LateWriteSession::new(repository, opening);
    let (view, now) = (repository.log().view(), repository.env().now());
    if view.sessions.values().any(|s| heard(&view, s, now).is_none()) {
        // Nothing was written since a session whose clock is ahead: from this entry on it counts as silent.
        session.get()?;
    }
    let condemning = Condemning {
        repository,
        session: &mut session,
        plan: &plan,
        marks,
        report: &mut report,
        spent: &mut spent,
        monitor,
    };
    condemning.run().map_err(|e| session.end_after(e))?;
    match fold(repository, &mut session, &mut spent, &mut report.damaged, monitor) {
        // A fold saves requests, not room: deleting goes before it.
        Err(e) if e.kind() == Kind::NoSpace => report.is_short_of_room = true,
        other => report.segments_folded = other.map_err(|e| session.end_after(e))?,
    }
    session.end("the collection is done")?;
    if !spent.is_over() && monitor.check().is_ok() {
        // What was due before was asked for already: gone, or locked.
        let mut due = due_now(repository, options)?;
        due.retain(|row| plan.due.binary_search(row).is_err());
        swept.add(&sweep(repository, &due, &mut spent, monitor)?);
        let orphans = Orphans::find(repository, &[], &mut spent, monitor)?;
        let (objects, bytes, locked) = orphans.delete(repository, &mut spent, monitor)?;
        swept.add(&Swept { objects, bytes, locked });
        report.damaged.extend(orphans.damaged);
        sum_up(repository, options, &mut spent, &mut report)?;
    }
    (report.objects_deleted, report.bytes_freed, report.objects_locked) = (swept.objects, swept.bytes, swept.locked);
    repository.sealed_store().store.keep_reserve();
    let left = left(repository, options);
    (report.waiting, report.sweep_after) = (left.waiting, left.next_due);
    report.damaged.sort();
    report.damaged.dedup_by(|a, b| a.object == b.object);
    report.requests = spent.requests;
    report.is_partial = spent.has_stopped;
    monitor.check()?;
    Ok(report)
}

/// What is done by a clock that is refused: nothing, if there is nothing to take.
fn hold_still(
    repository: &Repository,
    options: &CollectOptions,
    mut plan: CollectPlan,
    clock: &ClockVerdict,
    monitor: &Monitor,
) -> Result<CollectReport> {
    plan.orphans = Orphans::find(repository, &plan.fence, &mut Spent::default(), monitor)?.objects.len() as u64;
    if plan.takes_something() {
        clock.expect("to delete what was given up long ago")?;
    }
    let left = left(repository, options);
    Ok(CollectReport { waiting: left.waiting, sweep_after: left.next_due, ..CollectReport::default() })
}

/// Sums the log up when that is due, and deletes what older sums cover.
fn sum_up(
    repository: &Repository,
    options: &CollectOptions,
    spent: &mut Spent,
    report: &mut CollectReport,
) -> Result<()> {
    repository.log().checkpoint_if_due(&**repository.env());
    // That the log stays long is not work left undone.
    if spent.is_spent() {
        return Ok(());
    }
    let grace = u64::try_from(options.grace_seconds).unwrap_or(0);
    let left = spent.requests_max.map_or(u64::MAX, |max| max.saturating_sub(spent.requests));
    let truncated = repository.truncate_log(grace, left)?;
    report.log_entries_deleted = (truncated.entries.len() + truncated.checkpoints.len()) as u64;
    spent.requests += report.log_entries_deleted + 1;
    Ok(())
}

/// Shuts silent sessions out; one that has spoken meanwhile stays.
fn fence_silent(
    repository: &Repository,
    options: &CollectOptions,
    plan: &CollectPlan,
    report: &mut CollectReport,
) -> Result<()> {
    for session in &plan.fence {
        let now = repository.env().now();
        let reason = match options.fence.contains(session) {
            true => format!("named on {}; plan {}", options.host, plan.hash),
            false => format!(
                "no sign of life for more than {} s, seen by {}; plan {}",
                options.lease_seconds, options.host, plan.hash
            ),
        };
        fence(repository, *session, &reason, &|view| match is_over(view, *session, now, options) {
            true => Ok(()),
            false => Err(Error::new(Kind::Conflict, "a session that seemed silent is alive, or has ended")
                .on(format!("session {session}"))
                .advise("look at `cairn gc plan` again")),
        })?;
        report.fenced += 1;
    }
    Ok(())
}

fn due_now(repository: &Repository, options: &CollectOptions) -> Result<Vec<format_spec::log::ObjectRow>> {
    repository.refresh()?;
    Ok(left(repository, options).due)
}

/// What is due and what waits, by the known log.
fn left(repository: &Repository, options: &CollectOptions) -> CollectPlan {
    let mut plan = CollectPlan::empty(repository.log().view().head);
    super::sweep::due(&repository.log().view(), repository.env().now(), options.grace_seconds, &mut plan);
    plan
}
