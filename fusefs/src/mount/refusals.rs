//! Where a mount is refused, before anything is mounted.
//!
//! A repository under its own mount, or its cache, would hang: the mount would ask itself. A folder with something in it
//! would look as if that were gone.

use super::{kernel, table};
use engine::{Error, Kind, Result};
use std::io;
use std::path::{Path, PathBuf};

/// The mount point without symlinks, if a mount may be there. Puts a dead Cairn mount away first.
pub(super) fn check(mountpoint: &Path, guarded: &[PathBuf]) -> Result<PathBuf> {
    let place = resolve(mountpoint)?;
    let top = table::top(&place)?;
    let is_cairn = top.as_ref().is_some_and(table::Mounted::is_cairn);
    match std::fs::metadata(&place) {
        Err(e) if is_dead(&e) && is_cairn => kernel::unmount(&place)?,
        _ if is_cairn => {
            return Err(refuse(&place, "a cairn mount is there already", "unmount it with `cairn umount`"));
        }
        Err(e) if is_dead(&e) => return Err(refuse(&place, "a dead mount is there", "unmount it with `umount -l`")),
        Err(e) => return Err(Error::from(e).on(place.display()).advise("make the folder first")),
        Ok(found) if !found.is_dir() => return Err(refuse(&place, "not a folder", "name an empty folder")),
        Ok(_) => {}
    }
    for folder in guarded {
        let folder = folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.clone());
        if place.starts_with(&folder) || folder.starts_with(&place) {
            let why = format!("a mount here would hide {}, which the mount itself needs", folder.display());
            return Err(refuse(&place, &why, "mount elsewhere"));
        }
    }
    let mut entries = std::fs::read_dir(&place).map_err(|e| Error::from(e).on(place.display()))?;
    match entries.next() {
        None => Ok(place),
        Some(_) => Err(refuse(&place, "the folder is not empty", "name an empty folder")),
    }
}

/// The absolute path with its parent's symlinks resolved; the last name may be a mount that answers nothing.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    let failed = |e: io::Error| Error::from(e).on(path.display()).advise("name an empty folder that exists");
    match path.canonicalize() {
        Ok(place) => return Ok(place),
        Err(e) if is_dead(&e) => {}
        Err(e) => return Err(failed(e)),
    }
    let whole = std::path::absolute(path).map_err(failed)?;
    let Some((parent, name)) = whole.parent().zip(whole.file_name()) else { return Ok(whole) };
    Ok(parent.canonicalize().map_err(failed)?.join(name))
}

/// The mount's process is gone.
fn is_dead(e: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(e);
    matches!(errno, Some(rustix::io::Errno::NOTCONN | rustix::io::Errno::CONNABORTED))
}

fn refuse(place: &Path, why: &str, advice: &str) -> Error {
    Error::new(Kind::Input, format!("cannot mount here: {why}")).on(place.display()).advise(advice)
}
