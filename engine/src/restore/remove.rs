//! Removing from the target what the restore point covers and does not have.
//!
//! Promises: nothing is removed but what [`Coverage`] covers, in a folder that the point has as in one that it lacks; a folder goes only when all in
//! it went; no link is followed; a dry run counts and tells the same and removes nothing. What is left is told with its reason.

use super::Told;
use super::folder::open_folder;
use super::restoring::Restoring;
use super::target::refused;
use crate::coverage::{CACHE_TAG, Coverage, IGNORE_FILE, InFolder, Live, Why};
use crate::error::{Error, Result};
use crate::source::rules::{CACHE_SIGNATURE, IGNORE_BYTES_MAX, IgnoreFiles};
use format_spec::Time;
use format_spec::tree::Kind;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Statx, StatxAttributes, StatxFlags};
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

/// Removes the entries of a folder whose names the point does not have in it. `path` lies below the target.
pub(super) fn prune(shared: &Restoring, fd: BorrowedFd<'_>, path: &[u8], names: &HashSet<Vec<u8>>) -> Result<()> {
    let Some(coverage) = &shared.coverage else { return Ok(()) };
    let folder = coverage.folder(&shared.full(path))?;
    if folder.is_above_sources() {
        return Ok(());
    }
    let mut removal = Removal::new(shared, coverage);
    for name in names_in(fd).map_err(|e| refused(e, path))? {
        if !names.contains(&name) {
            shared.check()?;
            removal.remove(fd, &folder, path, &name)?;
        }
    }
    Ok(())
}

/// Removes what stands in the way of something that the point has there; false when some of it is left.
pub(super) fn clear(shared: &Restoring, parent: BorrowedFd<'_>, path: &[u8]) -> Result<bool> {
    let (above, name) = split(path);
    let Some(coverage) = &shared.coverage else { return Ok(false) };
    let folder = coverage.folder(&shared.full(above))?;
    Removal::new(shared, coverage).remove(parent, &folder, above, name)
}

struct Removal<'a> {
    shared: &'a Restoring,
    coverage: &'a Coverage,
    /// The ignore files of folders that only the target has.
    ignored: IgnoreFiles,
}

/// A folder of the target that is emptied.
struct Level<'c> {
    fd: OwnedFd,
    /// Below the target.
    path: Vec<u8>,
    name: Vec<u8>,
    covered: InFolder<'c>,
    device: (u32, u32),
    /// It holds a cache tag, and such folders are left out.
    is_cache: bool,
    names: Vec<Vec<u8>>,
    /// Nothing is left in it so far.
    is_empty: bool,
}

enum Met<'c> {
    Gone,
    Left,
    Folder(Box<Level<'c>>),
}

impl<'a> Removal<'a> {
    fn new(shared: &'a Restoring, coverage: &'a Coverage) -> Self {
        Removal { shared, coverage, ignored: IgnoreFiles::default() }
    }

