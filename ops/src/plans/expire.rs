//! Letting restore points, items and paths go, and changing tags: the engine's retention, as a face
//! asks for it.

use super::{Bounded, Planned};
use crate::open_store::Traffic;
use crate::report;
use engine::log::CommitRef;
use engine::maintenance::retention::{Applied, ApplyOptions, Bound, Loss, RetentionPlan, Row, Scope, apply};
use engine::maintenance::{ClockVerdict, PlanHash};
use engine::monitor::Monitor;
use engine::repository::{Repository, Why};
use engine::restore_point::JobId;
use engine::store::Counts;
use format_spec::Time;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// What is to leave, or which tags change.
#[derive(Debug, Clone)]
pub struct Expire {
    /// What is asked for.
    pub scope: Scope,
    /// What this machine's clock is worth.
    pub clock: ClockVerdict,
    /// Threads that encode what is rewritten.
    pub threads: usize,
    /// How much of each job a run may take.
    pub bound: Bound,
}

impl Planned for Expire {
    type Plan = RetentionPlan;
    type Done = Applied;

    fn plan(&self, repo: &Arc<Repository>, monitor: &Arc<Monitor>) -> engine::Result<RetentionPlan> {
        RetentionPlan::make(repo, &self.scope, monitor)
    }

    fn hash(plan: &RetentionPlan) -> PlanHash {
        plan.hash
    }

    fn apply(&self, repo: &Arc<Repository>, hash: &PlanHash, monitor: &Arc<Monitor>) -> engine::Result<Applied> {
        let options = ApplyOptions { hash: *hash, threads: self.threads };
        apply(repo, &self.scope, &options, &self.clock, monitor)
    }
}

impl Bounded for Expire {
    /// The jobs that would lose more than they may: they lose nothing.
    type Held = Vec<Loss>;

    fn within_bound(
        mut self,
        plan: RetentionPlan,
        repo: &Arc<Repository>,
        monitor: &Arc<Monitor>,
    ) -> engine::Result<(Self, RetentionPlan, Vec<Loss>)> {
        let mut held = self.bound.losses(&plan, repo, monitor)?;
        held.retain(|loss| !loss.is_within());
        if held.is_empty() {
            return Ok((self, plan, held));
        }
        self.scope.spared.extend(held.iter().map(|loss| loss.job.clone()));
        let plan = self.plan(repo, monitor)?;
        Ok((self, plan, held))
    }
}

/// A restore point of a plan: the row `point` of `expire` and `tag`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PointRow {
    /// The point's id.
    pub id: String,
    /// Its job; null of a named point without a readable manifest.
    pub job: Option<String>,
    /// The host, or the organisation, that the job is of; null as `job` is.
    pub host: Option<String>,
    /// The time that it shows; null as `job` is.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub time: Option<Time>,
    /// Whether it stays.
    pub keep: bool,
    /// Whether it stays with less in it, or with other tags.
    pub rewrite: bool,
    /// Why, in words: every rule that keeps it, or the one that it fell out of.
    pub reasons: Vec<String>,
    /// Until when the store keeps it; null where no lock is known.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub locked_until: Option<Time>,
    /// Files, links and the like that leave it while it stays.
    pub items_leaving: u64,
    /// Names that stay, of files of which a name is erased.
    pub other_names: u64,
    /// The sizes of the files that leave it while it stays.
    pub bytes_leaving: u64,
    /// Its tags, as they would be.
    pub tags: Vec<String>,
}

impl PointRow {
    /// Of a row of a plan.
    pub fn of(row: &Row) -> PointRow {
        let (point, change) = (&row.decision.point, row.change.as_ref());
        PointRow {
            id: point.id.to_string(),
            job: Some(point.job.job.clone()),
            host: Some(point.job.owner.name().to_owned()),
            time: Some(point.time),
            keep: row.decision.keep,
            rewrite: change.is_some(),
            reasons: row.decision.reasons.iter().map(ToString::to_string).collect(),
            locked_until: point.locked_until,
            items_leaving: change.map_or(0, |change| change.left.items),
            other_names: change.map_or(0, |change| change.others.names),
            bytes_leaving: change.map_or(0, |change| change.left.bytes),
            tags: change.map_or(&point.tags, |change| &change.tags).clone(),
        }
    }

    /// Of a named point of which nothing can be read.
    pub fn of_lost(commit: &CommitRef) -> PointRow {
        PointRow {
            id: commit.id.to_string(),
            job: None,
            host: None,
            time: None,
            keep: false,
            rewrite: false,
            reasons: vec![LOST.to_owned()],
            locked_until: None,
            items_leaving: 0,
            other_names: 0,
            bytes_leaving: 0,
            tags: Vec::new(),
        }
    }
}

