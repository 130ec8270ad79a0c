//! What two reads have proven, written into the log: packs that are damaged and stay, and those that were found right again ([LOG-27]).
//!
//! Promises: a pack is recorded only if the check that was just made read it twice, over two connections, and got the same wrong bytes; it is
//! withdrawn only if that check read all of it and found it right. Refuses to say what is to become of it: nothing is given up by this.

use super::plan::RepairPlan;
use crate::error::{Error, Kind, Result};
use crate::log::LogView;
use crate::repository::Repository;
use format_spec::log::{Change, ObjectRow};

/// How many packs were recorded, and how many withdrawn.
pub(super) fn record(repository: &Repository, plan: &RepairPlan) -> Result<(u64, u64)> {
    let damaged: Vec<ObjectRow> = plan.closely.damaged.iter().copied().collect();
    let is_new = |view: &LogView, pack: &ObjectRow| !view.condemned.has(pack.id) && !view.suspects.contains_key(pack);
    let reason = format!("two reads gave the same wrong bytes; plan {}", plan.hash);
    let recorded = append(repository, true, &damaged, &reason, &is_new)?;
    let is_known = |view: &LogView, pack: &ObjectRow| view.suspects.contains_key(pack);
    let reason = format!("all of it was read and is right; plan {}", plan.hash);
    let withdrawn = append(repository, false, &plan.withdrawn, &reason, &is_known)?;
    if recorded + withdrawn > 0 {
        repository.refresh()?;
    }
    Ok((recorded, withdrawn))
}

/// Appends as many entries as the packs need, judged against the log before each slot.
fn append(
    repository: &Repository,
    suspect: bool,
    packs: &[ObjectRow],
    reason: &str,
    counts: &dyn Fn(&LogView, &ObjectRow) -> bool,
) -> Result<u64> {
    let mut appended = 0;
    for packs in packs.chunks(PACKS_AN_ENTRY) {
        let mut taken = Vec::new();
        let done = repository.log().append(&**repository.env(), &mut |view| {
            taken = packs.iter().filter(|pack| counts(view, pack)).copied().collect();
            if taken.is_empty() {
                return Err(Error::new(Kind::Conflict, "the log says so already"));
            }
            Ok(Change::Suspect { suspect, packs: taken.clone(), reason: reason.to_owned() })
        });
        if !taken.is_empty() {
            done?;
            appended += taken.len() as u64;
        }
    }
    Ok(appended)
}

/// An entry is one record, and each pack takes 12 bytes of it.
const PACKS_AN_ENTRY: usize = 100_000;
