//! A folder of the target while things are restored into it.
//!
//! It keeps its parent alive and sets its own attributes when the last one who works in it lets go: only then do its times stay.

use super::attributes;
use super::run::Restoring;
use crate::error::{Error, Kind, Result};
use format_spec::tree::Entry;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
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
    _parent: Option<Arc<Folder>>,
}

impl Folder {
    /// The target itself.
    pub(super) fn root(fd: OwnedFd, finally: Option<Entry>, shared: Arc<Restoring>) -> Arc<Self> {
        Arc::new(Folder { fd, finally, path: Vec::new(), shared, _parent: None })
    }

    /// Makes or opens a folder in this one.
    pub(super) fn make(self: &Arc<Self>, entry: &Entry, path: &[u8]) -> Result<Made> {
        let name = &entry.name[..];
        if self.shared.options.dry_run {
            return self.would_make(name, path);
        }
        let private = Mode::from_raw_mode(0o700);
        let mut existed = false;
        match rustix::fs::mkdirat(&self.fd, name, private) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                if self.kind_of(name)? != Some(FileType::Directory) {
                    if !self.shared.may_replace() {
                        self.shared.warn(path, KEPT);
                        return Ok(Made::Kept);
                    }
                    rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()).map_err(|e| failed(e, path))?;
                    rustix::fs::mkdirat(&self.fd, name, private).map_err(|e| failed(e, path))?;
                } else {
                    existed = true;
                }
            }
            Err(e) => return Err(failed(e, path)),
        }
        let fd = open_folder(self.fd.as_fd(), name).map_err(|e| failed(e, path))?;
        let mode = rustix::fs::fstat(&fd).map_err(|e| failed(e, path))?.st_mode & 0o7777;
        if mode & 0o700 != 0o700 {
            // It was there and keeps its owner out: it is opened up until its own mode is set at the end.
            let _ = rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode | 0o700));
        }
        let folder = Folder {
            fd,
            finally: (!existed || self.shared.may_replace()).then(|| entry.clone()),
            path: path.to_vec(),
            shared: self.shared.clone(),
            _parent: Some(self.clone()),
        };
        Ok(Made::Open(Arc::new(folder)))
    }

    /// What [`Folder::make`] would do, of which only opening is done.
    fn would_make(self: &Arc<Self>, name: &[u8], path: &[u8]) -> Result<Made> {
        match self.kind_of(name)? {
            None => Ok(Made::Missing),
            Some(FileType::Directory) => {
                let fd = open_folder(self.fd.as_fd(), name).map_err(|e| failed(e, path))?;
                let (path, shared) = (path.to_vec(), self.shared.clone());
                Ok(Made::Open(Arc::new(Folder { fd, finally: None, path, shared, _parent: Some(self.clone()) })))
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
            Err(e) => Err(failed(e, name)),
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
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| failed(e, path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        if !shared.options.dry_run {
            rustix::fs::unlinkat(folder, name, AtFlags::empty()).map_err(|e| failed(e, path))?;
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
    fn drop(&mut self) {
        if let Some(entry) = &self.finally {
            for problem in attributes::set(self.fd.as_fd(), entry, self.shared.owners()) {
                self.shared.warn(&self.path, problem);
            }
        }
    }
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

/// Turns an error about one path into ours: no space and a failing disk end the restore, what concerns one item is the item's own.
pub(super) fn failed(e: Errno, path: &[u8]) -> Error {
    let path = String::from_utf8_lossy(path);
    match e {
        Errno::ISDIR | Errno::NOTDIR | Errno::NOTEMPTY | Errno::LOOP => in_the_way(&path),
        Errno::NAMETOOLONG | Errno::INVAL | Errno::OPNOTSUPP => {
            Error::new(Kind::Unsupported, format!("the target cannot hold it: {}", std::io::Error::from(e))).on(path)
        }
        _ => settled(Error::from(std::io::Error::from(e)), &path),
    }
}

/// Names the path, and says what helps where something does.
pub(super) fn settled(error: Error, path: &str) -> Error {
    let error = error.on(path);
    match error.kind() {
        Kind::NoSpace => error.advise("make room and run the same command again: what is restored stays"),
        _ => error,
    }
}

fn in_the_way(path: &str) -> Error {
    Error::new(Kind::Exists, "something of another kind is in its place")
        .on(path)
        .advise("move it away, or use --delete")
}

const KEPT: &str = "something that is no folder is in its place and was kept";
