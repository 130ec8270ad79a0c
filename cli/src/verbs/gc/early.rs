//! What a collection costs, in words: deleting before the days that a storage class charges at least, and the limits of what it may cost.

use super::super::spending::{self, Spending};
use crate::context::Context;
use crate::exit::Result;
use crate::say::human;
use engine::care::{CollectOptions, CollectPlan, Early};
use engine::repository::Repository;
use ops::spending::{EarlyReport, PricedCollection};

/// A plan with what it takes.
pub(super) struct Priced(PricedCollection);

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
        let prices = spending.list()?;
        let monitor = context.interrupt.monitor();
        Ok(Priced(PricedCollection::of(repo, plan, options, prices.as_ref(), monitor)?))
    }

    /// Refuses what would take more than is allowed.
    ///
    /// # Errors
    /// Wrong usage, with both numbers.
    pub(super) fn check(&self, spending: &Spending) -> Result<()> {
        Ok(spending.budget().check(&self.0.estimate)?)
    }

    /// Whether something goes early.
    pub(super) fn is_early(&self) -> bool {
        self.0.early.objects > 0
    }

    /// For scripts.
    pub(super) fn report(&self) -> EarlyReport {
        self.0.report()
    }

    /// For people; nothing where nothing goes early.
    pub(super) fn in_words(&self) -> Option<String> {
        let Early { objects, bytes, days_left, .. } = self.0.early;
        self.is_early().then(|| {
            let days = if days_left == 1 { "1 day is".to_owned() } else { format!("up to {days_left} days are") };
            let price = match (self.0.early.cost, &*self.0.estimate.prices) {
                (Some(cost), prices) => {
                    format!("about {} by the prices of {prices}", spending::money(cost, &self.0.estimate.currency))
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
