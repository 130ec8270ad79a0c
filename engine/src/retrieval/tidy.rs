//! The end of retrievals: what the store does not let rest again by itself is brought back, and the log says that it is over.

use super::ask::for_each;
use super::start::{holds, packs_in};
use super::status::own_end;
use super::survey::{name_of, survey};
use crate::error::{Error, Kind, Result};
use crate::log::LogView;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::store::{Availability, Provider, StorageClass};
use format_spec::log::{Change, RetrievalStep};
use format_spec::{ObjectId, Time};
use std::sync::atomic::{AtomicU64, Ordering};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tidied {
    /// Retrievals that have ended now.
    pub ended: Vec<u32>,
    /// Packs that were let rest again.
    pub packs_rested: u64,
}

/// Ends every retrieval whose days are over. Where the store keeps what was retrieved until it is told otherwise (Azure), the packs are moved back
/// into the repository's class, unless another retrieval still wants them; only when all rest does the log say that the retrieval has ended.
///
/// # Errors
/// The store's and the log's; what was done until then stays so, and the next call goes on.
pub fn tidy(repository: &Repository, monitor: &Monitor) -> Result<Tidied> {
    repository.refresh()?;
    let view = repository.log().view();
    let mut done = Tidied::default();
    if view.retrievals.is_empty() {
        return Ok(done);
    }
    // By the store's clock, where it tells the time: the days were counted there.
    let now = match repository.sealed_store().store.now() {
        Err(e) if e.kind() == Kind::Unsupported => repository.env().now(),
        other => other?,
    };
    for (slot, told) in view.retrievals.iter().filter(|(_, told)| own_end(told) <= now) {
        let packs = packs_in(repository, &told.objects)?;
        let resting = survey(&*repository.sealed_store().store, &packs, monitor)?;
        let left: Vec<ObjectId> = resting
            .iter()
            .filter(|(_, resting)| resting.availability == Availability::Online)
            .map(|(pack, _)| *pack)
            .collect();
        let mine: Vec<ObjectId> = left.into_iter().filter(|pack| !is_wanted(&view, *slot, *pack, now)).collect();
        done.packs_rested += rest(repository, &mine, monitor)?;
        // A copy that the store makes and drops by itself may outlive our own reckoning; its end is not ours to wait for.
        let comes = resting.values().any(|resting| resting.availability == Availability::Retrieving);
        if !comes {
            end(repository, *slot)?;
            done.ended.push(*slot);
        }
    }
    Ok(done)
}

/// Whether another retrieval, whose days are not over, has this pack.
fn is_wanted(view: &LogView, slot: u32, pack: ObjectId, now: Time) -> bool {
    view.retrievals.iter().any(|(other, told)| *other != slot && own_end(told) > now && holds(&told.objects, pack))
}

/// Moves packs back into the archive that they came from.
fn rest(repository: &Repository, packs: &[ObjectId], monitor: &Monitor) -> Result<u64> {
    let class = &repository.config().storage_class;
    // Packs of a repository that rests in no archive were not brought out of one.
    let class = match class.is_empty() {
        true => return Ok(0),
        false => StorageClass::parse(class)?,
    };
    if !class.is_archive() || class.provider() != Provider::Azure {
        return Ok(0);
    }
    let rested = AtomicU64::new(0);
    let store = &*repository.sealed_store().store;
    for_each(packs, monitor, &|pack| match store.rest_again(name_of(pack)?.object(), class) {
        Ok(()) => {
            rested.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        // It was collected meanwhile.
        Err(e) if e.kind() == Kind::Absent => Ok(()),
        Err(e) => Err(e),
    })?;
    Ok(rested.into_inner())
}

fn end(repository: &Repository, retrieval: u32) -> Result<()> {
    let mut over = false;
    let appended = repository.log().append(&**repository.env(), &mut |view| {
        over = !view.retrievals.contains_key(&retrieval);
        if over {
            return Err(Error::new(Kind::Conflict, "another one has ended it"));
        }
        Ok(Change::Retrieval(RetrievalStep::Ended { retrieval }))
    });
    match appended {
        Err(_) if over => Ok(()),
        other => other.map(drop),
    }
}