    /// Removes one entry of a folder (`path` below the target) and everything below it; false when some of it is left. Depth is bounded by the open
    /// folders, not by calls.
    fn remove(&mut self, parent: BorrowedFd<'_>, folder: &InFolder<'_>, path: &[u8], name: &[u8]) -> Result<bool> {
        let device = device_of(parent);
        let mut open: Vec<Box<Level<'a>>> = match self.meet(parent, folder, joined(path, name), name, device, false)? {
            Met::Gone => return Ok(true),
            Met::Left => return Ok(false),
            Met::Folder(level) => vec![level],
        };
        loop {
            self.shared.check()?;
            let Some(top) = open.last_mut() else { return Ok(true) };
            let Some(next) = top.names.pop() else {
                let Some(done) = open.pop() else { return Ok(true) };
                let above = open.last().map_or(parent, |level| level.fd.as_fd());
                let is_gone = done.is_empty && self.unlink(above, &done.path, &done.name, AtFlags::REMOVEDIR);
                self.ignored.leave(&self.shared.full(&done.path));
                match open.last_mut() {
                    Some(above) => above.is_empty &= is_gone,
                    None => return Ok(is_gone),
                }
                continue;
            };
            let below = joined(&top.path, &next);
            match self.meet(top.fd.as_fd(), &top.covered, below, &next, Some(top.device), top.is_cache)? {
                Met::Gone => {}
                Met::Left => top.is_empty = false,
                Met::Folder(level) => open.push(level),
            }
        }
    }

    /// Removes an item that is no folder, or opens a folder, if the point covers it. What fails is told, and left.
    fn meet(
        &mut self,
        parent: BorrowedFd<'_>,
        folder: &InFolder<'_>,
        path: Vec<u8>,
        name: &[u8],
        device: Option<(u32, u32)>,
        is_in_cache: bool,
    ) -> Result<Met<'a>> {
        let left = |e: Error| {
            self.shared.report(&path, e);
            Met::Left
        };
        let stat = match stat_at(parent, name) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT) => return Ok(Met::Gone),
            Err(e) => return Ok(left(refused(e, &path))),
        };
        let kind = kind_of(&stat);
        let is_folder = kind == Kind::Folder;
        let of_stat = (stat.stx_dev_major, stat.stx_dev_minor);
        let is_mounted = stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
            || (is_folder && device.is_some_and(|device| device != of_stat));
        let modified = Time::new(stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec);
        let live = Live { kind, bytes: stat.stx_size, modified, is_mounted, is_in_cache };
        let ignored = self.ignored.leave_out(&self.shared.full(&path), is_folder).map(Why::Rule);
        if let Some(why) = ignored.map_or_else(|| folder.covers(name, &live), |why| Ok(Some(why)))? {
            self.shared.leave(&path, &why);
            return Ok(Met::Left);
        }
        if !is_folder {
            let is_gone = self.unlink(parent, &path, name, AtFlags::empty());
            return Ok(if is_gone { Met::Gone } else { Met::Left });
        }
        let opened = open_folder(parent, name).and_then(|fd| Ok((names_in(fd.as_fd())?, fd)));
        let (names, fd) = match opened {
            Ok(opened) => opened,
            Err(e) => return Ok(left(refused(e, &path))),
        };
        let full = self.shared.full(&path);
        let covered = self.coverage.folder(&full)?;
        let has = |name: &[u8]| names.iter().any(|other| other == name);
        let rules = self.coverage.rules();
        if rules.ignore_files && has(IGNORE_FILE) {
            match read_small(fd.as_fd(), IGNORE_FILE, IGNORE_BYTES_MAX as u64 + 1) {
                Ok(text) => _ = self.ignored.push(&full, Ok(text)),
                Err(e) => {
                    let what =
                        format!("the patterns of its {} cannot be read: {e}", String::from_utf8_lossy(IGNORE_FILE));
                    self.shared.leave(&path, &Why::Unproven(what));
                    return Ok(Met::Left);
                }
            }
        }
        let is_cache = rules.exclude_caches
            && has(CACHE_TAG)
            && read_small(fd.as_fd(), CACHE_TAG, CACHE_SIGNATURE.len() as u64)
                .is_ok_and(|head| head == CACHE_SIGNATURE);
        let (name, device) = (name.to_vec(), of_stat);
        Ok(Met::Folder(Box::new(Level { fd, path, name, covered, device, is_cache, names, is_empty: true })))
    }

    /// Removes one name; false, and told, when that fails.
    fn unlink(&self, parent: BorrowedFd<'_>, path: &[u8], name: &[u8], flags: AtFlags) -> bool {
        let shared = self.shared;
        if !shared.options.dry_run
            && let Err(e) = rustix::fs::unlinkat(parent, name, flags)
        {
            shared.report(path, refused(e, path));
            return false;
        }
        shared.counts.deleted.fetch_add(1, Ordering::Relaxed);
        shared.tell(path, &Told::Removed);
        true
    }
}

/// The names in a folder, the last one first.
fn names_in(folder: BorrowedFd<'_>) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

fn stat_at(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    rustix::fs::statx(parent, name, flags, StatxFlags::BASIC_STATS)
}

fn device_of(folder: BorrowedFd<'_>) -> Option<(u32, u32)> {
    let stat = rustix::fs::statx(folder, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).ok()?;
    Some((stat.stx_dev_major, stat.stx_dev_minor))
}

fn kind_of(stat: &Statx) -> Kind {
    match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::RegularFile | FileType::Unknown => Kind::File,
    }
}

/// The beginning of a small file, which must be a regular one.
fn read_small(folder: BorrowedFd<'_>, name: &[u8], bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => (&[], path),
    }
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}
