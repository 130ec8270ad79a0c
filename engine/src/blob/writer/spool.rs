//! Packs under construction in files: a large pack needs no memory, and what a killed process had put into one is found by the next.
//!
//! ```text
//! FOLDER/<random>/lock            held while its process lives
//! FOLDER/<random>/<n>.body        header and records, as they will be stored
//! FOLDER/<random>/<n>.rows        which pack it is, then a row a block: where, how long, its chunks; each with a CRC
//! FOLDER/<random>/waiting         words that its owner left for whoever goes on: one a line
//! ```
//!
//! Promises: a block that is found again is believed only if its row, its CRC and its tag hold; files that another living process has are left
//! alone. Refuses to be needed: a spool that is lost costs reading the source again.

use crate::block::EncodedBlock;
use crate::error::{Error, Kind, Result};
use crate::pack::Body;
use format_spec::container::{Codec, HEAD_BYTES, Header, ObjectKind, RecordHead};
use format_spec::keys::Secrets;
use format_spec::pack::{BLOBS_MAX, BlobEntry};
use format_spec::{ChunkId, RepositoryId, Time};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A process's own part of a spool.
#[derive(Debug)]
pub struct Spool {
    own: PathBuf,
    _held: File,
    /// Parts of processes that have ended, held by this one.
    left: Vec<(PathBuf, File)>,
    next: std::sync::atomic::AtomicU32,
}

/// A block that a process left behind.
#[derive(Debug)]
pub(super) struct Spooled {
    /// What kind of pack it was for.
    pub kind: ObjectKind,
    /// Which row of packs.
    pub lane: usize,
    /// When the first block of its pack was put.
    pub since: Time,
    /// The block, opened and verified.
    pub block: EncodedBlock,
}

const WAITING: &str = "waiting";
const MAGIC: [u8; 8] = *b"CRNSPL01";
/// How the name of each process's part begins.
const PART: &str = "part-";
/// Magic, kind, lane, two zeros, time, CRC.
const FIRST_BYTES: usize = 8 + 4 + 8 + 4;
/// Unwritten bytes that a loss of power may cost.
const SYNC_BYTES: u64 = 64 << 20;

impl Spool {
    /// Opens a part of its own in `folder`, and takes hold of those that nobody has any more.
    ///
    /// # Errors
    /// From the file system.
    pub fn open(folder: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| Error::from(e).on(folder.display());
        fs::create_dir_all(folder).map_err(failed)?;
        // While this is held, nobody makes a part or takes one over.
        let door = lock_file(&folder.join("door")).map_err(failed)?;
        door.lock().map_err(failed)?;
        let mut left = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            // What is not ours is not taken over: what is taken over is deleted.
            if !entry.file_name().as_encoded_bytes().starts_with(PART.as_bytes()) || !path.is_dir() {
                continue;
            }
            let held = match lock_file(&path.join("lock")) {
                // Its process has just ended, and taken it away.
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                other => other.map_err(failed)?,
            };
            match held.try_lock() {
                Ok(()) => left.push((path, held)),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(failed(e)),
            }
        }
        left.sort_by(|(a, _), (b, _)| a.cmp(b));
        let own = tempfile::Builder::new().prefix(PART).tempdir_in(folder).map_err(failed)?.keep();
        let held = lock_file(&own.join("lock")).map_err(failed)?;
        held.lock().map_err(failed)?;
        Ok(Spool { own, _held: held, left, next: Default::default() })
    }

    /// What ended processes left for whoever goes on; each word once.
    pub fn waiting(&self) -> Vec<String> {
        let read = |(part, _): &(PathBuf, File)| fs::read_to_string(part.join(WAITING)).unwrap_or_default();
        let mut words: Vec<String> =
            self.left.iter().map(read).flat_map(|t| t.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        words.sort();
        words.dedup();
        words
    }

    /// Leaves words for whoever goes on, in the place of those before; none takes them away.
    ///
    /// # Errors
    /// From the file system.
    pub(super) fn leave(&self, words: &[String]) -> Result<()> {
        let path = self.own.join(WAITING);
        let done = if words.is_empty() {
            fs::remove_file(&path).or_else(|e| if e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) })
        } else {
            let text = words.join("\n") + "\n";
            fs::write(&path, text).and_then(|()| File::open(&path)?.sync_all())
        };
        done.map_err(|e| Error::from(e).on(path.display()))
    }

    /// A place for a new pack.
    pub(super) fn body(&self, kind: ObjectKind, lane: usize, since: Time) -> Result<Box<dyn Body>> {
        let n = self.next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let new = |suffix: &str| -> Result<(File, PathBuf)> {
            let path = self.own.join(format!("{n:08}.{suffix}"));
            let made = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
            Ok((made.map_err(|e| Error::from(e).on(path.display()))?, path))
        };
        let ((body, path), (mut rows, rows_path)) = (new("body")?, new("rows")?);
        rows.write_all(&first_row(kind, lane, since))?;
        Ok(Box::new(FileBody { body, path, rows, rows_path, length: 0, unsynced: 0 }))
    }

    /// Visits what ended processes left behind, in the order in which they put it. A row that is cut short or wrong ends its pack.
    ///
    /// # Errors
    /// The visitor's. Files that cannot be read are passed over: they are hints.
    pub(super) fn recover(
        &self,
        repository: RepositoryId,
        secrets: &Secrets,
        visit: &mut dyn FnMut(Spooled) -> Result<()>,
    ) -> Result<()> {
        self.left.iter().try_for_each(|(part, _)| read_part(part, repository, secrets, visit))
    }

    /// Forgets what ended processes left behind and nobody needs: parts all of whose chunks are `known`.
    ///
    /// # Errors
    /// Those of `known`.
    pub(super) fn forget_known(
        &self,
        repository: RepositoryId,
        secrets: &Secrets,
        known: &mut dyn FnMut(&ChunkId) -> Result<bool>,
    ) -> Result<()> {
        for (part, _) in &self.left {
            let mut is_needed = false;
            read_part(part, repository, secrets, &mut |spooled| {
                for blob in &spooled.block.blobs {
                    is_needed = is_needed || !known(&blob.id)?;
                }
                Ok(())
            })?;
            if !is_needed {
                let _ = fs::remove_dir_all(part);
            }
        }
        Ok(())
    }

    /// Forgets what ended processes left behind: it stands in packs of this one by now.
    pub(super) fn forget_left(&self) {
        for (part, _) in &self.left {
            // What cannot be removed is found again, and known then.
            let _ = fs::remove_dir_all(part);
        }
    }
}

