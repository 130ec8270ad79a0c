//! What work may cost, and what it has cost: price lists by name, estimates and sums as reports.

use engine::Result;
use engine::maintenance::{CollectOptions, CollectPlan, Early, early_deletion};
use engine::monitor::Monitor;
use engine::price::{Estimate, PriceList, Spent};
use engine::repository::Repository;
use engine::store::Counts;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// A price list: one that comes along, by its name, or a TOML file, by a path with a dot or a slash in it.
///
/// # Errors
/// The engine's, for what is no list.
pub fn price_list(name: &str) -> Result<PriceList> {
    match name.contains(['/', '.']) {
        true => PriceList::read(Path::new(name)),
        false => PriceList::builtin(name),
    }
}

/// What work is estimated to take.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EstimateReport {
    /// Requests that it would take.
    pub requests_estimated: u64,
    /// The least that it would take; null where nothing has to arrive.
    pub seconds_least: Option<u64>,
    /// The most that it would take; null where nothing has to arrive.
    pub seconds_most: Option<u64>,
    /// What it would cost; null without prices.
    pub cost_estimated: Option<f64>,
    /// The currency of the prices; null without them.
    pub currency: Option<String>,
    /// The price list; null without one.
    pub prices: Option<String>,
}

impl EstimateReport {
    /// Of an estimate.
    pub fn of(estimate: &Estimate) -> EstimateReport {
        let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        EstimateReport {
            requests_estimated: estimate.requests.total(),
            seconds_least: estimate.seconds.map(|(least, _)| least),
            seconds_most: estimate.seconds.map(|(_, most)| most),
            cost_estimated: estimate.cost,
            currency: named(&estimate.currency),
            prices: named(&estimate.prices),
        }
    }
}

/// What work has taken.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SpentReport {
    /// Requests that were made.
    pub requests_made: u64,
    /// What they cost; null without prices.
    pub cost_actual: Option<f64>,
}

impl SpentReport {
    /// The requests and the traffic of one repository, and what its archive charges for what was asked of it.
    pub fn of(repo: &Repository, counts: &Counts, prices: Option<&PriceList>, asked: Option<f64>) -> SpentReport {
        let spent = spent(repo, counts, prices);
        let cost_actual = spent.cost.zip(asked).map(|(line, archive)| line + archive);
        SpentReport { requests_made: spent.requests.total(), cost_actual }
    }

    /// The same of work between two repositories.
    pub fn of_two(
        (source, from): (&Repository, &Counts),
        (target, to): (&Repository, &Counts),
        prices: Option<&PriceList>,
    ) -> SpentReport {
        let (from, to) = (spent(source, from, prices), spent(target, to, prices));
        SpentReport {
            requests_made: from.requests.total() + to.requests.total(),
            cost_actual: from.cost.zip(to.cost).map(|(from, to)| from + to),
        }
    }
}

fn spent(repo: &Repository, counts: &Counts, prices: Option<&PriceList>) -> Spent {
    let class = &repo.config().storage_class;
    Spent::of(counts, prices, (!class.is_empty()).then_some(class))
}

/// What a collection would take, and what of that is for deleting before the days that a storage class charges at least.
pub struct PricedCollection {
    /// What goes early.
    pub early: Early,
    /// What it takes in all.
    pub estimate: Estimate,
}

/// What a collection takes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EarlyReport {
    /// Objects that go before the days are over that their storage class charges at least.
    pub objects_early: u64,
    /// Their bytes.
    pub bytes_early: u64,
    /// The most days that are left of those.
    pub days_early: u32,
    /// What that costs; null without prices.
    pub cost_early: Option<f64>,
    /// What the whole collection would take.
    #[serde(flatten)]
    pub estimate: EstimateReport,
}

impl PricedCollection {
    /// Looks how old the objects are that would go.
    ///
    /// # Errors
    /// The engine's.
    pub fn of(
        repo: &Repository,
        plan: &CollectPlan,
        options: &CollectOptions,
        prices: Option<&PriceList>,
        monitor: &Monitor,
    ) -> Result<Self> {
        let early = early_deletion(repo, plan, options, prices, monitor)?;
        Ok(PricedCollection { estimate: early.estimate(repo, plan, prices), early })
    }

    /// For scripts.
    pub fn report(&self) -> EarlyReport {
        let Early { objects, bytes, days_left, cost } = self.early;
        EarlyReport {
            objects_early: objects,
            bytes_early: bytes,
            days_early: days_left,
            cost_early: cost,
            estimate: EstimateReport::of(&self.estimate),
        }
    }
}
