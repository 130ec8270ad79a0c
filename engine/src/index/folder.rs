//! The folder of the cache: segment files under numbers of their own, and one catalogue that says which of them count.
//!
//! ```text
//! catalogue        magic 8 | schema u32 | count u32 | fingerprint 32 | repository 16 | head hash 32 | position u32
//!                  | count x (number u64, CRC of the segment's header u32) | CRC of all before u32
//! segment-<hex>    see layout.rs
//! lock             empty; locked while the catalogue is read or replaced
//! ```
//! Promises: the catalogue is replaced by a rename, and never before the files that it names are durable; a segment file
//! is removed only when the catalogue does not name it and no process holds its lock (shared: reads it; exclusive: writes
//! it), except by [`Folder::drop_all`]. Two processes on one folder overwrite each other's catalogue at worst.

use super::layout::{Fields, SCHEMA, fingerprint};
use super::mapped::MappedSegment;
use crate::error::{Error, Kind, Result};
use format_spec::RepositoryId;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"CairnIdx";
const CATALOGUE: &str = "catalogue";
const LOCK: &str = "lock";
const SEGMENT: &str = "segment-";

/// What the catalogue says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Catalogue {
    pub(super) repository: RepositoryId,
    pub(super) position: u32,
    pub(super) head_hash: [u8; 32],
    /// Number and header CRC of each segment.
    pub(super) segments: Vec<(u64, u32)>,
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
}

/// The folder's lock, released when dropped.
pub(super) struct Locked<'a> {
    folder: &'a Folder,
    _lock: File,
}

impl Folder {
    /// The folder at `path`, created (for its owner only) if missing.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let folder = Folder { path: path.to_owned() };
        folder.make()?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the lock. A folder that was removed meanwhile is made again.
    pub(super) fn lock(&self) -> Result<Locked<'_>> {
        self.make()?;
        let path = self.path.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(|e| on(&path, e))?;
        file.lock().map_err(|e| on(&path, e).advise("choose a --cache-dir on a file system that has locks"))?;
        Ok(Locked { folder: self, _lock: file })
    }

    /// The file of a segment.
    pub(super) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{SEGMENT}{number:016x}"))
    }

    /// Removes the catalogue and every segment, in use or not. A process that has them mapped goes on with what it has.
    pub(super) fn drop_all(path: &Path) -> Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let folder = Folder { path: path.to_owned() };
        let locked = folder.lock()?;
        locked.forget()?;
        for number in locked.numbers()? {
            let path = folder.segment(number);
            fs::remove_file(&path).or_else(absent_is_fine).map_err(|e| on(&path, e))?;
        }
        Ok(())
    }

    fn make(&self) -> Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(|e| on(&self.path, e))
    }
}

