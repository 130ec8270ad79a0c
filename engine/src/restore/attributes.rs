//! Owners, modes, extended attributes and times, in the order in which the kernel keeps them.
//!
//! The owner comes first (changing it clears set-id bits), then the mode, then attributes (ACLs refine the mode), then the times (everything
//! before changes them).

use format_spec::Time;
use format_spec::tree::{Entry, Kind};
use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use std::os::fd::{AsFd, BorrowedFd};

/// Sets everything on an open file or folder; returns what could not be set.
pub(super) fn set(fd: BorrowedFd<'_>, entry: &Entry, owners: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let mut note = |what: &str, done: rustix::io::Result<()>| {
        if let Err(e) = done {
            problems.push(format!("{what} could not be set: {e}"));
        }
    };
    if owners {
        let ids = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
        note("the owner", rustix::fs::fchown(fd, Some(ids.0), Some(ids.1)));
    }
    note("the mode", rustix::fs::fchmod(fd, Mode::from_raw_mode(entry.mode)));
    for (name, value) in &entry.xattrs {
        let text = String::from_utf8_lossy(name).into_owned();
        note(&format!("the attribute {text}"), rustix::fs::fsetxattr(fd, &name[..], value, XattrFlags::empty()));
    }
    note("the times", rustix::fs::futimens(fd, &times(entry.mtime)));
    problems
}

/// Sets what can be set on something that must not be opened: a link, a pipe, a device.
pub(super) fn set_at(parent: BorrowedFd<'_>, name: &[u8], entry: &Entry, owners: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let mut note = |what: &str, done: rustix::io::Result<()>| {
        if let Err(e) = done {
            problems.push(format!("{what} could not be set: {e}"));
        }
    };
    if owners {
        let ids = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
        note("the owner", rustix::fs::chownat(parent, name, Some(ids.0), Some(ids.1), AtFlags::SYMLINK_NOFOLLOW));
    }
    if entry.kind != Kind::Symlink {
        note("the mode", rustix::fs::chmodat(parent, name, Mode::from_raw_mode(entry.mode), AtFlags::empty()));
    }
    if !entry.xattrs.is_empty() {
        let path =
            [format!("/proc/self/fd/{}/", std::os::fd::AsRawFd::as_raw_fd(&parent.as_fd())).as_bytes(), name].concat();
        for (attribute, value) in &entry.xattrs {
            let text = String::from_utf8_lossy(attribute).into_owned();
            let done = rustix::fs::lsetxattr(&path[..], &attribute[..], value, XattrFlags::empty());
            note(&format!("the attribute {text}"), done);
        }
    }
    note("the times", rustix::fs::utimensat(parent, name, &times(entry.mtime), AtFlags::SYMLINK_NOFOLLOW));
    problems
}

/// The modification time; the access time stays as it is.
pub(super) fn times(mtime: Time) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: i64::from(mtime.nanos) },
    }
}
