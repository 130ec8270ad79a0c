//! What a collection costs: deleting before the days that a storage class charges at least, and the limits of what it may cost.

use super::super::spending::{self, Spending};
use crate::context::Context;
use crate::exit::Result;
use crate::say::{Row, human};
use engine::care::{CollectOptions, CollectPlan, Early, early_deletion};
use engine::price::PriceList;
use engine::repository::Repository;

/// A plan with what it takes.
pub(super) struct Priced {
    early: Early,
    estimate: engine::price::Estimate,
}

impl Priced {
    /// Looks how old the objects are that would go.
    ///
    /// # Errors
    /// The engine's; what is no price list.
    pub(super) fn of(
        context: &Context,
        repo: &Repository,
        plan: &CollectPlan,
        options: &CollectOptions,
        spending: &Spending,
    ) -> Result<Self> {
        let prices: Option<PriceList> = spending.list()?;
        let early = early_deletion(repo, plan, options, prices.as_ref(), context.interrupt.monitor())?;
        Ok(Priced { estimate: early.estimate(repo, plan, prices.as_ref()), early })
    }

    /// Refuses what would take more than is allowed.
    ///
    /// # Errors
    /// Wrong usage, with both numbers.
    pub(super) fn check(&self, spending: &Spending) -> Result<()> {
        Ok(spending.budget().check(&self.estimate)?)
    }

    /// Whether something goes early.
    pub(super) fn is_early(&self) -> bool {
        self.early.objects > 0
    }

    /// For scripts.
    pub(super) fn row(&self) -> Row {
        let Early { objects, bytes, days_left, cost } = self.early;
        Row::new("early")
            .set("objects_early", objects)
            .set("bytes_early", bytes)
            .set("days_early", days_left)
            .set("cost_early", cost)
            .with(spending::row_of(&self.estimate))
    }

    /// For people; nothing where nothing goes early.
    pub(super) fn in_words(&self) -> Option<String> {
        let Early { objects, bytes, days_left, .. } = self.early;
        self.is_early().then(|| {
            let days = if days_left == 1 { "1 day is".to_owned() } else { format!("up to {days_left} days are") };
            let price = match (self.early.cost, &*self.estimate.prices) {
                (Some(cost), prices) => {
                    format!("about {} by the prices of {prices}", spending::money(cost, &self.estimate.currency))
                }
                (None, "") => "--prices tells what that costs".to_owned(),
                (None, prices) => format!("{prices} has no price for this"),
            };
            format!(
                "{} ({}) before the days are over that the storage class charges at least: {days} left; {price}",
                human::counted(objects, "object goes", "objects go"),
                human::bytes(bytes),
            )
        })
    }
}
