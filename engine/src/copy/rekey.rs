//! Copies into a repository of another dedup key: every point is read, cut and packed anew, as a backup whose source is the point.
//!
//! The point keeps its id, its times, its words and its ledger; what did not change since the point before is known by its attributes, as in any
//! backup.

use super::point_source::PointSource;
use super::select::{Selected, select};
use super::{CopyOptions, CopySummary};
use crate::backup::{BackupOptions, Original, backup};
use crate::error::Result;
use crate::monitor::Monitor;
use crate::repository::Repository;
use std::sync::Arc;

pub(super) fn run(
    source: &Arc<Repository>,
    target: &Arc<Repository>,
    options: &CopyOptions,
    monitor: &Arc<Monitor>,
) -> Result<CopySummary> {
    super::expect_pair(source, target, true)?;
    source.refresh()?;
    target.refresh()?;
    let Selected { points, present } = select(source, target, &options.which, &[])?;
    let mut summary = CopySummary { present, ..CopySummary::default() };
    for point in points {
        let read = source.blobs().fetched_bytes();
        let manifest = &point.manifest;
        let how = BackupOptions {
            job: manifest.job.clone(),
            tags: manifest.tags.clone(),
            full: false,
            dry_run: options.dry_run,
            workload: manifest.workload,
            threads: options.threads,
            original: Some(Arc::new(Original { manifest: manifest.clone(), spool: options.spool.clone() })),
        };
        let done = backup(target, &PointSource { repository: source, point: &point }, &how, monitor)?;
        if options.dry_run { &mut summary.waiting } else { &mut summary.copied }.push(manifest.id);
        summary.blobs_wanted += done.chunks_new;
        summary.blobs_regrouped += done.chunks_new;
        summary.bytes_read += source.blobs().fetched_bytes() - read;
        summary.bytes_written += done.bytes_stored;
        summary.packs_written += done.packs_written;
    }
    Ok(summary)
}
