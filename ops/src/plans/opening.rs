//! What the repair of a repository that cannot be opened tells: there is no repository yet that
//! could be asked, so the plan is the engine's alone, and has the hash of all plans.

use engine::maintenance::PlanHash;
use engine::maintenance::repair::{Opened, OpeningPlan};
use format_spec::log::PointId;
use schemars::JsonSchema;
use serde::Serialize;

/// What the repair of a repository that cannot be opened would do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OpeningPlanReport {
    /// The hash for `repair apply`.
    pub plan: String,
    /// Damaged objects.
    pub damaged: usize,
    /// Always 0: what nothing needs is not looked for here.
    pub superseded: usize,
    /// Damaged objects that nothing gives back.
    pub remaining: usize,
    /// Whether `apply` has anything to do.
    pub heals: bool,
    /// Slots of the log that are set aside.
    pub set_aside: Vec<u32>,
    /// Jobs whose sessions end by it.
    pub sessions_ended: Vec<String>,
    /// Restore points that are whole and are committed again.
    pub points_committed_again: Vec<String>,
}

impl OpeningPlanReport {
    /// Of a plan.
    pub fn of(plan: &OpeningPlan) -> OpeningPlanReport {
        OpeningPlanReport {
            plan: plan.hash.to_string(),
            damaged: plan.items.len(),
            superseded: 0,
            remaining: remaining(plan),
            heals: plan.heals_something(),
            set_aside: plan.set_aside.clone(),
            sessions_ended: plan.sessions.iter().map(|(_, job)| job.clone()).collect(),
            points_committed_again: ids(&plan.points),
        }
    }
}

/// What the repair of a repository that could not be opened did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OpeningReport {
    /// The hash of the plan that was carried out.
    pub plan: String,
    /// Slots of the log that are set aside.
    pub set_aside: Vec<u32>,
    /// The slot of the entry that set them aside; null where none was.
    pub set_aside_by: Option<u32>,
    /// The object that was put back; null where none was.
    pub put_back: Option<String>,
    /// Where its damaged bytes are kept; null where there were none.
    pub kept: Option<String>,
    /// Restore points that are committed again.
    pub points_committed_again: Vec<String>,
    /// Damaged objects that nothing gave back.
    pub remaining: usize,
}

impl OpeningReport {
    /// Of the plan of this hash, what was done, and the points that were committed again.
    pub fn of(hash: &PlanHash, plan: &OpeningPlan, done: Opened, points: &[PointId]) -> OpeningReport {
        OpeningReport {
            plan: hash.to_string(),
            set_aside: plan.set_aside.clone(),
            set_aside_by: done.set_aside_by,
            put_back: done.put_back,
            kept: done.kept,
            points_committed_again: ids(points),
            remaining: remaining(plan),
        }
    }
}

fn remaining(plan: &OpeningPlan) -> usize {
    plan.items.iter().filter(|item| item.remains.is_some()).count()
}

fn ids(points: &[PointId]) -> Vec<String> {
    points.iter().map(ToString::to_string).collect()
}
