//! Giving back what is damaged: the engine's repair of a repository that can be opened.

use super::Planned;
use crate::open_store::Traffic;
use engine::maintenance::repair::{RepairItem, RepairOptions, RepairPlan, RepairSource, apply, plan};
use engine::maintenance::{Finding, PlanHash, repair};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::store::Counts;
use format_spec::log::ObjectRow;
use format_spec::names;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A repair.
#[derive(Debug, Clone)]
pub struct Repair {
    /// How to look, and where to take from.
    pub options: RepairOptions,
}

impl Planned for Repair {
    type Plan = RepairPlan;
    type Done = repair::RepairReport;

    fn plan(&self, repo: &Arc<Repository>, monitor: &Arc<Monitor>) -> engine::Result<RepairPlan> {
        plan(repo, &self.options, monitor)
    }

    fn hash(plan: &RepairPlan) -> PlanHash {
        plan.hash
    }

    fn apply(
        &self,
        repo: &Arc<Repository>,
        hash: &PlanHash,
        monitor: &Arc<Monitor>,
    ) -> engine::Result<repair::RepairReport> {
        apply(repo, &self.options, hash, monitor)
    }
}

/// By what blobs are given back, and how many: the names are `itself`, `parity`, `cache` and
/// `copy`.
type HealedBy = BTreeMap<&'static str, u64>;

fn healed_by(cures: &BTreeMap<RepairSource, u64>) -> HealedBy {
    cures.iter().map(|(cure, blobs)| (word(*cure), *blobs)).collect()
}

fn word(cure: RepairSource) -> &'static str {
    match cure {
        RepairSource::Itself => "itself",
        RepairSource::Parity => "parity",
        RepairSource::Cache => "cache",
        RepairSource::Copy => "copy",
    }
}

/// A damaged object, or one that needs something damaged: the row `damage` of `repair plan`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DamageRow {
    /// Its name.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
    /// Blobs that a point needs and that nothing else in the repository has.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them each can give back: `itself`, `parity`, `cache`, `copy`.
    pub healed_by: HealedBy,
    /// Whether the object itself is made again.
    pub made_anew: bool,
    /// What remains to be done about the rest; null when nothing does.
    pub remains: Option<String>,
    /// It needs what is damaged, and is not damaged itself.
    pub follows: bool,
    /// The log records it already: no backup relies on it.
    pub suspect: bool,
    /// Restore points that need something of it; the first 20.
    pub points: Vec<String>,
    /// What needs something of it; the first 20.
    pub paths: Vec<PathInPoint>,
    /// How many paths there are, in all points.
    pub paths_total: u64,
}

/// A path in a restore point.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PathInPoint {
    /// The point's id.
    pub point: String,
    /// The path.
    pub path: String,
}

impl DamageRow {
    /// Of an item of a plan.
    pub fn of(item: &RepairItem) -> DamageRow {
        let path = |(point, path): &(String, String)| PathInPoint { point: point.clone(), path: path.clone() };
        DamageRow {
            object: item.object.clone(),
            what: item.what.clone(),
            blobs: item.blobs,
            bytes: item.bytes,
            healed_by: healed_by(&item.healed_by),
            made_anew: item.made_anew,
            remains: item.remains.clone(),
            follows: item.follows,
            suspect: item.suspect,
            points: item.points.clone(),
            paths: item.paths.iter().map(path).collect(),
            paths_total: item.paths_total,
        }
    }
}

/// What is damaged, and nothing needs it any more: the row `superseded` of `repair plan`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SupersededRow {
    /// Its name.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
}

impl SupersededRow {
    /// Of a finding.
    pub fn of(finding: &Finding) -> SupersededRow {
        SupersededRow { object: finding.object.clone(), what: finding.what.clone() }
    }
}

/// What was recorded as damaged once, and is right: the row `right_again` of `repair plan`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RightAgainRow {
    /// Its name.
    pub object: String,
}

impl RightAgainRow {
    /// Of a pack.
    pub fn of(pack: &ObjectRow) -> RightAgainRow {
        RightAgainRow { object: names::of_session(pack.kind, pack.id) }
    }
}

/// The backup that stores again what is still lost: the row `heal` of `repair`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HealRow {
    /// The host that runs the job.
    pub host: String,
    /// The job.
    pub job: String,
    /// The command of that backup; the job's own options come to it.
    pub command: String,
}

/// What a repair would do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RepairPlanReport {
    /// The hash for `repair apply`.
    pub plan: String,
    /// Damaged objects, and those that need them.
    pub damaged: usize,
    /// Damaged objects that nothing needs any more.
    pub superseded: usize,
    /// Objects that are whole and need a newer release.
    pub unsupported: usize,
    /// Damaged objects of which something remains lost.
    pub remaining: usize,
    /// Packs to be recorded as damaged.
    pub suspects: usize,
    /// Packs that are right again, whose record is withdrawn.
    pub withdrawn: usize,
    /// Whether `apply` gives something back.
    pub heals: bool,
    /// Whether `apply` has anything to do.
    pub changes: bool,
    /// Requests to the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl RepairPlanReport {
    /// Of a plan.
    pub fn of(plan: &RepairPlan, counts: &Counts) -> RepairPlanReport {
        RepairPlanReport {
            plan: plan.hash.to_string(),
            damaged: plan.items.len(),
            superseded: plan.superseded.len(),
            unsupported: plan.unsupported.len(),
            remaining: plan.remaining(),
            suspects: plan.suspects.len(),
            withdrawn: plan.withdrawn.len(),
            heals: plan.heals_something(),
            changes: plan.changes_something(),
            traffic: Traffic::of(counts),
        }
    }
}

/// What a repair gave back.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RepairReport {
    /// The hash of the plan that was carried out.
    pub plan: String,
    /// Blobs that were lost and are stored again.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// By what they were given back: `itself`, `parity`, `cache`, `copy`.
    pub healed_by: HealedBy,
    /// Blobs that were whole in damaged packs and were carried over.
    pub blobs_moved: u64,
    /// Damaged packs that were given up.
    pub packs_condemned: u64,
    /// Packs that were written.
    pub packs_written: u64,
    /// Stored bytes of those.
    pub bytes_stored: u64,
    /// Index segments that were made again.
    pub segments: u64,
    /// Restore points that have a manifest again.
    pub manifests: u64,
    /// Packs that are recorded as damaged from now on.
    pub packs_suspect: u64,
    /// Packs that were found right, and are so no more.
    pub packs_withdrawn: u64,
    /// Damaged objects of which something remains lost.
    pub remaining: u64,
    /// Requests to the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

impl RepairReport {
    /// Of the plan of this hash.
    pub fn of(plan: &PlanHash, done: &repair::RepairReport, counts: &Counts) -> RepairReport {
        RepairReport {
            plan: plan.to_string(),
            blobs: done.blobs,
            bytes: done.bytes,
            healed_by: healed_by(&done.healed_by),
            blobs_moved: done.blobs_moved,
            packs_condemned: done.packs_condemned,
            packs_written: done.packs_written,
            bytes_stored: done.bytes_stored,
            segments: done.segments,
            manifests: done.manifests,
            packs_suspect: done.packs_suspect,
            packs_withdrawn: done.packs_withdrawn,
            remaining: done.remaining,
            traffic: Traffic::of(counts),
        }
    }
}
