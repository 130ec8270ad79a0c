//! One session: opened upon what the job has, filled by a walk or by edits, committed.

mod attempt;
mod attempts;
mod blame;
mod commit;
mod product;

pub(super) use attempt::{Attempt, Last};
pub(super) use attempts::backup_with_retries;
pub(super) use blame::Ended;
pub(super) use product::Product;

use super::{BackupOptions, BackupSummary, edited, walked};
use crate::error::{Error, Kind, Result};
use crate::repository::Repository;
use crate::restore_point::{JobId, Owner, Point, made};
use crate::source::{About, ChangedSource, Source};
use std::sync::Arc;

/// How a session gets its items.
#[derive(Clone, Copy)]
pub(super) enum Work<'a> {
    /// All that there are.
    Walk(&'a dyn Source),
    /// What changed.
    Edit(&'a dyn ChangedSource),
}

impl Work<'_> {
    pub(super) fn about(self) -> About {
        match self {
            Work::Walk(source) => source.about(),
            Work::Edit(source) => source.about(),
        }
    }

    /// Fills a session, to its end.
    fn fill(self, attempt: Attempt<'_>, reason: String) -> std::result::Result<BackupSummary, Ended> {
        match self {
            Work::Walk(source) => walked::run(&attempt, source, reason).map_err(|ended| attempt.give_up(ended)),
            Work::Edit(source) => edited::run(attempt, source, reason),
        }
    }
}

/// The job of a session. One whose name was made and that has no point yet goes on from those of its host and sources whose name an earlier
/// release made: the job that these are of comes second.
pub(super) fn jobs(repository: &Repository, about: &About, options: &BackupOptions) -> Vec<JobId> {
    let job = match options.original.as_deref() {
        Some(original) => JobId::of(&original.manifest, repository.config()),
        None => JobId::new(Owner::new(&about.host, &about.organisation), &options.job, &about.paths),
    };
    let before = made::is_made(&about.host, &options.job)
        .then(|| JobId::new(job.owner.clone(), &made::made_before(&about.host, &about.paths), &about.paths));
    std::iter::once(job).chain(before).collect()
}

/// The newest point of the job.
fn newest(repository: &Repository, about: &About, options: &BackupOptions) -> Result<Option<Arc<Point>>> {
    for job in jobs(repository, about, options) {
        if let Some(newest) = repository.newest_of_job(&job, options.workload)? {
            return Ok(Some(newest));
        }
    }
    Ok(None)
}

fn check_job(job: &str) -> Result<()> {
    if job.is_empty() || job.contains([':', '/', '\n', '\0']) {
        let what = format!("{job:?} is no job name: it must not be empty and hold neither `:` nor `/`");
        return Err(Error::new(Kind::Input, what));
    }
    Ok(())
}
