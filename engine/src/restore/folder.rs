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

    /// Makes or opens a folder in this one. `None` when something else is in the way and must stay.
    pub(super) fn make(self: &Arc<Self>, entry: &Entry, path: &[u8]) -> Result<Option<Arc<Self>>> {
        let name = &entry.name[..];
        let private = Mode::from_raw_mode(0o700);
        let mut existed = false;
        match rustix::fs::mkdirat(&self.fd, name, private) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                if self.kind_of(name)? != Some(FileType::Directory) {
                    if !self.shared.may_replace() {
                        self.shared.warn(path, "something that is no folder is in its place and was kept");
                        return Ok(None);
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
        Ok(Some(Arc::new(folder)))
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
        if self.kind_of(name)? == Some(FileType::Directory) && !self.shared.may_delete() {
            return Err(in_the_way(&String::from_utf8_lossy(path)));
        }
        remove(self.fd.as_fd(), name, false).map_err(|e| failed(e, path))?;
        Ok(())
    }

    /// Removes every entry whose name `keep` does not want; returns how many items went.
    pub(super) fn prune(&self, keep: &mut dyn FnMut(&[u8]) -> bool, dry_run: bool) -> Result<u64> {
        prune(self.fd.as_fd(), keep, dry_run).map_err(|e| failed(e, &self.path))
    }
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

fn prune(folder: BorrowedFd<'_>, keep: &mut dyn FnMut(&[u8]) -> bool, dry_run: bool) -> rustix::io::Result<u64> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." && !keep(name) {
            names.push(name.to_vec());
        }
    }
    let mut removed = 0;
    for name in names {
        removed += remove(folder, &name, dry_run)?;
    }
    Ok(removed)
}

/// Removes one entry and everything below it; depth is bounded by the stack of names, not of calls.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &[u8], dry_run: bool) -> rustix::io::Result<u64> {
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        if !dry_run {
            rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
        }
        return Ok(1);
    }
    let folder = open_folder(parent, name)?;
    let below = prune(folder.as_fd(), &mut |_| false, dry_run)?;
    drop(folder);
    if !dry_run {
        rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
    }
    Ok(below + 1)
}
