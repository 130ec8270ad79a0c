//! What work will take: requests, bytes, time and money.

use std::ops::AddAssign;

/// Requests by what providers charge for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requests {
    /// Objects put, and changes of their tier or lock.
    pub put: u64,
    /// Objects or ranges read.
    pub get: u64,
    /// Pages of listings.
    pub list: u64,
    /// Questions about single objects.
    pub head: u64,
    /// Objects deleted.
    pub delete: u64,
    /// Objects asked out of an archive.
    pub retrieve: u64,
}

impl Requests {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Requests { put, get, list, head, delete, retrieve } = *self;
        [put, get, list, head, delete, retrieve].iter().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

impl AddAssign for Requests {
    fn add_assign(&mut self, other: Self) {
        let add = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        add(&mut self.put, other.put);
        add(&mut self.get, other.get);
        add(&mut self.list, other.list);
        add(&mut self.head, other.head);
        add(&mut self.delete, other.delete);
        add(&mut self.retrieve, other.retrieve);
    }
}

/// What work will probably take. Without a price list there is no cost, and no more is known of the time than that it is not known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Estimate {
    /// Requests.
    pub requests: Requests,
    /// Bytes that leave the store.
    pub bytes_read: u64,
    /// Bytes that go there.
    pub bytes_written: u64,
    /// The least and the most seconds until an archive has given everything back; `None` where nothing is asked of one, or no list tells.
    pub seconds: Option<(u64, u64)>,
    /// Money, in [`currency`](Self::currency).
    pub cost: Option<f64>,
    /// As the price list names it; empty without one.
    pub currency: String,
    /// Which list, and of when; empty without one.
    pub prices: String,
}
