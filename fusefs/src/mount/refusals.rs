//! Where a mount is refused, before anything is mounted.
//!
//! A repository under its own mount, or its cache, would hang: the mount would ask itself. A folder with something in it
//! would look as if that were gone. What may hang is not touched: neither a mount whose process is stopped, nor an automount
//! point, which would wait for the very mount that is being made.

use super::{kernel, table};
use engine::{Error, Kind, Result};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Where a mount may be made.
#[derive(Debug)]
pub(super) struct Free {
    /// The absolute path without symlinks.
    pub(super) place: PathBuf,
    /// A Cairn mount without a process lies there and must be put away first.
    pub(super) is_dead: bool,
}

/// The mount point without symlinks, if a mount may be there. Puts dead Cairn mounts away first.
pub(super) fn prepare(mountpoint: &Path, guarded: &[PathBuf]) -> Result<PathBuf> {
    for _ in 0..STACKED_MAX {
        let free = check(mountpoint, guarded)?;
        if !free.is_dead {
            return Ok(free.place);
        }
        kernel::unmount(&free.place)?;
    }
    Err(refuse(mountpoint, "dead mounts lie there in layers", "unmount them with `umount -l`"))
}

/// Refuses a mount point, and changes nothing.
pub(super) fn check(mountpoint: &Path, guarded: &[PathBuf]) -> Result<Free> {
    let place = resolve(mountpoint)?;
    if table::around(&place)?.is_some_and(|m| m.is_cairn()) {
        return Err(refuse(&place, "this is inside of a cairn mount", "mount elsewhere"));
    }
    for folder in guarded {
        let folder = real(folder);
        if place.starts_with(&folder) || folder.starts_with(&place) {
            let why = format!("a mount here would hide {}, which the mount itself needs", folder.display());
            return Err(refuse(&place, &why, "mount elsewhere"));
        }
    }
    let is_dead = match table::top(&place)? {
        Some(top) if top.is_cairn() => dead_or_refuse(&place)?,
        // systemd or automount(8) waits here for somebody who looks inside; so we do not.
        Some(top) if top.is_automount() => false,
        _ => empty_or_refuse(&place).map(|()| false)?,
    };
    Ok(Free { place, is_dead })
}

/// The absolute path with its parent's symlinks resolved; the last name may be a mount that answers nothing.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    let failed = |e: io::Error| Error::from(e).on(path.display()).advise("name an empty folder that exists");
    // A slash at the end would look inside: an automount would start, a dead mount fail, a stopped one hang.
    let path: PathBuf = path.components().collect();
    match path.canonicalize() {
        Ok(place) => return Ok(place),
        Err(e) if says_dead(&e) => {}
        Err(e) => return Err(failed(e)),
    }
    let whole = std::path::absolute(&path).map_err(failed)?;
    let Some((parent, name)) = whole.parent().zip(whole.file_name()) else { return Ok(whole) };
    Ok(parent.canonicalize().map_err(failed)?.join(name))
}

/// True for a Cairn mount whose process is gone; a refusal for one that is served, or whose process is stuck.
fn dead_or_refuse(place: &Path) -> Result<bool> {
    let (sender, answer) = channel();
    let asked = place.to_owned();
    // The thread of a question without an answer ends with the mount, or with this process.
    let asks = move || _ = sender.send(std::fs::metadata(asked));
    std::thread::Builder::new()
        .name("mount-look".into())
        .spawn(asks)
        .map_err(|e| Error::from(e).on(place.display()))?;
    match answer.recv_timeout(PATIENCE) {
        Ok(Err(e)) if says_dead(&e) => Ok(true),
        Ok(_) => Err(refuse(place, "a cairn mount is there already", "unmount it with `cairn umount`")),
        Err(_) => {
            let why = "a cairn mount is there already, and it does not answer";
            Err(refuse(place, why, "look for its process; take it away with `cairn umount`"))
        }
    }
}

fn empty_or_refuse(place: &Path) -> Result<()> {
    let found = match std::fs::metadata(place) {
        Err(e) if says_dead(&e) => return Err(refuse(place, "a dead mount is there", "unmount it with `umount -l`")),
        other => other.map_err(|e| Error::from(e).on(place.display()).advise("make the folder first"))?,
    };
    if !found.is_dir() {
        return Err(refuse(place, "not a folder", "name an empty folder"));
    }
    let mut entries = std::fs::read_dir(place).map_err(|e| Error::from(e).on(place.display()))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(refuse(place, "the folder is not empty", "name an empty folder")),
    }
}

/// A path without symlinks as far as it exists: a cache need not be there yet.
fn real(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in whole.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), whole.strip_prefix(ancestor)) {
            // Joining nothing would end the path in a slash.
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    whole
}

/// The mount's process is gone.
fn says_dead(e: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(e);
    matches!(errno, Some(rustix::io::Errno::NOTCONN | rustix::io::Errno::CONNABORTED))
}

fn refuse(place: &Path, why: &str, advice: &str) -> Error {
    Error::new(Kind::Input, format!("cannot mount here: {why}")).on(place.display()).advise(advice)
}

/// How long a mount that is there already may take to say so. A living one says it from memory.
const PATIENCE: Duration = Duration::from_secs(5);
/// Dead mounts on top of each other that are put away. One crash leaves one.
const STACKED_MAX: usize = 8;
