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

mod body;
mod rows;

use crate::block::EncodedBlock;
use crate::error::{Error, Result};
use crate::monitor::NOTE;
use crate::pack::Body;
use crate::temporary::{Purpose, Temporary};
use body::FileBody;
use format_spec::container::ObjectKind;
use format_spec::keys::Secrets;
use format_spec::{ChunkId, RepositoryId, Time};
use rows::read_part;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A process's own part of a spool.
#[derive(Debug)]
pub struct Spool {
    own: PathBuf,
    _held: File,
    /// Parts of processes that have ended, held by this one.
    left: Vec<(PathBuf, File)>,
    next: std::sync::atomic::AtomicU32,
    /// Takes the folder away at the end, where it is a temporary one.
    _temporary: Option<Temporary>,
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
/// How the name of each process's part begins.
const PART: &str = "part-";

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
        Ok(Spool { own, _held: held, left, next: Default::default(), _temporary: None })
    }

    /// The same, or a part among the system's temporary files where the folder cannot be used: a run that is killed then leaves
    /// nothing to whoever goes on.
    ///
    /// # Errors
    /// When temporary files cannot be made either.
    pub fn open_somewhere(folder: &Path) -> Result<Self> {
        let why = match Spool::open(folder) {
            Ok(spool) => return Ok(spool),
            Err(why) => why,
        };
        let around = std::env::temp_dir();
        let temporary = Temporary::create_in(&around, Purpose::Spool)?;
        tracing::warn!(target: NOTE, "packs cannot be filled there: {why}; this run fills them below {}", around.display());
        let mut spool = Spool::open(temporary.path())?;
        spool._temporary = Some(temporary);
        Ok(spool)
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
        FileBody::create(&self.own, n, &rows::first(kind, lane, since)).map(|body| Box::new(body) as Box<dyn Body>)
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
