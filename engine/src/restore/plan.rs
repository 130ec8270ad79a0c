//! The walk of a restore: folders, small things, and the plan of what to read ahead for the files.

use super::Told;
use super::file::{FileTask, restore_file};
use super::folder::{Folder, Made};
use super::item::{First, Ours};
use super::other::{self, Link};
use super::remove;
use super::restoring::Restoring;
use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::reader::{Account, ReadAhead};
use crate::tree::{FolderCursor, Step, Walk, pieces, stored_bytes};
use crossbeam_channel::Sender;
use format_spec::container::ObjectKind;
use format_spec::tree::{Content, Entry, Kind as ItemKind};
use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Walks the point, makes folders and everything small, and plans and hands out the files.
pub(super) struct Planner<'a> {
    pub(super) blobs: &'a Arc<Blobs>,
    pub(super) shared: &'a Arc<Restoring>,
    pub(super) tasks: Sender<FileTask>,
    pub(super) ahead: ReadAhead,
    pub(super) links: Vec<Link>,
    /// The path of the first name of each link group, and its inode once that is what the point has.
    pub(super) first: HashMap<[u8; 16], (Vec<u8>, Ours)>,
    /// The path of the part that is restored, for messages and `select`.
    pub(super) prefix: &'a [u8],
}

impl Planner<'_> {
    pub(super) fn walk(&mut self, root: &Entry, single: bool, target: Option<&OwnedFd>) -> Result<()> {
        let options = self.shared.options.clone();
        let reopen = |fd: &OwnedFd| fd.try_clone().map_err(Error::from);
        let top = target.map(reopen).transpose()?;
        let whole = self.prefix.is_empty();
        // Attributes of the part's own folder are given to the target, those of the file system's root are not.
        let finally = (!single && !whole && !options.dry_run).then(|| root.clone());
        let top = top.map(|fd| Folder::root(fd, finally, self.shared.clone())).transpose()?;
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
                    self.prune(top.as_ref(), seen.entry, seen.path);
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
                                Ok(Made::Kept) => true,
                                Ok(made) => {
                                    let folder = if let Made::Open(folder) = made { Some(folder) } else { None };
                                    open.push((folder, Entry::clone(seen.entry)));
                                    false
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

    fn folder(&mut self, entry: &Entry, path: &[u8], parent: Option<&Arc<Folder>>) -> Result<Made> {
        self.shared.counts.folders.fetch_add(1, Ordering::Relaxed);
        self.shared.monitor.done(1, 0);
        let Some(parent) = parent else { return Ok(Made::Missing) };
        let made = parent.make(entry, path)?;
        if let Made::Open(folder) = &made {
            self.prune(Some(folder), entry, path);
        }
        Ok(made)
    }

    /// With `delete`: removes what the point covers and does not have. What fails is told, and the folder is restored all the same.
    fn prune(&mut self, folder: Option<&Arc<Folder>>, entry: &Entry, path: &[u8]) {
        let Some(folder) = folder.filter(|_| self.shared.options.delete) else { return };
        self.prune_folder(folder, entry, path).unwrap_or_else(|e| self.shared.report(path, e));
    }

    fn prune_folder(&self, folder: &Folder, entry: &Entry, path: &[u8]) -> Result<()> {
        let mut names = HashSet::new();
        for found in FolderCursor::open(&**self.blobs, entry)? {
            names.insert(found?.entry.name.clone());
        }
        remove::prune(self.shared, folder.fd(), path, &names)
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
            if let Some((first, ours)) = self.first.get(&group) {
                let (first, ours) = (first.clone(), ours.clone());
                self.links.push(Link { path: path.to_vec(), first, ours, entry: entry.clone(), folder_mtime });
                return Ok(());
            }
            self.first.insert(group, (path.to_vec(), Arc::default()));
        }
        let ours = entry.link_group.and_then(|group| self.first.get(&group)).map(|(_, ours)| ours.clone());
        let Some(folder) = parent else {
            let files = entry.kind == ItemKind::File;
            let counter = if files { &self.shared.counts.files } else { &self.shared.counts.others };
            counter.fetch_add(1, Ordering::Relaxed);
            self.shared.counts.bytes.fetch_add(if files { entry.size } else { 0 }, Ordering::Relaxed);
            ours.iter().for_each(|ours| _ = ours.set(First::WouldBe));
            self.shared.tell(path, &Told::Restored);
            return Ok(());
        };
        if entry.kind != ItemKind::File {
            match other::make(folder, entry, path, self.shared.options.overwrite, self.shared) {
                Ok(first) => _ = ours.zip(first).map(|(ours, first)| ours.set(first)),
                Err(e) => self.shared.report(path, e),
            }
            self.shared.monitor.done(1, 0);
            return Ok(());
        }
        let account = Arc::new(Account::default());
        if self.shared.options.dry_run {
            let (folder, entry, path) = (folder.clone(), entry.clone(), path.to_vec());
            let task = FileTask { folder, entry, path, account, ours };
            restore_file(&task, self.shared, self.blobs, &mut |_| ())
                .unwrap_or_else(|e| self.shared.report(&task.path, e));
            self.shared.monitor.done(1, task.entry.size);
            return Ok(());
        }
        let long = stored_bytes(entry) > PLANNED_BEFORE_TASK;
        if !long {
            self.plan(entry, &account);
        }
        let task = FileTask {
            folder: folder.clone(),
            entry: entry.clone(),
            path: path.to_vec(),
            account: account.clone(),
            ours,
        };
        self.tasks.send(task).map_err(|_| Error::new(Kind::Bug, "the restoring threads have ended early"))?;
        if long {
            // Its worker consumes while we plan on.
            self.plan(entry, &account);
        }
        Ok(())
    }

    /// Plans the blocks of one file; what cannot be found is left to the worker, which says so.
    fn plan(&mut self, entry: &Entry, account: &Account) {
        let stopped = || self.shared.check_quietly();
        let one = |id, ahead: &mut ReadAhead| match self.blobs.place(ObjectKind::DataPack, &id) {
            Ok(place) => ahead.plan(place, account, &stopped),
            Err(_) => true,
        };
        match entry.content {
            Content::None => {}
            Content::Chunk(id) => _ = one(id, &mut self.ahead),
            Content::Tree(_) => {
                let Ok(all) = pieces(&**self.blobs, entry.content, stored_bytes(entry), 0..u64::MAX) else { return };
                for piece in all.take_while(Result::is_ok).flatten() {
                    if !one(piece.id, &mut self.ahead) {
                        break;
                    }
                }
            }
        }
    }
}

/// Files up to this length are planned before their task is sent; longer ones while their worker consumes, so that no plan ever waits for
/// its own task.
const PLANNED_BEFORE_TASK: u64 = 4 * 1024 * 1024;
