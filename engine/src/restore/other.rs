//! Everything that is neither file nor folder: symlinks, pipes, sockets, devices; and hard links at the end.

use super::attributes;
use super::folder::{Folder, open_folder};
use super::item::{First, Held, Inode, Item, Ours};
use super::restoring::Restoring;
use super::staging::Staging;
use super::target::refused;
use super::{Overwrite, Told};
use crate::error::{Error, Kind as ErrorKind, Result};
use format_spec::Time;
use format_spec::tree::{Entry, Kind};
use rustix::fs::{FileType, Mode};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

/// Makes a symlink, pipe, socket or device. The inode that is now what the point has; `None` where something else stays.
pub(super) fn make(
    folder: &Folder,
    entry: &Entry,
    path: &[u8],
    overwrite: Overwrite,
    shared: &Restoring,
) -> Result<Option<First>> {
    let (name, is_dry) = (&entry.name[..], shared.options.dry_run);
    let here = folder.kind_of(name)?;
    if let Some(kind) = here.filter(|_| overwrite == Overwrite::Never) {
        if shared.options.verify && !is_like(folder, entry, kind) {
            shared.differs(path);
        }
        return Ok(None);
    }
    let is_same = here.is_some_and(|kind| same(folder, entry, kind));
    if here.is_some() && !is_same {
        folder.clear(name, path)?;
    }
    let first = if is_dry { First::WouldBe } else { First::Is(lay(folder, entry, path, is_same, shared)?) };
    shared.counts.others.fetch_add(1, Ordering::Relaxed);
    if !is_same {
        shared.tell(path, &Told::Restored);
    }
    Ok(Some(first))
}

/// Makes the item, unless it is there, and sets its attributes while nobody else can put something in its place.
fn lay(folder: &Folder, entry: &Entry, path: &[u8], is_same: bool, shared: &Restoring) -> Result<Inode> {
    let name = &entry.name[..];
    let staging = if folder.is_exposed && !is_same {
        Some(Staging::create(folder.fd()).map_err(|e| refused(e, path))?)
    } else {
        None
    };
    let place = staging.as_ref().map_or(folder.fd(), Staging::fd);
    if !is_same {
        create(place, entry).map_err(|e| refused(e, path))?;
    }
    let held = Held::take(place, name).map_err(|e| refused(e, path))?;
    let may_have_names = !is_same || !folder.is_exposed || entry.link_group.is_some();
    let held = held.filter(|held| held.kind() == kind_of(entry) && (may_have_names || held.stat.st_nlink == 1));
    let held = held.ok_or_else(|| {
        Error::new(ErrorKind::Exists, "something else was put in its place").on(String::from_utf8_lossy(path))
    })?;
    for problem in attributes::set(held.item(), entry, shared.owners()) {
        shared.warn(path, problem);
    }
    if let Some(staging) = &staging {
        staging.publish(name).map_err(|e| refused(e, path))?;
    }
    Ok(held.inode())
}

fn kind_of(entry: &Entry) -> FileType {
    match entry.kind {
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo => FileType::Fifo,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        Kind::File => FileType::RegularFile,
        Kind::Folder => FileType::Directory,
    }
}

/// What is there and stays is what the point has: the same link, or something of the same kind.
fn is_like(folder: &Folder, entry: &Entry, kind: FileType) -> bool {
    kind == kind_of(entry) && (entry.kind != Kind::Symlink || same(folder, entry, kind))
}

/// What is there is what we would make: a symlink to the same place. Nodes are made again.
fn same(folder: &Folder, entry: &Entry, kind: FileType) -> bool {
    entry.kind == Kind::Symlink
        && kind == FileType::Symlink
        && rustix::fs::readlinkat(folder.fd(), &entry.name[..], Vec::new()).is_ok_and(|t| t.as_bytes() == entry.target)
}

fn create(folder: BorrowedFd<'_>, entry: &Entry) -> rustix::io::Result<()> {
    let name = &entry.name[..];
    match entry.kind {
        Kind::Symlink => rustix::fs::symlinkat(&entry.target[..], folder, name),
        Kind::File | Kind::Folder => Err(Errno::INVAL),
        _ => {
            let device = rustix::fs::makedev(entry.rdev.0, entry.rdev.1);
            rustix::fs::mknodat(folder, name, kind_of(entry), Mode::RUSR | Mode::WUSR, device)
        }
    }
}

/// A further name of an inode whose first name is restored as a file.
pub(super) struct Link {
    pub(super) path: Vec<u8>,
    pub(super) first: Vec<u8>,
    /// The inode of the first name, if that is now what the point has.
    pub(super) ours: Ours,
    /// The item, for the case that it is not.
    pub(super) entry: Entry,
    /// The folder's modification time, to be set again after the link was made in it.
    pub(super) folder_mtime: Option<Time>,
}

/// The folder that a path below the target lies in; `None` where a dry run would make it.
pub(super) fn parent_of(target: BorrowedFd<'_>, path: &[u8], is_dry: bool) -> Result<Option<OwnedFd>> {
    match open_parent(target, path) {
        Ok((parent, _)) => Ok(Some(parent)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if is_dry => Ok(None),
        Err(e) => Err(refused(e, path)),
    }
}

/// Makes a hard link in the folder `to`; paths are below the target. False where something else is there and stays, or where
/// the first name is not what the point has (any more).
pub(super) fn link(target: BorrowedFd<'_>, to: BorrowedFd<'_>, link: &Link, shared: &Restoring) -> Result<bool> {
    let Some(ours) = link.ours.get() else { return Ok(false) };
    let to_name = link.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let first = open_parent(target, &link.first).and_then(|(from, name)| Held::take(from.as_fd(), name));
    if let Some(there) = Held::take(to, to_name).map_err(|e| refused(e, &link.path))? {
        if first.as_ref().is_ok_and(|first| first.as_ref().is_some_and(|first| first.inode() == there.inode())) {
            return Ok(true);
        }
        if shared.options.overwrite == Overwrite::Never {
            return Ok(false);
        }
        super::folder::make_way(shared, to, to_name, &link.path)?;
    }
    // Only a dry run leaves a first name that would be one.
    let First::Is(ours) = ours else { return Ok(true) };
    if shared.options.dry_run {
        return Ok(true);
    }
    // Another file may have taken the first name meanwhile: it must not get a name in a folder where nobody could have put it.
    let first = first.map_err(|e| refused(e, &link.first))?;
    let Some(first) = first.filter(|first| first.inode() == *ours) else { return Ok(false) };
    first.link(to, to_name).map_err(|e| refused(e, &link.path))?;
    if let Some(mtime) = link.folder_mtime {
        Item::open(to).set_mtime(mtime).map_err(|e| refused(e, &link.path))?;
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
