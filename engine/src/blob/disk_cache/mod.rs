//! Stored records kept on this machine's disk, sealed as they are in the store: what a mount reads twice crosses the line once.
//!
//! ```text
//! <folder>/lock          held by the one process that uses the folder
//! <folder>/slab-00000007 head, record, head, record, ...            (appended, never changed; the oldest slab is removed as a whole)
//! ```
//!
//! Promises: the files together are never longer than the limit; a record that was asked for since it was written survives the removal of its slab
//! once; a cache that cannot be written is no cache, and nothing else. Refuses to judge: records are opened (checksum, tag, id) by the
//! reader, who calls [`DiskCache::forget`] for one that does not open. A pack of the same name in another history of the repository (files that
//! were copied, and went on on both sides) is another pack: the salt of its header says so.

mod slab;

use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use bytes::Bytes;
use format_spec::ObjectId;
use parking_lot::Mutex;
use rustix::fs::FlockOperation;
use slab::{Head, Slab};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Records by pack and offset.
#[derive(Debug)]
pub struct DiskCache {
    folder: PathBuf,
    limit: u64,
    slab_bytes: u64,
    inner: Mutex<Inner>,
    _lock: File,
}

#[derive(Debug, Default)]
struct Inner {
    /// The oldest first; the last one is written to.
    slabs: VecDeque<Slab>,
    records: HashMap<Key, At>,
    bytes: u64,
    next: u32,
    /// Nothing more is written after the disk said no.
    broken: bool,
}

/// Pack, offset in it, and the first bytes of the pack's salt.
type Key = (ObjectId, u32, u32);

#[derive(Debug, Clone, Copy)]
struct At {
    slab: u32,
    position: u64,
    bytes: u32,
    /// Asked for since it was written.
    used: bool,
}

/// Slabs in a full cache: so much of it goes at once.
const SLABS: u64 = 16;
/// A cache smaller than this could not keep one block of the largest size in each slab.
pub const DISK_CACHE_LEAST: u64 = 128 * 1024 * 1024;

