//! Copying restore points into another repository, within a budget.
//!
//! Promises: the estimate is held against the budget before anything is read; a repository that is asked for what the source
//! cannot read has the same history. What could not be copied is in the report, by point.

use crate::face::Face;
use crate::open_store::TrafficOfTwo;
use crate::recognise::expect_same_history;
use crate::spending::{EstimateReport, SpentReport};
use crate::{Result, report};
use engine::copy::{CopyOptions, CopySummary, Which};
use engine::monitor::Monitor;
use engine::price::{Budget, PriceList};
use engine::repository::Repository;
use engine::restore_point::JobName;
use engine::store::Counts;
use format_spec::log::PointId;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What shall be copied, and how.
#[derive(Debug, Clone)]
pub struct CopyRequest {
    /// Which points.
    pub which: Which,
    /// Only points of these jobs, where none are named.
    pub job: Option<JobName>,
    /// Verifies every chunk of a block against its id, and not its tag alone.
    pub verify_full: bool,
    /// Reads, cuts and encrypts everything anew.
    pub rekey: bool,
    /// Packs everything into larger blocks at this zstd level.
    pub regroup: Option<i32>,
    /// How long points may wait for full packs.
    pub flush_after: Duration,
    /// The folder in which packs are filled, for all targets.
    pub spool: PathBuf,
    /// Tells what would be copied, and copies nothing.
    pub dry_run: bool,
    /// What it may take at most.
    pub budget: Budget,
    /// Prices to reckon with.
    pub prices: Option<PriceList>,
    /// Threads that read and authenticate.
    pub threads: usize,
}

/// A repository and what was asked of its store.
#[derive(Clone, Copy)]
pub struct End<'a> {
    /// The repository.
    pub repo: &'a Arc<Repository>,
    /// Requests and bytes so far.
    pub counts: &'a Counts,
}

/// How well a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All that was asked for is in the target, as whole as it was made.
    Clean,
    /// Something was warned of, expired meanwhile, or is as incomplete as its original.
    Warnings,
    /// Points could not be copied.
    Damaged,
}

/// What came of a copy.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CopyReport {
    /// Whether nothing was copied.
    pub dry_run: bool,
    /// Points that were copied.
    pub points_copied: usize,
    /// Their ids.
    #[serde(serialize_with = "report::texts")]
    #[schemars(with = "Vec<String>")]
    pub points: Vec<PointId>,
    /// Points that the target had already.
    pub points_present: u64,
    /// Points that wait for full packs.
    pub points_waiting: usize,
    /// Points that could not be copied.
    pub points_failed: usize,
    /// Points that expired meanwhile.
    pub points_expired: usize,
    /// Points whose originals are not complete.
    pub points_incomplete: usize,
    /// Chunks and nodes that the target lacked.
    pub blobs_wanted: u64,
    /// Chunks and nodes that were read from another repository.
    pub blobs_healed: u64,
    /// Chunks and nodes that could not be read anywhere.
    pub blobs_lost: u64,
    /// Chunks and nodes that were packed again.
    pub blobs_regrouped: u64,
    /// Blocks that were taken over whole.
    pub blocks_carried: u64,
    /// Blocks that parity gave back.
    pub blocks_recovered: u64,
    /// Bytes that the target lacked.
    pub bytes_wanted: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Bytes that were written.
    pub bytes_written: u64,
    /// Packs that were read.
    pub packs_read: u64,
    /// Packs that were written.
    pub packs_written: u64,
    /// What it would take.
    #[serde(flatten)]
    pub estimate: EstimateReport,
    /// What it took.
    #[serde(flatten)]
    pub spent: SpentReport,
    /// What was asked of both stores.
    #[serde(flatten)]
    pub traffic: TrafficOfTwo,
    /// Each point, for people.
    #[serde(skip)]
    pub summary: CopySummary,
    /// How it ended.
    #[serde(skip)]
    pub verdict: Verdict,
}

/// Copies restore points; `heal_from` is asked for what the source cannot read.
///
/// # Errors
/// The engine's; [`crate::Reason::ForkedCopy`] where `heal_from` has gone its own way.
pub fn copy<F>(
    source: End<'_>,
    target: End<'_>,
    heal_from: Option<Arc<Repository>>,
    request: &CopyRequest,
    face: &dyn Face,
    monitor: &Arc<Monitor>,
) -> Result<CopyReport, F> {
    if let Some(healer) = &heal_from {
        expect_same_history(source.repo, healer, face)?;
    }
    let options = CopyOptions {
        which: request.which.clone(),
        job: request.job.clone(),
        verify_full: request.verify_full,
        rekey: request.rekey,
        regroup: request.regroup,
        flush_after_seconds: request.flush_after.as_secs(),
        spool: Some(request.spool.join(target.repo.id().to_string())),
        dry_run: request.dry_run,
        budget: request.budget,
        heal_from,
        prices: request.prices.clone(),
        host: source.repo.env().host(),
        threads: request.threads,
    };
    let done = engine::copy::copy(source.repo, target.repo, &options, monitor)?;
    Ok(CopyReport::of(source, target, request, done, monitor.warnings_total()))
}

impl CopyReport {
    fn of(source: End<'_>, target: End<'_>, request: &CopyRequest, done: CopySummary, warnings: u64) -> CopyReport {
        let is_clean = done.expired.is_empty() && done.incomplete.is_empty() && warnings == 0;
        let verdict = match (done.failed.is_empty(), is_clean) {
            (false, _) => Verdict::Damaged,
            (true, false) => Verdict::Warnings,
            (true, true) => Verdict::Clean,
        };
        let (from, to) = ((&**source.repo, source.counts), (&**target.repo, target.counts));
        CopyReport {
            dry_run: request.dry_run,
            points_copied: done.copied.len(),
            points: done.copied.clone(),
            points_present: done.present,
            points_waiting: done.waiting.len(),
            points_failed: done.failed.len(),
            points_expired: done.expired.len(),
            points_incomplete: done.incomplete.len(),
            blobs_wanted: done.blobs_wanted,
            blobs_healed: done.blobs_healed,
            blobs_lost: done.blobs_lost,
            blobs_regrouped: done.blobs_regrouped,
            blocks_carried: done.blocks_carried,
            blocks_recovered: done.blocks_recovered,
            bytes_wanted: done.bytes_wanted,
            bytes_read: done.bytes_read,
            bytes_written: done.bytes_written,
            packs_read: done.packs_read,
            packs_written: done.packs_written,
            estimate: EstimateReport::of(&done.estimate.clone().unwrap_or_default()),
            spent: SpentReport::of_two(from, to, request.prices.as_ref()),
            traffic: TrafficOfTwo::of(source.counts, target.counts),
            summary: done,
            verdict,
        }
    }
}
