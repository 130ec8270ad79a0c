//! A file system of nothing, as fast as `fuser` lets one be: what benches/mount.py measures Cairn's mount against.
//!
//!     raw MOUNTPOINT FOLDERS FILES_A_FOLDER BYTES
//!
//! `/tree/<folder>/<file>` with 9 bytes each, and `/file` of that many zeros. It stays until it is unmounted.

use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus,
    ReplyEntry, ReplyOpen, ReplyXattr, Request,
};
use std::error::Error;
use std::ffi::OsStr;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

const TTL: Duration = Duration::from_secs(3600);
const ROOT: u64 = 1;
const TREE: u64 = 2;
const FILE: u64 = 3;
const SMALL_BYTES: u64 = 9;
/// Numbers of folders begin here; those of files follow behind all folders.
const FIRST: u64 = 16;

struct Raw {
    folders: u64,
    files: u64,
    bytes: u64,
    zeros: Vec<u8>,
}

impl Raw {
    fn attr(&self, ino: u64) -> Option<FileAttr> {
        let last_folder = FIRST + self.folders;
        let (kind, size) = match ino {
            ROOT | TREE => (FileType::Directory, 4096),
            FILE => (FileType::RegularFile, self.bytes),
            n if (FIRST..last_folder).contains(&n) => (FileType::Directory, 4096),
            n if (last_folder..last_folder + self.folders * self.files).contains(&n) => {
                (FileType::RegularFile, SMALL_BYTES)
            }
            _ => return None,
        };
        let perm = if kind == FileType::Directory { 0o755 } else { 0o644 };
        Some(FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 128 << 10,
            flags: 0,
        })
    }

    /// The name and number of the nth entry of a folder.
    fn nth(&self, folder: u64, nth: u64) -> Option<(String, u64)> {
        match folder {
            ROOT => {
                [("file", FILE), ("tree", TREE)].get(usize::try_from(nth).ok()?).map(|(n, i)| ((*n).to_owned(), *i))
            }
            TREE => (nth < self.folders).then(|| (format!("{nth:06}"), FIRST + nth)),
            _ => (nth < self.files)
                .then(|| (format!("{nth:06}"), FIRST + self.folders + (folder - FIRST) * self.files + nth)),
        }
    }

    fn child(&self, folder: u64, name: &OsStr) -> Option<u64> {
        let name = name.to_str()?;
        match folder {
            ROOT => (0..2).filter_map(|n| self.nth(ROOT, n)).find(|(n, _)| n == name).map(|(_, ino)| ino),
            _ => self.nth(folder, name.parse().ok()?).map(|(_, ino)| ino),
        }
    }
}

impl Filesystem for Raw {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        for wish in [InitFlags::FUSE_PARALLEL_DIROPS, InitFlags::FUSE_DO_READDIRPLUS, InitFlags::FUSE_READDIRPLUS_AUTO]
        {
            let _ = config.add_capabilities(wish);
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.child(parent.0, name).and_then(|ino| self.attr(ino)) {
            Some(attr) => reply.entry(&TTL, &attr, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attr(ino.0) {
            Some(attr) => reply.attr(&TTL, &attr),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let whole = self.attr(ino.0).map_or(0, |a| a.size);
        let length = whole.saturating_sub(offset).min(u64::from(size));
        reply.data(self.zeros.get(..usize::try_from(length).unwrap_or(0)).unwrap_or_default());
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        for n in offset.. {
            let Some((name, ino)) = self.nth(ino.0, n) else { break };
            let kind = self.attr(ino).map_or(FileType::RegularFile, |a| a.kind);
            if reply.add(INodeNo(ino), n + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn readdirplus(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectoryPlus) {
        for n in offset.. {
            let Some((name, attr)) = self.nth(ino.0, n).and_then(|(name, ino)| Some((name, self.attr(ino)?))) else {
                break;
            };
            if reply.add(attr.ino, n + 1, name, &TTL, &attr, Generation(0)) {
                break;
            }
        }
        reply.ok();
    }

    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, reply: ReplyXattr) {
        reply.error(Errno::EOPNOTSUPP);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [place, folders, files, bytes] = &words[..] else {
        return Err("usage: raw MOUNTPOINT FOLDERS FILES_A_FOLDER BYTES".into());
    };
    let raw = Raw { folders: folders.parse()?, files: files.parse()?, bytes: bytes.parse()?, zeros: vec![0; 16 << 20] };
    let mut config = Config::default();
    config.mount_options = vec![MountOption::RO, MountOption::FSName("raw".into())];
    (config.n_threads, config.clone_fd) = (Some(2), true);
    fuser::mount(raw, place, &config)?;
    Ok(())
}
