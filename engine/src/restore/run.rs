//! One restore: the walk that plans, the workers that write.

use super::file::{FileTask, restore_file};
use super::folder::Folder;
use super::other::{self, Link};
use super::{Overwrite, RestoreOptions, RestoreSummary};
use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::reader::ReadAhead;
use crate::repository::Repository;
use crate::restore_point::Point;
use crate::tree::{FolderCursor, Step, Walk, lookup, pieces, stored_bytes};
use crossbeam_channel::{Receiver, Sender, bounded};
use format_spec::container::ObjectKind;
use format_spec::tree::{Content, Entry, Kind as ItemKind};
use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What walk, workers and folders share.
pub(super) struct Restoring {
    pub(super) counts: Counts,
    pub(super) options: RestoreOptions,
    monitor: Arc<Monitor>,
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
    pub(super) damaged: AtomicU64,
}

impl Restoring {
    pub(super) fn owners(&self) -> bool {
        self.options.owners
    }

    pub(super) fn may_replace(&self) -> bool {
        self.options.overwrite != Overwrite::Never
    }

    pub(super) fn may_delete(&self) -> bool {
        self.options.delete
    }

    pub(super) fn warn(&self, path: &[u8], reason: impl Into<String>) {
        self.monitor.warn(path, reason);
    }

    /// One item's error: a warning, unless it ends everything.
    fn report(&self, path: &[u8], error: Error) {
        let ends = matches!(error.kind(), Kind::NoSpace | Kind::Interrupted | Kind::Bug | Kind::Transient);
        if ends {
            self.fatal.lock().get_or_insert(error);
        } else {
            self.counts.damaged.fetch_add(u64::from(error.kind() == Kind::Damaged), Ordering::Relaxed);
            self.warn(path, format!("not restored: {error}"));
        }
    }

    /// True when the restore is ending.
    fn check_quietly(&self) -> bool {
        self.fatal.lock().is_some() || self.monitor.check().is_err()
    }

    fn check(&self) -> Result<()> {
        self.monitor.check()?;
        match self.fatal.lock().take() {
            Some(e) => Err(e),
            None => Ok(()),
        }
    }
}

pub(super) fn run(
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
    let shared = Arc::new(Restoring {
        counts: Counts::default(),
        options: options.clone(),
        monitor: monitor.clone(),
        fatal: Mutex::new(None),
    });
    let target_fd = open_target(target, options.dry_run)?;
    let (tasks_in, tasks_out) = bounded(256);
    let ahead = ReadAhead::start(blobs, options.threads);
    let consumer = ahead.consumer();
    let done: Result<Vec<Link>> = std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            let (shared, tasks, consumer) = (shared.clone(), tasks_out.clone(), consumer.clone());
            scope.spawn(move || work(&tasks, &shared, blobs, &consumer));
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
    if let Some(fd) = &target_fd {
        for link in &links {
            monitor.check()?;
            match other::link(fd.as_fd(), link, options) {
                Ok(()) => shared.counts.files.fetch_add(1, Ordering::Relaxed),
                Err(e) => {
                    shared.report(&link.path, e);
                    0
                }
            };
            monitor.done(1, 0);
        }
    }
    shared.check()?;
    let c = &shared.counts;
    let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
    Ok(RestoreSummary {
        files: read(&c.files),
        files_unchanged: read(&c.files_unchanged),
        folders: read(&c.folders),
        others: read(&c.others),
        bytes: read(&c.bytes),
        deleted: read(&c.deleted),
        damaged: read(&c.damaged),
        bytes_downloaded: blobs.fetched_bytes() - fetched_before,
    })
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

fn work(tasks: &Receiver<FileTask>, shared: &Restoring, blobs: &Arc<Blobs>, consumer: &crate::reader::Consumer) {
    while let Ok(task) = tasks.recv() {
        let mut left = stored_bytes(&task.entry);
        if !shared.check_quietly() {
            let mut used = |bytes: u64| {
                left = left.saturating_sub(bytes);
                consumer.consumed(bytes);
                shared.monitor.done(0, bytes);
            };
            if let Err(e) = restore_file(&task, shared, blobs, &mut used) {
                shared.report(&task.path, e);
            }
            shared.monitor.done(1, 0);
        }
        // What was planned for this file and not used is given up.
        consumer.consumed(left);
    }
}

struct Planner<'a> {
    blobs: &'a Arc<Blobs>,
    shared: &'a Arc<Restoring>,
    tasks: Sender<FileTask>,
    ahead: ReadAhead,
    links: Vec<Link>,
    /// The path of the first restored name of each link group.
    first: HashMap<[u8; 16], Vec<u8>>,
    /// The path of the part that is restored, for messages and `select`.
    prefix: &'a [u8],
}

