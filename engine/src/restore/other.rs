//! Everything that is neither file nor folder: symlinks, pipes, sockets, devices; and hard links at the end.

use super::attributes;
use super::folder::{Folder, failed, open_folder, remove};
use super::run::Restoring;
use super::{Overwrite, RestoreOptions};
use crate::error::Result;
use format_spec::Time;
use format_spec::tree::{Entry, Kind};
use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Makes a symlink, pipe, socket or device.
pub(super) fn make(
    folder: &Folder,
    entry: &Entry,
    path: &[u8],
    overwrite: Overwrite,
    shared: &Restoring,
) -> Result<()> {
    let name = &entry.name[..];
    if let Some(kind) = folder.kind_of(name)? {
        if overwrite == Overwrite::Never {
            return Ok(());
        }
        if !same(folder, entry, kind) {
            folder.clear(name, path)?;
            create(folder, entry).map_err(|e| failed(e, path))?;
        }
    } else {
        create(folder, entry).map_err(|e| failed(e, path))?;
    }
    for problem in attributes::set_at(folder.fd(), name, entry, shared.owners()) {
        shared.warn(path, problem);
    }
    shared.counts.others.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// What is there is what we would make: a symlink to the same place. Nodes are made anew.
fn same(folder: &Folder, entry: &Entry, kind: FileType) -> bool {
    entry.kind == Kind::Symlink
        && kind == FileType::Symlink
        && rustix::fs::readlinkat(folder.fd(), &entry.name[..], Vec::new()).is_ok_and(|t| t.as_bytes() == entry.target)
}

fn create(folder: &Folder, entry: &Entry) -> rustix::io::Result<()> {
    let name = &entry.name[..];
    let kind = match entry.kind {
        Kind::Symlink => return rustix::fs::symlinkat(&entry.target[..], folder.fd(), name),
        Kind::Fifo => FileType::Fifo,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        Kind::File | Kind::Folder => return Err(Errno::INVAL),
    };
    let device = rustix::fs::makedev(entry.rdev.0, entry.rdev.1);
    rustix::fs::mknodat(folder.fd(), name, kind, Mode::from_raw_mode(0o600), device)
}

/// A further name of an inode whose first name is restored as a file.
pub(super) struct Link {
    pub(super) path: Vec<u8>,
    pub(super) first: Vec<u8>,
    /// Whether the first name is now what the point has.
    pub(super) ours: Arc<AtomicBool>,
    /// The item, for the case that it is not.
    pub(super) entry: Entry,
    /// The folder's modification time, to be set again after the link was made in it.
    pub(super) folder_mtime: Option<Time>,
}

impl Link {
    /// Whether the first name may be linked to.
    pub(super) fn first_is_ours(&self) -> bool {
        self.ours.load(Ordering::Relaxed)
    }
}

/// The folder that a path below the target lies in.
pub(super) fn parent_of(target: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd> {
    Ok(open_parent(target, path).map_err(|e| failed(e, path))?.0)
}

/// Makes a hard link; paths are below the target.
pub(super) fn link(target: BorrowedFd<'_>, link: &Link, options: &RestoreOptions) -> Result<()> {
    let (from, from_name) = open_parent(target, &link.first).map_err(|e| failed(e, &link.first))?;
    let (to, to_name) = open_parent(target, &link.path).map_err(|e| failed(e, &link.path))?;
    let mut done = rustix::fs::linkat(&from, from_name, &to, to_name, AtFlags::empty());
    if done == Err(Errno::EXIST) {
        let inode = |fd: &OwnedFd, name: &[u8]| {
            rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).map(|s| (s.st_dev, s.st_ino))
        };
        let same = inode(&from, from_name).is_ok_and(|a| inode(&to, to_name) == Ok(a));
        if same || options.overwrite == Overwrite::Never {
            return Ok(());
        }
        let removed = match options.delete {
            true => remove(to.as_fd(), to_name, false).map(|_| ()),
            false => rustix::fs::unlinkat(&to, to_name, AtFlags::empty()),
        };
        removed.map_err(|e| failed(e, &link.path))?;
        done = rustix::fs::linkat(&from, from_name, &to, to_name, AtFlags::empty());
    }
    done.map_err(|e| failed(e, &link.path))?;
    if let Some(mtime) = link.folder_mtime {
        rustix::fs::futimens(&to, &attributes::times(mtime)).map_err(|e| failed(e, &link.path))?;
    }
    Ok(())
}

/// Opens the folder that a path below the target lies in, name by name and without following links.
fn open_parent<'p>(target: BorrowedFd<'_>, path: &'p [u8]) -> rustix::io::Result<(OwnedFd, &'p [u8])> {
    let mut names = path.split(|b| *b == b'/').peekable();
    let mut here = target.try_clone_to_owned().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    loop {
        let name = names.next().unwrap_or_default();
        if names.peek().is_none() {
            return Ok((here, name));
        }
        here = open_folder(here.as_fd(), name)?;
    }
}
