//! How often a session is tried: what takes its place when it is fenced, when its base is damaged, or when none can be built upon.

use super::super::{BackupOptions, BackupSummary};
use super::{Attempt, Last, Work, check_job, newest};
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::store::StoreExt;
use format_spec::config::Class;
use format_spec::point::{INTERIM, Manifest, Workload};
use std::sync::Arc;

/// Backs up with as many sessions as it takes; one whose base turns out to be damaged is given up, and another one reads the whole source. That heals
/// the new point: its nodes are all stored again, and so is what lost or shortened data packs held. Data packs that rot inside are found by a check,
/// not here; once `cairn repair` has recorded them as suspect, no session builds on a point that needs them, and what they held is stored again.
pub(in crate::backup) fn backup_with_retries(
    repository: &Arc<Repository>,
    work: Work<'_>,
    options: &BackupOptions,
    monitor: &Arc<Monitor>,
) -> Result<BackupSummary> {
    check_job(&options.job)?;
    if matches!(work, Work::Edit(_)) && options.tags.iter().any(|tag| tag == INTERIM) {
        return Err(
            Error::new(Kind::Input, "the tag `interim` says how a point was made: nobody sets it").on(&options.job)
        );
    }
    if repository.config().class == Class::Copy && options.original.is_none() {
        return Err(Error::new(Kind::Input, "this repository is for backup copies")
            .on(repository.location())
            .advise("back up into a repository of the class backup, and bring its points here with `cairn copy`"));
    }
    repository.refresh()?;
    if !options.dry_run {
        repository.sealed_store().store.keep_reserve();
    }
    let backup = Backup { repository, work, options, monitor };
    for _ in 1..SESSION_ATTEMPTS_MAX {
        match backup.once() {
            // Fenced after a long silence, or what it relied on is gone: what it published is there, and the next one stores the rest.
            Err(e) if e.kind() == Kind::Conflict && options.workload != Workload::Stream => {
                monitor.warn(
                    options.job.as_bytes(),
                    format!("the session cannot go on: {e}; another one takes its place"),
                );
                monitor.restart();
                repository.refresh()?;
            }
            other => return other,
        }
    }
    backup.once()
}

struct Backup<'a> {
    repository: &'a Arc<Repository>,
    work: Work<'a>,
    options: &'a BackupOptions,
    monitor: &'a Arc<Monitor>,
}

impl Backup<'_> {
    /// One session, or two where the base of the first turns out to be damaged.
    fn once(&self) -> Result<BackupSummary> {
        let Some(base) = newest(self.repository, &self.work.about(), self.options)? else {
            let reason = if self.options.full { ASKED } else { "the first point of this job" };
            return self.without_base(None, reason);
        };
        if self.options.full {
            return self.without_base(Some(base), ASKED);
        }
        let Manifest { id, started, .. } = &base.manifest;
        if self.repository.relies_on_suspects(&base)? {
            let reason = format!("point {id} relies on packs that were found damaged: all is read");
            return self.without_base(Some(base), &reason);
        }
        let reason = format!("builds on point {id} of {}", crate::repository::utc(*started));
        let ended = match self.session(Last { base: Some(base.clone()), newest: Some(base.clone()) }, reason) {
            Ok(summary) => return Ok(summary),
            Err(ended) => ended,
        };
        if ended.error.kind() != Kind::Damaged || !ended.read_old {
            return Err(ended.error);
        }
        if self.options.workload == Workload::Stream {
            return Err(ended
                .error
                .advise("the stream cannot be read twice: make it again, and back it up with `--full`"));
        }
        let e = ended.error;
        self.monitor.warn(
            e.object().unwrap_or("the base").as_bytes(),
            format!("point {id} cannot be built upon: {e}; all is read"),
        );
        self.monitor.restart();
        // Where one pack of nodes is damaged, others may be, and a session without a base reads no old node: it would trust them. They
        // are few, so all nodes are stored again.
        self.repository.blobs().live_index().distrust_nodes()?;
        let reason = format!("point {id} is damaged");
        self.without_base(Some(base), &reason)
    }

    /// A session without a base. It relies on the index alone, so the store is first asked whether the packs are there. What it cannot
    /// read is kept from the newest point all the same.
    fn without_base(&self, newest: Option<Arc<Point>>, reason: &str) -> Result<BackupSummary> {
        self.repository.blobs().live_index().compare_with_store()?;
        self.session(Last { base: None, newest }, reason.to_owned()).map_err(|ended| ended.error)
    }

    fn session(&self, last: Last, reason: String) -> std::result::Result<BackupSummary, super::Ended> {
        let host = self.work.about().host;
        let attempt = Attempt::open(self.repository, self.options, last, &host, self.monitor)?;
        self.work.fill(attempt, reason)
    }
}

const ASKED: &str = "asked for";

/// Sessions that a backup opens at most, one after the other, when each is fenced or loses what it relied on.
const SESSION_ATTEMPTS_MAX: usize = 3;
