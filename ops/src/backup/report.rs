//! What came of a backup.

use crate::open_store::Traffic;
use engine::backup::BackupSummary;
use engine::store::Counts;
use format_spec::point::PointKind;
use serde::Serialize;

/// A backup that came to its end.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/json.md says what each key means")]
pub struct BackupReport {
    pub point: Option<String>,
    pub point_number: u32,
    pub job: String,
    pub host: String,
    pub other_hosts: Vec<String>,
    pub dry_run: bool,
    pub kind: &'static str,
    pub kind_reason: String,
    pub complete: bool,
    pub files_total: u64,
    pub files_new: u64,
    pub files_changed: u64,
    pub files_unchanged: u64,
    pub files_failed: u64,
    pub items_kept: u64,
    pub shrunken: bool,
    pub files_vanished: u64,
    pub files_changed_while_read: u64,
    pub items_skipped: u64,
    pub folders: u64,
    pub bytes_source: u64,
    pub bytes_new: u64,
    pub bytes_stored: u64,
    pub chunks_new: u64,
    pub packs_written: u64,
    pub data_packs_written: u64,
    pub locks_asked: u64,
    pub locks_extended: u64,
    #[serde(flatten)]
    pub traffic: Traffic,
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
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "docs/json.md says what each key means")]
pub struct SkippedReport {
    pub point: Option<String>,
    pub job: Option<String>,
    pub skipped: bool,
    pub kind: Option<String>,
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
