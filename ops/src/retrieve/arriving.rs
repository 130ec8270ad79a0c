//! Restoring as data arrive: an archive is asked for what is needed, and each file is restored when its data is here.

use crate::{Error, Result};
use engine::Kind;
use engine::monitor::Monitor;
use engine::price::{Budget, PriceList};
use engine::repository::Repository;
use engine::restore::{Arrived, Arriving, Part, Patience, restore_arriving};
use engine::retrieval::{Needs, Progress, RetrievalRequest, expect_readable, may_rest};
use engine::store::RetrievalMode;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How data is asked for and waited for.
#[derive(Debug, Clone)]
pub struct ArrivingRequest {
    /// What is restored, for people.
    pub about: String,
    /// How fast it is asked for.
    pub mode: RetrievalMode,
    /// For how many days it stays readable; it is extended while the restore runs.
    pub days: u32,
    /// What it may take at most.
    pub budget: Budget,
    /// Prices to reckon with.
    pub prices: Option<PriceList>,
    /// How often to look what has arrived; not more often than is of use.
    pub look_every: Duration,
    /// How long to wait at most.
    pub wait: Option<Duration>,
}

/// How far it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ArrivedReport {
    /// Packs that can be read by now.
    pub packs_readable: u64,
    /// Packs that are needed.
    pub packs: u64,
    /// Bytes that can be read by now.
    pub bytes_readable: u64,
    /// Bytes that are needed.
    pub bytes: u64,
}

impl ArrivedReport {
    /// Of one look.
    pub fn of(Progress { needed, here }: &Progress) -> ArrivedReport {
        ArrivedReport {
            packs_readable: here.packs,
            packs: needed.packs,
            bytes_readable: here.bytes,
            bytes: needed.bytes,
        }
    }
}

/// Retrieves and restores. `event` hears of the plan, and of each look that shows something new; when it fails, nobody has use for the rest.
///
/// # Errors
/// The engine's; `event`'s.
pub fn restore<F>(
    repo: &Arc<Repository>,
    (parts, target): (&[Part], &Path),
    request: &ArrivingRequest,
    event: &mut dyn FnMut(&Arriving<'_>) -> std::result::Result<(), F>,
    monitor: &Arc<Monitor>,
) -> Result<Arrived, F> {
    let patience = Patience {
        wish: RetrievalRequest { mode: request.mode, days: request.days, about: request.about.clone() },
        prices: request.prices.clone(),
        budget: request.budget,
        every: request.look_every.max(LOOK_EVERY_MIN),
        most: request.wait,
    };
    let mut last: Option<Progress> = None;
    let mut failed = None;
    let mut heard = |happened: &Arriving<'_>| {
        if let Arriving::Looked(progress) = happened
            && last.replace(*progress) == Some(*progress)
        {
            return Ok(());
        }
        event(happened).map_err(|failure| {
            failed = Some(failure);
            engine::Error::new(Kind::Interrupted, "nobody listens any more")
        })
    };
    let done = restore_arriving(repo, parts, target, &patience, &mut heard, monitor);
    match failed {
        Some(failure) => Err(Error::Face(failure)),
        None => Ok(done?),
    }
}

/// Looks before anything is written whether something of what shall be restored rests.
///
/// # Errors
/// `Archived`; the engine's.
pub fn expect_here(repo: &Repository, parts: &[Part], monitor: &Monitor) -> engine::Result<()> {
    if !may_rest(repo) {
        return Ok(());
    }
    let mut needs = Needs::default();
    for part in parts {
        let select = part.options.select.clone();
        needs.add(repo, &part.point, &part.inside, &|path, entry| select(path, entry), monitor)?;
    }
    expect_readable(repo, &needs, monitor)
}

/// A listing a second is as often as anybody needs.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(500);
