//! How often a session is tried: what takes its place when it is fenced, when its base is damaged, or when none can be built upon.

use super::super::{BackupOptions, BackupSummary};
use super::{Session, check_job, newest, open};
use crate::blob::{Spool, Writer, WriterParts};
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::source::Source;
use crate::store::StoreExt;
use format_spec::config::Class;
use format_spec::point::{Manifest, Workload};
use std::cell::Cell;
use std::sync::Arc;

/// Runs a session; one whose base turns out to be damaged is given up, and another one reads the whole source. That heals the new point: its nodes
/// are all stored again, and so is what lost or shortened data packs held. Data packs that rot inside are found by a check, not here; once `cairn
/// repair` has recorded them as suspect, no session builds on a point that needs them, and what they held is stored again.
pub(in crate::backup) fn run(
    repository: &Arc<Repository>,
    source: &dyn Source,
    options: &BackupOptions,
    monitor: &Arc<Monitor>,
) -> Result<BackupSummary> {
    check_job(&options.job)?;
    if repository.config().class == Class::Copy && options.original.is_none() {
        return Err(Error::new(Kind::Input, "this repository is for backup copies")
            .on(repository.location())
            .advise("back up into a repository of the class backup, and bring its points here with `cairn copy`"));
    }
    repository.refresh()?;
    if !options.dry_run {
        repository.vault().store.keep_reserve();
    }
    for _ in 1..SESSION_ATTEMPTS_MAX {
        match one(repository, source, options, monitor) {
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
    one(repository, source, options, monitor)
}

/// One session, or two where the base of the first turns out to be damaged.
fn one(
    repository: &Arc<Repository>,
    source: &dyn Source,
    options: &BackupOptions,
    monitor: &Arc<Monitor>,
) -> Result<BackupSummary> {
    let newest = newest(repository, source, options)?;
    let (base, reason) = match newest {
        Some(newest) if options.full => return full(repository, source, options, Some(newest), "asked for", monitor),
        Some(newest) => {
            let Manifest { id, started, .. } = &newest.manifest;
            let reason = format!("builds on point {id} of {}", crate::repository::utc(*started));
            (newest, reason)
        }
        None if options.full => return full(repository, source, options, None, "asked for", monitor),
        None => return full(repository, source, options, None, "the first point of this job", monitor),
    };
    let id = base.manifest.id;
    if repository.relies_on_suspects(&base)? {
        let reason = format!("point {id} relies on packs that were found damaged: all is read");
        return full(repository, source, options, Some(base), &reason, monitor);
    }
    let last = Last { base: Some(base.clone()), newest: Some(base.clone()) };
    let (done, reads_old) = attempt(repository, source, options, last, reason, monitor)?;
    match done {
        Err(e) if e.kind() == Kind::Damaged && reads_old && options.workload == Workload::Stream => {
            Err(e.advise("the stream cannot be read twice: make it again, and back it up with `--full`"))
        }
        Err(e) if e.kind() == Kind::Damaged && reads_old => {
            monitor.warn(
                e.object().unwrap_or("the base").as_bytes(),
                format!("point {id} cannot be built upon: {e}; all is read"),
            );
            monitor.restart();
            // Where one pack of nodes is damaged, others may be, and a session without a base reads no old node: it would trust them. They
            // are few, so all nodes are stored again.
            repository.blobs().catalog().distrust_nodes()?;
            full(repository, source, options, Some(base), &format!("point {id} is damaged"), monitor)
        }
        other => other,
    }
}

/// A session without a base. It relies on the index alone, so the store is first asked whether the packs are there. What it cannot read is
/// kept from the newest point all the same.
fn full(
    repository: &Arc<Repository>,
    source: &dyn Source,
    options: &BackupOptions,
    newest: Option<Arc<Point>>,
    reason: &str,
    monitor: &Arc<Monitor>,
) -> Result<BackupSummary> {
    repository.blobs().catalog().compare_with_store()?;
    attempt(repository, source, options, Last { base: None, newest }, reason.to_owned(), monitor)?.0
}

/// The newest point of the job, as far as a session needs it.
struct Last {
    /// What is built upon.
    base: Option<Arc<Point>>,
    /// What is kept from.
    newest: Option<Arc<Point>>,
}

/// One session, and whether it ended while it read what earlier ones had stored: what it stored itself is not the base's damage.
fn attempt(
    repository: &Arc<Repository>,
    source: &dyn Source,
    options: &BackupOptions,
    last: Last,
    reason: String,
    monitor: &Arc<Monitor>,
) -> Result<(Result<BackupSummary>, bool)> {
    let before = repository.before();
    let started = repository.env().now();
    let Last { base, newest } = last;
    // What is kept must not be collected before it is named again. A copy keeps nothing: its original says what is in it.
    let newest = newest.filter(|_| !options.drop_unreadable && options.original.is_none());
    let needed = base.as_deref().or(newest.as_deref());
    let session = if options.dry_run { None } else { Some(open(repository, options, source, needed)?) };
    let writer = Writer::start(WriterParts {
        vault: repository.vault().clone(),
        catalog: repository.blobs().catalog().clone(),
        log: repository.log().clone(),
        env: repository.env().clone(),
        config: repository.config().clone(),
        monitor: monitor.clone(),
        session,
        threads: options.threads,
        spool: options.original.as_ref().and_then(|o| o.spool.as_deref()).map(Spool::open_somewhere).transpose()?,
    })?;
    let reads_old = Cell::new(false);
    let work = Session {
        repository,
        options,
        monitor,
        base,
        newest,
        reason,
        started,
        before,
        writer: &writer,
        reads_old: &reads_old,
        locks: Cell::default(),
    };
    let done = work.run(source, session);
    let is_of_old = reads_old.get() && !writer.has_failed();
    let done = done.map_err(|e| match session {
        // A session that has committed is ended by that.
        Some(session) if repository.log().view().commits.iter().all(|c| c.session != session) => {
            give_up(repository, session, &writer, e, is_of_old)
        }
        _ => e,
    });
    Ok((done, is_of_old))
}

/// What an error means, and what becomes of its session. One that was stopped is to go on: it publishes what it has stored, and stays open so that
/// no collection takes that before the next one builds on it. Any other is of no use to anybody, and ends.
fn give_up(repository: &Repository, session: u32, writer: &Writer, error: Error, is_of_old: bool) -> Error {
    if error.kind() != Kind::Interrupted {
        writer.settle();
        return repository.log().end_after(&**repository.env(), session, error, is_of_old);
    }
    if let Err(also) = writer.salvage() {
        tracing::warn!(error = %also, "what was stored before the stop could not be published");
    }
    error
}

/// Sessions that a backup opens at most, one after the other, when each is fenced or loses what it relied on.
const SESSION_ATTEMPTS_MAX: usize = 3;