/// Why a point leaves of which nothing else can be said.
pub const LOST: &str = "named; its manifest is damaged";

/// A job that a run leaves as it is, because it would lose more than it may: the row `held` of
/// `expire run`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HeldRow {
    /// The job.
    pub job: String,
    /// The host, or the organisation, that the job is of.
    pub host: String,
    /// How many points it has.
    pub points: usize,
    /// How many would leave, or lose more than the share of their items.
    pub points_leaving: usize,
    /// How many were added since the last plan that took points of it.
    pub points_added: usize,
    /// How many may leave in a run.
    pub points_allowed: usize,
    /// The command that shows what would leave.
    pub command: String,
}

impl HeldRow {
    /// Of a loss, with the command that plans it.
    pub fn of(loss: &Loss, command: &str) -> HeldRow {
        HeldRow {
            job: loss.job.job.clone(),
            host: loss.job.owner.name().to_owned(),
            points: loss.points,
            points_leaving: loss.leaving,
            points_added: loss.added,
            points_allowed: loss.allowed,
            command: command.to_owned(),
        }
    }
}

/// What `expire` and `tag` planned or did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExpireReport {
    /// The hash of the plan.
    pub plan: String,
    /// Whether it was carried out.
    pub applied: bool,
    /// Points that stay.
    pub points_kept: usize,
    /// Points that leave.
    pub points_expired: usize,
    /// Points that stay with less in them, or with other tags.
    pub points_rewritten: usize,
    /// Points that would leave, or lose something, were they not locked.
    pub points_locked: usize,
    /// Points that changed while others were rewritten, and stay as they are.
    pub points_left_out: usize,
    /// Points that cannot be judged because their manifests are damaged; they stay.
    pub points_damaged: usize,
    /// Points that need a newer release; they stay.
    pub points_unsupported: usize,
    /// Jobs that would lose their last point, though nobody said that they may: `apply` refuses.
    pub jobs_emptied: Vec<String>,
    /// Jobs that a run leaves as they are, because they would lose more than they may.
    pub jobs_held: Vec<String>,
    /// Paths to be erased that no point has.
    pub paths_unmatched: Vec<String>,
    /// Files, links and the like that leave points that stay.
    pub items_leaving: u64,
    /// The sizes of the files among them.
    pub bytes_leaving: u64,
    /// Bytes of packs that rewriting stored.
    pub bytes_stored: u64,
    /// How many packs that were.
    pub packs_written: u64,
    /// Requests to the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// A plan, and what came of it so far.
#[derive(Clone, Copy)]
pub struct Outcome<'a> {
    /// The plan.
    pub plan: &'a RetentionPlan,
    /// What was done; nothing where it is only shown.
    pub applied: &'a Applied,
    /// Whether it was carried out.
    pub is_applied: bool,
    /// What a run held back.
    pub held: &'a [Loss],
}

impl ExpireReport {
    /// Of a plan and what came of it; `path` writes a raw path for people.
    pub fn of(outcome: Outcome<'_>, path: impl Fn(&[u8]) -> String, counts: &Counts) -> ExpireReport {
        let Outcome { plan, applied, is_applied, held } = outcome;
        let count = |is: &dyn Fn(&Row) -> bool| plan.rows.iter().filter(|row| is(row)).count();
        let unread = |why| plan.unread.iter().filter(|point| point.why() == why).count();
        let leaving = || plan.rows.iter().filter_map(|row| row.change.as_ref()).map(|change| &change.left);
        let told = |job: &JobId| job.told(&plan.jobs);
        ExpireReport {
            plan: plan.hash.to_string(),
            applied: is_applied,
            points_kept: count(&|row| row.decision.keep),
            points_expired: count(&|row| !row.decision.keep) + plan.given_up.len(),
            points_rewritten: count(&|row| row.change.is_some()) - applied.left_out.len(),
            points_locked: count(&|row| row.decision.forbidden),
            points_left_out: applied.left_out.len(),
            points_damaged: unread(Why::Damaged),
            points_unsupported: unread(Why::Unsupported),
            jobs_emptied: plan.emptied.iter().map(told).collect(),
            jobs_held: held.iter().map(|loss| told(&loss.job)).collect(),
            paths_unmatched: plan.unmatched.iter().map(|unmatched| path(unmatched)).collect(),
            items_leaving: leaving().map(|left| left.items).sum(),
            bytes_leaving: leaving().map(|left| left.bytes).sum(),
            bytes_stored: applied.bytes_stored,
            packs_written: applied.packs_written,
            traffic: Traffic::of(counts),
        }
    }
}
