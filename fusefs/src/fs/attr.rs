//! The view's attributes in the words of `fuser`.

use format_spec::Time;
use format_spec::tree::Kind;
use fuser::{FileAttr, FileType, INodeNo};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use view::{Attributes, Inode};

/// Bytes that programs read at a time when they ask `stat`.
const PREFERRED_BYTES: u32 = 128 << 10;

pub(super) fn attr(of: &Attributes) -> FileAttr {
    let mtime = system_time(of.mtime);
    FileAttr {
        ino: INodeNo(of.inode.0),
        size: of.size,
        blocks: of.blocks,
        // The source's access time is not recorded; the time of the content is the nearest truth.
        atime: mtime,
        mtime,
        ctime: system_time(of.ctime),
        crtime: UNIX_EPOCH,
        kind: file_type(of.kind),
        perm: u16::try_from(of.mode & 0o7777).unwrap_or(0),
        nlink: of.nlink,
        uid: of.uid,
        gid: of.gid,
        rdev: device(of.rdev),
        blksize: PREFERRED_BYTES,
        flags: 0,
    }
}

/// An answer that says "no such name, and there will not be": number 0.
pub(super) fn absent() -> FileAttr {
    let epoch = Time::default();
    let (inode, kind, rdev) = (Inode(0), Kind::File, (0, 0));
    let (mode, nlink, uid, gid, size, blocks) = (0, 0, 0, 0, 0, 0);
    attr(&Attributes { inode, kind, mode, nlink, uid, gid, rdev, size, blocks, mtime: epoch, ctime: epoch })
}

pub(super) fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Folder => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharDevice,
        Kind::BlockDevice => FileType::BlockDevice,
    }
}

/// The kernel's 32-bit form: 12 bits of major, 20 bits of minor.
fn device((major, minor): (u32, u32)) -> u32 {
    minor & 0xff | (major & 0xfff) << 8 | (minor & 0xfff00) << 12
}

fn system_time(time: Time) -> SystemTime {
    let whole = Duration::from_secs(time.seconds.unsigned_abs());
    let at = if time.seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    at.and_then(|t| t.checked_add(Duration::from_nanos(u64::from(time.nanos)))).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_keep_their_nanoseconds() {
        let at = system_time(Time::new(-2, 500_000_000));
        assert_eq!(UNIX_EPOCH.duration_since(at).expect("before the epoch"), Duration::from_millis(1500));
    }

    #[test]
    fn device_numbers_take_the_kernels_form() {
        assert_eq!(device((8, 1)), 0x801);
        assert_eq!(device((0x123, 0x45678)), 0x4561_2378);
    }
}
