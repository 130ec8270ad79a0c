//! A private folder inside a folder that others may write to: pipes, devices and symlinks get their owner there, where nobody
//! can put something else under their name, and are then moved to their place.
//!
//! Files and folders do not need it: they are changed through the descriptor that made them.

use super::folder::open_folder;
use super::item::Held;
use rustix::fs::{AtFlags, Dir, Mode};
use rustix::io::{Errno, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The private folder; it goes when it is dropped.
pub(super) struct Staging<'f> {
    fd: OwnedFd,
    folder: BorrowedFd<'f>,
    name: String,
}

impl<'f> Staging<'f> {
    /// Makes it, or takes over what a killed restore left behind.
    ///
    /// # Errors
    /// The kernel's; `EXIST` when somebody else keeps taking its names.
    pub(super) fn create(folder: BorrowedFd<'f>) -> Result<Self> {
        for n in 0..NAMES_MAX {
            let name = format!(".cairn-partial-items-{n}");
            match rustix::fs::mkdirat(folder, &name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
            // Another thing, or somebody else's folder, has the name: the next one.
            let Ok(fd) = open_folder(folder, name.as_bytes()) else { continue };
            let stat = rustix::fs::fstat(&fd)?;
            if stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_mode & 0o077 == 0 {
                let staging = Staging { fd, folder, name };
                staging.empty()?;
                return Ok(staging);
            }
        }
        Err(Errno::EXIST)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Moves an item of it to its place in the folder, over whatever is there.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn publish(&self, name: &[u8]) -> Result<()> {
        rustix::fs::renameat(&self.fd, name, self.folder, name)
    }

    fn empty(&self) -> Result<()> {
        for found in Dir::read_from(&self.fd)? {
            let found = found?;
            let name = found.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?;
            }
        }
        Ok(())
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        let _ = self.empty();
        // Only our own: somebody else may have put another folder under its name.
        let own = rustix::fs::fstat(&self.fd).map(|stat| super::item::Inode::of(&stat));
        let there = Held::take(self.folder, self.name.as_bytes()).ok().flatten().map(|held| held.inode());
        if there.is_some() && own.ok() == there {
            let _ = rustix::fs::unlinkat(self.folder, &self.name, AtFlags::REMOVEDIR);
        }
    }
}

/// So many names are tried where somebody takes them on purpose.
const NAMES_MAX: usize = 16;
