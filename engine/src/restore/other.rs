//! Everything that is neither file nor folder: symlinks, pipes, sockets, devices; and hard links at the end.

use super::attributes;
use super::folder::{Folder, failed, open_folder};
use super::run::Restoring;
use super::{Overwrite, Told};
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
    let (name, is_dry) = (&entry.name[..], shared.options.dry_run);
    let here = folder.kind_of(name)?;
    if let Some(kind) = here.filter(|_| overwrite == Overwrite::Never) {
        if shared.options.verify && !is_like(folder, entry, kind) {
            shared.differs(path);
        }
        return Ok(());
    }
    let is_same = here.is_some_and(|kind| same(folder, entry, kind));
    if here.is_some() && !is_same {
        folder.clear(name, path)?;
    }
    if !is_dry && !is_same {
        create(folder, entry).map_err(|e| failed(e, path))?;
    }
    shared.counts.others.fetch_add(1, Ordering::Relaxed);
    if !is_same {
        shared.tell(path, &Told::Restored);
    }
    if is_dry {
        return Ok(());
    }
    for problem in attributes::set_at(folder.fd(), name, entry, shared.owners()) {
        shared.warn(path, problem);
    }
    Ok(())
}

/// What is there and stays is what the point has: the same link, or something of the same kind.
fn is_like(folder: &Folder, entry: &Entry, kind: FileType) -> bool {
    match entry.kind {
        Kind::Symlink => same(folder, entry, kind),
        Kind::Fifo => kind == FileType::Fifo,
        Kind::Socket => kind == FileType::Socket,
        Kind::CharDevice => kind == FileType::CharacterDevice,
        Kind::BlockDevice => kind == FileType::BlockDevice,
        Kind::File | Kind::Folder => false,
    }
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

/// The folder that a path below the target lies in; `None` where a dry run would make it.
pub(super) fn parent_of(target: BorrowedFd<'_>, path: &[u8], is_dry: bool) -> Result<Option<OwnedFd>> {
    match open_parent(target, path) {
        Ok((parent, _)) => Ok(Some(parent)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if is_dry => Ok(None),
        Err(e) => Err(failed(e, path)),
    }
}

/// Makes a hard link in the folder `to`; paths are below the target. False where something else is there and stays.
pub(super) fn link(target: BorrowedFd<'_>, to: BorrowedFd<'_>, link: &Link, shared: &Restoring) -> Result<bool> {
    let is_dry = shared.options.dry_run;
    let to_name = link.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let inode = |fd: BorrowedFd<'_>, name: &[u8]| {
        rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).map(|s| (s.st_dev, s.st_ino))
    };
    let from = open_parent(target, &link.first);
    match inode(to, to_name) {
        Err(Errno::NOENT) => {}
        Err(e) => return Err(failed(e, &link.path)),
        Ok(there) => {
            if from.as_ref().is_ok_and(|(from, name)| inode(from.as_fd(), name) == Ok(there)) {
                return Ok(true);
            }
            if shared.options.overwrite == Overwrite::Never {
                return Ok(false);
            }
            super::folder::make_way(shared, to, to_name, &link.path)?;
        }
    }
    if is_dry {
        return Ok(true);
    }
    let (from, from_name) = from.map_err(|e| failed(e, &link.first))?;
    rustix::fs::linkat(&from, from_name, to, to_name, AtFlags::empty()).map_err(|e| failed(e, &link.path))?;
    if let Some(mtime) = link.folder_mtime {
        rustix::fs::futimens(to, &attributes::times(mtime)).map_err(|e| failed(e, &link.path))?;
    }
    Ok(true)
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
