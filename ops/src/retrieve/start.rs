//! Asking: what it takes is planned and shown first, and held against a budget.

use crate::open_store::Traffic;
use crate::spending::{EstimateReport, SpentReport};
use engine::Result;
use engine::monitor::Monitor;
use engine::price::{Budget, PriceList};
use engine::repository::Repository;
use engine::retrieval::{self, Needs, RetrievalPlan, RetrievalRequest, Started};
use engine::store::{Counts, RetrievalMode};
use schemars::JsonSchema;
use serde::Serialize;

/// What shall be brought back, and how.
#[derive(Debug, Clone)]
pub struct RetrieveRequest {
    /// What is meant, for people.
    pub about: String,
    /// How fast.
    pub mode: RetrievalMode,
    /// For how many days it stays readable.
    pub days: u32,
    /// What it may take at most.
    pub budget: Budget,
    /// Prices to reckon with.
    pub prices: Option<PriceList>,
    /// Only plans.
    pub dry_run: bool,
}

/// What a retrieval takes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlanReport {
    /// What is to be retrieved, in words.
    pub about: String,
    /// How fast: `standard`, `bulk` or `expedited`.
    pub mode: &'static str,
    /// For how many days.
    pub days: u32,
    /// Files that need it.
    pub files: u64,
    /// Packs that are needed.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that can be read already.
    pub packs_readable: u64,
    /// The bytes of those.
    pub bytes_readable: u64,
    /// Packs that are on their way.
    pub packs_retrieving: u64,
    /// Packs that rest in the archive.
    pub packs_archived: u64,
    /// The bytes of those.
    pub bytes_archived: u64,
    /// Packs that the store would be asked for.
    pub packs_to_ask: usize,
    /// The bytes of those.
    pub bytes_to_ask: u64,
    /// What it would take.
    #[serde(flatten)]
    pub estimate: EstimateReport,
}

impl PlanReport {
    /// Of a plan.
    pub fn of(plan: &RetrievalPlan) -> PlanReport {
        let (needed, readable, archived) = (plan.needed(), plan.readable(), plan.archived());
        PlanReport {
            about: plan.wish.about.clone(),
            mode: plan.wish.mode.as_str(),
            days: plan.wish.days,
            files: plan.files,
            packs: needed.packs,
            bytes: needed.bytes,
            packs_readable: readable.packs,
            bytes_readable: readable.bytes,
            packs_retrieving: plan.retrieving().packs,
            packs_archived: archived.packs,
            bytes_archived: archived.bytes,
            packs_to_ask: plan.asks.len(),
            bytes_to_ask: plan.asked().bytes,
            estimate: EstimateReport::of(&plan.estimate),
        }
    }
}

/// What came of asking.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StartReport {
    /// Whether nothing was asked for.
    pub dry_run: bool,
    /// The retrieval; null where nothing was asked for.
    pub retrieval: Option<u32>,
    /// Whether a retrieval that was begun before goes on.
    pub resumed: bool,
    /// The plan.
    #[serde(flatten)]
    pub plan: PlanReport,
    /// Packs that the store was asked for.
    pub packs_asked: u64,
    /// Packs that were on their way already.
    pub packs_underway: u64,
    /// What it took.
    #[serde(flatten)]
    pub spent: SpentReport,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// Plans; nothing is asked of the archive.
///
/// # Errors
/// The engine's.
pub fn plan(repo: &Repository, needs: &Needs, request: &RetrieveRequest, monitor: &Monitor) -> Result<RetrievalPlan> {
    let wish = RetrievalRequest { mode: request.mode, days: request.days, about: request.about.clone() };
    retrieval::plan(repo, needs, &wish, request.prices.as_ref(), monitor)
}

/// Asks for what the plan says, unless it is a dry run, and only within the budget.
///
/// # Errors
/// `Input` for a plan above the budget; the engine's.
pub fn start(
    repo: &Repository,
    counts: &Counts,
    plan: &RetrievalPlan,
    request: &RetrieveRequest,
) -> Result<StartReport> {
    request.budget.check(&plan.estimate)?;
    let started = match request.dry_run {
        true => Started::default(),
        false => retrieval::start(repo, plan, &request.budget, &Monitor::new())?,
    };
    // Of what was underway or ready nothing is charged again.
    let asked = plan.estimate.cost.map(|cost| share(cost, started.packs_asked, plan.asks.len() as u64));
    Ok(StartReport {
        dry_run: request.dry_run,
        retrieval: started.retrieval,
        resumed: started.resumed,
        plan: PlanReport::of(plan),
        packs_asked: started.packs_asked,
        packs_underway: started.packs_underway,
        spent: SpentReport::of(repo, counts, request.prices.as_ref(), asked),
        traffic: Traffic::of(counts),
    })
}

/// What a part of the packs costs, as packs are mostly of one length.
#[expect(clippy::cast_precision_loss, reason = "prices are estimates")]
fn share(cost: f64, part: u64, all: u64) -> f64 {
    cost * part as f64 / all.max(1) as f64
}
