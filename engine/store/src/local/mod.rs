//! A repository in a folder: one file an object, the name as its path.
//!
//! Promises: `put` is atomic and durable (see [`stage`]); everything happens relative to the folder that was opened, so a
//! disk that goes away cannot redirect writes to what lies below its mount point. Files whose names leave the alphabet of
//! [`ObjectName`] are somebody else's: never listed, never touched. What has an object's name and is not a plain file is damage (see [`foreign`]). Refuses to follow a name out of the folder, and to map files
//! (a file cut short under a mapping kills the process).

mod error;
mod foreign;
mod kind;
mod reserve;
mod rights;
mod stage;
mod walk;

use super::availability::no_archive;
use super::class::no_classes;
use super::lock::no_locks;
use super::{
    Asked, Capabilities, HeadOptions, Info, ListOptions, Listed, OBJECT_BYTES_MAX, ObjectLock, ObjectName, ObjectRef,
    ObjectVersion, PutOptions, Read, ReadRange, Receipt, RetrievalMode, Room, Space, StorageClass, Store,
};
use base::env::Machine;
use base::error::{Error, Kind, Result};
use bytes::Bytes;
use error::classify;
use format_spec::Time;
use parking_lot::Mutex;
use rights::Rights;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use std::collections::HashSet;
use std::fs::File;
use std::io::{Read as _, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The store over one folder.
#[derive(Debug)]
pub(super) struct Local {
    path: PathBuf,
    root: OwnedFd,
    /// Folders below the root whose own entries are known to be durable; the root itself is the empty string.
    durable: Mutex<HashSet<String>>,
    /// Begins the names of our staged files: random, for on a share two machines can have processes of one number.
    writer: String,
    /// Whose its objects are.
    rights: Rights,
    /// What it lies on: decides whether a rename may give names.
    kind: kind::Kind,
    /// Each read asks the disk, not the memory of the operating system.
    is_uncached: bool,
}

impl Local {
    /// Opens the folder, or creates it (with its parents, durably) if `create` is set, and sweeps what dead writers left. A folder that is `shared` is
    /// given to its group.
    pub(super) fn open(path: &Path, create: bool, shared: bool) -> Result<Self> {
        if create {
            create_folder(path, 0o700)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|e| refuse_root(path, e))?;
        if shared {
            rights::share(&root).map_err(|e| e.on(path.display()))?;
        }
        let rights = Rights::of(&root).map_err(|e| e.on(path.display()))?;
        let mut dice = [0; 16];
        Machine::shared().random(&mut dice)?;
        let writer = format!("{:032x}", u128::from_le_bytes(dice));
        let (path, kind) = (path.to_owned(), kind::Kind::of(&root));
        let local = Local { path, root, durable: Mutex::default(), writer, rights, kind, is_uncached: false };
        stage::sweep(&local.root);
        Ok(local)
    }

    fn open_file(&self, name: &ObjectName) -> Result<(File, u64)> {
        // Neither waits for the other end of a pipe, nor follows a link, nor takes a terminal.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
        let fd = match rustix::fs::openat(&self.root, name.as_str(), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(self.absent(name)),
            Err(e) => {
                let foreign = foreign::in_place_of(self, name);
                return Err(foreign.unwrap_or_else(|| classify(e, "cannot open the object").on(name)));
            }
        };
        let file = File::from(fd);
        let metadata = file.metadata().map_err(|e| error::classify_io(&e, "cannot look at the object").on(name))?;
        if !metadata.is_file() {
            return Err(foreign::in_place_of(self, name).unwrap_or_else(|| self.absent(name)));
        }
        if self.is_uncached {
            // A hint; where it is not taken, the same memory is read again.
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        }
        Ok((file, metadata.len()))
    }

    /// An object is absent only if the folder itself is still there.
    fn absent(&self, name: &ObjectName) -> Error {
        match rustix::fs::fstat(&self.root) {
            Ok(stat) if stat.st_nlink > 0 => foreign::on_the_way(&self.root, stage::parent(name))
                .unwrap_or_else(|| Error::new(Kind::Absent, "no such object").on(name)),
            _ => Error::new(Kind::Transient, format!("the folder {} is gone", self.path.display()))
                .on(name)
                .advise("bring the disk or share back, then run the same command again"),
        }
    }
}

impl Store for Local {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        match options {
            PutOptions { class: Some(class), .. } => Err(no_classes(name, *class)),
            PutOptions { lock: Some(_), .. } => Err(no_locks(name)),
            // No checksum is sent anywhere.
            PutOptions { tries_checksum: true, .. } => Ok(Receipt::default()),
            _ => stage::put_new(self, name, &bytes).map(|()| Receipt::default()),
        }
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        let name = object.name;
        if object.version.is_some() {
            return Err(no_locks(name));
        }
        let (file, whole) = self.open_file(name)?;
        let bytes = read(&file, name, range.within(name, whole)?)?;
        Ok(Read { bytes, whole })
    }

    /// Everything is online, and nothing is locked.
    fn head(&self, object: ObjectRef<'_>, _: HeadOptions) -> Result<Info> {
        let (_, bytes) = self.open_file(object.name)?;
        Ok(Info::new(bytes, None))
    }

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        walk::list(&self.root, options.prefix, options.after, visit)
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        match self.open_file(name) {
            Ok((_, bytes)) => Ok(vec![ObjectVersion { id: None, bytes, marker: false }]),
            Err(e) if e.kind() == Kind::Absent => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        let name = object.name;
        match rustix::fs::unlinkat(&self.root, name.as_str(), AtFlags::empty()) {
            Ok(()) => {
                stage::sync_folder(&self.root, stage::parent(name)).map_err(|e| e.on(name))?;
                stage::tidy_probe(self, name);
                Ok(())
            }
            Err(Errno::NOENT | Errno::NOTDIR) => match self.absent(name) {
                gone if gone.kind() == Kind::Absent => Ok(()),
                other => Err(other),
            },
            Err(e) => {
                let foreign = foreign::in_place_of(self, name);
                Err(foreign.unwrap_or_else(|| classify(e, "cannot delete the object").on(name)))
            }
        }
    }

    fn extend_lock(&self, object: ObjectRef<'_>, _: &ObjectLock) -> Result<ObjectLock> {
        Err(no_locks(object.name))
    }

    fn retrieve(&self, object: ObjectRef<'_>, _: RetrievalMode, _: u32) -> Result<Asked> {
        Err(no_archive(object.name))
    }

    fn rest_again(&self, object: ObjectRef<'_>, _: StorageClass) -> Result<()> {
        Err(no_archive(object.name))
    }

    fn now(&self) -> Result<Time> {
        Err(Error::new(Kind::Unsupported, "this store does not tell the time").on(self.location()))
    }

    fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities::default())
    }

    fn room(&self) -> Option<&dyn Room> {
        Some(self)
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let failed = |e: std::io::Error| error::classify_io(&e, "cannot open the folder again").on(self.path.display());
        let root = self.root.try_clone().map_err(failed)?;
        let (path, writer, kind) = (self.path.clone(), self.writer.clone(), self.kind);
        let rights = Rights::of(&root)?;
        let durable = Mutex::default();
        Ok(Some(Arc::new(Local { path, root, durable, writer, rights, kind, is_uncached: true })))
    }
}

