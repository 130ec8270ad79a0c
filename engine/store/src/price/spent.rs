//! What was spent so far, from the requests that were counted.

use super::estimate::Requests;
use super::list::PriceList;
use crate::{Counts, RequestKind};

/// What work has taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// Requests that were made.
    pub requests: Requests,
    /// Bytes received.
    pub bytes_read: u64,
    /// Bytes sent.
    pub bytes_written: u64,
    /// Requests and traffic, in the list's currency; `None` without a list. What an archive charges for giving back comes on top.
    pub cost: Option<f64>,
}

impl Spent {
    /// What `counts` amounts to. Requests are priced as those of `class`, the class of data packs; where there is none, or the list does not
    /// know it, as those of the class that is read most: STANDARD or Hot.
    pub fn of(counts: &Counts, prices: Option<&PriceList>, class: Option<&str>) -> Self {
        let n = |verb| counts.requests(verb);
        let requests = Requests {
            put: n(RequestKind::Put).saturating_add(n(RequestKind::Lock)),
            get: n(RequestKind::Get),
            list: n(RequestKind::List),
            head: n(RequestKind::Head),
            delete: n(RequestKind::Delete),
            retrieve: n(RequestKind::Retrieve),
        };
        let (bytes_read, bytes_written) = (counts.bytes_down(), counts.bytes_up());
        let cost = prices.and_then(|list| {
            let usual = class.into_iter().chain(["STANDARD", "Hot"]);
            let class = usual.filter_map(|name| list.class(name)).next()?;
            Some(list.requests(class, &requests) + list.reading(class, bytes_read))
        });
        Spent { requests, bytes_read, bytes_written, cost }
    }
}
