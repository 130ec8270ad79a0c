//! One item of the target, held by a descriptor.
//!
//! Promises: what is set is set on the inode that was looked at, whatever takes its name meanwhile; nothing is opened that
//! could block or act (a pipe, a device), and no symlink is followed. Where the item is held by its place alone (`O_PATH`),
//! the kernel takes most changes only through `/proc/self/fd`.

use crate::source::folder::sized_answer;
use format_spec::Time;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use rustix::io::{Errno, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

/// An inode, whatever its name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    pub(super) fn of(stat: &Stat) -> Self {
        Inode { device: stat.st_dev, number: stat.st_ino }
    }
}

/// A first name that is what the point has.
#[derive(Debug, Clone, Copy)]
pub(super) enum First {
    /// It is this inode.
    Is(Inode),
    /// It would be one: nothing is made in a dry run.
    WouldBe,
}

/// The first name of several, once it is what the point has.
pub(super) type Ours = Arc<OnceLock<First>>;

/// An item that is held by its place: it cannot be read or written through this descriptor.
pub(super) struct Held {
    fd: OwnedFd,
    /// As it was when it was taken hold of.
    pub(super) stat: Stat,
}

impl Held {
    /// Takes hold of what has this name in a folder; `None` where nothing has it.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn take(folder: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Held>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(folder, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Held { stat: rustix::fs::fstat(&fd)?, fd })),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    pub(super) fn inode(&self) -> Inode {
        Inode::of(&self.stat)
    }

    pub(super) fn item(&self) -> Item<'_> {
        Item { fd: self.fd.as_fd(), is_place: true }
    }

    /// Gives the item another name. It is this inode that gets it.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn link(&self, folder: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
        match rustix::fs::linkat(&self.fd, c"", folder, name, AtFlags::EMPTY_PATH) {
            // The kernel lets only root link a descriptor directly; it says so in one of these two ways.
            Err(Errno::NOENT | Errno::PERM) => {
                rustix::fs::linkat(CWD, &place(self.fd.as_fd())[..], folder, name, AtFlags::SYMLINK_FOLLOW)
            }
            done => done,
        }
    }
}

/// An item whose attributes are read and set.
#[derive(Clone, Copy)]
pub(super) struct Item<'f> {
    fd: BorrowedFd<'f>,
    is_place: bool,
}

impl<'f> Item<'f> {
    /// A file or folder that is open.
    pub(super) fn open(fd: BorrowedFd<'f>) -> Self {
        Item { fd, is_place: false }
    }

    pub(super) fn stat(self) -> Result<Stat> {
        rustix::fs::fstat(self.fd)
    }

    pub(super) fn set_owner(self, uid: u32, gid: u32) -> Result<()> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        rustix::fs::chownat(self.fd, c"", uid, gid, AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Not for symlinks, whose mode nobody can set.
    pub(super) fn set_mode(self, mode: u32) -> Result<()> {
        let mode = Mode::from_raw_mode(mode);
        if self.is_place {
            return rustix::fs::chmodat(CWD, &place(self.fd)[..], mode, AtFlags::empty());
        }
        rustix::fs::fchmod(self.fd, mode)
    }

    /// Sets the modification time; the access time stays.
    pub(super) fn set_mtime(self, mtime: Time) -> Result<()> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: i64::from(mtime.nanos) },
        };
        if self.is_place {
            return rustix::fs::utimensat(CWD, &place(self.fd)[..], &times, AtFlags::empty());
        }
        rustix::fs::futimens(self.fd, &times)
    }

    /// The names of its extended attributes; none where the file system has none.
    pub(super) fn attributes(self) -> Result<Vec<Vec<u8>>> {
        let list = if self.is_place {
            let place = place(self.fd);
            sized_answer(|buffer| rustix::fs::listxattr(&place[..], buffer))
        } else {
            sized_answer(|buffer| rustix::fs::flistxattr(self.fd, buffer))
        };
        match list {
            Ok(list) => Ok(list.split(|b| *b == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()),
            Err(Errno::OPNOTSUPP) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// Whether the attribute has this value already.
    pub(super) fn has_attribute(self, name: &[u8], value: &[u8]) -> bool {
        let found = if self.is_place {
            let place = place(self.fd);
            sized_answer(|buffer| rustix::fs::getxattr(&place[..], name, buffer))
        } else {
            sized_answer(|buffer| rustix::fs::fgetxattr(self.fd, name, buffer))
        };
        found.is_ok_and(|found| found == value)
    }

    pub(super) fn set_attribute(self, name: &[u8], value: &[u8]) -> Result<()> {
        if self.is_place {
            return rustix::fs::setxattr(&place(self.fd)[..], name, value, XattrFlags::empty());
        }
        rustix::fs::fsetxattr(self.fd, name, value, XattrFlags::empty())
    }

    pub(super) fn remove_attribute(self, name: &[u8]) -> Result<()> {
        if self.is_place {
            return rustix::fs::removexattr(&place(self.fd)[..], name);
        }
        rustix::fs::fremovexattr(self.fd, name)
    }
}

/// A descriptor's name in the file system. It leads to the inode itself, also to a symlink's own.
fn place(fd: BorrowedFd<'_>) -> Vec<u8> {
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into_bytes()
}
