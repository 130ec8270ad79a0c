//! The durable put-if-absent of a folder.
//!
//! ```text
//! +staged/<random>   create, lock          (a name outside the alphabet: no listing shows it)
//!                    write, fsync
//! packs/0/7          link, unlink staged   (a rename that does not replace, where there are no links and nobody else writes: see `kind`)
//! packs/0            fsync                 (and each folder above it that this process has not yet seen durable)
//! ```
//!
//! A crash leaves at most a staged file. Its writer holds a lock on it, so the next opener can tell the dead from the living
//! without a clock: what can be locked is nobody's and is removed. Where locks do not reach (some network file systems) a
//! living writer may lose its staged file that way; its link then fails and it stages once more. No object is ever at risk.
//! A link whose answer was lost is tried again by the client of a network file system, and then says that the name is taken:
//! the caller compares, as for any name that is taken.

use super::Local;
use super::error::{classify, classify_io};
use super::foreign;
use crate::{ObjectName, PROBE_PREFIX};
use base::error::{Error, Kind, Result};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Creates the object; `Exists` when its name is taken.
pub(super) fn put_new(local: &Local, name: &ObjectName, bytes: &[u8]) -> Result<()> {
    let folder = parent(name);
    ensure_folder(local, folder).map_err(|e| e.on(name))?;
    // Cheap and common: the name is taken and nothing needs to be written. Only the link below decides.
    if is_there(&local.root, name.as_str()) {
        return Err(taken(local, name));
    }
    for _ in 0..STAGE_ATTEMPTS {
        let staged = Staged::write(local, bytes).map_err(|e| e.on(name))?;
        match staged.publish(local, name) {
            Ok(()) => return sync_folder(&local.root, folder).map_err(|e| e.on(name)),
            Err(Errno::EXIST) => return Err(taken(local, name)),
            // Somebody took the staged file or the folder away (see the module's text, and `tidy_probe`).
            Err(Errno::NOENT) => {
                local.durable.lock().clear();
                ensure_folder(local, folder).map_err(|e| e.on(name))?;
            }
            Err(Errno::OPNOTSUPP) => return Err(refuse_kind(local).on(name)),
            Err(e) => return Err(classify(e, "cannot give the written object its name").on(name)),
        }
    }
    Err(Error::new(Kind::Transient, "the staged file vanished before it got its name").on(name).advise("try again"))
}

/// The folder of a name, empty for the root.
pub(super) fn parent(name: &ObjectName) -> &str {
    name.as_str().rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Makes the entries of a folder durable.
pub(super) fn sync_folder(root: &OwnedFd, folder: &str) -> Result<()> {
    let synced = if folder.is_empty() {
        rustix::fs::fsync(root)
    } else {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(root, folder, flags, Mode::empty()).and_then(rustix::fs::fsync)
    };
    // Some file systems cannot sync a folder and say so; their own rules apply then.
    match synced {
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(e) => Err(classify(e, &format!("cannot make the folder {folder:?} durable"))),
    }
}

/// Removes the folders of the probe once they are empty. Only those: elsewhere, a folder that another process removes and makes
/// again would not be known durable to us.
pub(super) fn tidy_probe(local: &Local, name: &ObjectName) {
    let mut folder = parent(name);
    while name.is_below(PROBE_PREFIX) && !folder.is_empty() {
        local.durable.lock().remove(folder);
        if rustix::fs::unlinkat(&local.root, folder, AtFlags::REMOVEDIR).is_err() {
            return;
        }
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

/// Removes the staged files of dead writers. Failing to is no error: they are invisible and cost only space.
pub(super) fn sweep(root: &OwnedFd) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::openat(root, STAGED, flags, Mode::empty()) else { return };
    let Ok(entries) = Dir::read_from(&folder) else { return };
    for entry in entries.filter_map(std::result::Result::ok) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&folder, entry.file_name(), flags, Mode::empty()) else { continue };
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // A folder here (`.` and `..` too) is refused by the call itself.
            let _ = rustix::fs::unlinkat(&folder, entry.file_name(), AtFlags::empty());
        }
    }
}

/// A written, synced, locked file that has no object's name yet.
struct Staged {
    path: String,
    _locked: File,
}

