//! A point that is much smaller than the last whole one: a dump that ended early, a share that was not mounted, a folder that was emptied.
//!
//! Promises: what is compared is what a restore would give back, against the newest point of the job that is complete and had not shrunk itself;
//! so a loss is told by every point until somebody says that it was meant. Refuses to decide: the point is made, and marked.

use super::BackupOptions;
use super::session::jobs;
use crate::env::utc;
use crate::error::Result;
use crate::monitor::{Monitor, count, counted};
use crate::repository::Repository;
use crate::source::Source;
use format_spec::point::Shrunken;
use format_spec::tree::Entry;

/// What the point of this root has shrunk against; `None` when it has not, or nobody asks.
///
/// # Errors
/// The log's and the store's.
pub(super) fn shrunken(
    repository: &Repository,
    source: &dyn Source,
    options: &BackupOptions,
    root: &Entry,
    monitor: &Monitor,
) -> Result<Option<Shrunken>> {
    let Some(most) = options.shrink_max.filter(|_| options.original.is_none()) else { return Ok(None) };
    let mut whole = None;
    for job in jobs(repository, &source.about(), options) {
        whole = repository.newest_whole_of_job(&job, options.workload)?;
        if whole.is_some() {
            break;
        }
    }
    let Some(whole) = whole else { return Ok(None) };
    let (then, now) = (whole.manifest.root.totals, root.totals);
    let bytes = lost_share(then.bytes, now.bytes);
    let items = lost_share(then.descendants, now.descendants);
    if bytes <= most && items <= most {
        return Ok(None);
    }
    let (id, of) = (whole.manifest.id, utc(whole.manifest.started));
    let what = match bytes > most {
        true => format!("{} bytes, after {}", now.bytes, then.bytes),
        false => format!("{}, after {}", counted(now.descendants, "item", "items"), count(then.descendants)),
    };
    monitor.warn(
        options.job.as_bytes(),
        format!(
            "shrunken: {what} in point {id} of {of}; it takes the place of no whole one. If that is meant, back up with --accept shrink"
        ),
    );
    Ok(Some(Shrunken { than: id, bytes: then.bytes, items: then.descendants }))
}

/// How much of `then` is gone, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a share needs no last byte")]
fn lost_share(then: u64, now: u64) -> f64 {
    if now >= then { 0.0 } else { (then - now) as f64 / then as f64 }
}

#[cfg(test)]
mod tests {
    use super::lost_share;

    #[test]
    fn what_grows_or_was_nothing_has_lost_nothing() {
        let cases = [(0, 0, 0.0), (0, 5, 0.0), (10, 10, 0.0), (10, 20, 0.0), (10, 5, 0.5), (10, 4, 0.6), (10, 0, 1.0)];
        for (then, now, share) in cases {
            assert!((lost_share(then, now) - share).abs() < 1e-9, "{then} to {now}");
        }
    }
}
