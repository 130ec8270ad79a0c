//! A folder of the target while things are restored into it.
//!
//! It keeps its parent alive and sets its own attributes when the last one who works in it lets go: only then do its times stay.

use super::attributes;
use super::item::{Held, Item};
use super::restoring::Restoring;
use super::target::{in_the_way, refused};
use crate::error::{Error, Kind, Result};
use format_spec::tree::Entry;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// An open folder of the target.
pub(super) struct Folder {
    fd: OwnedFd,
    /// Attributes to set at the end; `None` for the target itself when a part is laid into it.
    finally: Option<Entry>,
    path: Vec<u8>,
    shared: Arc<Restoring>,
    parent: Option<Arc<Folder>>,
    /// Somebody else may put things into it and take them away while we work.
    pub(super) is_exposed: bool,
}

impl Folder {
    /// The target itself.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn root(fd: OwnedFd, finally: Option<Entry>, shared: Arc<Restoring>) -> Result<Arc<Self>> {
        let stat = rustix::fs::fstat(&fd).map_err(|e| refused(e, b""))?;
        let is_exposed = is_exposed(&stat);
        Ok(Arc::new(Folder { fd, finally, path: Vec::new(), shared, parent: None, is_exposed }))
    }

    /// Makes or opens a folder in this one.
    pub(super) fn make(self: &Arc<Self>, entry: &Entry, path: &[u8]) -> Result<Made> {
        let name = &entry.name[..];
        if self.shared.options.dry_run {
            return self.would_make(name, path);
        }
        let mut existed = false;
        match rustix::fs::mkdirat(&self.fd, name, Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                if self.kind_of(name)? != Some(FileType::Directory) {
                    if !self.shared.may_replace() {
                        self.shared.warn(path, KEPT);
                        return Ok(Made::Kept);
                    }
                    rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()).map_err(|e| refused(e, path))?;
                    rustix::fs::mkdirat(&self.fd, name, Mode::RWXU).map_err(|e| refused(e, path))?;
                } else {
                    existed = true;
                }
            }
            Err(e) => return Err(refused(e, path)),
        }
        let fd = if existed { self.open_existing(name) } else { open_folder(self.fd.as_fd(), name) };
        let fd = fd.map_err(|e| refused(e, path))?;
        let stat = rustix::fs::fstat(&fd).map_err(|e| refused(e, path))?;
        if !existed && !is_own(&stat) {
            let what = "another folder was put in the place of the one that was made for it";
            return Err(Error::new(Kind::Exists, what).on(String::from_utf8_lossy(path)));
        }
        let folder = Folder {
            fd,
            finally: (!existed || self.shared.may_replace()).then(|| entry.clone()),
            path: path.to_vec(),
            shared: self.shared.clone(),
            parent: Some(self.clone()),
            is_exposed: is_exposed(&stat),
        };
        Ok(Made::Open(Arc::new(folder)))
    }

    /// Opens a folder that was there. One that keeps its owner out is opened up until its own mode is set at the end.
    fn open_existing(&self, name: &[u8]) -> rustix::io::Result<OwnedFd> {
        let held = Held::take(self.fd.as_fd(), name)?.ok_or(Errno::NOENT)?;
        let mode = held.stat.st_mode & 0o7777;
        if held.kind() == FileType::Directory && mode & 0o700 != 0o700 && is_own(&held.stat) {
            held.item().set_mode(mode | 0o700)?;
        }
        let fd = open_folder(self.fd.as_fd(), name)?;
        let stat = rustix::fs::fstat(&fd)?;
        if stat.st_mode & 0o700 != 0o700 {
            let _ = rustix::fs::fchmod(&fd, Mode::from_raw_mode(stat.st_mode & 0o7777 | 0o700));
        }
        Ok(fd)
    }

    /// What [`Folder::make`] would do, of which only opening is done.
    fn would_make(self: &Arc<Self>, name: &[u8], path: &[u8]) -> Result<Made> {
        match self.kind_of(name)? {
            None => Ok(Made::Missing),
            Some(FileType::Directory) => {
                let fd = open_folder(self.fd.as_fd(), name).map_err(|e| refused(e, path))?;
                let (path, shared, parent) = (path.to_vec(), self.shared.clone(), Some(self.clone()));
                Ok(Made::Open(Arc::new(Folder { fd, finally: None, path, shared, parent, is_exposed: true })))
            }
            Some(_) if self.shared.may_replace() => Ok(Made::Missing),
            Some(_) => {
                self.shared.warn(path, KEPT);
                Ok(Made::Kept)
            }
        }
    }

    /// The open folder.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What kind of thing has this name, without following links.
    pub(super) fn kind_of(&self, name: &[u8]) -> Result<Option<FileType>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(refused(e, name)),
        }
    }

    /// Removes what has this name, to make room for something of another kind; a folder only when deleting was asked for.
    pub(super) fn clear(&self, name: &[u8], path: &[u8]) -> Result<()> {
        make_way(&self.shared, self.fd.as_fd(), name, path)
    }
}

/// What became of a folder that was to be made.
pub(super) enum Made {
    /// It is open.
    Open(Arc<Folder>),
    /// In a dry run: it would be made.
    Missing,
    /// Something else is in the way and stays.
    Kept,
}

/// Removes what has this name in a folder; another folder only when deleting was asked for, and the point covers all that is in it.
pub(super) fn make_way(shared: &Restoring, folder: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<()> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| refused(e, path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        if !shared.options.dry_run {
            rustix::fs::unlinkat(folder, name, AtFlags::empty()).map_err(|e| refused(e, path))?;
        }
        return Ok(());
    }
    if !shared.may_delete() {
        return Err(in_the_way(&String::from_utf8_lossy(path)));
    }
    if !super::remove::clear(shared, folder, path)? {
        let what = "a folder is in its place, with items that the restore point does not cover";
        return Err(Error::new(Kind::Exists, what).on(String::from_utf8_lossy(path)).advise("move it away"));
    }
    Ok(())
}

impl Drop for Folder {
    /// A folder that nobody works in any more lets its parent go, and that its own: one after the other, because a tree may
    /// be deeper than the stack.
    fn drop(&mut self) {
        self.finish();
        let mut above = self.parent.take();
        while let Some(mut folder) = above.and_then(Arc::into_inner) {
            folder.finish();
            above = folder.parent.take();
        }
    }
}

impl Folder {
    /// Sets its own attributes, once.
    fn finish(&mut self) {
        if let Some(entry) = self.finally.take() {
            for problem in attributes::set(Item::open(self.fd.as_fd()), &entry, self.shared.owners()) {
                self.shared.warn(&self.path, problem);
            }
        }
    }
}

fn is_own(stat: &Stat) -> bool {
    stat.st_uid == rustix::process::geteuid().as_raw()
}

/// Whether anybody but us (and root) may change what the folder holds.
fn is_exposed(stat: &Stat) -> bool {
    !is_own(stat) || stat.st_mode & 0o022 != 0
}

/// Opens a folder without following a link.
pub(super) fn open_folder(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(
        parent,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

const KEPT: &str = "something that is no folder is in its place and was kept";
