//! What it costs to delete objects before the days are over that their storage class charges at least.
//!
//! When an object was stored the store says, in its listings: its provider counts from then. Refuses to change anything, and to guess a price that no list has.

use super::plan::{CollectOptions, CollectPlan};
use crate::error::{Kind, Result};
use crate::limits::DAY_SECONDS;
use crate::monitor::Monitor;
use crate::price::{ClassPrices, Estimate, PriceList, Requests};
use crate::repository::Repository;
use crate::store::{ListOptions, StorageClass};
use format_spec::container::ObjectKind;
use format_spec::log::ObjectRow;
use format_spec::{ObjectId, Time, names};
use std::collections::BTreeMap;

/// What a plan deletes before its class's minimum days.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Early {
    /// Objects.
    pub objects: u64,
    /// Their stored bytes.
    pub bytes: u64,
    /// The most days that one of them has left.
    pub days_left: u32,
    /// What the days that are left cost, in the list's currency; `None` without a list, or where it lacks a class.
    pub cost: Option<f64>,
}

/// Looks how old the objects are that the plan deletes or condemns; those that are condemned are deleted after the grace at the earliest. Asks the store
/// for listings of those kinds of objects whose class has minimum days.
///
/// # Errors
/// The store's.
pub fn early_deletion(
    repository: &Repository,
    plan: &CollectPlan,
    options: &CollectOptions,
    prices: Option<&PriceList>,
    monitor: &Monitor,
) -> Result<Early> {
    let mut early = Early { cost: prices.map(|_| 0.0), ..Early::default() };
    let now = match repository.sealed_store().store.now() {
        Err(e) if e.kind() == Kind::Unsupported => repository.env().now(),
        other => other?,
    };
    let later = Time { seconds: now.seconds.saturating_add(options.grace_seconds), ..now };
    let condemned =
        plan.dead.iter().chain(&plan.sparse).map(|pack| (ObjectRow { kind: pack.kind, id: pack.id }, later));
    let deleted = plan.due.iter().chain(&plan.left_behind).map(|row| (*row, now));
    let goes: BTreeMap<ObjectRow, Time> = condemned.chain(deleted).collect();
    for kind in [ObjectKind::DataPack, ObjectKind::MetaPack, ObjectKind::IndexSegment, ObjectKind::RestorePoint] {
        monitor.check()?;
        let minimum = Minimum::of(repository, kind, prices);
        if minimum.days == 0 || !goes.keys().any(|row| row.kind == kind) {
            continue;
        }
        repository.sealed_store().store.list(&ListOptions::below(names::folder(kind)), &mut |listed| {
            let id = names::parse(listed.name.as_str()).map(|(_, session, ordinal)| ObjectId { session, ordinal });
            if let Some(end) = id.and_then(|id| goes.get(&ObjectRow { kind, id })) {
                // Of what no listing tells the age, the worst is told.
                let left = minimum.days_left(listed.stored.unwrap_or(*end), *end);
                early.add(&minimum, prices, listed.bytes, left);
            }
            true
        })?;
    }
    Ok(early)
}

impl Early {
    fn add(&mut self, minimum: &Minimum<'_>, prices: Option<&PriceList>, bytes: u64, days_left: u32) {
        if days_left == 0 {
            return;
        }
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.days_left = self.days_left.max(days_left);
        let priced = prices.zip(minimum.prices).map(|(list, class)| list.early(class, bytes, days_left));
        self.cost = self.cost.zip(priced).map(|(sum, cost)| sum + cost);
    }

    /// What carrying the plan out takes, as far as it is known beforehand: these days, and the requests and traffic of repacking and deleting. For
    /// [`crate::price::Budget::check`].
    pub fn estimate(&self, repository: &Repository, plan: &CollectPlan, prices: Option<&PriceList>) -> Estimate {
        let [get, put] = plan.requests;
        let delete = plan.due.len() as u64 + plan.orphans;
        let requests = Requests { get, put, delete, ..Requests::default() };
        let bytes_read = plan.bytes_repacked();
        let class = Minimum::of(repository, ObjectKind::DataPack, prices).prices;
        let work =
            prices.zip(class).map(|(list, class)| list.requests(class, &requests) + list.reading(class, bytes_read));
        Estimate {
            requests,
            bytes_read,
            bytes_written: bytes_read,
            cost: self.cost.zip(work).map(|(early, work)| early + work),
            currency: prices.map(|list| list.currency.clone()).unwrap_or_default(),
            prices: prices.map(PriceList::title).unwrap_or_default(),
            ..Estimate::default()
        }
    }
}

/// What a class charges at least.
struct Minimum<'a> {
    days: u32,
    /// What the list says of the class.
    prices: Option<&'a ClassPrices>,
}

impl<'a> Minimum<'a> {
    /// Of the class that objects of this kind are in: data packs in the repository's, all else in the one that is read most.
    fn of(repository: &Repository, kind: ObjectKind, prices: Option<&'a PriceList>) -> Self {
        let class = &repository.config().storage_class;
        let own = Some(&**class).filter(|class| kind == ObjectKind::DataPack && !class.is_empty());
        let prices = prices.and_then(|list| match own {
            Some(name) => list.class(name),
            None => USUAL.iter().find_map(|name| list.class(name)),
        });
        let known = || own.and_then(|name| StorageClass::parse(name).ok()).map_or(0, StorageClass::minimum_days);
        Minimum { days: prices.map_or_else(known, |class| class.minimum_days), prices }
    }

    /// Days that are paid for after an object is gone, begun ones whole.
    fn days_left(&self, stored: Time, deleted: Time) -> u32 {
        let end = stored.seconds.saturating_add(i64::from(self.days) * DAY_SECONDS);
        let left = end.saturating_sub(deleted.seconds).max(0);
        u32::try_from(left.div_euclid(DAY_SECONDS) + i64::from(left % DAY_SECONDS > 0))
            .unwrap_or(u32::MAX)
            .min(self.days)
    }
}

/// Where what is never archived is, by what providers call it.
const USUAL: [&str; 2] = ["STANDARD", "Hot"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_that_are_left_are_counted_whole_and_from_the_storing() {
        let minimum = Minimum { days: 90, prices: None };
        let left = |deleted| minimum.days_left(Time::new(1000, 0), Time::new(1000 + deleted, 0));
        assert_eq!([left(0), left(1), left(DAY_SECONDS), left(89 * DAY_SECONDS + 1)], [90, 90, 89, 1]);
        assert_eq!([left(90 * DAY_SECONDS), left(900 * DAY_SECONDS)], [0, 0]);
        assert_eq!(left(-DAY_SECONDS), 90, "a clock that is behind makes it no dearer than it can be");
    }
}
