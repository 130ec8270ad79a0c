//! The plan of a retrieval: which packs rest, which are asked for, and what that takes.

use super::needs::Needs;
use super::survey::{lost, survey};
use crate::error::{Error, Kind, Result};
use crate::limits::DAY_SECONDS;
use crate::monitor::Monitor;
use crate::price::{Estimate, Order, PriceList, Requests};
use crate::repository::Repository;
use crate::store::{Availability, RetrievalMode, StorageClass, TierStatus};
use format_spec::{ObjectId, Time};
use std::collections::BTreeMap;

/// How somebody wants data back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievalRequest {
    /// How fast.
    pub mode: RetrievalMode,
    /// For how long, at least a day.
    pub days: u32,
    /// What it is for, for people: it stands in the log.
    pub about: String,
}

/// What will be asked for, and what that takes. Making it changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrievalPlan {
    /// What was wished.
    pub wish: RetrievalRequest,
    /// Every pack that is needed, and how it rests now.
    pub packs: BTreeMap<ObjectId, TierStatus>,
    /// Those that will be asked for, rising.
    pub asks: Vec<ObjectId>,
    /// Files that need them.
    pub files: u64,
    /// What it takes.
    pub estimate: Estimate,
}

/// Packs and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many.
    pub packs: u64,
    /// Their lengths together.
    pub bytes: u64,
}

impl Tally {
    /// Those of these packs that `which` takes.
    pub fn of<'a>(packs: impl IntoIterator<Item = &'a TierStatus>, which: impl Fn(Availability) -> bool) -> Self {
        packs.into_iter().filter(|resting| which(resting.availability)).fold(Tally::default(), |sum, resting| Tally {
            packs: sum.packs + 1,
            bytes: sum.bytes.saturating_add(resting.bytes),
        })
    }
}

impl RetrievalPlan {
    /// All packs that are needed.
    pub fn needed(&self) -> Tally {
        Tally::of(self.packs.values(), |_| true)
    }

    /// Those that can be read now.
    pub fn readable(&self) -> Tally {
        Tally::of(self.packs.values(), Availability::is_readable)
    }

    /// Those that are on their way.
    pub fn retrieving(&self) -> Tally {
        Tally::of(self.packs.values(), |reach| reach == Availability::Retrieving)
    }

    /// Those that rest.
    pub fn archived(&self) -> Tally {
        Tally::of(self.packs.values(), |reach| reach == Availability::Archived)
    }

    /// Those that will be asked for.
    pub fn asked(&self) -> Tally {
        Tally::of(self.asks.iter().filter_map(|pack| self.packs.get(pack)), |_| true)
    }

    /// The packs that an archive has, or has given out for a while.
    pub(super) fn out_of_archive(&self) -> impl Iterator<Item = ObjectId> {
        self.packs.iter().filter(|(_, resting)| resting.availability != Availability::Online).map(|(pack, _)| *pack)
    }
}

/// Looks how the needed packs rest, and what it takes to have them all readable. Ready ones whose days end much earlier than wished are asked for
/// again, for longer.
///
/// # Errors
/// `Input` for a mode that an archive does not offer for one of the packs, and for no days; `Damaged` when the store lacks a pack; the store's.
pub fn plan(
    repository: &Repository,
    needs: &Needs,
    wish: &RetrievalRequest,
    prices: Option<&PriceList>,
    monitor: &Monitor,
) -> Result<RetrievalPlan> {
    check_days(wish.days)?;
    let packs = survey(&*repository.sealed_store().store, &needs.packs.keys().copied().collect(), monitor)?;
    if let Some(pack) = needs.packs.keys().find(|pack| !packs.contains_key(pack)) {
        return Err(lost(*pack));
    }
    let now = repository.env().now();
    let asks: Vec<ObjectId> =
        packs.iter().filter(|(_, r)| is_asked(r.availability, wish, now)).map(|(id, _)| *id).collect();
    let mut classes: BTreeMap<StorageClass, Tally> = BTreeMap::new();
    for resting in asks.iter().filter_map(|pack| packs.get(pack)) {
        let Some(class) = resting.class else { continue };
        wish.mode.allows(class, resting.bytes)?;
        let tally = classes.entry(class).or_default();
        (tally.packs, tally.bytes) = (tally.packs + 1, tally.bytes.saturating_add(resting.bytes));
    }
    let estimate = estimate(&classes, asks.len() as u64, wish, prices);
    Ok(RetrievalPlan { wish: wish.clone(), packs, asks, files: needs.files, estimate })
}

/// Refuses what is no time.
pub(super) fn check_days(days: u32) -> Result<()> {
    if days == 0 || days > DAYS_MAX {
        return Err(Error::new(Kind::Input, format!("{days} days are no time to keep data readable"))
            .advise(format!("write 1 to {DAYS_MAX}")));
    }
    Ok(())
}

fn is_asked(reach: Availability, wish: &RetrievalRequest, now: Time) -> bool {
    match reach {
        Availability::Archived => true,
        // Stores round the end up to a day; what falls short by less was asked for a moment ago.
        Availability::Ready { until: Some(until) } => {
            until.seconds < now.seconds.saturating_add(i64::from(wish.days) * DAY_SECONDS - HALF_A_DAY)
        }
        Availability::Ready { until: None } | Availability::Retrieving | Availability::Online => false,
    }
}

fn estimate(
    classes: &BTreeMap<StorageClass, Tally>,
    asks: u64,
    wish: &RetrievalRequest,
    prices: Option<&PriceList>,
) -> Estimate {
    // One entry in the log, and one listing behind it.
    let put = u64::from(asks > 0);
    let requests = Requests { put, list: put, retrieve: asks, ..Requests::default() };
    let Some(list) = prices else { return Estimate { requests, ..Estimate::default() } };
    let priced = |(class, tally): (&StorageClass, &Tally)| {
        let Tally { packs: objects, bytes } = *tally;
        list.retrieval(&Order { class: class.as_str(), mode: wish.mode.as_str(), objects, bytes, days: wish.days })
    };
    let all: Option<Vec<_>> = classes.iter().map(priced).collect();
    let times = all.iter().flatten().map(|priced| priced.seconds);
    Estimate {
        requests,
        seconds: times.reduce(|a, b| (a.0.max(b.0), a.1.max(b.1))),
        cost: all.as_ref().map(|all| all.iter().fold(0.0, |sum, priced| sum + priced.cost)),
        currency: list.currency.clone(),
        prices: list.title(),
        ..Estimate::default()
    }
}

const HALF_A_DAY: i64 = DAY_SECONDS / 2;
/// Who wants data for longer than a year wants another storage class.
const DAYS_MAX: u32 = 366;
