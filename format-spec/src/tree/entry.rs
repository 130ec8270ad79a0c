//! One entry of a folder: everything that a source knows about an item, and where its content is.

use crate::Time;
use crate::id::ChunkId;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A regular file.
    File = 1,
    /// A folder.
    Folder = 2,
    /// A symbolic link; its target stands in the entry.
    Symlink = 3,
    /// A named pipe.
    Fifo = 4,
    /// A socket's name.
    Socket = 5,
    /// A character device.
    CharDevice = 6,
    /// A block device.
    BlockDevice = 7,
}

/// Where an entry's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Content {
    /// No bytes: an empty file, or a kind that has none.
    #[default]
    None,
    /// One data chunk that is the whole content.
    Chunk(ChunkId),
    /// The root node of a content tree (file) or of a folder tree (folder).
    Tree(ChunkId),
}

/// A run of data in a sparse file, in bytes of the file. What lies between runs is a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Extent {
    /// Where the run starts.
    pub offset: u64,
    /// How long it is, never 0.
    pub bytes: u64,
}

/// Sums over everything below a folder, the folder itself excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Totals {
    /// Direct entries.
    pub entries: u64,
    /// All entries below, at any depth.
    pub descendants: u64,
    /// Sum of the sizes of all files below.
    pub bytes: u64,
    /// Oldest modification time below, in seconds; `i64::MAX` when there is nothing below.
    pub oldest: i64,
    /// Newest modification time below, in seconds; `i64::MIN` when there is nothing below.
    pub newest: i64,
}

impl Default for Totals {
    /// The sums over nothing ([TREE-8]).
    fn default() -> Self {
        Totals { entries: 0, descendants: 0, bytes: 0, oldest: i64::MAX, newest: i64::MIN }
    }
}

/// One item of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Raw bytes, 1..=4095 long, without NUL and `/`, not `.` or `..`. The root folder of a point alone has the empty name.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, set-id bits and sticky bit (`mode & 0o7777`).
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// The owner's name where the source knew one; empty otherwise.
    pub user: Vec<u8>,
    /// The group's name where the source knew one; empty otherwise.
    pub group: Vec<u8>,
    /// Modification time.
    pub mtime: Time,
    /// Change time of the source's inode; part of change detection, never restored.
    pub ctime: Time,
    /// Birth time, where the source keeps one.
    pub btime: Option<Time>,
    /// The source's inode number; part of change detection.
    pub inode: u64,
    /// The device (file system) that holds the inode.
    pub device: u64,
    /// Number of names of the inode, at least 1.
    pub nlink: u32,
    /// Size in bytes: of a file its length (holes included), of a symlink its target's length, else 0.
    pub size: u64,
    /// Major and minor number of a device node, else 0.
    pub rdev: (u32, u32),
    /// Target of a symlink, else empty.
    pub target: Vec<u8>,
    /// Extended attributes in byte order of their names, POSIX ACLs among them as the kernel stores them
    /// (`system.posix_acl_access`, `system.posix_acl_default`).
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The runs of data of a sparse file in rising order; `None` for a dense one.
    pub extents: Option<Vec<Extent>>,
    /// Same group, same inode: device and inode number as little-endian `u64`s. Only on files with `nlink` above 1.
    pub link_group: Option<[u8; 16]>,
    /// Where the bytes are: of a sparse file its runs laid end to end.
    pub content: Content,
    /// Sums below a folder; the sums over nothing for other kinds.
    pub totals: Totals,
}

impl Entry {
    /// An item of which nothing is known but its name and kind: no mode, no times, no bytes, one name.
    pub fn new(name: impl Into<Vec<u8>>, kind: Kind) -> Self {
        Entry {
            name: name.into(),
            kind,
            mode: 0,
            uid: 0,
            gid: 0,
            user: Vec::new(),
            group: Vec::new(),
            mtime: Time::default(),
            ctime: Time::default(),
            btime: None,
            inode: 0,
            device: 0,
            nlink: 1,
            size: 0,
            rdev: (0, 0),
            target: Vec::new(),
            xattrs: Vec::new(),
            extents: None,
            link_group: None,
            content: Content::None,
            totals: Totals::default(),
        }
    }
}
