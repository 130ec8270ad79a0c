//! What work may cost.

use super::estimate::Estimate;
use base::error::{Error, Kind, Result};
use base::monitor::counted;

/// Limits that somebody has set; nothing is limited where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Budget {
    /// The most requests.
    pub max_requests: Option<u64>,
    /// The most money, in the price list's currency.
    pub max_cost: Option<f64>,
}

impl Budget {
    /// Refuses what would cost more, before anything is spent.
    ///
    /// # Errors
    /// `Input`, with both numbers; also where there is a limit of money and the estimate has no price.
    pub fn check(&self, estimate: &Estimate) -> Result<()> {
        let requests = estimate.requests.total();
        if let Some(max) = self.max_requests.filter(|max| requests > *max) {
            let requests = counted(requests, "request", "requests");
            let what = format!("it would take {requests}, more than the {max} that --max-requests allows");
            return Err(Error::new(Kind::Input, what).advise("raise --max-requests, or ask for less; nothing was done"));
        }
        let Some(max) = self.max_cost else { return Ok(()) };
        let Some(cost) = estimate.cost else {
            return Err(Error::new(Kind::Input, "what it would cost is not known, and --max-cost is to be kept")
                .advise("name a price list that has this storage class and mode with --prices; nothing was done"));
        };
        if cost <= max {
            return Ok(());
        }
        let (currency, prices) = (&estimate.currency, &estimate.prices);
        let what = format!("it would cost {cost:.2} {currency} by {prices}, more than the {max:.2} that are allowed");
        Err(Error::new(Kind::Input, what)
            .advise("raise --max-cost, choose a cheaper mode, or ask for less; nothing was done"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::Requests;

    #[test]
    fn a_budget_refuses_what_is_more_and_what_has_no_price() {
        let requests = Requests { retrieve: 7, list: 1, ..Requests::default() };
        let priced = Estimate { requests, cost: Some(1.5), ..Estimate::default() };
        let unpriced = Estimate { requests, ..Estimate::default() };
        let requests = |n| Budget { max_requests: Some(n), ..Budget::default() };
        let cost = |n| Budget { max_cost: Some(n), ..Budget::default() };
        assert!(Budget::default().check(&priced).is_ok() && requests(8).check(&unpriced).is_ok());
        assert!(cost(1.5).check(&priced).is_ok());
        for refused in [requests(7).check(&priced), cost(1.49).check(&priced), cost(100.0).check(&unpriced)] {
            assert_eq!(refused.unwrap_err().kind(), Kind::Input);
        }
    }
}
