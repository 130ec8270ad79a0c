//! What is not a plain file where an object belongs: a folder, a link, a pipe, a device. Cairn makes none of them.
//!
//! Promises: such a thing is damage, with its name and what to do, and never taken for an absent object; looking at it neither opens nor
//! follows it. Folders on the way to objects may be links, for who keeps some of them on another disk. Refuses to remove anything.

use super::Local;
use crate::ObjectName;
use base::error::{Error, Kind};
use format_spec::names;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType};

/// The damage, if what stands under an object's name is not a plain file.
pub(super) fn in_place_of(local: &Local, name: &ObjectName) -> Option<Error> {
    names::parse(name.as_str())?;
    let kind = kind_of(&local.root, name.as_str(), AtFlags::SYMLINK_NOFOLLOW)?;
    let what = word(kind)?;
    let path = local.path.join(name.as_str());
    let what = format!("{what} stands where an object belongs");
    Some(Error::new(Kind::Damaged, what).on(name).advise(format!(
        "Cairn makes only plain files there: move {} out of the repository, then run the command again",
        path.display()
    )))
}

/// The error, if a folder on the way to these names is something else: a file, or a link that leads nowhere. `folder` and those above it are
/// looked at. What is simply not there is no error.
pub(super) fn on_the_way(root: &OwnedFd, folder: &str) -> Option<Error> {
    let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
    for part in ends.filter_map(|end| folder.get(..end)).filter(|part| !part.is_empty()) {
        match kind_of(root, part, AtFlags::empty()) {
            Some(FileType::Directory) => {}
            // An object, below which nothing is looked for by anybody who knows the names.
            Some(FileType::RegularFile) if names::parse(part).is_some() => return None,
            Some(kind) => {
                let what = word(kind).unwrap_or("a file");
                let what = format!("{what} stands where a folder of objects belongs");
                return Some(Error::new(Kind::Damaged, what).on(part).advise(
                    "move it out of the repository and restore the folder from a copy; `cairn check` names what is missing",
                ));
            }
            None => {
                // Whatever else is seen now was made by another machine between the two looks.
                if kind_of(root, part, AtFlags::SYMLINK_NOFOLLOW)? == FileType::Symlink {
                    return Some(
                        Error::new(Kind::Transient, "this folder is a link that leads nowhere")
                            .on(part)
                            .advise("bring the disk or share back that it leads to, then run the same command again"),
                    );
                }
            }
        }
    }
    None
}

fn kind_of(root: &OwnedFd, path: &str, flags: AtFlags) -> Option<FileType> {
    rustix::fs::statat(root, path, flags).ok().map(|stat| FileType::from_raw_mode(stat.st_mode))
}

/// What it is in words; `None` for a plain file.
fn word(kind: FileType) -> Option<&'static str> {
    Some(match kind {
        FileType::RegularFile => return None,
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something unknown",
    })
}
