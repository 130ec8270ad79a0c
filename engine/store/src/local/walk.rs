//! Listing a folder: depth first, a bounded depth, foreign files passed over.

use super::error::classify;
use super::foreign;
use crate::{Listed, ObjectName};
use base::error::{Error, Kind, Result};
use format_spec::{Time, names};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Shows every object below `prefix` whose name is greater than `after`.
pub(super) fn list(
    root: &OwnedFd,
    prefix: &str,
    after: Option<&ObjectName>,
    visit: &mut dyn FnMut(Listed) -> bool,
) -> Result<()> {
    let mut folders = vec![prefix.to_owned()];
    while let Some(folder) = folders.pop() {
        if folder.split('/').count() > DEPTH_MAX {
            return Err(Error::new(Kind::Damaged, "folders lie too deep (a link that leads back?)").on(folder));
        }
        for (name, kind) in read_folder(root, &folder)? {
            match look(root, &name, kind)? {
                Some(Found::Folder) => {
                    // All its names begin with `name/`, so they are all smaller unless `after` does too.
                    let passed = |after: &ObjectName| {
                        format!("{name}/").as_str() < after.as_str() && !after.is_below(name.as_str())
                    };
                    if !after.is_some_and(passed) {
                        folders.push(name.as_str().to_owned());
                    }
                }
                Some(Found::File(bytes, stored)) => {
                    let wanted = after.is_none_or(|after| name > *after);
                    if wanted && !visit(Listed { name, bytes, stored: Some(stored), version: None, tier: None }) {
                        return Ok(());
                    }
                }
                None => {}
            }
        }
    }
    Ok(())
}

enum Found {
    Folder,
    /// Its length, and when it was written.
    File(u64, Time),
}

/// The entries whose names obey the alphabet. A folder that is not there is empty.
fn read_folder(root: &OwnedFd, folder: &str) -> Result<Vec<(ObjectName, FileType)>> {
    let failed = |e| classify(e, "cannot list the folder").on(folder);
    let path = if folder.is_empty() { "." } else { folder };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(root, path, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR) => {
            return foreign::on_the_way(root, folder).map_or(Ok(Vec::new()), Err);
        }
        Err(e) => return Err(failed(e)),
    };
    let mut found = Vec::new();
    for entry in Dir::read_from(&fd).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(segment) = entry.file_name().to_str() else { continue };
        if segment == "." || segment == ".." {
            continue;
        }
        let full = if folder.is_empty() { segment.to_owned() } else { format!("{folder}/{segment}") };
        if let Ok(name) = ObjectName::new(full) {
            found.push((name, entry.file_type()));
        }
    }
    Ok(found)
}

/// What an entry is; `None` for what has just been deleted, or is neither file nor folder and has no object's name. What has one and is not a plain
/// file is shown as empty: whoever reads it learns what it is.
fn look(root: &OwnedFd, name: &ObjectName, kind: FileType) -> Result<Option<Found>> {
    let is_object = names::parse(name.as_str()).is_some();
    if kind == FileType::Directory && !is_object {
        return Ok(Some(Found::Folder));
    }
    match rustix::fs::statat(root, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => {
            let written = Time::new(stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0));
            let bytes = u64::try_from(stat.st_size).unwrap_or(0);
            Ok(match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Some(Found::File(bytes, written)),
                _ if is_object => Some(Found::File(0, written)),
                FileType::Directory => Some(Found::Folder),
                FileType::Symlink => leads_to_folder(root, name).then_some(Found::Folder),
                _ => None,
            })
        }
        Err(Errno::NOENT | Errno::LOOP) => Ok(None),
        Err(e) => Err(classify(e, "cannot look at the object").on(name)),
    }
}

fn leads_to_folder(root: &OwnedFd, name: &ObjectName) -> bool {
    rustix::fs::statat(root, name.as_str(), AtFlags::empty())
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Names of ours have three segments at most; the rest is room for what is to come.
const DEPTH_MAX: usize = 16;
