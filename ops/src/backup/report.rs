//! What came of a backup.

use crate::open_store::Traffic;
use engine::backup::BackupSummary;
use engine::store::Counts;
use format_spec::point::PointKind;
use schemars::JsonSchema;
use serde::Serialize;

/// A backup that came to its end.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BackupReport {
    /// The point; null of a dry run.
    pub point: Option<String>,
    /// Its number in this repository.
    pub point_number: u32,
    /// The job.
    pub job: String,
    /// The host.
    pub host: String,
    /// Hosts that have a job of this name, where this one had none.
    pub other_hosts: Vec<String>,
    /// Whether nothing was stored.
    pub dry_run: bool,
    /// `full` or `incremental`.
    pub kind: &'static str,
    /// Why it is of that kind.
    pub kind_reason: String,
    /// Whether everything could be read.
    pub complete: bool,
    /// Files that the point holds.
    pub files_total: u64,
    /// Files that are new.
    pub files_new: u64,
    /// Files that changed.
    pub files_changed: u64,
    /// Files that were taken over unread.
    pub files_unchanged: u64,
    /// Everything that could not be read; in a folder that could not be listed, each item.
    pub files_failed: u64,
    /// Items among those that the point holds as they were.
    pub items_kept: u64,
    /// Whether the point is much smaller than the one before it.
    pub shrunken: bool,
    /// Files that were gone before they were read.
    pub files_vanished: u64,
    /// Files that changed while they were read.
    pub files_changed_while_read: u64,
    /// Items that rules leave out.
    pub items_skipped: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes of the files.
    pub bytes_source: u64,
    /// Bytes of chunks that the repository did not have.
    pub bytes_new: u64,
    /// Bytes that were stored.
    pub bytes_stored: u64,
    /// Chunks that the repository did not have.
    pub chunks_new: u64,
    /// Packs that were stored.
    pub packs_written: u64,
    /// Data packs among them.
    pub data_packs_written: u64,
    /// Locks that were asked for.
    pub locks_asked: u64,
    /// Locks that last longer now.
    pub locks_extended: u64,
    /// What was asked of the store.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Warnings.
    pub warnings: u64,
}

impl BackupReport {
    /// Of the job of a host; `counts` and `warnings` as they are now.
    pub fn of(
        (job, host, other_hosts): (&str, &str, &[String]),
        summary: &BackupSummary,
        counts: &Counts,
        warnings: u64,
    ) -> BackupReport {
        let items = &summary.counts;
        BackupReport {
            point: summary.point.map(|id| id.to_string()),
            point_number: summary.number,
            job: job.to_owned(),
            host: host.to_owned(),
            other_hosts: other_hosts.to_vec(),
            dry_run: summary.point.is_none(),
            kind: kind_word(summary.kind),
            kind_reason: summary.kind_reason.clone(),
            complete: items.complete(),
            files_total: items.new + items.changed + items.unchanged,
            files_new: items.new,
            files_changed: items.changed,
            files_unchanged: items.unchanged,
            files_failed: items.failed,
            items_kept: items.kept,
            shrunken: summary.shrunken.is_some(),
            files_vanished: items.vanished,
            files_changed_while_read: items.changed_while_read,
            items_skipped: items.skipped,
            folders: items.folders,
            bytes_source: summary.bytes_source,
            bytes_new: summary.bytes_new,
            bytes_stored: summary.bytes_stored,
            chunks_new: summary.chunks_new,
            packs_written: summary.packs_written,
            data_packs_written: summary.data_packs_written,
            locks_asked: summary.locks.asked,
            locks_extended: summary.locks.extended,
            traffic: Traffic::of(counts),
            warnings,
        }
    }

    /// Whether a person has nothing to look at: the point is whole, no smaller than it may be, and nothing was warned of.
    pub fn is_clean(&self) -> bool {
        self.complete && !self.shrunken && self.warnings == 0
    }
}

/// A run that left its turn to another one.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SkippedReport {
    /// Null: no point was made.
    pub point: Option<String>,
    /// The job; null where it could not be told.
    pub job: Option<String>,
    /// `true`.
    pub skipped: bool,
    /// Null.
    pub kind: Option<String>,
    /// Why the run left its turn to another one.
    pub kind_reason: String,
}

impl SkippedReport {
    /// Of a job, with the reason as the face says it.
    pub fn of(job: Option<&str>, reason: &str) -> SkippedReport {
        let (job, kind_reason) = (job.map(str::to_owned), reason.to_owned());
        SkippedReport { point: None, job, skipped: true, kind: None, kind_reason }
    }
}

/// Full or incremental.
pub fn kind_word(kind: PointKind) -> &'static str {
    match kind {
        PointKind::Full => "full",
        PointKind::Incremental => "incremental",
    }
}
