//! A repository whose log cannot be read to its end: opened as of what comes before, for who wants to look and to repair.
//!
//! Promises: nothing can be written to what is opened so. Refuses to pass the stop over in silence: who opens so is told of it.

use super::as_of::AsOf;
use super::found::Found;
use super::open::Repository;
use super::options::OpenOptions;
use crate::error::{Error, Kind, Result};
use format_spec::container::ObjectKind;
use format_spec::names;
use std::sync::Arc;

/// Where the log stops being readable.
#[derive(Debug)]
pub struct Stop {
    /// The slot.
    pub slot: u32,
    /// Why.
    pub error: Error,
}

impl Repository {
    /// Opens the repository as far as its log can be read.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for damage of a log entry.
    pub fn open_as_far(
        found: &Found,
        password: Option<&[u8]>,
        options: &OpenOptions,
    ) -> Result<(Arc<Self>, Option<Stop>)> {
        let open = |options: &OpenOptions| found.open(password, options);
        let error = match open(options) {
            Ok(repository) => return Ok((repository, None)),
            Err(e) => e,
        };
        let object = error.object().and_then(names::parse);
        let (Kind::Damaged, Some((ObjectKind::LogEntry, _, slot)), None) = (error.kind(), object, options.as_of) else {
            return Err(error);
        };
        let before = OpenOptions { as_of: Some(AsOf::Entry(slot.saturating_sub(1))), ..options.clone() };
        Ok((open(&before)?, Some(Stop { slot, error })))
    }

    /// Whether the dedup key, and what is said about cutting and ids, are those that this repository's points were made with. Who read the log from
    /// its first entry knows it by the hash of the config there, and who has keys by its seal; else a node of a point tells.
    ///
    /// # Errors
    /// `Damaged` where they are not; the store's.
    pub fn expect_own_config(&self) -> Result<()> {
        let view = self.log().view();
        if view.since == 0 && view.head > 0 || self.sealed_store().secrets.master.is_some() {
            return Ok(());
        }
        match view.commits.iter().map(|commit| self.node(&commit.references)).find(|node| node.is_ok()) {
            Some(_) => Ok(()),
            None => Err(Error::new(Kind::Damaged, "nothing in the repository confirms this copy of the config")
                .on(names::CONFIG)
                .advise("give another copy with --from")),
        }
    }
}
