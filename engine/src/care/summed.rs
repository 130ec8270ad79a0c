//! What the log does not need any more, and may be damaged without a loss: checkpoints, and entries that a checkpoint sums up.
//!
//! Promises: what it finds takes nothing away from anybody: the log was read to its head without it. Refuses to call it damage; a truncation takes it
//! away in time.

use super::findings::Finding;
use crate::error::{Kind, Result};
use crate::monitor::Monitor;
use crate::repository::Repository;

/// Damaged checkpoints and, if they are to be read too, damaged entries from before the checkpoint that the log was read from.
pub(super) fn summed_up(repository: &Repository, entries: bool, monitor: &Monitor) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    repository.log().for_each_summed_up(entries, &mut |name, error| {
        monitor.check()?;
        if !matches!(error.kind(), Kind::Damaged | Kind::Unsupported) {
            return Err(error);
        }
        found.push(Finding { object: name.to_owned(), what: error.to_string() });
        Ok(())
    })?;
    found.sort();
    Ok(found)
}
