//! Backup: a source becomes a restore point.
//!
//! Promises: the point is a complete tree; what did not change since the base is neither opened nor encoded again; every item ends
//! stored, unchanged, skipped, failed or kept as it was, one line of the ledger each; nothing is visible before everything is durable,
//! checked and published; a stopped session keeps what it published. Refuses to end for one bad item.
//!
//! ```text
//! walk + compare  ->  events  ->  assemble trees  ->  flush  ->  reference set  ->  commit
//!        \-> files -> readers: cut, hash, put ->/
//! ```
//!
//! | running beside \ starting | backup | check, restore, mount |
//! |---|---|---|
//! | backup of the same job | both commit; each builds on the newest point it saw | they see the points committed so far |
//! | killed backup | resumes: what was published is known | they see nothing of it |

mod assemble;
mod compare;
mod content;
mod edited;
mod event;
mod file;
mod keep;
mod running;
mod session;
mod shrink;
mod unchanged;
mod walked;

pub use running::{RunningSession, SILENCE_SECONDS_MAX, running};

use crate::error::Result;
use crate::limits::{CUT_MOST, THREADS};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::source::{ChangedSource, Source};
use format_spec::log::PointId;
use format_spec::point::{Alone, LedgerCounts, Manifest, PointKind, Shrunken, Workload};
use std::path::PathBuf;
use std::sync::Arc;

/// What to back up as what.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// The job's name; points of one job build on each other. Neither `:` nor `/` in it.
    pub job: String,
    /// Words for people.
    pub tags: Vec<String>,
    /// Reads everything, whatever the base says.
    pub full: bool,
    /// Reads and counts, stores nothing.
    pub dry_run: bool,
    /// What kind of source it is.
    pub workload: Workload,
    /// Encoding threads, and as many that read. 0: the caller's thread does one thing after the other, and the walk is held in memory: for
    /// small sources in a simulation that repeats itself.
    pub threads: usize,
    /// The point that this one is a copy of.
    pub original: Option<Arc<Original>>,
    /// What cannot be read leaves the point, rather than to be kept as the point before has it.
    pub drop_unreadable: bool,
    /// The share of bytes or items that a point may lose against the last whole one of its job without a warning; `None` asks nothing.
    pub shrink_max: Option<f64>,
    /// The id of the new point, where somebody has to know it before the point is there; `None` takes a random one.
    pub point: Option<PointId>,
}

impl BackupOptions {
    /// A point of folders of this job: it builds on the one before, keeps what cannot be read, and asks nothing about its size.
    pub fn new(job: impl Into<String>) -> Self {
        BackupOptions {
            job: job.into(),
            tags: Vec::new(),
            full: false,
            dry_run: false,
            workload: Workload::Folders,
            threads: THREADS,
            original: None,
            drop_unreadable: false,
            shrink_max: None,
            point: None,
        }
    }
}

/// More than half of bytes or items gone is rarely meant.
pub const SHRINK_MAX_DEFAULT: f64 = 0.5;

/// A point of another repository that is copied by reading it: what it was made of stays.
#[derive(Debug)]
pub struct Original {
    /// Its id, times, host, tags and kind are taken over.
    pub manifest: Manifest,
    /// What its name needs in the target; `None` where the original does not say it.
    pub alone: Option<Alone>,
    /// How many of its exceptions name what was left out.
    pub left_out: u64,
    /// Where packs are filled; in memory if nowhere.
    pub spool: Option<PathBuf>,
    /// Where it is copied from: at the commit the target must still come from the same history of it.
    pub repository: Arc<Repository>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSummary {
    /// The new point; `None` after a dry run.
    pub point: Option<PointId>,
    /// Its number; 0 after a dry run.
    pub number: u32,
    /// Full or incremental.
    pub kind: PointKind,
    /// Why.
    pub kind_reason: String,
    /// How items ended.
    pub counts: LedgerCounts,
    /// What the point was held against, where it is much smaller.
    pub shrunken: Option<Shrunken>,
    /// Bytes of all files in the point.
    pub bytes_source: u64,
    /// Plaintext bytes of new chunks.
    pub bytes_new: u64,
    /// Bytes of packs stored for this point.
    pub bytes_stored: u64,
    /// New data chunks.
    pub chunks_new: u64,
    /// Packs stored.
    pub packs_written: u64,
    /// Data packs among them.
    pub data_packs_written: u64,
    /// Locks that were looked at before the commit.
    pub locks: LockWork,
}

/// What it took to have everything locked that a point needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LockWork {
    /// Objects that the store was asked about.
    pub asked: u64,
    /// Objects whose lock was extended.
    pub extended: u64,
}

/// Makes a restore point of `source`.
///
/// # Errors
/// What ends the whole session: the store, the log, a base that is damaged, or a stop. Single items never do.
pub fn backup(
    repository: &Arc<Repository>,
    source: &dyn Source,
    options: &BackupOptions,
    monitor: &Arc<Monitor>,
) -> Result<BackupSummary> {
    session::backup_with_retries(repository, session::Work::Walk(source), options, monitor)
}

/// Makes a restore point of what a source says has changed since the newest point of its job. Whether it is full the source decides
/// ([`Closing`](crate::source::Closing)): of `options`, `full`, `drop_unreadable` and `shrink_max` mean nothing here.
///
/// # Errors
/// As [`backup`]; those of the source. `Input` for a dry run.
pub fn edit(
    repository: &Arc<Repository>,
    source: &dyn ChangedSource,
    options: &BackupOptions,
    monitor: &Arc<Monitor>,
) -> Result<BackupSummary> {
    session::backup_with_retries(repository, session::Work::Edit(source), options, monitor)
}

/// A reader's buffer: two chunks, so that a cut is always possible before the next read.
const READ_BUFFER_BYTES: usize = 2 * CUT_MOST as usize;
