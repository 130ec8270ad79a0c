//! What the threads of one restore share: options, counts, and the error that ends it.

use super::{Overwrite, RestoreOptions, RestoreSummary, Told};
use crate::coverage::{Coverage, Why};
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What walk, workers and folders share.
pub(super) struct Restoring {
    repository: Arc<Repository>,
    /// As the repository had it when the restore began.
    point: Point,
    /// When the log was last asked whether the point is still there: seconds of the environment's stopwatch.
    asked: Mutex<Option<f64>>,
    pub(super) counts: Counts,
    /// What the point covers; only where something may be removed.
    pub(super) coverage: Option<Coverage>,
    /// The path of the part that is restored.
    prefix: Vec<u8>,
    pub(super) options: RestoreOptions,
    pub(super) monitor: Arc<Monitor>,
    /// The error that ends everything, if one came.
    fatal: Mutex<Option<Error>>,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) files: AtomicU64,
    pub(super) files_unchanged: AtomicU64,
    pub(super) folders: AtomicU64,
    pub(super) others: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) deleted: AtomicU64,
    pub(super) left: AtomicU64,
    pub(super) differing: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) archived: AtomicU64,
    pub(super) denied: AtomicU64,
}

impl Counts {
    /// As a summary, without what was fetched.
    pub(super) fn summary(&self) -> RestoreSummary {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        RestoreSummary {
            files: read(&self.files),
            files_unchanged: read(&self.files_unchanged),
            folders: read(&self.folders),
            others: read(&self.others),
            bytes: read(&self.bytes),
            deleted: read(&self.deleted),
            left: read(&self.left),
            differing: read(&self.differing),
            damaged: read(&self.damaged),
            archived: read(&self.archived),
            denied: read(&self.denied),
            bytes_downloaded: 0,
        }
    }
}

impl Restoring {
    /// A restore of a point's part, before anything is written.
    ///
    /// # Errors
    /// The store's, where something may be removed and what the point covers has to be read.
    pub(super) fn new(
        repository: &Arc<Repository>,
        point: &Point,
        inside: &[u8],
        options: &RestoreOptions,
        monitor: &Arc<Monitor>,
    ) -> Result<Self> {
        Ok(Restoring {
            repository: repository.clone(),
            point: point.clone(),
            coverage: options.delete.then(|| Coverage::of(repository, point)).transpose()?,
            prefix: inside.to_vec(),
            asked: Mutex::default(),
            counts: Counts::default(),
            options: options.clone(),
            monitor: monitor.clone(),
            fatal: Mutex::new(None),
        })
    }

    pub(super) fn owners(&self) -> bool {
        self.options.owners
    }

    pub(super) fn may_replace(&self) -> bool {
        self.options.overwrite != Overwrite::Never
    }

    pub(super) fn may_delete(&self) -> bool {
        self.options.delete
    }

    /// The path in the point of what lies below the target.
    pub(super) fn full(&self, path: &[u8]) -> Vec<u8> {
        match (self.prefix.is_empty(), path.is_empty()) {
            (true, _) => path.to_vec(),
            (_, true) => self.prefix.clone(),
            _ => [&self.prefix, path].join(&b'/'),
        }
    }

    pub(super) fn tell(&self, path: &[u8], told: &Told<'_>) {
        self.options.tell.iter().for_each(|tell| tell(path, told));
    }

    /// Something that the point does not have stays.
    pub(super) fn leave(&self, path: &[u8], why: &Why) {
        self.counts.left.fetch_add(1, Ordering::Relaxed);
        self.tell(path, &Told::Left(why));
        if why.is_doubtful() {
            self.warn(path, format!("left there: {why}"));
        }
    }

    pub(super) fn warn(&self, path: &[u8], reason: impl Into<String>) {
        self.monitor.warn(path, reason);
    }

    /// A file that stays although it is not what the point has.
    pub(super) fn differs(&self, path: &[u8]) {
        self.counts.differing.fetch_add(1, Ordering::Relaxed);
        self.warn(path, "it was kept, and is not what the restore point has");
    }

    /// One item's error: a warning, unless it ends everything.
    pub(super) fn report(&self, path: &[u8], error: Error) {
        let error = self.or_gone(error);
        let ends = matches!(error.kind(), Kind::NoSpace | Kind::Interrupted | Kind::Bug | Kind::Transient);
        if ends || error.object() == Some(&self.point.manifest.id.to_string()) {
            self.fatal.lock().get_or_insert(error);
        } else {
            self.counts.damaged.fetch_add(u64::from(error.kind() == Kind::Damaged), Ordering::Relaxed);
            let reason = error.about(&String::from_utf8_lossy(path));
            self.warn(path, format!("not restored: {reason}"));
        }
    }

    /// What is missing may have gone together with its point. The log is asked at most once a second: a repository that has lost much would
    /// answer the same for each item.
    fn or_gone(&self, error: Error) -> Error {
        if error.kind() != Kind::Damaged {
            return error;
        }
        let now = self.repository.env().elapsed();
        let mut asked = self.asked.lock();
        if asked.is_some_and(|then| now - then < LOG_ASKED_SECONDS) {
            return error;
        }
        let error = self.repository.or_gone(&self.point, error);
        *asked = Some(self.repository.env().elapsed());
        error
    }

    /// Counts an item whose data the store refuses to give.
    pub(super) fn cannot_read(&self, error: &Error) {
        let count = match error.kind() {
            Kind::Archived => &self.counts.archived,
            Kind::Denied => &self.counts.denied,
            _ => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// True when the restore is ending.
    pub(super) fn check_quietly(&self) -> bool {
        self.fatal.lock().is_some() || self.monitor.check().is_err()
    }

    pub(super) fn check(&self) -> Result<()> {
        self.monitor.check()?;
        match self.fatal.lock().take() {
            Some(e) => Err(e),
            None => Ok(()),
        }
    }
}

/// Damage is told item by item; the log is asked so seldom about it.
const LOG_ASKED_SECONDS: f64 = 1.0;
