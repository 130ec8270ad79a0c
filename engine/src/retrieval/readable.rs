//! Saying at once that data rests, instead of failing at the first byte of the hundredth file.

use super::needs::Needs;
use super::plan::Tally;
use super::survey::survey;
use crate::error::{Error, Kind, Result};
use crate::monitor::{Monitor, agree, counted};
use crate::repository::Repository;
use crate::store::{Availability, StorageClass};

/// Whether the data packs of a repository rest in a class that must be retrieved before it is read.
pub fn may_rest(repository: &Repository) -> bool {
    StorageClass::parse(&repository.config().storage_class).is_ok_and(StorageClass::is_archive)
}

/// Refuses when some of the needed packs cannot be read now.
///
/// # Errors
/// `Archived`, with how many packs rest or are on their way; the store's.
pub fn expect_readable(repository: &Repository, needs: &Needs, monitor: &Monitor) -> Result<()> {
    let packs = survey(&*repository.sealed_store().store, &needs.packs.keys().copied().collect(), monitor)?;
    let archived = Tally::of(packs.values(), |reach| reach == Availability::Archived);
    let retrieving = Tally::of(packs.values(), |reach| reach == Availability::Retrieving);
    let all = Tally::of(packs.values(), |_| true);
    let packs = counted(all.packs, "pack", "packs");
    let (rest, are) = (agree(archived.packs, "rests", "rest"), agree(retrieving.packs, "is", "are"));
    let what = match (archived.packs, retrieving.packs) {
        (0, 0) => return Ok(()),
        (0, n) => format!("{n} of {packs} that it needs {are} still being retrieved"),
        (n, 0) => format!("{n} of {packs} that it needs {rest} in an archive class"),
        (n, m) => {
            format!("{n} of {packs} that it needs {rest} in an archive class, and {m} more {are} still being retrieved")
        }
    };
    let bytes = archived.bytes.saturating_add(retrieving.bytes);
    Err(Error::new(Kind::Archived, format!("{what} ({bytes} bytes)")))
}