impl Room for Local {
    fn space(&self) -> Result<Space> {
        let told = rustix::fs::fstatvfs(&self.root);
        told.map(Space::told).map_err(|e| classify(e, "cannot ask for the free space").on(self.path.display()))
    }

    fn keep_reserve(&self) {
        reserve::keep(&self.root, &self.rights);
    }

    fn spend_reserve(&self, bytes: u64) -> bool {
        reserve::spend(&self.root, bytes)
    }
}

/// Reads a range that was checked against the file's length; the length is bounded before memory is taken.
fn read(file: &File, name: &ObjectName, range: Range<u64>) -> Result<Bytes> {
    let wanted = range.end - range.start;
    let length = match usize::try_from(wanted) {
        Ok(length) if wanted <= OBJECT_BYTES_MAX => length,
        _ => return Err(super::too_large(name, wanted)),
    };
    // Into memory that nobody has to fill with zeros first.
    let mut bytes = Vec::with_capacity(length);
    let mut at_start = file;
    let read = at_start.seek(SeekFrom::Start(range.start)).and_then(|_| at_start.take(wanted).read_to_end(&mut bytes));
    match read {
        Ok(read) if read == length => Ok(Bytes::from(bytes)),
        Ok(_) => Err(Error::new(Kind::Damaged, "the object became shorter while it was read").on(name)),
        Err(e) => Err(error::classify_io(&e, "cannot read the object").on(name)),
    }
}

/// Creates the folder and its parents; each new entry is made durable in the folder that holds it.
/// Its parents are made as any program makes folders.
fn create_folder(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    create_folder(parent, 0o777)?;
    let failed = |e: std::io::Error| error::classify_io(&e, "cannot create the folder").on(path.display());
    match std::fs::DirBuilder::new().mode(mode).create(path) {
        Ok(()) => File::open(parent).and_then(|f| f.sync_all()).map_err(failed),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(failed(e)),
    }
}

fn refuse_root(path: &Path, errno: Errno) -> Error {
    let error = match errno {
        Errno::NOENT => Error::new(Kind::NoRepository, "there is no such folder")
            .advise("check the path (is the disk mounted?), or create a repository with `cairn init`"),
        Errno::NOTDIR => Error::new(Kind::Input, "this is no folder").advise("a repository is kept in a folder"),
        e => classify(e, "cannot open the folder"),
    };
    error.on(path.display())
}
