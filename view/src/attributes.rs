//! What `stat` says: what the source had, under the mount's options. Without a type of FUSE.

use super::inode::Inode;
use format_spec::Time;
use format_spec::tree::{Entry, Kind};

/// The attributes of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Its number.
    pub inode: Inode,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, `& 0o7777`.
    pub mode: u32,
    /// Number of names in the source.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Major and minor number of a device.
    pub rdev: (u32, u32),
    /// Length in bytes.
    pub size: u64,
    /// Allocated units of 512 bytes.
    pub blocks: u64,
    /// Last modification of the content.
    pub mtime: Time,
    /// Last change of the source's inode.
    pub ctime: Time,
}

/// Whom things belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// Numbers as recorded.
    #[default]
    Keep,
    /// Everything belongs to whoever mounts, who may read all of it: people must be able to read their own backup.
    Me,
    /// Everything belongs to this user and group.
    Fixed(u32, u32),
}

/// How attributes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// Whom things belong to.
    pub owner: Owner,
    /// Whether, with [`Owner::Keep`], recorded names of users and groups count more than their numbers.
    pub map_names: bool,
    /// Permission bits taken away from everything.
    pub umask: u32,
    /// Those taken away from all but folders, instead of the umask.
    pub fmask: Option<u32>,
    /// Those taken away from folders, instead of the umask.
    pub dmask: Option<u32>,
    /// User and group of whoever mounts; they own the folders that lead to points.
    pub me: (u32, u32),
}

/// The size that file systems give to a folder of few names; the source's own is not recorded, because it says nothing.
const FOLDER_BYTES: u64 = 4096;
/// File systems allocate in pages.
const PAGE_BYTES: u64 = 4096;
const UNIT_BYTES: u64 = 512;

impl Shown {
    /// The attributes of an entry of a point.
    pub(super) fn of_entry(&self, entry: &Entry, inode: Inode) -> Attributes {
        let (uid, gid) = match self.owner {
            Owner::Keep => (entry.uid, entry.gid),
            Owner::Me => self.me,
            Owner::Fixed(uid, gid) => (uid, gid),
        };
        let size = if entry.kind == Kind::Folder { FOLDER_BYTES } else { entry.size };
        Attributes {
            inode,
            kind: entry.kind,
            mode: self.mode(entry),
            nlink: entry.nlink,
            uid,
            gid,
            rdev: entry.rdev,
            size,
            blocks: allocated(entry, size) / UNIT_BYTES,
            mtime: entry.mtime,
            ctime: entry.ctime,
        }
    }

    /// The attributes of a leading folder with so many folders in it.
    pub(super) fn of_folder(&self, inode: Inode, folders: usize, time: Time) -> Attributes {
        let nlink = u32::try_from(folders).unwrap_or(u32::MAX).saturating_add(2);
        Attributes {
            nlink,
            size: FOLDER_BYTES,
            ..self.made(inode, Kind::Folder, 0o555 & !self.mask(Kind::Folder), time)
        }
    }

    /// The attributes of a folder of `/history`: it takes no space, and how many folders it has is not known (1, as usual then).
    pub(super) fn of_past(&self, inode: Inode, time: Time) -> Attributes {
        self.made(inode, Kind::Folder, 0o555 & !self.mask(Kind::Folder), time)
    }

    /// The attributes of a leading symlink.
    pub(super) fn of_link(&self, inode: Inode, target_bytes: u64, time: Time) -> Attributes {
        Attributes { size: target_bytes, ..self.made(inode, Kind::Symlink, 0o777, time) }
    }

    /// Whether access lists must follow a changed mode.
    pub(super) fn changes_modes(&self) -> bool {
        self.owner == Owner::Me || self.mask(Kind::File) != 0 || self.mask(Kind::Folder) != 0
    }

    /// Whether owners are found by name.
    pub(super) fn maps_names(&self) -> bool {
        self.map_names && self.owner == Owner::Keep
    }

    fn mask(&self, kind: Kind) -> u32 {
        let own = if kind == Kind::Folder { self.dmask } else { self.fmask };
        own.unwrap_or(self.umask) & 0o777
    }

    pub(super) fn mode(&self, entry: &Entry) -> u32 {
        if entry.kind == Kind::Symlink {
            return entry.mode;
        }
        let mine = self.owner == Owner::Me;
        let runs = entry.kind == Kind::Folder || entry.mode & 0o111 != 0;
        let added = if mine { 0o400 | if runs { 0o100 } else { 0 } } else { 0 };
        (entry.mode | added) & !self.mask(entry.kind)
    }

    fn made(&self, inode: Inode, kind: Kind, mode: u32, time: Time) -> Attributes {
        let (uid, gid) = match self.owner {
            Owner::Fixed(uid, gid) => (uid, gid),
            _ => self.me,
        };
        let (nlink, size, blocks, rdev) = (1, 0, 0, (0, 0));
        Attributes { inode, kind, mode, nlink, uid, gid, rdev, size, blocks, mtime: time, ctime: time }
    }
}

/// Bytes that the source's file system had given to it, in whole pages.
fn allocated(entry: &Entry, size: u64) -> u64 {
    let pages = |from: u64, bytes: u64| {
        let end = from.saturating_add(bytes).div_ceil(PAGE_BYTES);
        (end - from / PAGE_BYTES).saturating_mul(PAGE_BYTES)
    };
    match (entry.kind, &entry.extents) {
        (Kind::File, Some(runs)) => runs.iter().map(|r| pages(r.offset, r.bytes)).fold(0, u64::saturating_add),
        (Kind::File | Kind::Folder, _) => pages(0, size),
        _ => 0,
    }
}
