//! Carrying a plan out: one entry for the points that leave, one for each that is rewritten.
//!
//! Promises: the plan is made again at the log's head and its hash compared, before anything is done and whenever another writer came first;
//! a point is rewritten only from the manifest that the plan saw. A run that is stopped has done whole points: the same request plans the rest.
//!
//! Rewrites keep I2 as commits do: what they take over is needed by a point that is live at their slot, what they add is published before, and
//! packs that were condemned meanwhile are looked for again.

use super::locks::is_locked;
use super::plan::RetentionPlan;
use super::rewrite::Rewriter;
use super::rules::{Request, Scope};
use crate::error::{Error, Kind, Result};
use crate::log::LogView;
use crate::maintenance::clock::ClockVerdict;
use crate::maintenance::plan_hash::{PlanHash, Quotes};
use crate::monitor::Monitor;
use crate::repository::Repository;
use format_spec::log::{Change, PointId};
use std::sync::Arc;

/// What to carry out, and with what.
#[derive(Debug, Clone, Copy)]
pub struct ApplyOptions {
    /// The hash of the plan, or its beginning, as it was shown.
    pub hash: PlanHash,
    /// Encoding threads.
    pub threads: usize,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Applied {
    /// The plan, as it was made again.
    pub plan: Option<RetentionPlan>,
    /// Points that left.
    pub expired: Vec<PointId>,
    /// Points that have another manifest.
    pub rewritten: Vec<PointId>,
    /// Points that changed while others were rewritten, and stay as they are now.
    pub left_out: Vec<PointId>,
    /// Bytes of packs that rewriting stored.
    pub bytes_stored: u64,
    /// How many packs that were.
    pub packs_written: u64,
}

/// Carries out the plan of this hash. By a clock that cannot be right nothing leaves; tags take nothing away, whatever the time is.
///
/// # Errors
/// `Unrecognised` when something would leave by a clock that is refused; `Conflict` when the plan is another one by now, `Input` when it was made for another request, or empties a job that nobody said may be emptied; else as
/// [`RetentionPlan::make`], and the store's.
pub fn apply(
    repository: &Arc<Repository>,
    scope: &Scope,
    options: &ApplyOptions,
    clock: &ClockVerdict,
    monitor: &Arc<Monitor>,
) -> Result<Applied> {
    let mut applied = Applied::default();
    let plan = loop {
        let plan = RetentionPlan::make(repository, scope, monitor)?;
        plan.expect(options)?;
        if !plan.is_empty() && !matches!(scope.request, Request::Tags { .. }) {
            clock.expect("to let restore points and items go")?;
        }
        match expire(repository, scope, &plan)? {
            Some(expired) => {
                applied.expired = expired;
                break plan;
            }
            // Another entry came first that concerns points: what does the plan say now?
            None => monitor.check()?,
        }
    };
    let rewrites = plan.rows.iter().any(|row| row.change.is_some());
    if rewrites {
        let mut rewriter = Rewriter::open(repository, (scope, plan.hash), options.threads, monitor)?;
        let done = rewriter.rewrite_all(&plan, &mut applied).map_err(|e| rewriter.explain(e));
        // Also after a failure: a session that stays open keeps the collection waiting.
        let ended = rewriter.finish();
        done?;
        let stored = ended?;
        (applied.bytes_stored, applied.packs_written) = (stored.bytes_stored, stored.packs);
    }
    applied.plan = Some(plan);
    Ok(applied)
}

/// Appends the expiry, if any point leaves. `None` when the live points are not those of the plan any more.
fn expire(repository: &Repository, scope: &Scope, plan: &RetentionPlan) -> Result<Option<Vec<PointId>>> {
    let points = plan.leaving();
    if points.is_empty() {
        return Ok(Some(points));
    }
    let (mut moved, now) = (false, repository.env().now());
    let appended = repository.log().append(&**repository.env(), &mut |view: &LogView| {
        // Slots rise with numbers, so these are in order.
        moved = !view.commits.iter().map(|c| c.slot).eq(plan.live.iter().copied()) || is_locked(view, &points, now);
        if moved {
            return Err(Error::new(
                Kind::Conflict,
                "restore points came or went while the plan was about to be applied",
            ));
        }
        Ok(Change::Expire { points: points.clone(), reason: scope.to_string(), plan: plan.hash.whole() })
    });
    match appended {
        Err(_) if moved => Ok(None),
        other => other.map(|_| Some(points)),
    }
}

impl RetentionPlan {
    /// Refuses what was not shown, and what was refused when it was.
    fn expect(&self, options: &ApplyOptions) -> Result<()> {
        let quoted = options.hash;
        match self.hash.judge(&quoted) {
            Quotes::This => {}
            Quotes::OtherContent => {
                return Err(Error::new(
                    Kind::Conflict,
                    "the plan is another one by now: restore points came or went, or time passed",
                )
                .on(quoted)
                .advise("look at the new plan, and apply that"));
            }
            Quotes::OtherOptions => {
                return Err(Error::new(
                    Kind::Input,
                    "the plan was made for another request: other rules, points, paths, tags or options than these, or a \
                     selector such as `latest` means another point by now",
                )
                .on(quoted)
                .advise("put `apply HASH` in the place of `plan`, and change nothing else"));
            }
        }
        if let [job, ..] = &self.emptied[..] {
            let job = job.told(&self.jobs);
            return Err(Error::new(Kind::Input, "the plan would let all restore points of a job go")
                .on(&job)
                .advise(format!("if that is meant, say --empty-job {job} and plan again")));
        }
        Ok(())
    }
}
