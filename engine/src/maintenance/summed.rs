//! What the log does not need any more, and may be damaged without a loss: checkpoints, and entries that a checkpoint sums up.
//!
//! Promises: what it finds takes nothing away from anybody: the log was read to its head without it. Refuses to call that damage, as a truncation takes
//! it away in time; what is whole and tells another history is told apart, and is damage.

use super::findings::Finding;
use crate::error::{Kind, Result};
use crate::log::Spare;
use crate::monitor::Monitor;
use crate::repository::Repository;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Summed {
    /// Nobody needs it.
    pub(super) spare: Vec<Finding>,
    /// It contradicts the log.
    pub(super) other_history: Vec<Finding>,
}

/// Damaged checkpoints and, if they are to be read too, damaged entries from before the checkpoint that the log was read from; and apart from them
/// those that are whole and tell another history than the log.
pub(super) fn summed_up(repository: &Repository, entries: bool, monitor: &Monitor) -> Result<Summed> {
    let mut found = Summed::default();
    repository.log().for_each_summed_up(entries, &mut |name, error, spare| {
        monitor.check()?;
        if !matches!(error.kind(), Kind::Damaged | Kind::Unsupported) {
            return Err(error);
        }
        let finding = Finding { object: name.to_owned(), what: error.to_string() };
        match spare {
            Spare::Yes => found.spare.push(finding),
            Spare::No => found.other_history.push(finding),
        }
        Ok(())
    })?;
    found.spare.sort();
    found.other_history.sort();
    Ok(found)
}
