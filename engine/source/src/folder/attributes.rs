//! What one `statx` tells about an item.
//!
//! Promises: nothing is opened, no symlink is followed unless asked, no automounter is woken. Times are in nanoseconds, the
//! birth time stands where the file system keeps one.

use format_spec::Time;
use format_spec::tree::{Content, Entry, Kind, Totals};
use rustix::fs::{AtFlags, FileType, StatxFlags, StatxTimestamp, makedev, statx};
use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;

/// The attributes of one item, without its name.
#[derive(Debug, Clone)]
pub(super) struct Stat {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Time,
    pub(super) ctime: Time,
    pub(super) btime: Option<Time>,
    pub(super) inode: u64,
    pub(super) device: u64,
    pub(super) nlink: u32,
    /// The length of a file or of a symlink's target, else 0.
    pub(super) size: u64,
    /// What the file occupies, in bytes.
    pub(super) allocated: u64,
    pub(super) rdev: (u32, u32),
}

/// Asks for the attributes of `name` in the folder `at`.
pub(super) fn stat_at(at: impl AsFd, name: &CStr, flags: AtFlags) -> io::Result<Stat> {
    let x = statx(at, name, flags | AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS | StatxFlags::BTIME)?;
    let mode = u32::from(x.stx_mode);
    let kind = kind_of(FileType::from_raw_mode(mode)).ok_or_else(|| {
        io::Error::new(io::ErrorKind::Unsupported, format!("an item of unknown kind (mode {mode:o})"))
    })?;
    let device_node = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
    Ok(Stat {
        kind,
        mode: mode & 0o7777,
        uid: x.stx_uid,
        gid: x.stx_gid,
        mtime: time(&x.stx_mtime),
        ctime: time(&x.stx_ctime),
        btime: (x.stx_mask & StatxFlags::BTIME.bits() != 0).then(|| time(&x.stx_btime)),
        inode: x.stx_ino,
        device: makedev(x.stx_dev_major, x.stx_dev_minor),
        nlink: x.stx_nlink.max(1),
        size: if matches!(kind, Kind::File | Kind::Symlink) { x.stx_size } else { 0 },
        allocated: x.stx_blocks.saturating_mul(512),
        rdev: if device_node { (x.stx_rdev_major, x.stx_rdev_minor) } else { (0, 0) },
    })
}

impl Stat {
    /// An entry with these attributes, still without names of owners, target, xattrs, extents and content.
    pub(super) fn entry(&self, name: Vec<u8>) -> Entry {
        let linked = self.nlink > 1 && self.kind != Kind::Folder;
        Entry {
            name,
            kind: self.kind,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            user: Vec::new(),
            group: Vec::new(),
            mtime: self.mtime,
            ctime: self.ctime,
            btime: self.btime,
            inode: self.inode,
            device: self.device,
            nlink: self.nlink,
            size: self.size,
            rdev: self.rdev,
            target: Vec::new(),
            xattrs: Vec::new(),
            extents: None,
            link_group: linked.then(|| link_group(self.device, self.inode)),
            content: Content::None,
            totals: Totals::default(),
        }
    }
}

/// The kind of a file type; `None` for what Linux does not have.
pub(super) fn kind_of(file_type: FileType) -> Option<Kind> {
    Some(match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Unknown => return None,
    })
}

fn link_group(device: u64, inode: u64) -> [u8; 16] {
    let mut group = [0; 16];
    let (left, right) = group.split_at_mut(8);
    left.copy_from_slice(&device.to_le_bytes());
    right.copy_from_slice(&inode.to_le_bytes());
    group
}

fn time(t: &StatxTimestamp) -> Time {
    Time::new(t.tv_sec, t.tv_nsec)
}