impl Locked<'_> {
    /// The catalogue; `None` if there is none. `Damaged`, `Unsupported` or `Input` tell why it cannot be used.
    pub(super) fn catalogue(&self, repository: RepositoryId) -> Result<Option<Catalogue>> {
        let path = self.folder.path.join(CATALOGUE);
        match fs::read(&path) {
            Ok(bytes) => decode(&bytes, repository).map(Some).map_err(|e| e.on(path.display())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(on(&path, e)),
        }
    }

    /// Replaces the catalogue, durably, and removes what nobody needs any more.
    pub(super) fn publish(&self, catalogue: &Catalogue) -> Result<()> {
        let path = &self.folder.path;
        let mut next = tempfile::Builder::new().prefix(".catalogue-").tempfile_in(path).map_err(|e| on(path, e))?;
        next.write_all(&encode(catalogue)).and_then(|()| next.as_file().sync_all()).map_err(|e| on(next.path(), e))?;
        next.persist(path.join(CATALOGUE)).map_err(|e| on(path, e.error))?;
        File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| on(path, e))?;
        self.sweep(&catalogue.segments)
    }

    /// Removes the catalogue: the next opening begins anew.
    pub(super) fn forget(&self) -> Result<()> {
        let path = self.folder.path.join(CATALOGUE);
        fs::remove_file(&path).or_else(absent_is_fine).map_err(|e| on(&path, e))
    }

    /// Opens a segment for reading and keeps a shared lock on it.
    pub(super) fn open(&self, number: u64, repository: RepositoryId) -> Result<MappedSegment> {
        let path = self.folder.segment(number);
        let file = File::open(&path).map_err(|e| on(&path, e))?;
        file.lock_shared().map_err(|e| on(&path, e))?;
        MappedSegment::open(file, &path, number, repository)
    }

    /// Creates an empty segment file under a number that no file has, exclusively locked.
    pub(super) fn create(&self) -> Result<(u64, File)> {
        let mut number = self.numbers()?.into_iter().max().map_or(0, |n| n.wrapping_add(1));
        loop {
            let path = self.folder.segment(number);
            match OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(&path) {
                Ok(file) => {
                    file.lock().map_err(|e| on(&path, e))?;
                    return Ok((number, file));
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => number = number.wrapping_add(1),
                Err(e) => return Err(on(&path, e)),
            }
        }
    }

    /// Removes the segments that `kept` does not name and nobody has locked, and what a killed process left half-made.
    pub(super) fn sweep(&self, kept: &[(u64, u32)]) -> Result<()> {
        for number in self.numbers()? {
            let path = self.folder.segment(number);
            if kept.iter().any(|(n, _)| *n == number) {
                continue;
            }
            let Ok(file) = File::open(&path) else { continue };
            if file.try_lock().is_ok() {
                fs::remove_file(&path).or_else(absent_is_fine).map_err(|e| on(&path, e))?;
            }
        }
        for name in self.names()? {
            if name.starts_with(".catalogue-") {
                // Written under the lock that we hold, so its writer is dead.
                let path = self.folder.path.join(name);
                fs::remove_file(&path).or_else(absent_is_fine).map_err(|e| on(&path, e))?;
            }
        }
        Ok(())
    }

    fn numbers(&self) -> Result<Vec<u64>> {
        let number = |name: &String| u64::from_str_radix(name.strip_prefix(SEGMENT)?, 16).ok();
        Ok(self.names()?.iter().filter_map(number).collect())
    }

    fn names(&self) -> Result<Vec<String>> {
        let path = &self.folder.path;
        let entries = fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let entries = entries.map_err(|e| on(path, e))?;
        Ok(entries.into_iter().filter_map(|e| e.file_name().into_string().ok()).collect())
    }
}

fn encode(catalogue: &Catalogue) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&SCHEMA.to_le_bytes());
    let count = u32::try_from(catalogue.segments.len()).expect("a cache has at most 8 segments");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(fingerprint());
    out.extend_from_slice(&catalogue.repository.0);
    out.extend_from_slice(&catalogue.head_hash);
    out.extend_from_slice(&catalogue.position.to_le_bytes());
    for (number, crc) in &catalogue.segments {
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&crc.to_le_bytes());
    }
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

fn decode(bytes: &[u8], repository: RepositoryId) -> Result<Catalogue> {
    let damaged = |what: &str| Error::new(Kind::Damaged, what);
    let mut cursor = Fields(bytes);
    if cursor.array::<8>()? != MAGIC {
        return Err(damaged("it does not begin like a catalogue of the index cache"));
    }
    let schema = u32::from_le_bytes(cursor.array()?);
    let count = u32::from_le_bytes(cursor.array()?) as usize;
    if schema != SCHEMA || &cursor.array::<32>()? != fingerprint() {
        return Err(Error::new(Kind::Unsupported, "it was written with another layout"));
    }
    let Some((body, crc)) = bytes.split_last_chunk() else { return Err(damaged("it is cut off")) };
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(damaged("its checksum does not hold"));
    }
    if cursor.array::<16>()? != repository.0 {
        return Err(Error::new(Kind::Input, "it belongs to another repository"));
    }
    let head_hash = cursor.array()?;
    let position = u32::from_le_bytes(cursor.array()?);
    if cursor.0.len() != count.saturating_mul(12).saturating_add(4) {
        return Err(damaged("its length is not what it says"));
    }
    let segments = (0..count)
        .map(|_| Ok((u64::from_le_bytes(cursor.array()?), u32::from_le_bytes(cursor.array()?))))
        .collect::<Result<_>>()?;
    Ok(Catalogue { repository, position, head_hash, segments })
}

fn absent_is_fine(e: std::io::Error) -> std::io::Result<()> {
    if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) }
}

fn on(path: &Path, e: std::io::Error) -> Error {
    Error::from(e).on(path.display())
}
