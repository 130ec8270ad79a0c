//! tar as GNU tar and libarchive read it: PAX headers for extended attributes and nanoseconds, GNU long names.

use super::{Archive, fill};
use engine::Result;
use engine::monitor::Monitor;
use engine::repository::Repository;
use format_spec::tree::{Entry, Kind};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use tar::{Builder, EntryType, Header};

/// Writes everything below `root` as tar.
///
/// # Errors
/// The reader's, and stdout's.
pub(crate) fn write_tar(repo: &Arc<Repository>, root: &Entry, out: &mut dyn Write, monitor: &Monitor) -> Result<()> {
    let mut archive = Tar { builder: Builder::new(out), groups: HashMap::new() };
    fill(repo, root, &mut archive, monitor)?;
    archive.builder.into_inner().and_then(Write::flush).map_err(|e| engine::Error::from(e).on("stdout"))
}

struct Tar<'w> {
    builder: Builder<&'w mut dyn Write>,
    /// The first path of each group of hard links; only files with several names are in it.
    groups: HashMap<[u8; 16], Vec<u8>>,
}

impl Archive for Tar<'_> {
    fn add(&mut self, path: &[u8], entry: &Entry, content: Option<&mut dyn Read>, monitor: &Monitor) -> io::Result<()> {
        let Some(kind) = entry_type(entry.kind) else {
            monitor.warn(path, "left out: tar has no sockets");
            return Ok(());
        };
        let mut header = header(entry, kind);
        if let Some(group) = entry.link_group {
            if let Some(first) = self.groups.get(&group) {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                let first = as_path(first).to_owned();
                return self.builder.append_link(&mut header, as_path(path), first);
            }
            self.groups.insert(group, path.to_vec());
        }
        self.extras(entry)?;
        match (entry.kind, content) {
            (Kind::Symlink, _) => self.builder.append_link(&mut header, as_path(path), as_path(&entry.target)),
            (Kind::File, Some(content)) => self.builder.append_data(&mut header, as_path(path), content),
            (Kind::Folder, _) => {
                let path = [path, b"/"].concat();
                self.builder.append_data(&mut header, as_path(&path), io::empty())
            }
            _ => self.builder.append_data(&mut header, as_path(path), io::empty()),
        }
    }
}

impl Tar<'_> {
    /// The PAX records of the next entry.
    fn extras(&mut self, entry: &Entry) -> io::Result<()> {
        let mtime = format!("{}.{:09}", entry.mtime.seconds, entry.mtime.nanos).into_bytes();
        // The records are decimal fractions: one before 1970 would be read as a later time than it is.
        let mut records = match (entry.mtime.nanos, entry.mtime.seconds) {
            (1.., 0..) => vec![("mtime".to_owned(), mtime)],
            _ => Vec::new(),
        };
        for (name, value) in &entry.xattrs {
            if let Ok(name) = std::str::from_utf8(name) {
                records.push((format!("SCHILY.xattr.{name}"), value.clone()));
            }
        }
        self.builder.append_pax_extensions(records.iter().map(|(key, value)| (key.as_str(), value.as_slice())))
    }
}

fn header(entry: &Entry, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(entry.mode);
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_mtime(u64::try_from(entry.mtime.seconds).unwrap_or(0));
    header.set_size(if entry.kind == Kind::File { entry.size } else { 0 });
    // Names that do not fit are told by the numbers alone.
    for (name, set) in [(&entry.user, true), (&entry.group, false)] {
        if let Ok(name) = std::str::from_utf8(name) {
            let _ = if set { header.set_username(name) } else { header.set_groupname(name) };
        }
    }
    if matches!(kind, EntryType::Char | EntryType::Block) {
        let (major, minor) = entry.rdev;
        // A GNU header has room for device numbers.
        let _ = header.set_device_major(major).and_then(|()| header.set_device_minor(minor));
    }
    header
}

fn entry_type(kind: Kind) -> Option<EntryType> {
    Some(match kind {
        Kind::File => EntryType::Regular,
        Kind::Folder => EntryType::Directory,
        Kind::Symlink => EntryType::Symlink,
        Kind::Fifo => EntryType::Fifo,
        Kind::CharDevice => EntryType::Char,
        Kind::BlockDevice => EntryType::Block,
        Kind::Socket => return None,
    })
}

fn as_path(raw: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(raw))
}