impl Drop for Spool {
    /// An empty part is of no use to anybody.
    fn drop(&mut self) {
        let is_empty = fs::read_dir(&self.own).is_ok_and(|mut e| !e.any(|e| e.is_ok_and(|e| e.file_name() != "lock")));
        if is_empty {
            let _ = fs::remove_dir_all(&self.own);
        }
    }
}

fn lock_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// A pack in two files.
#[derive(Debug)]
struct FileBody {
    body: File,
    path: PathBuf,
    rows: File,
    rows_path: PathBuf,
    length: u64,
    unsynced: u64,
}

impl Body for FileBody {
    fn append(&mut self, bytes: &[u8], blobs: &[BlobEntry]) -> Result<()> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |e: std::io::Error| Error::from(e).on(path)
        };
        self.body.write_all(bytes).map_err(failed(&self.path))?;
        self.length += bytes.len() as u64;
        self.rows.write_all(&row(self.length, blobs)).map_err(failed(&self.rows_path))?;
        self.unsynced += bytes.len() as u64;
        if self.unsynced >= SYNC_BYTES { self.sync() } else { Ok(()) }
    }

    fn read(&mut self, into: &mut Vec<u8>, room: usize) -> Result<()> {
        into.clear();
        into.reserve_exact(room.max(usize::try_from(self.length).unwrap_or(usize::MAX)));
        self.body.seek(SeekFrom::Start(0))?;
        (&mut self.body).take(self.length).read_to_end(into)?;
        if into.len() as u64 != self.length {
            return Err(Error::new(Kind::Transient, "a file of the spool was cut short while it was in use")
                .on(self.path.display())
                .advise("find out who changes it, or choose another --cache-dir; run the copy again"));
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.body.sync_data()?;
        self.rows.sync_data()?;
        self.unsynced = 0;
        Ok(())
    }

    fn discard(self: Box<Self>) {
        // What cannot be removed is found again by the next process, and known then.
        let _ = fs::remove_file(&self.rows_path);
        let _ = fs::remove_file(&self.path);
    }
}

fn first_row(kind: ObjectKind, lane: usize, since: Time) -> Vec<u8> {
    let mut row = MAGIC.to_vec();
    row.extend_from_slice(&[kind as u8, u8::try_from(lane).unwrap_or(u8::MAX), 0, 0]);
    row.extend_from_slice(&since.seconds.to_le_bytes());
    sealed(row)
}

/// Where the block's record ends (it begins where the one before ends, the first behind the header), and its chunks.
fn row(end: u64, blobs: &[BlobEntry]) -> Vec<u8> {
    let count = u32::try_from(blobs.len()).unwrap_or(u32::MAX);
    let mut row = Vec::with_capacity(16 + blobs.len() * 36);
    row.extend_from_slice(&end.to_le_bytes());
    row.extend_from_slice(&count.to_le_bytes());
    for blob in blobs {
        row.extend_from_slice(&blob.id.0);
        row.extend_from_slice(&blob.bytes.to_le_bytes());
    }
    sealed(row)
}

