//! How far retrievals are: what the log says was wanted against what the store says can be read.

use super::plan::Tally;
use super::start::packs_in;
use super::survey::survey;
use crate::error::Result;
use crate::limits::DAY_SECONDS;
use crate::log::RetrievalRef;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::store::{Availability, TierStatus};
use format_spec::log::RetrievalMode;
use format_spec::{ObjectId, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Where a retrieval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetrievalState {
    /// Some packs cannot be read yet.
    Retrieving,
    /// All can be read.
    Retrieved,
    /// All can be read, and not all of them for as long as it was changed to.
    Changing,
    /// Its days are over, and some packs can still be read.
    Removing,
    /// Its days are over, and all rest again.
    Expired,
}

/// A retrieval and its packs.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Its number.
    pub retrieval: u32,
    /// What the log says of it.
    pub told: RetrievalRef,
    /// Where it stands.
    pub state: RetrievalState,
    /// Its packs that are still published.
    pub packs: Tally,
    /// Those that can be read.
    pub readable: Tally,
    /// Those that are on their way.
    pub retrieving: Tally,
    /// Until when all that can be read can; by the store where it says so, else by the log.
    pub until: Time,
}

impl RetrievalState {
    /// The word for people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            RetrievalState::Retrieving => "retrieving",
            RetrievalState::Retrieved => "retrieved",
            RetrievalState::Changing => "changing",
            RetrievalState::Removing => "removing",
            RetrievalState::Expired => "expired",
        }
    }
}

impl Status {
    /// How fast it was ordered.
    pub fn mode(&self) -> crate::store::RetrievalMode {
        super::start::asked(self.told.mode)
    }
}

/// All retrievals that have not ended, the oldest first, as the log and the store have them now.
///
/// # Errors
/// The log's and the store's.
pub fn retrievals(repository: &Repository, monitor: &Monitor) -> Result<Vec<Status>> {
    repository.refresh()?;
    let view = repository.log().view();
    let mut packs = BTreeMap::new();
    for (slot, told) in &view.retrievals {
        packs.insert(*slot, packs_in(repository, &told.objects)?);
    }
    // Packs that several retrievals share are asked about once.
    let all: BTreeSet<ObjectId> = packs.values().flatten().copied().collect();
    let resting = survey(&*repository.sealed_store().store, &all, monitor)?;
    let now = repository.env().now();
    let one = |(slot, own): (u32, BTreeSet<ObjectId>)| {
        let told = view.retrievals.get(&slot)?.clone();
        let own: Vec<TierStatus> = own.iter().filter_map(|pack| resting.get(pack)).copied().collect();
        Some(judge(slot, told, &own, now))
    };
    Ok(packs.into_iter().filter_map(one).collect())
}

/// One retrieval, if it has not ended.
///
/// # Errors
/// As [`retrievals`].
pub fn status(repository: &Repository, retrieval: u32, monitor: &Monitor) -> Result<Option<Status>> {
    repository.refresh()?;
    let Some(told) = repository.log().view().retrievals.get(&retrieval).cloned() else { return Ok(None) };
    let packs = packs_in(repository, &told.objects)?;
    let resting: Vec<TierStatus> = survey(&*repository.sealed_store().store, &packs, monitor)?.into_values().collect();
    Ok(Some(judge(retrieval, told, &resting, repository.env().now())))
}

fn judge(retrieval: u32, told: RetrievalRef, packs: &[TierStatus], now: Time) -> Status {
    let all = Tally::of(packs, |_| true);
    let readable = Tally::of(packs, Availability::is_readable);
    let retrieving = Tally::of(packs, |reach| reach == Availability::Retrieving);
    let ends = packs.iter().filter_map(|resting| match resting.availability {
        Availability::Ready { until } => until,
        _ => None,
    });
    let first_end = ends.min_by_key(|until| until.seconds);
    let own = own_end(&told);
    let is_over = own <= now;
    let is_short = || {
        let changed = told.changed.seconds.saturating_add(i64::from(told.days) * DAY_SECONDS - DAY_SECONDS / 2);
        told.changed != told.begun && first_end.is_some_and(|end| end.seconds < changed)
    };
    let state = match () {
        () if is_over && readable.packs == 0 && retrieving.packs == 0 => RetrievalState::Expired,
        () if is_over => RetrievalState::Removing,
        () if readable.packs < all.packs => RetrievalState::Retrieving,
        () if is_short() => RetrievalState::Changing,
        () => RetrievalState::Retrieved,
    };
    Status { retrieval, state, packs: all, readable, retrieving, until: first_end.unwrap_or(own), told }
}

/// When the days of a retrieval are over, where the store does not end them itself: counted from its last change, or from when its packs should
/// have come at the latest.
pub fn own_end(told: &RetrievalRef) -> Time {
    let days = i64::from(told.days).saturating_mul(DAY_SECONDS);
    let patience = if told.changed == told.begun { seconds_at_most(told.mode) } else { 0 };
    Time { seconds: told.changed.seconds.saturating_add(days).saturating_add(patience), nanos: told.changed.nanos }
}

/// The longest that providers say a mode takes.
fn seconds_at_most(mode: RetrievalMode) -> i64 {
    match mode {
        RetrievalMode::Expedited | RetrievalMode::High => 3600,
        // 12 hours at S3's deepest class, 15 at Azure.
        RetrievalMode::Standard => 15 * 3600,
        RetrievalMode::Bulk => 48 * 3600,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::new(seconds, 0)
    }

    fn told(days: u32, begun: i64, changed: i64) -> RetrievalRef {
        let (begun, changed) = (at(begun), at(changed));
        RetrievalRef { mode: RetrievalMode::High, days, begun, changed, objects: [].into(), about: String::new() }
    }

    fn pack(reach: Availability) -> TierStatus {
        TierStatus { class: None, availability: reach, bytes: 10 }
    }

    #[test]
    fn a_retrieval_goes_through_its_states() {
        let ready = |until: i64| pack(Availability::Ready { until: Some(at(until)) });
        let (rests, comes, online) =
            (pack(Availability::Archived), pack(Availability::Retrieving), pack(Availability::Online));
        let day = 86_400;
        let cases = [
            (told(1, 0, 0), vec![rests, rests], 10, RetrievalState::Retrieving),
            (told(1, 0, 0), vec![ready(day), comes], 10, RetrievalState::Retrieving),
            (told(1, 0, 0), vec![ready(day), ready(2 * day)], 10, RetrievalState::Retrieved),
            (told(1, 0, 0), vec![online, online], 10, RetrievalState::Retrieved),
            (told(7, 0, 50), vec![ready(day), ready(7 * day)], 60, RetrievalState::Changing),
            (told(7, 0, 50), vec![ready(7 * day), ready(7 * day)], 60, RetrievalState::Retrieved),
            (told(1, 0, 0), vec![online, online], day + 3600, RetrievalState::Removing),
            (told(1, 0, 0), vec![rests, online], day + 3600, RetrievalState::Removing),
            (told(1, 0, 0), vec![rests, rests], day + 3600, RetrievalState::Expired),
            (told(1, 0, 0), vec![rests, rests], day + 3599, RetrievalState::Retrieving),
        ];
        for (told, packs, now, state) in cases {
            assert_eq!(judge(3, told.clone(), &packs, at(now)).state, state, "{told:?} {packs:?} {now}");
        }
        let status = judge(3, told(1, 0, 0), &[ready(9 * day), ready(5 * day), comes], at(10));
        assert_eq!(status.until, at(5 * day), "the first that goes");
        assert_eq!((status.packs.bytes, status.readable.packs, status.retrieving.packs), (30, 2, 1));
    }
}
