//! Starting a retrieval, or going on with one that was started before.

use super::ask::{Answers, ask_all};
use super::needs::Needs;
use super::plan::RetrievalPlan;
use crate::error::{Error, Kind, Result};
use crate::log::LogView;
use crate::monitor::Monitor;
use crate::price::Budget;
use crate::repository::Repository;
use crate::store::RetrievalMode;
use format_spec::ObjectId;
use format_spec::container::ObjectKind;
use format_spec::log::{Change, ObjectRange, RetrievalMode as Told, RetrievalStep};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Started {
    /// The retrieval's number: the slot of its entry. `None` where nothing of what is needed rests in an archive.
    pub retrieval: Option<u32>,
    /// True when another run had begun it.
    pub resumed: bool,
    /// Packs that were asked for now, or for longer.
    pub packs_asked: u64,
    /// Packs that somebody has asked for before, and that are not here yet.
    pub packs_underway: u64,
    /// Packs that turned out to be readable.
    pub packs_ready: u64,
}

/// Asks for what the plan says, if the budget allows it. The log says so first. What fails is gone on with by the same call: nothing is asked for twice.
///
/// # Errors
/// `Input` beyond the budget; the store's, with how many packs were asked for.
pub fn start(repository: &Repository, plan: &RetrievalPlan, budget: &Budget, monitor: &Monitor) -> Result<Started> {
    budget.check(&plan.estimate)?;
    let packs: BTreeSet<ObjectId> = plan.out_of_archive().collect();
    let mode = told(plan.wish.mode);
    let view = repository.log().refresh()?;
    let known = going_on(&view, &packs, mode);
    if known.is_none() && plan.asks.is_empty() && plan.retrieving().packs == 0 {
        return Ok(Started { packs_ready: plan.readable().packs, ..Started::default() });
    }
    let retrieval = match known {
        Some(slot) => slot,
        None => begin(repository, plan, &packs, mode)?,
    };
    monitor.counters.items_total.store(plan.asks.len() as u64, Ordering::Relaxed);
    let store = &*repository.sealed_store().store;
    let Answers { accepted, underway, ready } = ask_all(store, &plan.asks, plan.wish.mode, plan.wish.days, monitor)
        .map_err(|e| e.advise("run the same command again: it goes on where this one stopped"))?;
    Ok(Started {
        retrieval: Some(retrieval),
        resumed: known.is_some(),
        packs_asked: accepted,
        packs_underway: underway + plan.retrieving().packs,
        packs_ready: ready,
    })
}

fn begin(repository: &Repository, plan: &RetrievalPlan, packs: &BTreeSet<ObjectId>, mode: Told) -> Result<u32> {
    let objects = ranges(packs);
    if objects.len() > RANGES_MAX {
        let what = format!("{} parts of sessions are more than one retrieval can name", objects.len());
        return Err(Error::new(Kind::Input, what).advise("retrieve parts of it one after another"));
    }
    let step = RetrievalStep::Asked { mode, days: plan.wish.days, objects, about: plan.wish.about.clone() };
    repository.log().append(&**repository.env(), &mut |_| Ok(Change::Retrieval(step.clone())))
}

/// The newest retrieval in the same mode that has all of these packs.
fn going_on(view: &LogView, packs: &BTreeSet<ObjectId>, mode: Told) -> Option<u32> {
    if packs.is_empty() {
        return None;
    }
    let same = view.retrievals.iter().rev().filter(|(_, r)| r.mode == mode);
    same.filter(|(_, r)| packs.iter().all(|pack| holds(&r.objects, *pack))).map(|(slot, _)| *slot).next()
}

/// The retrievals that go on and have some of these packs.
pub fn covering(repository: &Repository, needs: &Needs) -> Vec<u32> {
    let view = repository.log().view();
    let has_some = |objects: &[ObjectRange]| needs.packs.keys().any(|pack| holds(objects, *pack));
    view.retrievals.iter().filter(|(_, told)| has_some(&told.objects)).map(|(slot, _)| *slot).collect()
}

/// Whether rows of objects, which rise, name a data pack.
pub(super) fn holds(objects: &[ObjectRange], pack: ObjectId) -> bool {
    let behind = objects.partition_point(|row| (row.kind, row.first) <= (ObjectKind::DataPack, pack));
    behind.checked_sub(1).and_then(|at| objects.get(at)).is_some_and(|row| {
        let offset = pack.ordinal.checked_sub(row.first.ordinal);
        row.kind == ObjectKind::DataPack
            && row.first.session == pack.session
            && offset.is_some_and(|offset| offset < row.count)
    })
}

/// Packs as rows of objects with ordinals in a row.
pub(super) fn ranges(packs: &BTreeSet<ObjectId>) -> Vec<ObjectRange> {
    let mut rows: Vec<ObjectRange> = Vec::new();
    for pack in packs {
        match rows.last_mut() {
            Some(row) if row.first.session == pack.session && row.first.ordinal + row.count == pack.ordinal => {
                row.count += 1;
            }
            _ => rows.push(ObjectRange { kind: ObjectKind::DataPack, first: *pack, count: 1 }),
        }
    }
    rows
}

/// The packs that rows of objects name, and that are published and not given up.
pub(super) fn packs_in(repository: &Repository, objects: &[ObjectRange]) -> Result<BTreeSet<ObjectId>> {
    let mut packs = repository.blobs().live_index().packs()?;
    packs.retain(|pack| pack.kind == ObjectKind::DataPack && holds(objects, pack.id));
    Ok(packs.into_iter().map(|pack| pack.id).collect())
}

/// A mode as the log tells it.
fn told(mode: RetrievalMode) -> Told {
    match mode {
        RetrievalMode::Expedited => Told::Expedited,
        RetrievalMode::Standard => Told::Standard,
        RetrievalMode::Bulk => Told::Bulk,
        RetrievalMode::High => Told::High,
    }
}

/// A mode as the store knows it.
pub(super) fn asked(mode: Told) -> RetrievalMode {
    match mode {
        Told::Expedited => RetrievalMode::Expedited,
        Told::Standard => RetrievalMode::Standard,
        Told::Bulk => RetrievalMode::Bulk,
        Told::High => RetrievalMode::High,
    }
}

/// Rows of 16 bytes that fit into a log entry with room to spare.
const RANGES_MAX: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_in_a_row_are_one_row_and_are_found_in_it() {
        let id = |session, ordinal| ObjectId { session, ordinal };
        let packs: BTreeSet<_> = [id(1, 0), id(1, 1), id(1, 3), id(2, 4), id(2, 5)].into();
        let rows = ranges(&packs);
        assert_eq!(
            rows.iter().map(|r| (r.first, r.count)).collect::<Vec<_>>(),
            [(id(1, 0), 2), (id(1, 3), 1), (id(2, 4), 2)]
        );
        assert!(packs.iter().all(|pack| holds(&rows, *pack)));
        assert!(![id(1, 2), id(2, 3), id(3, 0)].iter().any(|pack| holds(&rows, *pack)));
    }
}
