//! Open folders: file descriptors relative to which everything below is named, few of them at any time.
//!
//! Promises: a folder is reached through its parents' descriptors and never by a long path, so depth is not bounded by
//! `PATH_MAX`; at most [`OPEN_MAX`] folders of a source are open, however deep the tree is and however many items wait in a
//! queue, because a closed folder is opened again through its parents and must then be the same inode.
//! Refuses to: use `..`, which leads elsewhere once a folder was moved.

use super::attributes::{Stat, stat_at};
use parking_lot::Mutex;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

/// One folder of a walk, shared by the walk and by the items that were found in it.
pub(super) struct Folder {
    parent: Option<Arc<Folder>>,
    name: CString,
    follow: bool,
    device: u64,
    inode: u64,
    slot: Arc<Slot>,
    pool: Arc<Pool>,
}

/// A descriptor that the pool may close.
#[derive(Default)]
struct Slot(Mutex<Option<Arc<OwnedFd>>>);

/// The open folders of one source, the one opened first at the front.
#[derive(Default)]
pub(super) struct Pool(Mutex<VecDeque<Weak<Slot>>>);

/// How many folders of one source are open at most. The usual limit of a process is 1,024 descriptors; deep trees reopen
/// this many levels at once, so that the price of coming back up is one `openat` a level.
pub(super) const OPEN_MAX: usize = 256;

impl Folder {
    /// The file system's root.
    pub(super) fn root(pool: &Arc<Pool>) -> io::Result<(Arc<Folder>, Stat)> {
        let fd = openat(CWD, c"/", REACH, Mode::empty())?;
        Folder::adopt(None, c"/", true, &Arc::new(fd), pool)
    }

    /// The folder `name` in `parent`, opened for listing; a symlink is refused.
    pub(super) fn list(parent: &Arc<Folder>, name: &CStr) -> io::Result<(Arc<Folder>, Stat, Arc<OwnedFd>)> {
        let fd = Arc::new(parent.open_file(name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)?);
        let (folder, stat) = Folder::adopt(Some(parent), name, false, &fd, &parent.pool)?;
        Ok((folder, stat, fd))
    }

    /// The folder `name` in `parent`, only as a way to what lies below; a symlink is followed if `follow`.
    pub(super) fn reach(parent: &Arc<Folder>, name: &CStr, follow: bool) -> io::Result<(Arc<Folder>, Stat)> {
        let above = parent.fd()?;
        let fd = parent.pool.patiently(|| reopen(&above, name, follow))?;
        Folder::adopt(Some(parent), name, follow, &Arc::new(fd), &parent.pool)
    }

    fn adopt(
        parent: Option<&Arc<Folder>>,
        name: &CStr,
        follow: bool,
        fd: &Arc<OwnedFd>,
        pool: &Arc<Pool>,
    ) -> io::Result<(Arc<Folder>, Stat)> {
        let stat = stat_at(fd, c"", AtFlags::EMPTY_PATH)?;
        let slot = Arc::new(Slot::default());
        pool.keep(&slot, Arc::clone(fd));
        let (device, inode) = (stat.device, stat.inode);
        let parent = parent.map(Arc::clone);
        let (name, pool) = (name.to_owned(), Arc::clone(pool));
        Ok((Arc::new(Folder { parent, name, follow, device, inode, slot, pool }), stat))
    }

    /// The folder's descriptor, opened again through its parents if it was closed.
    ///
    /// # Errors
    /// `NotFound` when another folder stands in its place.
    pub(super) fn fd(&self) -> io::Result<Arc<OwnedFd>> {
        if let Some(fd) = self.slot.get() {
            return Ok(fd);
        }
        let mut closed = vec![self];
        let mut above = self.parent.as_deref();
        let mut fd = loop {
            match above {
                None => break Arc::new(openat(CWD, c"/", REACH, Mode::empty())?),
                Some(folder) => match folder.slot.get() {
                    Some(fd) => break fd,
                    None => {
                        closed.push(folder);
                        above = folder.parent.as_deref();
                    }
                },
            }
        };
        for folder in closed.into_iter().rev() {
            if folder.parent.is_some() {
                fd = Arc::new(self.pool.patiently(|| reopen(&fd, &folder.name, folder.follow))?);
            }
            let stat = stat_at(&fd, c"", AtFlags::EMPTY_PATH)?;
            if (stat.device, stat.inode) != (folder.device, folder.inode) {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the folder it lies in was moved or replaced"));
            }
            self.pool.keep(&folder.slot, Arc::clone(&fd));
        }
        Ok(fd)
    }

    /// Opens `name` in this folder, without touching its access time where that is permitted.
    pub(super) fn open_file(&self, name: &CStr, flags: OFlags) -> io::Result<OwnedFd> {
        let folder = self.fd()?;
        self.pool.patiently(|| {
            let flags = flags | OFlags::CLOEXEC;
            match openat(&*folder, name, flags | OFlags::NOATIME, Mode::empty()) {
                Err(Errno::PERM) => openat(&*folder, name, flags, Mode::empty()),
                other => other,
            }
        })
    }

    /// The attributes of `name` in this folder, of a symlink itself unless `follow`.
    pub(super) fn stat(&self, name: &CStr, follow: bool) -> io::Result<Stat> {
        stat_at(self.fd()?, name, if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW })
    }
}

/// Lets go of a long chain of parents one by one: dropped recursively, a deep tree would overflow the stack.
impl Drop for Folder {
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(mut folder) = parent.and_then(Arc::into_inner) {
            parent = folder.parent.take();
        }
    }
}

impl Slot {
    fn get(&self) -> Option<Arc<OwnedFd>> {
        self.0.lock().clone()
    }
}

impl Pool {
    fn keep(&self, slot: &Arc<Slot>, fd: Arc<OwnedFd>) {
        *slot.0.lock() = Some(fd);
        let evicted = {
            let mut open = self.0.lock();
            open.push_back(Arc::downgrade(slot));
            if open.len() > OPEN_MAX { open.pop_front() } else { None }
        };
        close(evicted);
    }

    /// Runs `open`; out of descriptors, closes the folders and runs it once more.
    fn patiently(&self, open: impl Fn() -> rustix::io::Result<OwnedFd>) -> io::Result<OwnedFd> {
        match open() {
            Err(Errno::MFILE) => {
                let all = std::mem::take(&mut *self.0.lock());
                close(all);
                Ok(open()?)
            }
            other => Ok(other?),
        }
    }
}

fn close(slots: impl IntoIterator<Item = Weak<Slot>>) {
    for slot in slots.into_iter().filter_map(|slot| slot.upgrade()) {
        slot.0.lock().take();
    }
}

fn reopen(parent: &OwnedFd, name: &CStr, follow: bool) -> rustix::io::Result<OwnedFd> {
    openat(parent, name, if follow { REACH } else { REACH | OFlags::NOFOLLOW }, Mode::empty())
}

/// Enough to name what lies below, without permission to list.
const REACH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
