//! Backup copies: restore points carried into a repository of the class copy, in packs of up to 256 MB.
//!
//! ```text
//! select points -> differences of reference sets -> what the target lacks (one pass over the source's index)
//!   -> lift: ranged reads of source packs, each block authenticated -> carry: sealed again into the target's packs, in the spool
//!   -> publish -> the target's reference sets -> commit, oldest first
//! ```
//!
//! Promises: nothing is carried that was not authenticated; a point is visible in the target only when all that it needs is durable there; killed
//! at any moment, the next copy goes on with what was stored and spooled; any number of copies may run into one target at once; the source is only read.
//! Refuses to: copy what cannot be read, there or where it may be healed from (the point stays out, and is named), read a folder tree, hold a pack in memory that it is filling.
//! Decision 0010 of the format says why it is built so.
//!
//! | beside \ copy | into the target | out of the source |
//! |---|---|---|
//! | backup | never: a target is of class copy | new points wait for the next copy |
//! | copy | one commits a point, the other finds it there; blobs may be stored twice | both read |
//! | expire, gc | a base that goes is not built upon; what was condemned is carried again | the point is dropped where it expired; a pack that moved is read at its new place |

mod commit;
mod delta;
mod estimate;
mod expiry_groups;
mod fetch;
mod pair;
mod point_source;
mod rekey;
mod select;
mod session;
mod transfer;
mod wanted;

pub use pair::expect_pair;
pub use select::Which;

use crate::error::Result;
use crate::limits::THREADS;
use crate::monitor::Monitor;
use crate::price::{Budget, Estimate, PriceList};
use crate::repository::Repository;
use crate::restore_point::{JobName, Point};
use format_spec::log::PointId;
use std::path::PathBuf;
use std::sync::Arc;

/// What to copy, and how.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// Which points.
    pub which: Which,
    /// Only points of these jobs, where none are named: of every host's where the name has none.
    pub job: Option<JobName>,
    /// Decodes every block and verifies every chunk against its id, also where blocks are carried as they are.
    pub verify_full: bool,
    /// Reads, cuts and packs everything anew: for a target of another dedup key.
    pub rekey: bool,
    /// Decodes everything and packs it into larger blocks at this zstd level.
    pub regroup: Option<i32>,
    /// How long points may wait in the spool for full packs; 0 commits all at the end.
    pub flush_after_seconds: u64,
    /// Where packs are filled; in memory if nowhere.
    pub spool: Option<PathBuf>,
    /// Tells what would be copied, and copies nothing.
    pub dry_run: bool,
    /// What it may take at most; held against the estimate before anything is read.
    pub budget: Budget,
    /// Where to look for what the source cannot read: a repository of the same dedup key, perhaps another copy.
    pub heal_from: Option<Arc<Repository>>,
    /// Prices to reckon with.
    pub prices: Option<PriceList>,
    /// The host that runs it, for people.
    pub host: String,
    /// Threads that read and authenticate. 0: all in the caller's, one thing after the other.
    pub threads: usize,
}

impl CopyOptions {
    /// These points as they are, committed at the end, filled in memory, without a limit on what it may take.
    pub fn new(which: Which, host: impl Into<String>) -> Self {
        CopyOptions {
            which,
            job: None,
            verify_full: false,
            rekey: false,
            regroup: None,
            flush_after_seconds: 0,
            spool: None,
            dry_run: false,
            budget: Budget::default(),
            heal_from: None,
            prices: None,
            host: host.into(),
            threads: THREADS,
        }
    }
}

/// A point that could not be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub point: PointId,
    /// Why.
    pub reason: String,
}

/// A point that is in the target as it is in the source: without some of its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// Which.
    pub point: PointId,
    /// How many items could not be stored as they were when it was made.
    pub items: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CopySummary {
    /// What it was estimated to take; nothing is estimated where all is read anew.
    pub estimate: Option<Estimate>,
    /// Points that the target has now, oldest first.
    pub copied: Vec<PointId>,
    /// Points that it had already.
    pub present: u64,
    /// Points whose blocks wait in the spool.
    pub waiting: Vec<PointId>,
    /// Points that could not be copied.
    pub failed: Vec<Failed>,
    /// Points that expired in the source before they were copied.
    pub expired: Vec<PointId>,
    /// Those of the copied ones that are incomplete.
    pub incomplete: Vec<Incomplete>,
    /// Chunks and nodes that the target lacked.
    pub blobs_wanted: u64,
    /// Blobs that the source cannot read and another repository could.
    pub blobs_healed: u64,
    /// Blobs of which nobody who was asked has readable bytes.
    pub blobs_lost: u64,
    /// Blocks carried as they were.
    pub blocks_carried: u64,
    /// Chunks and nodes that were decoded, verified and packed anew.
    pub blobs_regrouped: u64,
    /// Blocks that an earlier copy had left in the spool.
    pub blocks_recovered: u64,
    /// Stored bytes read from the source's packs.
    pub bytes_read: u64,
    /// Bytes of packs stored in the target.
    pub bytes_written: u64,
    /// Packs of the source that were read.
    pub packs_read: u64,
    /// Packs stored in the target.
    pub packs_written: u64,
    /// Stored bytes of the source's packs that hold what is wanted: of a dry run, about what will be read.
    pub bytes_wanted: u64,
}

/// Copies restore points from `source` into `target`.
///
/// # Errors
/// `Input` for a pair that cannot be copied between; the stores' and the logs'. Points that cannot be read are in the summary.
pub fn copy(
    source: &Arc<Repository>,
    target: &Arc<Repository>,
    options: &CopyOptions,
    monitor: &Arc<Monitor>,
) -> Result<CopySummary> {
    let mut done = match options.rekey {
        true => rekey::run(source, target, options, monitor),
        false => session::run(source, target, options, monitor),
    }?;
    // What could not be read of a point that has expired meanwhile is no damage.
    if !done.failed.is_empty() {
        source.refresh()?;
        let view = source.log().view();
        let gone = done.failed.extract_if(.., |failed| view.live(&failed.point).is_none());
        done.expired.extend(gone.map(|failed| failed.point));
    }
    Ok(done)
}

/// Notes a point that the target has now.
fn note(summary: &mut CopySummary, point: &Point) {
    summary.copied.push(point.manifest.id);
    let counts = point.manifest.counts;
    if !counts.complete() {
        let items = counts.failed.saturating_add(counts.vanished).saturating_add(counts.changed_while_read);
        summary.incomplete.push(Incomplete { point: point.manifest.id, items });
    }
}
