//! The way from a folder's descriptor to the attributes and bytes of the items in it.
//!
//! Promises: a fifo never blocks and a device node is never read: only regular files are opened, without waiting, and only if
//! they still are the inode that the walk saw. Extended attributes are read without opening anything.

use super::attributes::stat_at;
use super::handle::Folder;
use super::owners::Owners;
use super::reader::FileReader;
use super::xattrs;
use crate::{ItemReader, Opens};
use format_spec::tree::{Entry, Kind};
use rustix::fs::{AtFlags, OFlags, readlinkat};
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// The items of one folder.
pub(super) struct Inside {
    pub(super) folder: Arc<Folder>,
    pub(super) owners: Arc<Owners>,
}

/// A folder itself, once it was opened: its attributes are those of the inode that was listed.
pub(super) struct Itself {
    pub(super) folder: Arc<Folder>,
    pub(super) owners: Arc<Owners>,
}

impl Opens for Inside {
    fn fill(&self, entry: &mut Entry) -> io::Result<Vec<String>> {
        let name = name_of(entry)?;
        let fd = self.folder.fd()?;
        if entry.kind == Kind::Symlink {
            entry.target = readlinkat(&fd, &name, Vec::new())?.into_bytes();
            entry.size = entry.target.len() as u64;
        }
        self.owners.name(entry);
        xattrs::load(&fd, &name, entry)
    }

    fn open(&self, entry: &Entry) -> io::Result<Box<dyn ItemReader>> {
        let fd = open_unless_leased(&self.folder, entry)?;
        let stat = stat_at(&fd, c"", AtFlags::EMPTY_PATH)?;
        if (stat.kind, stat.device, stat.inode) != (Kind::File, entry.device, entry.inode) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was replaced before it could be read"));
        }
        Ok(Box::new(FileReader::new(fd, entry, &stat)))
    }
}

impl Opens for Itself {
    fn fill(&self, entry: &mut Entry) -> io::Result<Vec<String>> {
        self.owners.name(entry);
        xattrs::load(&*self.folder.fd()?, c".", entry)
    }

    fn open(&self, _: &Entry) -> io::Result<Box<dyn ItemReader>> {
        Err(io::Error::new(io::ErrorKind::IsADirectory, "a folder has no bytes of its own"))
    }
}

/// A file under a lease (of a file server) refuses to be opened without waiting until its holder gave the lease back, which
/// the first attempt asks for.
fn open_unless_leased(folder: &Folder, entry: &Entry) -> io::Result<OwnedFd> {
    let name = name_of(entry)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut attempts = 0;
    loop {
        match folder.open_file(&name, flags) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock && attempts < LEASE_ATTEMPTS_MAX => {
                attempts += 1;
                std::thread::sleep(LEASE_PAUSE);
            }
            // A symlink that took the file's place.
            Err(e) if e.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                return Err(io::Error::new(io::ErrorKind::NotFound, "it was replaced before it could be read"));
            }
            other => return other,
        }
    }
}

fn name_of(entry: &Entry) -> io::Result<CString> {
    CString::new(entry.name.as_slice())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a name with a NUL byte"))
}

/// A holder answers within milliseconds; one that does not is given two seconds.
const LEASE_ATTEMPTS_MAX: u32 = 40;
const LEASE_PAUSE: Duration = Duration::from_millis(50);
