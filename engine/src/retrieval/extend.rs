//! Changing how long retrieved data stay readable.

use super::ask::ask_all;
use super::start::{asked, packs_in};
use super::survey::survey;
use crate::error::{Error, Kind, Result};
use crate::limits::DAY_SECONDS;
use crate::log::LogView;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::store::{Availability, TierStatus};
use format_spec::Time;
use format_spec::log::{Change, RetrievalStep};
use std::sync::atomic::Ordering;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    /// The retrieval.
    pub retrieval: u32,
    /// Packs whose end the store was asked to change; where the store ends nothing by itself, none.
    pub packs_asked: u64,
}

/// Lets what was retrieved stay readable for so many days from now. The log says so first; what fails is gone on with by the same call, and packs whose end
/// it had changed are not asked for again. Packs that rest again, or are not here yet, are left to `start`.
///
/// # Errors
/// `Absent` when there is no such retrieval any more; `Input` for no days; the store's.
pub fn extend(repository: &Repository, retrieval: u32, days: u32, monitor: &Monitor) -> Result<Extended> {
    if days == 0 {
        return Err(Error::new(Kind::Input, "a retrieval is extended by one day at least"));
    }
    repository.refresh()?;
    let told = known(&repository.log().view(), retrieval)?;
    let packs = packs_in(repository, &told.objects)?;
    let store = &*repository.sealed_store().store;
    let resting = survey(store, &packs, monitor)?;
    let end = end(repository, days)?;
    let is_due = |resting: &TierStatus| match resting.availability {
        Availability::Ready { until: Some(until) } => !is_there(until, end),
        _ => false,
    };
    let ends: Vec<_> = resting.iter().filter(|(_, resting)| is_due(resting)).map(|(pack, _)| *pack).collect();
    repository.log().append(&**repository.env(), &mut |view| {
        known(view, retrieval)?;
        Ok(Change::Retrieval(RetrievalStep::Changed { retrieval, days }))
    })?;
    monitor.counters.items_total.store(ends.len() as u64, Ordering::Relaxed);
    let answers = ask_all(store, &ends, asked(told.mode), days, monitor)
        .map_err(|e| e.advise("run the same command again: it goes on where this one stopped"))?;
    Ok(Extended { retrieval, packs_asked: answers.accepted })
}

/// So many days from now, by the store's clock where it tells the time: ends are counted there.
fn end(repository: &Repository, days: u32) -> Result<Time> {
    let now = match repository.sealed_store().store.now() {
        Err(e) if e.kind() == Kind::Unsupported => repository.env().now(),
        other => other?,
    };
    Ok(Time::new(now.seconds.saturating_add(i64::from(days) * DAY_SECONDS), now.nanos))
}

/// Whether a copy's end is what asking for `end` would make of it: stores round up to the end of the day.
fn is_there(until: Time, end: Time) -> bool {
    (0..=DAY_SECONDS).contains(&until.seconds.saturating_sub(end.seconds))
}

fn known(view: &LogView, retrieval: u32) -> Result<crate::log::RetrievalRef> {
    view.retrievals.get(&retrieval).cloned().ok_or_else(|| {
        Error::new(Kind::Absent, "there is no such retrieval, or it has ended")
            .on(format!("retrieval {retrieval}"))
            .advise("`cairn retrieve list` shows those that go on; `cairn retrieve start` begins one")
    })
}
