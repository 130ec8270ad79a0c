//! Which kind of file system a folder lies on, by the number that `statfs` gives it, and what a rename means there.
//!
//! A name is given once. A hard link that is refused where something stands has one winner on every file system that has hard
//! links, for it is made where the files are. A rename that refuses to replace has one only where no other machine writes: a
//! network file system's client looks first and renames then, and what another machine does in between is replaced. No trial on
//! one machine shows that.
//!
//! Promises: each number stands once. Refuses to guess: a file system that the table does not know counts as shared.

use rustix::fd::OwnedFd;
use std::fmt;

/// A kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    magic: u32,
    name: &'static str,
    writers: Writers,
}

/// Who may write to one file system at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writers {
    /// This machine alone: its kernel decides who was first.
    One,
    /// Other machines too, or nobody knows.
    Many,
}

impl Kind {
    /// That of an open folder. One that cannot be asked for counts as unknown.
    pub(super) fn of(folder: &OwnedFd) -> Kind {
        let told = rustix::fs::fstatfs(folder).ok();
        // The number has 32 bits; some architectures give it with a sign, and some in 64.
        let magic = told.and_then(|told| u32::try_from(i128::from(told.f_type) & i128::from(u32::MAX)).ok());
        Kind::by(magic.unwrap_or(0))
    }

    fn by(magic: u32) -> Kind {
        TABLE.iter().find(|kind| kind.magic == magic).copied().unwrap_or(Kind {
            magic,
            name: "unknown",
            writers: Writers::Many,
        })
    }

    /// Whether a rename that refuses to replace has one winner, whoever else writes.
    pub(super) fn renames_once(self) -> bool {
        self.writers == Writers::One
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:08x})", self.name, self.magic)
    }
}

const fn one(magic: u32, name: &'static str) -> Kind {
    Kind { magic, name, writers: Writers::One }
}

const fn many(magic: u32, name: &'static str) -> Kind {
    Kind { magic, name, writers: Writers::Many }
}

/// The numbers of `linux/magic.h`, and of file systems that are built outside the kernel.
const TABLE: &[Kind] = &[
    one(0xef53, "ext2, ext3, ext4"),
    one(0x5846_5342, "XFS"),
    one(0x9123_683e, "Btrfs"),
    one(0x2fc1_2fc1, "ZFS"),
    one(0xca45_1a4e, "bcachefs"),
    one(0xf2f5_2010, "F2FS"),
    one(0x0102_1994, "tmpfs"),
    one(0x8584_58f6, "ramfs"),
    one(0x4d44, "FAT"),
    one(0x2011_bab0, "exFAT"),
    one(0x5346_544e, "NTFS"),
    one(0x7366_746e, "NTFS"),
    one(0x482b, "HFS+"),
    one(0x3153_464a, "JFS"),
    one(0x5265_4973, "ReiserFS"),
    one(0x3434, "NILFS2"),
    one(0x1501_3346, "UDF"),
    // Its upper layer must know renames that do not replace, which no network file system does.
    one(0x794c_7630, "overlayfs"),
    // A layer over anything, shares included.
    many(0xf15f, "eCryptfs"),
    many(0x6969, "NFS"),
    many(0xff53_4d42, "CIFS"),
    many(0xfe53_4d42, "SMB2, SMB3"),
    many(0x517b, "SMB"),
    // Everything that a program serves: sshfs, NTFS-3G, virtiofs, mounts of buckets.
    many(0x6573_5546, "FUSE"),
    many(0x0102_1997, "9p"),
    many(0x00c3_6400, "CephFS"),
    many(0x5346_414f, "AFS"),
    many(0x6b41_4653, "AFS"),
    many(0x7375_7245, "Coda"),
    many(0x0bd0_0bd0, "Lustre"),
    many(0x1983_0326, "BeeGFS"),
    many(0x4750_4653, "GPFS"),
    many(0x0116_1970, "GFS2"),
    many(0x7461_636f, "OCFS2"),
    many(0x786f_4256, "a folder of VirtualBox"),
    many(0xbacb_acbc, "a folder of VMware"),
    many(0x7c7c_6673, "a folder of Parallels"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_known_by_its_name_and_says_what_a_rename_means() {
        let rows = [
            (0xef53, "ext2, ext3, ext4", true),
            (0x5846_5342, "XFS", true),
            (0x9123_683e, "Btrfs", true),
            (0x2fc1_2fc1, "ZFS", true),
            (0xca45_1a4e, "bcachefs", true),
            (0xf2f5_2010, "F2FS", true),
            (0x0102_1994, "tmpfs", true),
            (0x8584_58f6, "ramfs", true),
            (0x4d44, "FAT", true),
            (0x2011_bab0, "exFAT", true),
            (0x5346_544e, "NTFS", true),
            (0x7366_746e, "NTFS", true),
            (0x482b, "HFS+", true),
            (0x3153_464a, "JFS", true),
            (0x5265_4973, "ReiserFS", true),
            (0x3434, "NILFS2", true),
            (0x1501_3346, "UDF", true),
            (0x794c_7630, "overlayfs", true),
            (0xf15f, "eCryptfs", false),
            (0x6969, "NFS", false),
            (0xff53_4d42, "CIFS", false),
            (0xfe53_4d42, "SMB2, SMB3", false),
            (0x517b, "SMB", false),
            (0x6573_5546, "FUSE", false),
            (0x0102_1997, "9p", false),
            (0x00c3_6400, "CephFS", false),
            (0x5346_414f, "AFS", false),
            (0x6b41_4653, "AFS", false),
            (0x7375_7245, "Coda", false),
            (0x0bd0_0bd0, "Lustre", false),
            (0x1983_0326, "BeeGFS", false),
            (0x4750_4653, "GPFS", false),
            (0x0116_1970, "GFS2", false),
            (0x7461_636f, "OCFS2", false),
            (0x786f_4256, "a folder of VirtualBox", false),
            (0xbacb_acbc, "a folder of VMware", false),
            (0x7c7c_6673, "a folder of Parallels", false),
        ];
        for (magic, name, once) in rows {
            let kind = Kind::by(magic);
            assert_eq!((kind.magic, kind.name, kind.renames_once()), (magic, name, once), "0x{magic:08x}");
        }
        assert_eq!(rows.len(), TABLE.len(), "a row without a test");
        let numbers: std::collections::BTreeSet<u32> = TABLE.iter().map(|kind| kind.magic).collect();
        assert_eq!(numbers.len(), TABLE.len(), "a number stands twice");
    }

    #[test]
    fn what_is_not_known_counts_as_shared() {
        let kind = Kind::by(0x1234_5678);
        assert!(!kind.renames_once());
        assert_eq!(kind.to_string(), "unknown (0x12345678)");
    }

    #[test]
    fn the_kernel_gives_its_own_file_systems_the_numbers_of_the_table() {
        let proc = rustix::fs::open("/proc", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
        assert_eq!(Kind::of(&proc).magic, 0x9fa0, "the number of procfs");
    }
}
