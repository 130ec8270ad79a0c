//! What deleting means in this repository's store: truncating the log as far as its config says that the store allows it, and all versions of an
//! object where it keeps some.

use super::open::Repository;
use crate::error::Result;
use crate::log::{Truncated, Truncation};
use crate::store::probe::{LISTING_COMPLETE, VERSIONED};
use crate::store::{ObjectName, delete_versions};

impl Repository {
    /// Deletes log entries and checkpoints that newer checkpoints sum up and that are older than `grace_seconds`, with at most `requests_max` requests
    /// beside those that reading the log to its head takes.
    ///
    /// # Errors
    /// Those of [`crate::log::Log::truncate`].
    pub fn truncate_log(&self, grace_seconds: u64, requests_max: u64) -> Result<Truncated> {
        let (listings_complete, versioned) = (self.says(LISTING_COMPLETE), self.says(VERSIONED));
        self.log().truncate(&**self.env(), &Truncation { grace_seconds, requests_max, listings_complete, versioned })
    }

    /// Deletes an object with every version of it: one that is only hidden takes its room, and can be read, for ever.
    ///
    /// # Errors
    /// `Immutable` while a lock holds one; the store's.
    pub fn free(&self, name: &ObjectName) -> Result<()> {
        let store = &*self.sealed_store().store;
        if self.says(VERSIONED) { delete_versions(store, name) } else { store.delete(name.object()) }
    }

    /// Whether the probe has written this line.
    fn says(&self, line: &str) -> bool {
        self.config().probed.lines().any(|l| l == line)
    }
}
