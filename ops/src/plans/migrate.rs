//! Upgrading the format of a repository: the engine's steps.

use super::Planned;
use engine::maintenance::PlanHash;
use engine::maintenance::migrate::{Feature, MigrationPlan, STEPS, Step, apply, plan};
use engine::monitor::Monitor;
use engine::repository::Repository;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// An upgrade by all steps that this release knows.
pub struct Migrate<'a> {
    /// Hears of each step before it runs.
    pub told: &'a dyn Fn(&Step),
}

impl Planned for Migrate<'_> {
    type Plan = MigrationPlan;
    /// The names of the steps that ran.
    type Done = Vec<&'static str>;

    fn plan(&self, repo: &Arc<Repository>, _: &Arc<Monitor>) -> engine::Result<MigrationPlan> {
        plan(repo, STEPS)
    }

    fn hash(plan: &MigrationPlan) -> PlanHash {
        plan.hash
    }

    fn apply(&self, repo: &Arc<Repository>, hash: &PlanHash, monitor: &Arc<Monitor>) -> engine::Result<Self::Done> {
        apply(repo, STEPS, hash, monitor, &mut |step| (self.told)(step))
    }
}

/// What the repository has, or could have: the row `feature` of `migrate plan`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FeatureRow {
    /// Its name.
    pub name: &'static str,
    /// Whether it is on.
    pub on: bool,
    /// What exactly it is in this repository.
    pub state: String,
    /// How it is turned on, or why it cannot be; null where it is on.
    pub turn_on: Option<&'static str>,
}

impl FeatureRow {
    /// Of a feature.
    pub fn of(feature: &Feature) -> FeatureRow {
        let Feature { name, on, state, turn_on } = feature.clone();
        FeatureRow { name, on, state, turn_on }
    }
}

/// A step of the upgrade: the row `step` of `migrate plan`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StepRow {
    /// Its name.
    pub name: &'static str,
    /// The format version that it leads to.
    pub to: String,
    /// What it does.
    pub what: &'static str,
}

impl StepRow {
    /// Of a step.
    pub fn of(step: &Step) -> StepRow {
        StepRow { name: step.name, to: step.to.to_string(), what: step.what }
    }
}

/// What an upgrade would do, or did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MigrationReport {
    /// The hash for `migrate apply`: of what would be done now.
    pub plan: String,
    /// The format version of the repository.
    pub format: String,
    /// The format version that this release writes.
    pub format_written: String,
    /// The steps that are due.
    pub steps: Vec<&'static str>,
    /// The steps that were done.
    pub steps_done: Vec<&'static str>,
}

impl MigrationReport {
    /// Of the plan of now, and the steps that were done before.
    pub fn of(plan: &MigrationPlan, steps_done: Vec<&'static str>) -> MigrationReport {
        MigrationReport {
            plan: plan.hash.to_string(),
            format: plan.found.to_string(),
            format_written: plan.written.to_string(),
            steps: plan.steps.iter().map(|step| step.name).collect(),
            steps_done,
        }
    }
}
