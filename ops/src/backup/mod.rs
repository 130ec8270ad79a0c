//! Backing up: who runs when, what the job is called, how much room must be left, and what came of it.
//!
//! ```text
//! repository (made on first use) -> room -> turn among runs of the job -> name -> backup (watched for room) -> report
//! ```
//! Promises: two runs of one job overlap only where the request lets them; a run that finds too little room stops as if somebody
//! had asked it to, so what was stored is published and kept. Refuses to know hooks, sources' options and words.

mod first_use;
mod free_space;
mod naming;
mod overlap;
mod report;

pub use first_use::{Ears, open_or_create};
pub use free_space::{Least, Room, Rooms, Shortage};
pub use naming::{Neighbours, name_of, neighbours};
pub use overlap::{IfRunning, Other, Running, Turn, TurnRequest, take_turn};
pub use report::{BackupReport, SkippedReport, kind_word};

use crate::Result;
use engine::backup::{BackupOptions, BackupSummary};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::source::Source;
use format_spec::PointId;
use format_spec::point::Workload;
use std::sync::Arc;

/// What shall be backed up, and how.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// The job's name.
    pub job: String,
    /// What kind of source it is.
    pub workload: Workload,
    /// Words for people.
    pub tags: Vec<String>,
    /// Reads everything, whatever the point before says.
    pub full: bool,
    /// Reads and counts, stores nothing.
    pub dry_run: bool,
    /// Lets what cannot be read leave the point.
    pub drop_unreadable: bool,
    /// The share of bytes or items that a point may lose against the last whole one of its job; `None` where a person accepts any loss.
    pub shrink_max: Option<f64>,
    /// Threads at work.
    pub threads: usize,
    /// The id of the new point, where somebody has to know it before the point is there; `None` takes a random one.
    pub point: Option<PointId>,
}

/// Makes a restore point.
///
/// # Errors
/// The engine's and the source's; [`crate::Error::NoRoom`] where it was stopped because too little room was left.
pub fn run<F>(
    repo: &Arc<Repository>,
    source: &dyn Source,
    request: &BackupRequest,
    rooms: Option<&Rooms>,
    monitor: &Arc<Monitor>,
) -> Result<BackupSummary, F> {
    let options = BackupOptions {
        tags: request.tags.clone(),
        full: request.full,
        dry_run: request.dry_run,
        workload: request.workload,
        threads: request.threads,
        drop_unreadable: request.drop_unreadable,
        point: request.point,
        shrink_max: request.shrink_max,
        ..BackupOptions::new(request.job.clone())
    };
    let work = || engine::backup::backup(repo, source, &options, monitor);
    match rooms {
        Some(rooms) => rooms.watch(monitor, work),
        None => Ok(work()?),
    }
}