impl Staged {
    fn write(local: &Local, bytes: &[u8]) -> Result<Self> {
        let root = &local.root;
        let (path, mut file) = create(local)?;
        let ready = local.rights.apply_to_file(&file).and_then(|()| {
            file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| classify_io(&e, "cannot write the object"))
        });
        if let Err(e) = ready {
            let _ = rustix::fs::unlinkat(root, path.as_str(), AtFlags::empty());
            return Err(e);
        }
        Ok(Staged { path, _locked: file })
    }

    /// Gives the object its name. `OPNOTSUPP` where nothing does that once.
    fn publish(&self, local: &Local, name: &ObjectName) -> rustix::io::Result<()> {
        let (root, staged, name) = (&local.root, self.path.as_str(), name.as_str());
        let named = match rustix::fs::linkat(root, staged, root, name, AtFlags::empty()) {
            // A file system without links reports that as a missing right, mostly; and so does SFTP, which has no word for it, a name that is taken.
            Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::XDEV) if is_there(root, name) => {
                Err(Errno::EXIST)
            }
            Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::XDEV) => match local.kind.renames_once() {
                true => rustix::fs::renameat_with(root, staged, root, name, RenameFlags::NOREPLACE),
                false => Err(Errno::OPNOTSUPP),
            },
            other => other,
        };
        // Its second name, or a file that nobody needs; after a rename there is none.
        let _ = rustix::fs::unlinkat(root, staged, AtFlags::empty());
        named.map_err(|e| if matches!(e, Errno::INVAL | Errno::NOSYS) { Errno::OPNOTSUPP } else { e })
    }
}

fn create(local: &Local) -> Result<(String, File)> {
    let root = &local.root;
    loop {
        let path = format!("{STAGED}/{}-{}", local.writer, STAGED_COUNT.fetch_add(1, Ordering::Relaxed));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        match rustix::fs::openat(root, path.as_str(), flags, Mode::from_raw_mode(0o600)) {
            Ok(fd) => {
                // Unlocked is allowed: see the module's text.
                let _ = rustix::fs::flock(fd.as_fd(), FlockOperation::NonBlockingLockExclusive);
                return Ok((path, File::from(fd)));
            }
            Err(Errno::NOENT) => match rustix::fs::mkdirat(root, STAGED, Mode::from_raw_mode(0o700)) {
                Ok(()) => local.rights.apply_to_folder(root, STAGED)?,
                Err(Errno::EXIST) => {}
                Err(e) => return Err(classify(e, "cannot create the folder for unfinished objects")),
            },
            Err(e) => return Err(classify(e, "cannot create an unfinished object")),
        }
    }
}

/// Creates the folder and those above it, and makes their entries durable, once in a process.
fn ensure_folder(local: &Local, folder: &str) -> Result<()> {
    if folder.is_empty() || local.durable.lock().contains(folder) {
        return Ok(());
    }
    let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
    ensure_folder(local, above)?;
    match rustix::fs::mkdirat(&local.root, folder, Mode::from_raw_mode(0o700)) {
        // Also when it exists: whoever made it may not have come to the sync.
        Ok(()) => {
            local.rights.apply_to_folder(&local.root, folder)?;
            sync_folder(&local.root, above)?;
        }
        Err(Errno::EXIST) => match foreign::on_the_way(&local.root, folder) {
            None => sync_folder(&local.root, above)?,
            Some(foreign) => return Err(foreign),
        },
        Err(e) => return Err(classify(e, &format!("cannot create the folder {folder:?}"))),
    }
    local.durable.lock().insert(folder.to_owned());
    Ok(())
}

fn is_there(root: &OwnedFd, name: &str) -> bool {
    rustix::fs::statat(root, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Nothing on this file system gives a name once.
fn refuse_kind(local: &Local) -> Error {
    let what = match local.kind.renames_once() {
        true => "has neither hard links nor a rename that does not replace",
        false => "makes no hard links, and a rename there may replace what another machine has just written",
    };
    Error::new(Kind::Unsupported, format!("this file system, {}, {what}", local.kind))
        .advise("keep the repository on a disk of this machine, on a share with hard links, or in a bucket: docs/network-file-systems.md")
}

/// The name is taken; whoever relies on that must find it after a crash too, so its entry is made durable first.
fn taken(local: &Local, name: &ObjectName) -> Error {
    match sync_folder(&local.root, parent(name)) {
        Ok(()) => Error::new(Kind::Exists, "an object of this name exists already").on(name),
        Err(e) => e.on(name),
    }
}

/// Holds a character that no object's name has.
const STAGED: &str = "+staged";
const STAGE_ATTEMPTS: u32 = 8;
static STAGED_COUNT: AtomicU64 = AtomicU64::new(0);
