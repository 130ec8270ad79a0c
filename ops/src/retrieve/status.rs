//! Whether something can be read now, and how much of it.

use crate::open_store::Traffic;
use crate::report;
use engine::Result;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::retrieval::{Needs, Tally, may_rest, own_end, survey};
use engine::store::{Availability, Counts, TierStatus};
use format_spec::Time;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Where what is needed rests.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StatusReport {
    /// What is meant, in words.
    pub about: String,
    /// `online`, `archived`, `retrieving`, `partial` or `retrieved`.
    pub state: &'static str,
    /// Files that are needed.
    pub files: u64,
    /// Packs that are needed.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that can be read.
    pub packs_readable: u64,
    /// The bytes of those.
    pub bytes_readable: u64,
    /// Packs that are on their way.
    pub packs_retrieving: u64,
    /// Packs that rest in the archive.
    pub packs_archived: u64,
    /// Until when all of it can be read; null where it stays.
    #[serde(serialize_with = "report::time_if_any")]
    #[schemars(with = "Option<String>")]
    pub readable_until: Option<Time>,
    /// Packs by the storage class that they lie in.
    pub classes: BTreeMap<&'static str, usize>,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// Asks where the packs are that are needed; `about` is what is meant, for people.
///
/// # Errors
/// The engine's.
pub fn status(
    repo: &Repository,
    counts: &Counts,
    (needs, about): (&Needs, &str),
    monitor: &Monitor,
) -> Result<StatusReport> {
    let found = survey(&*repo.sealed_store().store, &needs.packs.keys().copied().collect(), monitor)?;
    let packs: Vec<TierStatus> = found.into_values().collect();
    let tally = |which: fn(Availability) -> bool| Tally::of(&packs, which);
    let (all, readable) = (tally(|_| true), tally(Availability::is_readable));
    let (mut state, mut until) = (state(&packs), first_end(&packs));
    if state == "online" && !packs.is_empty() && may_rest(repo) {
        // Azure brings data back by moving it into another tier, and knows no end of that: the log does.
        (state, until) = ("retrieved", repo.log().view().retrievals.values().map(own_end).min_by_key(|t| t.seconds));
    }
    let mut classes = BTreeMap::new();
    for class in packs.iter().filter_map(|resting| resting.class) {
        *classes.entry(class.as_str()).or_insert(0) += 1;
    }
    Ok(StatusReport {
        about: about.to_owned(),
        state,
        files: needs.files,
        packs: all.packs,
        bytes: all.bytes,
        packs_readable: readable.packs,
        bytes_readable: readable.bytes,
        packs_retrieving: tally(|r| r == Availability::Retrieving).packs,
        packs_archived: tally(|r| r == Availability::Archived).packs,
        readable_until: until,
        classes,
        traffic: Traffic::of(counts),
    })
}

/// In one word: online, archived, retrieving, partial, retrieved.
fn state(packs: &[TierStatus]) -> &'static str {
    let any = |which: fn(Availability) -> bool| packs.iter().any(|resting| which(resting.availability));
    match () {
        () if any(|r| r == Availability::Retrieving) => "retrieving",
        () if any(|r| r == Availability::Archived) && any(Availability::is_readable) => "partial",
        () if any(|r| r == Availability::Archived) => "archived",
        () if any(|r| matches!(r, Availability::Ready { .. })) => "retrieved",
        () => "online",
    }
}

/// When the first of what can be read for a while goes.
fn first_end(packs: &[TierStatus]) -> Option<Time> {
    let ends = packs.iter().filter_map(|resting| match resting.availability {
        Availability::Ready { until } => until,
        _ => None,
    });
    ends.min_by_key(|until| until.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_that_of_the_packs_together() {
        let pack = |reach| TierStatus { class: None, availability: reach, bytes: 1 };
        let (online, rests, comes) =
            (pack(Availability::Online), pack(Availability::Archived), pack(Availability::Retrieving));
        let ready = |until| pack(Availability::Ready { until: Some(Time::new(until, 0)) });
        for (packs, word) in [
            (vec![], "online"),
            (vec![online], "online"),
            (vec![online, ready(5)], "retrieved"),
            (vec![ready(5), rests], "partial"),
            (vec![rests], "archived"),
            (vec![rests, comes, ready(5)], "retrieving"),
        ] {
            assert_eq!(state(&packs), word, "{packs:?}");
        }
        assert_eq!(first_end(&[ready(9), ready(5), online]), Some(Time::new(5, 0)));
    }
}