fn sealed(mut row: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&row);
    row.extend_from_slice(&crc.to_le_bytes());
    row
}

/// Reads what one process left behind, pack by pack; an error is the visitor's.
fn read_part(
    part: &Path,
    repository: RepositoryId,
    secrets: &Secrets,
    visit: &mut dyn FnMut(Spooled) -> Result<()>,
) -> Result<()> {
    // One that is gone by now was empty when its process ended.
    let entries = fs::read_dir(part).into_iter().flatten();
    let mut packs: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    packs.retain(|path| path.extension().is_some_and(|e| e == "rows"));
    packs.sort();
    for rows in packs {
        let mut failed = None;
        let read = read_pack(&rows, repository, secrets, &mut |spooled| {
            visit(spooled).inspect_err(|e| failed = Some(e.again()))
        });
        match (read, failed) {
            (_, Some(e)) => return Err(e),
            (Err(e), None) => {
                tracing::info!(file = %rows.display(), "what a process left in the spool ends here: {e}");
            }
            (Ok(()), None) => {}
        }
    }
    Ok(())
}

/// Reads one pack's rows and blocks until one is not whole.
fn read_pack(
    rows: &Path,
    repository: RepositoryId,
    secrets: &Secrets,
    visit: &mut dyn FnMut(Spooled) -> Result<()>,
) -> Result<()> {
    let torn = || Error::new(Kind::Damaged, "it is cut short");
    let mut body = File::open(rows.with_extension("body"))?;
    let mut rows = std::io::BufReader::new(File::open(rows)?);
    let first = exactly(&mut rows, FIRST_BYTES - 4)?.ok_or_else(torn)?;
    let (kind, lane) = (ObjectKind::from_byte(first[8])?, usize::from(first[9]));
    if first[..8] != MAGIC || !is_whole(&mut rows, &first)? {
        return Err(torn());
    }
    let since = Time::new(i64::from_le_bytes(first[12..20].try_into().map_err(|_| torn())?), 0);
    let header_bytes = exactly(&mut body, format_spec::container::HEADER_BYTES)?.ok_or_else(torn)?;
    let header = Header::decode(&header_bytes)?;
    if header.repository != repository || header.kind != kind {
        return Err(Error::new(Kind::Damaged, "it belongs to another repository"));
    }
    let cipher = secrets.cipher(&header);
    let mut at = header_bytes.len() as u64;
    while let Some(mut row) = exactly(&mut rows, 12)? {
        let end = u64::from_le_bytes(row[..8].try_into().map_err(|_| torn())?);
        let count = u32::from_le_bytes(row[8..12].try_into().map_err(|_| torn())?) as usize;
        if count == 0 || count > BLOBS_MAX {
            return Err(torn());
        }
        row.extend(exactly(&mut rows, count * 36)?.ok_or_else(torn)?);
        if !is_whole(&mut rows, &row)? {
            return Err(torn());
        }
        let length = end.checked_sub(at).filter(|l| *l <= RECORD_BYTES_MAX).and_then(|l| usize::try_from(l).ok());
        let record = exactly(&mut body, length.ok_or_else(torn)?)?.ok_or_else(torn)?;
        at = end;
        let head = RecordHead::decode(&record)?;
        let payload = record.get(HEAD_BYTES..).unwrap_or_default();
        head.check_payload(payload)?;
        let encoded = cipher.open(&head, payload)?.to_vec();
        let blob = |b: &[u8]| {
            let (id, bytes) = b.split_at(32);
            Some(BlobEntry { id: ChunkId(id.try_into().ok()?), bytes: u32::from_le_bytes(bytes.try_into().ok()?) })
        };
        let blobs: Vec<_> = row[12..].chunks_exact(36).filter_map(blob).collect();
        let block =
            EncodedBlock { codec: Codec::from_byte(head.codec)?, encoded, plain_bytes: head.plain as usize, blobs };
        visit(Spooled { kind, lane, since, block })?;
    }
    Ok(())
}

/// A record's head and the longest payload ([CONT-9]).
const RECORD_BYTES_MAX: u64 = 4_194_304 + 16 + HEAD_BYTES as u64;

/// So many bytes; `None` where there are fewer.
fn exactly(from: &mut impl Read, bytes: usize) -> Result<Option<Vec<u8>>> {
    let mut read = vec![0; bytes];
    match from.read_exact(&mut read) {
        Ok(()) => Ok(Some(read)),
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn is_whole(rows: &mut impl Read, row: &[u8]) -> Result<bool> {
    Ok(exactly(rows, 4)?.is_some_and(|crc| crc == crc32fast::hash(row).to_le_bytes()))
}