impl DiskCache {
    /// Opens the cache in `folder`, making it if need be, and takes up what an earlier process left. `None` while another process uses it.
    ///
    /// # Errors
    /// `Input` for a limit below [`DISK_CACHE_LEAST`]; the file system's.
    pub fn open(folder: &Path, limit: u64) -> Result<Option<Self>> {
        if limit < DISK_CACHE_LEAST {
            let what =
                format!("a disk cache of {limit} bytes is too small: at least {DISK_CACHE_LEAST}, or 0 for none");
            return Err(Error::new(Kind::Input, what));
        }
        let failed = |e: std::io::Error| Error::from(e).on(folder.display());
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(None);
        }
        let mut inner = Inner::default();
        for (number, path) in slab::all(folder).map_err(failed)? {
            inner.next = inner.next.max(number.saturating_add(1));
            let records = &mut inner.records;
            let slab = Slab::open(&path, number, &mut |head, position| records.set(number, &head, position))
                .map_err(failed)?;
            if slab.bytes == 0 {
                slab.remove(folder).map_err(failed)?;
                continue;
            }
            inner.bytes += slab.bytes;
            inner.slabs.push_back(slab);
        }
        let cache = DiskCache {
            folder: folder.to_owned(),
            limit,
            slab_bytes: limit / SLABS,
            inner: Mutex::new(inner),
            _lock: lock,
        };
        cache.make_room(&mut cache.inner.lock(), 0);
        Ok(Some(cache))
    }

    /// The record of this block, if it is here.
    pub fn get(&self, place: &BlobLocation) -> Option<Bytes> {
        let (file, at) = {
            let mut inner = self.inner.lock();
            let at = inner.records.get_mut(&key_of(place))?;
            at.used = true;
            let at = *at;
            let slab = inner.slabs.iter().find(|s| s.number == at.slab)?;
            (slab.file.clone(), at)
        };
        let whole = u64::from(at.bytes) == record_bytes(place);
        let record = whole.then(|| slab::read(&file, at.position, at.bytes).ok()).flatten();
        if record.is_none() {
            self.forget(place);
        }
        record
    }

    /// Whether the record of this block is here.
    pub fn has(&self, place: &BlobLocation) -> bool {
        self.inner.lock().records.contains_key(&key_of(place))
    }

    /// Keeps a record. That it cannot be kept is no error.
    pub fn put(&self, place: &BlobLocation, record: &[u8]) {
        let mut inner = self.inner.lock();
        if inner.broken || record.len() as u64 != record_bytes(place) || inner.records.contains_key(&key_of(place)) {
            return;
        }
        if let Err(e) = self.append(&mut inner, key_of(place), record) {
            tracing::warn!(folder = %self.folder.display(), "the disk cache cannot be written and is no longer: {e}");
            inner.broken = true;
        }
    }

    /// Drops the record of a block that does not open.
    pub fn forget(&self, place: &BlobLocation) {
        self.inner.lock().records.remove(&key_of(place));
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.inner.lock().bytes
    }

    fn append(&self, inner: &mut Inner, key: Key, record: &[u8]) -> std::io::Result<()> {
        let head = Head { key, bytes: u32::try_from(record.len()).unwrap_or(u32::MAX) };
        let needed = head.whole_bytes();
        self.make_room(inner, needed);
        let full = inner.slabs.back().is_none_or(|s| s.bytes + needed > self.slab_bytes);
        if full {
            let slab = Slab::create(&self.folder, inner.next)?;
            inner.next = inner.next.saturating_add(1);
            inner.slabs.push_back(slab);
        }
        let Some(slab) = inner.slabs.back_mut() else { return Ok(()) };
        // Counted first: a write that fails half way may have made the file longer.
        inner.bytes += needed;
        let position = slab.append(&head, record)?;
        inner.records.set(slab.number, &head, position);
        Ok(())
    }

    /// Removes the oldest slabs until `needed` more bytes fit. What was used of them is written again, if it fits into a quarter of a slab.
    fn make_room(&self, inner: &mut Inner, needed: u64) {
        while inner.bytes + needed > self.limit {
            let Some(oldest) = inner.slabs.pop_front() else { return };
            let number = oldest.number;
            let mut used: Vec<(Key, At)> =
                inner.records.iter().filter(|(_, at)| at.slab == number && at.used).map(|(k, at)| (*k, *at)).collect();
            inner.records.retain(|_, at| at.slab != number);
            let removed = oldest.remove(&self.folder);
            inner.bytes -= oldest.bytes.min(inner.bytes);
            if let Err(e) = removed {
                tracing::warn!("a slab of the disk cache cannot be removed: {e}");
                inner.broken = true;
                return;
            }
            used.sort_by_key(|(_, at)| at.position);
            let mut again = 0;
            for (key, at) in used {
                again += u64::from(at.bytes);
                let fits = inner.bytes + needed + u64::from(at.bytes) + slab::HEAD_BYTES <= self.limit;
                if again > self.slab_bytes / 4 || !fits {
                    break;
                }
                if let Ok(record) = slab::read(&oldest.file, at.position, at.bytes) {
                    let _ = self.append(inner, key, &record);
                }
            }
        }
    }
}

trait Records {
    fn set(&mut self, slab: u32, head: &Head, position: u64);
}

impl Records for HashMap<Key, At> {
    fn set(&mut self, slab: u32, head: &Head, position: u64) {
        self.insert(head.key, At { slab, position, bytes: head.bytes, used: false });
    }
}

fn key_of(place: &BlobLocation) -> Key {
    let [a, b, c, d, ..] = place.salt;
    (place.pack, place.block_offset, u32::from_le_bytes([a, b, c, d]))
}

fn record_bytes(place: &BlobLocation) -> u64 {
    place.record_end() - u64::from(place.block_offset)
}

#[cfg(test)]
mod tests;
