//! One restore: the workers that write, and the links at the end.

use super::file::{FileTask, restore_file};
use super::folder::Folder;
use super::other::{self, Link};
use super::plan::Planner;
use super::restoring::Restoring;
use super::{RestoreOptions, RestoreSummary, Told};
use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::reader::{Account, Consumer, ReadAhead};
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::threads;
use crate::tree::lookup;
use crossbeam_channel::{Receiver, bounded};
use format_spec::tree::{Entry, Kind as ItemKind};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) fn run(
    repository: &Arc<Repository>,
    point: &Point,
    inside: &[u8],
    target: &Path,
    options: &RestoreOptions,
    monitor: &Arc<Monitor>,
) -> Result<RestoreSummary> {
    let done = lay_out(repository, point, inside, target, options, monitor);
    let done = done.map_err(|e| repository.or_gone(point, e))?;
    // Whoever was the last to miss something may have been told so before the log was read.
    let gone = if done.damaged > 0 { repository.gone(point) } else { None };
    gone.map_or(Ok(done), Err)
}

fn lay_out(
    repository: &Arc<Repository>,
    point: &Point,
    inside: &[u8],
    target: &Path,
    options: &RestoreOptions,
    monitor: &Arc<Monitor>,
) -> Result<RestoreSummary> {
    allow_many_files();
    let blobs = repository.blobs();
    let fetched_before = blobs.fetched_bytes();
    let (root, single) = start(repository, point, inside)?;
    monitor.counters.bytes_total.store(if single { root.size } else { root.totals.bytes }, Ordering::Relaxed);
    monitor.counters.items_total.store(if single { 1 } else { root.totals.descendants }, Ordering::Relaxed);
    let shared = Arc::new(Restoring::new(repository, point, inside, options, monitor)?);
    let target_fd = open_target(target, options.dry_run)?;
    let (tasks_in, tasks_out) = bounded(256);
    let ahead = ReadAhead::start(blobs, options.threads)?;
    let consumer = ahead.consumer();
    let done: Result<Vec<Link>> = std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            let (shared, tasks, consumer) = (shared.clone(), tasks_out.clone(), consumer.clone());
            threads::scoped(scope, move || work(&tasks, &shared, blobs, &consumer))?;
        }
        drop(tasks_out);
        let mut planner = Planner {
            blobs,
            shared: &shared,
            tasks: tasks_in,
            ahead,
            links: Vec::new(),
            first: HashMap::new(),
            prefix: inside,
        };
        let walked = planner.walk(&root, single, target_fd.as_ref());
        planner.ahead.flush();
        drop(planner.tasks);
        walked.map(|()| planner.links)
    });
    let links = done?;
    shared.check()?;
    for link in &links {
        monitor.check()?;
        finish_link(target_fd.as_ref(), link, &shared, blobs).unwrap_or_else(|e| shared.report(&link.path, e));
        monitor.done(1, 0);
    }
    shared.check()?;
    if let Some(fd) = target_fd.as_ref().filter(|_| !options.dry_run) {
        // Success means that it survives a power cut.
        rustix::fs::syncfs(fd).map_err(|e| Error::from(std::io::Error::from(e)).on(target.display()))?;
    }
    Ok(RestoreSummary { bytes_downloaded: blobs.fetched_bytes() - fetched_before, ..shared.counts.summary() })
}

/// Links a further name to the first one, or makes an item of its own of it.
fn finish_link(target: Option<&OwnedFd>, link: &Link, shared: &Arc<Restoring>, blobs: &Arc<Blobs>) -> Result<()> {
    let parent = match target {
        None => None,
        Some(target) => other::parent_of(target.as_fd(), &link.path, shared.options.dry_run)?,
    };
    let is_linked = match (&parent, target) {
        // Of a dry run: where there is no folder, nothing is in the way.
        (None, _) | (_, None) => true,
        (Some(parent), Some(target)) => other::link(target.as_fd(), parent.as_fd(), link, shared)?,
    };
    if is_linked {
        shared.counts.files.fetch_add(1, Ordering::Relaxed);
        shared.tell(&link.path, &Told::Restored);
        return Ok(());
    }
    parent.map_or(Ok(()), |parent| alone(parent, link, shared, blobs))
}

/// The first name of the group is not what the point has (it was kept, or could not be restored): this name becomes an item of its own.
fn alone(parent: OwnedFd, link: &Link, shared: &Arc<Restoring>, blobs: &Arc<Blobs>) -> Result<()> {
    let folder = Folder::root(parent, None, shared.clone())?;
    if link.entry.kind != ItemKind::File {
        return other::make(&folder, &link.entry, &link.path, shared.options.overwrite, shared).map(|_| ());
    }
    let (account, ours) = (Arc::default(), None);
    let task = FileTask { folder, entry: link.entry.clone(), path: link.path.clone(), account, ours };
    restore_file(&task, shared, blobs, &mut |_| ())
}

/// The entry to start from, and whether it is a single item rather than a folder whose content is laid out.
fn start(repository: &Repository, point: &Point, inside: &[u8]) -> Result<(Entry, bool)> {
    let names = inside.split(|b| *b == b'/').filter(|n| !n.is_empty());
    let found = lookup(repository.nodes(), &point.manifest.root, names)?;
    let missing = || {
        Error::new(Kind::Absent, "the restore point has no such path")
            .on(String::from_utf8_lossy(inside))
            .advise(format!("`cairn ls {}` shows what it has", &point.manifest.id.to_string()[..8]))
    };
    let entry = Entry::clone(&found.ok_or_else(missing)?.entry);
    let single = entry.kind != ItemKind::Folder;
    Ok((entry, single))
}

fn open_target(target: &Path, dry_run: bool) -> Result<Option<OwnedFd>> {
    let fit = |e: std::io::Error| {
        Error::from(e).on(target.display()).advise("the target must be a folder that you may write")
    };
    if !dry_run {
        std::fs::create_dir_all(target).map_err(fit)?;
    }
    match rustix::fs::open(target, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(_) if dry_run => Ok(None),
        Err(e) => Err(fit(e.into())),
    }
}

/// Deep trees hold one descriptor a level.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Failing is no harm but for very deep trees, which then say so themselves.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

fn work(tasks: &Receiver<FileTask>, shared: &Restoring, blobs: &Arc<Blobs>, consumer: &Consumer) {
    while let Ok(task) = tasks.recv() {
        let _ending = Ending(consumer, &task.account);
        if !shared.check_quietly() {
            let mut used = |bytes: u64| {
                consumer.consumed(&task.account, bytes);
                shared.monitor.done(0, bytes);
            };
            if let Err(e) = restore_file(&task, shared, blobs, &mut used) {
                shared.report(&task.path, e);
            }
            shared.monitor.done(1, 0);
        }
    }
}

/// A task that ends, one way or the other, gives up what was planned for it.
struct Ending<'a>(&'a Consumer, &'a Account);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}
