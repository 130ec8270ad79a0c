//! Giving back what no restore point needs: the engine's collection, with what it costs.

mod report;

pub use report::{CollectionPlanReport, CollectionReport, FenceRow, HoldingRow, LockedRow, PackRow};

use super::{Bounded, Planned};
use crate::spending::PricedCollection;
use engine::maintenance::{
    ClockVerdict, CollectOptions, CollectPlan, CollectReport, PlanHash, collect, plan_collection,
};
use engine::monitor::Monitor;
use engine::price::{Budget, PriceList};
use engine::repository::Repository;
use engine::retrieval::{Tidied, may_rest, tidy};
use std::sync::Arc;

/// A collection.
#[derive(Debug, Clone)]
pub struct Collect {
    /// How to collect.
    pub options: CollectOptions,
    /// What this machine's clock is worth.
    pub clock: ClockVerdict,
    /// Prices to reckon with.
    pub prices: Option<PriceList>,
    /// What it may take at most.
    pub budget: Budget,
}

/// What a collection would do, and what it takes.
pub struct CollectionPlan {
    /// What it would do.
    pub plan: CollectPlan,
    /// What it takes.
    pub priced: PricedCollection,
}

/// What a collection did.
#[derive(Debug)]
pub struct Collected {
    /// What it did.
    pub report: CollectReport,
    /// Retrievals that have ended with it: what was brought back out of an archive costs until it
    /// rests again.
    pub tidied: Tidied,
}

impl Collect {
    /// Refuses a plan that takes more than it may.
    ///
    /// # Errors
    /// `Input`, with both numbers.
    pub fn expect_affordable(&self, plan: &CollectionPlan) -> engine::Result<()> {
        self.budget.check(&plan.priced.estimate)
    }

    fn is_limited(&self) -> bool {
        self.budget.max_requests.is_some() || self.budget.max_cost.is_some()
    }
}

impl Planned for Collect {
    type Plan = CollectionPlan;
    type Done = Collected;

    fn plan(&self, repo: &Arc<Repository>, monitor: &Arc<Monitor>) -> engine::Result<CollectionPlan> {
        let plan = plan_collection(repo, &self.options, monitor)?;
        let priced = PricedCollection::of(repo, &plan, &self.options, self.prices.as_ref(), monitor)?;
        Ok(CollectionPlan { plan, priced })
    }

    fn hash(plan: &CollectionPlan) -> PlanHash {
        plan.plan.hash
    }

    fn apply(&self, repo: &Arc<Repository>, hash: &PlanHash, monitor: &Arc<Monitor>) -> engine::Result<Collected> {
        if self.is_limited() {
            // Nobody keeps what a plan was found to cost, and its objects have grown older since.
            self.expect_affordable(&self.plan(repo, monitor)?)?;
        }
        let report = collect(repo, &self.options, hash, &self.clock, monitor)?;
        let tidied = if may_rest(repo) { tidy(repo, monitor)? } else { Tidied::default() };
        Ok(Collected { report, tidied })
    }
}

impl Bounded for Collect {
    /// What no point needs goes as a whole, or what it costs forbids it.
    type Held = ();

    fn within_bound(
        self,
        plan: CollectionPlan,
        _: &Arc<Repository>,
        _: &Arc<Monitor>,
    ) -> engine::Result<(Self, CollectionPlan, ())> {
        self.expect_affordable(&plan)?;
        Ok((self, plan, ()))
    }
}
