//! What work may cost: `--prices`, `--max-requests`, `--max-cost`, and how an estimate is told.

use crate::exit::Result;
use crate::output::human;
use crate::parse::amount::amount;
use clap::Args;
use engine::price::{Budget, Estimate, PriceList};
use ops::spending::price_list;

/// Flattened into the verbs that spend.
#[derive(Debug, Args)]
#[command(next_help_heading = "What it may cost")]
pub(super) struct Spending {
    /// Prices to reckon with: a TOML file, or generic, aws-us-east-1, aws-eu-central-1, azure-westeurope, wasabi, ibm
    #[arg(long, value_name = "FILE|NAME", env = "CAIRN_PRICES", hide_env_values = true)]
    prices: Option<String>,
    /// Do nothing if it would take more requests
    #[arg(long, value_name = "N")]
    max_requests: Option<u64>,
    /// Do nothing if it would cost more, in the currency of the price list
    #[arg(long, value_name = "AMOUNT", value_parser = amount, requires = "prices")]
    max_cost: Option<f64>,
}

impl Spending {
    /// The price list that was named; else none.
    ///
    /// # Errors
    /// The engine's, for what is no list.
    pub(super) fn list(&self) -> Result<Option<PriceList>> {
        Ok(self.prices.as_deref().map(price_list).transpose()?)
    }

    /// Whether limits were set.
    pub(super) fn is_limited(&self) -> bool {
        self.max_requests.is_some() || self.max_cost.is_some()
    }

    /// The limits that were set.
    pub(super) fn budget(&self) -> Budget {
        Budget { max_requests: self.max_requests, max_cost: self.max_cost }
    }
}

/// An estimate, for people.
pub(super) fn in_words(estimate: &Estimate) -> String {
    let mut text = human::counted(estimate.requests.total(), "request", "requests");
    if let Some((least, most)) = estimate.seconds {
        text.push_str(&match least == most {
            true => format!(", about {}", hours(most)),
            false => format!(", {} to {}", hours(least), hours(most)),
        });
    }
    match estimate.cost {
        Some(cost) => {
            text.push_str(&format!(", about {} by the prices of {}", money(cost, &estimate.currency), estimate.prices));
        }
        None if estimate.prices.is_empty() => text.push_str("; --prices tells what that costs"),
        None => text.push_str(&format!("; {} has no price for this", estimate.prices)),
    }
    text
}

/// An amount with as many digits as tell something.
pub(super) fn money(cost: f64, currency: &str) -> String {
    if cost > 0.0 && cost < 0.01 { format!("less than 0.01 {currency}") } else { format!("{cost:.2} {currency}") }
}

fn hours(seconds: u64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_tells_time_and_price_where_they_are_known() {
        let mut estimate = Estimate::default();
        estimate.requests.retrieve = 1200;
        assert_eq!(in_words(&estimate), "1,200 requests; --prices tells what that costs");
        estimate.seconds = Some((60, 300));
        (estimate.cost, estimate.currency, estimate.prices) = (Some(1.234), "USD".into(), "mine".into());
        assert_eq!(in_words(&estimate), "1,200 requests, 60 s to 5 min, about 1.23 USD by the prices of mine");
        (estimate.cost, estimate.seconds) = (None, Some((43_200, 43_200)));
        assert_eq!(in_words(&estimate), "1,200 requests, about 12 h; mine has no price for this");
        assert_eq!(money(0.004, "USD"), "less than 0.01 USD");
    }
}