impl Planner<'_> {
    fn walk(&mut self, root: &Entry, single: bool, target: Option<&OwnedFd>) -> Result<()> {
        let options = self.shared.options.clone();
        let reopen = |fd: &OwnedFd| fd.try_clone().map_err(Error::from);
        let top = target.filter(|_| !options.dry_run).map(reopen).transpose()?;
        let whole = self.prefix.is_empty();
        // Attributes of the part's own folder are given to the target, those of the file system's root are not.
        let finally = (!single && !whole).then(|| root.clone());
        let top = top.map(|fd| Folder::root(fd, finally, self.shared.clone()));
        if single {
            return self.item(root, &root.name.clone(), top.as_ref(), None);
        }
        let mut open: Vec<(Option<Arc<Folder>>, Entry)> = Vec::new();
        let blobs = self.blobs.clone();
        let mut walk = Walk::start(&*blobs, root);
        loop {
            self.shared.check()?;
            let step = match walk.step() {
                // What is left of this folder cannot be known; everything else can, unless it is the outermost one.
                Err(e) if e.kind() == Kind::Damaged && open.len() > 1 => {
                    let (path, depth) = walk.go_on();
                    self.shared.report(&path, e);
                    open.truncate(depth);
                    continue;
                }
                other => other?,
            };
            let skip = match step {
                None => return Ok(()),
                Some(Step::Leave(_)) => {
                    open.pop();
                    false
                }
                Some(Step::Enter(seen)) if seen.depth == 0 => {
                    self.prune(top.as_ref(), target, seen.entry, seen.path)?;
                    open.push((top.clone(), Entry::clone(seen.entry)));
                    false
                }
                Some(Step::Enter(seen)) => {
                    let full = if whole { seen.path.to_vec() } else { [self.prefix, seen.path].join(&b'/') };
                    if !(options.select)(&full, seen.entry) {
                        seen.entry.kind == ItemKind::Folder
                    } else {
                        let parent = open.last().and_then(|(folder, _)| folder.clone());
                        let mtime = open.last().filter(|_| open.len() > 1 || !whole).map(|(_, e)| e.mtime);
                        if seen.entry.kind == ItemKind::Folder {
                            match self.folder(seen.entry, seen.path, parent.as_ref()) {
                                Ok(made) => {
                                    let skipped = made.is_none() && !options.dry_run;
                                    if !skipped {
                                        open.push((made, Entry::clone(seen.entry)));
                                    }
                                    skipped
                                }
                                Err(e) => {
                                    self.shared.report(seen.path, e);
                                    true
                                }
                            }
                        } else {
                            self.item(seen.entry, seen.path, parent.as_ref(), mtime)?;
                            false
                        }
                    }
                }
            };
            if skip {
                walk.skip();
            }
        }
    }

    fn folder(&mut self, entry: &Entry, path: &[u8], parent: Option<&Arc<Folder>>) -> Result<Option<Arc<Folder>>> {
        self.shared.counts.folders.fetch_add(1, Ordering::Relaxed);
        self.shared.monitor.done(1, 0);
        let Some(parent) = parent else { return Ok(None) };
        let made = parent.make(entry, path)?;
        self.prune(made.as_ref(), None, entry, path)?;
        Ok(made)
    }

    /// With `delete`: removes what the point does not have. In a dry run only the target's top is looked at.
    fn prune(&mut self, folder: Option<&Arc<Folder>>, dry: Option<&OwnedFd>, entry: &Entry, path: &[u8]) -> Result<()> {
        if !self.shared.options.delete {
            return Ok(());
        }
        let mut names = HashSet::new();
        for found in FolderCursor::open(&**self.blobs, entry)? {
            names.insert(found?.entry.name.clone());
        }
        let mut keep = |name: &[u8]| names.contains(name);
        let removed = match (folder, dry) {
            (Some(folder), _) => folder.prune(&mut keep, false)?,
            (None, Some(fd)) => Folder::root(fd.try_clone()?, None, self.shared.clone()).prune(&mut keep, true)?,
            (None, None) => 0,
        };
        if removed > 0 {
            tracing::debug!(removed, path = %String::from_utf8_lossy(path), "removed what the restore point does not have");
        }
        self.shared.counts.deleted.fetch_add(removed, Ordering::Relaxed);
        Ok(())
    }

    /// Anything but a folder.
    fn item(
        &mut self,
        entry: &Entry,
        path: &[u8],
        parent: Option<&Arc<Folder>>,
        folder_mtime: Option<format_spec::Time>,
    ) -> Result<()> {
        if let Some(group) = entry.link_group {
            if let Some(first) = self.first.get(&group) {
                self.links.push(Link { path: path.to_vec(), first: first.clone(), folder_mtime });
                return Ok(());
            }
            self.first.insert(group, path.to_vec());
        }
        let Some(folder) = parent else {
            let files = entry.kind == ItemKind::File;
            let counter = if files { &self.shared.counts.files } else { &self.shared.counts.others };
            counter.fetch_add(1, Ordering::Relaxed);
            self.shared.counts.bytes.fetch_add(if files { entry.size } else { 0 }, Ordering::Relaxed);
            return Ok(());
        };
        if entry.kind != ItemKind::File {
            if let Err(e) = other::make(folder, entry, path, self.shared.options.overwrite, self.shared) {
                self.shared.report(path, e);
            }
            self.shared.monitor.done(1, 0);
            return Ok(());
        }
        let long = stored_bytes(entry) > PLANNED_BEFORE_TASK;
        if !long {
            self.plan(entry);
        }
        let task = FileTask { folder: folder.clone(), entry: entry.clone(), path: path.to_vec() };
        self.tasks.send(task).map_err(|_| Error::new(Kind::Bug, "the restoring threads have ended early"))?;
        if long {
            // Its worker consumes while we plan on.
            self.plan(entry);
        }
        Ok(())
    }

    /// Plans the blocks of one file; what cannot be found is left to the worker, which says so.
    fn plan(&mut self, entry: &Entry) {
        let one = |id, ahead: &mut ReadAhead| {
            if let Ok(place) = self.blobs.place(ObjectKind::DataPack, &id) {
                ahead.plan(place);
            }
        };
        match entry.content {
            Content::None => {}
            Content::Chunk(id) => one(id, &mut self.ahead),
            Content::Tree(_) => {
                let Ok(all) = pieces(&**self.blobs, entry.content, stored_bytes(entry), 0..u64::MAX) else { return };
                for piece in all.take_while(Result::is_ok).flatten() {
                    if self.shared.check_quietly() {
                        break;
                    }
                    one(piece.id, &mut self.ahead);
                }
            }
        }
    }
}

/// Files up to this length are planned before their task is sent; longer ones while their worker consumes, so that no plan ever waits for
/// its own task.
const PLANNED_BEFORE_TASK: u64 = 4 * 1024 * 1024;
