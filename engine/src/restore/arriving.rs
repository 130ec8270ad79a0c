//! Restoring out of an archive: what is needed is asked for, and files are restored as their packs arrive.
//!
//! ```text
//! needs -> plan -> asked for -> look what is here -> restore the files that are whole -> look again -> ... -> all are here
//!                                     ^                                                     |
//!                                     `------------------ a pause --------------------------'
//! ```
//!
//! Promises: a file is restored once, when all its packs can be read; while it lasts, what was retrieved is kept readable; a run that was stopped
//! asks for nothing twice, and restores what it had not. Refuses to begin beyond the budget.

use super::{RestoreOptions, RestoreSummary, Select, run};
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::price::{Budget, PriceList};
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::retrieval::{Arrival, Keeper, Needs, Progress, RetrievalPlan, RetrievalRequest, Started, plan, start};
use format_spec::tree::{Entry, Kind as ItemKind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A part of a point, and how it is restored.
#[derive(Clone)]
pub struct Part {
    /// The point.
    pub point: Arc<Point>,
    /// A path without leading `/`; empty means everything.
    pub inside: Vec<u8>,
    /// How. A dry run is none of these.
    pub options: RestoreOptions,
}

/// How somebody waits for an archive.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How to ask.
    pub wish: RetrievalRequest,
    /// What it would cost, and may.
    pub prices: Option<PriceList>,
    /// What it may cost.
    pub budget: Budget,
    /// How often to look.
    pub every: Duration,
    /// For how long at most; `None` for as long as it takes.
    pub most: Option<Duration>,
}

/// What happens while it waits.
#[derive(Debug)]
pub enum Arriving<'a> {
    /// The plan, before anything is asked for.
    Planned(&'a RetrievalPlan),
    /// What was asked for.
    Started(&'a Started),
    /// How far it is, whenever somebody looked.
    Looked(Progress),
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// What was restored.
    pub restored: RestoreSummary,
    /// The retrieval, where one was needed.
    pub started: Started,
    /// How far it came; not complete when patience ended first.
    pub progress: Progress,
}

/// Retrieves what the parts need and restores it into `target`. When patience ends first, what was asked for stays so, and the next run goes on.
///
/// # Errors
/// As [`plan`], [`start`] and [`super::restore`]; `Archived` when data went back into the archive before it was restored.
pub fn restore_arriving(
    repository: &Arc<Repository>,
    parts: &[Part],
    target: &Path,
    patience: &Patience,
    tell: &mut dyn FnMut(&Arriving<'_>) -> Result<()>,
    monitor: &Arc<Monitor>,
) -> Result<Arrived> {
    let mut needs = Needs::default();
    for part in parts {
        let select = part.options.select.clone();
        needs.add(repository, &part.point, &part.inside, &|path, entry| select(path, entry), monitor)?;
    }
    let planned = plan(repository, &needs, &patience.wish, patience.prices.as_ref(), monitor)?;
    tell(&Arriving::Planned(&planned))?;
    let started = start(repository, &planned, &patience.budget, &Monitor::new())?;
    tell(&Arriving::Started(&started))?;
    let _keeper = started
        .retrieval
        .map(|retrieval| Keeper::start(repository, vec![retrieval], patience.every.max(KEEPER_LOOKS), monitor));
    let env = repository.env();
    let begun = env.elapsed();
    let mut arrival = Arrival::of(&needs);
    let mut before: Option<Arc<Arrival>> = None;
    let mut restored = RestoreSummary::default();
    loop {
        let progress = arrival.look(repository, monitor)?;
        tell(&Arriving::Looked(progress))?;
        let is_new = before.as_ref().is_none_or(|before| before.progress() != progress);
        if is_new {
            let now = Arc::new(arrival.clone());
            for part in parts {
                let select = arrived(repository, &part.options.select, before.clone(), now.clone());
                let options = RestoreOptions { select, dry_run: false, ..part.options.clone() };
                let done = run::run(repository, &part.point, &part.inside, target, &options, monitor)?;
                // Each pass meets every folder, and what is left where it is.
                let (folders, left) = if before.is_none() { (done.folders, done.left) } else { (0, 0) };
                restored += &RestoreSummary { folders, left, ..done };
            }
            before = Some(now);
        }
        if restored.archived > 0 {
            let what = "data went back into the archive before it was restored";
            return Err(Error::new(Kind::Archived, what).advise("run the same command again, with more --days"));
        }
        let waited = Duration::try_from_secs_f64(env.elapsed() - begun).unwrap_or_default();
        if progress.is_complete() || patience.most.is_some_and(|most| waited >= most) {
            return Ok(Arrived { restored, started, progress });
        }
        let left = patience.most.map_or(patience.every, |most| most.saturating_sub(waited).min(patience.every));
        pause(left, monitor)?;
    }
}

/// The files whose packs are all here now and were not before; in the first round also all that needs none.
fn arrived(repository: &Arc<Repository>, select: &Select, before: Option<Arc<Arrival>>, now: Arc<Arrival>) -> Select {
    let (repository, select) = (repository.clone(), select.clone());
    Arc::new(move |path: &[u8], entry: &Entry| {
        let blobs = repository.blobs();
        let is_turn = || match (entry.kind, &before) {
            (ItemKind::Folder, _) => true,
            (ItemKind::File, None) => now.has(blobs, entry),
            (ItemKind::File, Some(before)) => now.has(blobs, entry) && !before.has(blobs, entry),
            (_, before) => before.is_none(),
        };
        select(path, entry) && is_turn()
    })
}

/// Waits, unless somebody asks to stop.
fn pause(time: Duration, monitor: &Monitor) -> Result<()> {
    let mut left = time;
    while !left.is_zero() {
        monitor.check()?;
        let step = left.min(STOPS_LOOK);
        std::thread::sleep(step);
        left -= step;
    }
    monitor.check()
}

/// A stop is noticed so soon.
const STOPS_LOOK: Duration = Duration::from_millis(100);
/// Ends come after days: looking more often tells nothing new.
const KEEPER_LOOKS: Duration = Duration::from_secs(60);
