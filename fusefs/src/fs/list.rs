//! Listings. An offset counts what comes before: 0 `.`, 1 `..`, 2 the first entry.

use super::attr::{attr, file_type};
use super::{GENERATION, ttl};
use fuser::{INodeNo, ReplyDirectory, ReplyDirectoryPlus};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use view::{Attributes, Failure, Fetch, Inode, Listed, View};

const DOTS: u64 = 2;

/// The lines from an offset on; all of them could be read, or none is told.
pub(super) fn lines(view: &View, fetch: Fetch, folder: Inode, offset: u64) -> Result<Vec<Listed>, Failure> {
    let dot = |name: &[u8], attributes: Attributes, next| Listed { name: name.to_vec(), attributes, next };
    let mut lines = Vec::new();
    if offset == 0 {
        lines.push(dot(b".", view.attributes(fetch, folder)?, 1));
    }
    if offset <= 1 {
        let parent = view.parent(fetch, folder)?;
        lines.push(dot(b"..", view.attributes(fetch, parent)?, DOTS));
    }
    let mut entries = view.list(fetch, folder, offset.saturating_sub(DOTS))?;
    entries.iter_mut().for_each(|e| e.next = e.next.saturating_add(DOTS));
    lines.append(&mut entries);
    Ok(lines)
}

pub(super) fn plain(mut reply: ReplyDirectory, lines: Vec<Listed>) {
    for line in lines {
        let (inode, kind) = (INodeNo(line.attributes.inode.0), file_type(line.attributes.kind));
        if reply.add(inode, line.next, kind, OsStr::from_bytes(&line.name)) {
            break;
        }
    }
    reply.ok();
}

/// With attributes, so that the kernel need not look each name up.
pub(super) fn plus(mut reply: ReplyDirectoryPlus, lines: Vec<Listed>, folder_ttl: Duration) {
    for line in lines {
        let (name, inode) = (OsStr::from_bytes(&line.name), line.attributes.inode);
        let ttl = ttl(inode).min(folder_ttl);
        if reply.add(INodeNo(inode.0), line.next, name, &ttl, &attr(&line.attributes), GENERATION) {
            break;
        }
    }
    reply.ok();
}
