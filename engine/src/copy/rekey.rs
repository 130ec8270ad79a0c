//! Copies into a repository of another dedup key: every point is read, cut and packed anew, as a backup whose source is the point.
//!
//! The point keeps its id, its times, its words and its ledger; what did not change since the point before is known by its attributes, as in any
//! backup. A point of which something cannot be read stays out, and is named.

use super::commit::named;
use super::point_source::PointSource;
use super::select::{Selected, select};
use super::{CopyOptions, CopySummary, Failed};
use crate::backup::{BackupOptions, Original, backup};
use crate::error::{Kind, Result};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::LEFT_OUT;
use crate::tree::MapCursor;
use format_spec::point::Manifest;
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
    target.expect_history_of(source, &target.log().view())?;
    let Selected { points, present } = select(source, target, options, &[], monitor)?;
    let mut summary = CopySummary { present, ..CopySummary::default() };
    for point in points {
        let read = source.blobs().fetched_bytes();
        let manifest = &Manifest {
            source: Some(source.source_of(&point)),
            seen: source.seen_with(&point),
            ..point.manifest.clone()
        };
        let how = BackupOptions {
            tags: manifest.tags.clone(),
            dry_run: options.dry_run,
            workload: manifest.workload,
            threads: options.threads,
            original: Some(Arc::new(Original {
                manifest: manifest.clone(),
                left_out: left_out_named(source, manifest)?,
                alone: named(source, target, manifest),
                spool: options.spool.clone(),
                repository: source.clone(),
            })),
            ..BackupOptions::new(manifest.job.clone())
        };
        let id = manifest.id.to_string();
        let done = match backup(target, &PointSource { repository: source, point: &point }, &how, monitor) {
            Ok(done) => done,
            Err(e) if e.kind() == Kind::Damaged && e.object() == Some(&id) => {
                summary.failed.push(Failed { point: manifest.id, reason: e.to_string() });
                continue;
            }
            // Another copy was faster.
            Err(e) if e.kind() == Kind::Exists && target.log().refresh()?.live(&manifest.id).is_some() => {
                summary.present += 1;
                continue;
            }
            Err(e) => {
                source.refresh()?;
                if source.log().view().live(&manifest.id).is_some() {
                    return Err(e);
                }
                summary.expired.push(manifest.id);
                continue;
            }
        };
        match options.dry_run {
            true => summary.waiting.push(manifest.id),
            false => super::note(&mut summary, &point),
        }
        summary.blobs_wanted += done.chunks_new;
        summary.blobs_regrouped += done.chunks_new;
        summary.bytes_read += source.blobs().fetched_bytes() - read;
        summary.bytes_written += done.bytes_stored;
        summary.packs_written += done.packs_written;
    }
    Ok(summary)
}

/// How many exceptions of a point name what was left out of it.
fn left_out_named(source: &Repository, manifest: &Manifest) -> Result<u64> {
    let mut named = 0;
    for pair in MapCursor::open(source.nodes(), manifest.maps.exceptions) {
        named += u64::from(pair?.value.first() == Some(&LEFT_OUT));
    }
    Ok(named)
}
