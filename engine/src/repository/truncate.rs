//! Truncating the log of an open repository, as far as its config says that the store allows it.

use super::open::Repository;
use crate::error::Result;
use crate::log::{Truncated, Truncation};
use crate::store::probe::{LISTING_COMPLETE, VERSIONED};

impl Repository {
    /// Deletes log entries and checkpoints that newer checkpoints sum up and that are older than `grace_seconds`, with at most `requests_max` requests
    /// beside those that reading the log to its head takes.
    ///
    /// # Errors
    /// Those of [`crate::log::Log::truncate`].
    pub fn truncate_log(&self, grace_seconds: u64, requests_max: u64) -> Result<Truncated> {
        let says = |line: &str| self.config().probed.lines().any(|l| l == line);
        let (listings_complete, versioned) = (says(LISTING_COMPLETE), says(VERSIONED));
        self.log().truncate(&**self.env(), &Truncation { grace_seconds, requests_max, listings_complete, versioned })
    }
}
