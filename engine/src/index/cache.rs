//! The PersistentCache: the local, disposable map from ids to places.
//!
//! Many readers and one adding thread at a time; an addition builds its file beside the readers and then swaps the
//! snapshot. Small segments are merged when one is added, so that a lookup asks at most [`SEGMENTS_MAX`] of them.

use super::folder::{Folder, Locked};
use super::mapped::MappedSegment;
use super::merge::merge;
use super::rows::{Checked, Rows};
use super::snapshot::{Snapshot, Statistics};
use crate::error::{Error, Kind, Result};
use crate::index::{BlobLocation, Visit};
use crate::temporary::{Purpose, Temporary};
use format_spec::index::{PackRow, Segment};
use format_spec::{ChunkId, RepositoryId};
use parking_lot::{Mutex, RwLock};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many segments the cache has at most.
pub const SEGMENTS_MAX: usize = 8;

/// The local map from ids to places of one repository.
pub struct PersistentCache {
    folder: Folder,
    repository: RepositoryId,
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held by the one thread that adds.
    adding: Mutex<()>,
    /// Removes the folder of a temporary cache at the end.
    _temporary: Option<Temporary>,
}

/// An opened cache.
#[derive(Debug)]
pub struct Opened {
    /// The cache.
    pub cache: PersistentCache,
    /// Why what was there before was thrown away; `None` if it was used or there was nothing.
    pub discarded: Option<String>,
}

impl PersistentCache {
    /// Opens the cache of `repository` in `folder`, created if missing. What cannot be used (another layout, another
    /// repository, damage) is thrown away, and the cache starts empty at position 0.
    ///
    /// # Errors
    /// Only when the folder itself cannot be used: `Denied`, `NoSpace`, `Transient`.
    pub fn open(folder: &Path, repository: RepositoryId) -> Result<Opened> {
        let folder = Folder::create(folder)?;
        let (snapshot, discarded) = {
            let locked = folder.lock()?;
            match load(&locked, repository) {
                Ok(snapshot) => (snapshot, None),
                Err(e) if matches!(e.kind(), Kind::Denied | Kind::NoSpace | Kind::Interrupted) => return Err(e),
                Err(e) => {
                    locked.forget()?;
                    locked.sweep(&[])?;
                    (Snapshot::empty(), Some(e.to_string()))
                }
            }
        };
        let snapshot = RwLock::new(Arc::new(snapshot));
        let cache = PersistentCache { folder, repository, snapshot, adding: Mutex::default(), _temporary: None };
        Ok(Opened { cache, discarded })
    }

    /// An empty cache in a folder of its own below `around`, removed when the cache is dropped.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn temporary_in(around: &Path, repository: RepositoryId) -> Result<Self> {
        let folder = Temporary::create_in(around, Purpose::Cache)?;
        let mut cache = PersistentCache::open(folder.path(), repository)?.cache;
        cache._temporary = Some(folder);
        Ok(cache)
    }

    /// The same among the system's temporary files.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn temporary(repository: RepositoryId) -> Result<Self> {
        PersistentCache::temporary_in(&std::env::temp_dir(), repository)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The log slot up to which the cache is complete.
    pub fn position(&self) -> u32 {
        self.snapshot.read().position
    }

    /// The hash of that slot's entry, to recognise a cache of another history; zeros in an empty cache.
    pub fn head_hash(&self) -> [u8; 32] {
        self.snapshot.read().head_hash
    }

    /// Adds what the log published up to `position`, whose entry has `head_hash`, and remembers both. Files are durable
    /// before the catalogue names them; a crash leaves the cache as it was before.
    ///
    /// # Errors
    /// `Damaged` if a merge touched a damaged page (then [`is_poisoned`](Self::is_poisoned)); `Bug` for segments that break
    /// spec/index.md; `Denied`, `NoSpace`, `Transient` from the file system. The cache is unchanged then.
    pub fn add(&self, segments: &[Segment], position: u32, head_hash: [u8; 32]) -> Result<()> {
        let _adding = self.adding.lock();
        let before = self.snapshot.read().clone();
        let added: Vec<Checked<'_>> =
            segments.iter().filter(|s| !s.ids.is_empty()).map(Checked::new).collect::<Result<_>>()?;
        for _ in 0..ATTEMPTS_MAX {
            let after = before.guard(|| self.with_added(&before, &added, position, head_hash))?;
            let locked = self.folder.lock()?;
            if after.segments.iter().all(|s| s.is_linked()) {
                locked.publish(&after.catalogue(self.repository))?;
                *self.snapshot.write() = Arc::new(after);
                return Ok(());
            }
            // Somebody dropped the folder's files while we merged: whatever lost its name is written again.
        }
        Err(Error::new(Kind::Transient, "the files of the index cache vanish while they are written")
            .advise("find out who removes them, or choose another --cache-dir"))
    }

    /// All places of an id, rising by pack and blob; empty if the id is unknown.
    ///
    /// # Errors
    /// `Damaged` once a damaged page was touched: see [`is_poisoned`](Self::is_poisoned).
    pub fn places(&self, id: &ChunkId) -> Result<Vec<BlobLocation>> {
        self.snapshot.read().places(id)
    }

    /// Whether any place of an id is known. Errors as in [`places`](Self::places).
    pub fn contains(&self, id: &ChunkId) -> Result<bool> {
        self.snapshot.read().contains(id)
    }

    /// Calls `visit` for every id and place: ids rising, the places of an id rising, each once. Additions made meanwhile
    /// are not seen. Errors as in [`places`](Self::places), and those of `visit`.
    pub fn for_each_place(&self, visit: &mut Visit<'_>) -> Result<()> {
        let snapshot = self.snapshot.read().clone();
        snapshot.for_each_place(visit)
    }

    /// All known packs, rising by id. Errors as in [`places`](Self::places).
    pub fn packs(&self) -> Result<Vec<PackRow>> {
        let snapshot = self.snapshot.read().clone();
        snapshot.packs()
    }

    /// Sizes.
    pub fn statistics(&self) -> Statistics {
        self.snapshot.read().statistics()
    }

    /// Whether a damaged page was touched. Every lookup fails from then on, until [`clear`](Self::clear).
    pub fn is_poisoned(&self) -> bool {
        self.snapshot.read().poisoned.load(Ordering::Relaxed)
    }

    /// Forgets everything, here and on disk: the cache is empty at position 0, and may be filled from the repository again.
    ///
    /// # Errors
    /// From the file system, as [`open`](Self::open).
    pub fn clear(&self) -> Result<()> {
        let _adding = self.adding.lock();
        let locked = self.folder.lock()?;
        locked.forget()?;
        *self.snapshot.write() = Arc::new(Snapshot::empty());
        locked.sweep(&[])
    }

    /// Removes all files of the cache in `folder`, whoever uses them; processes that have them open go on with what they
    /// have mapped.
    ///
    /// # Errors
    /// From the file system, as [`open`](Self::open).
    pub fn drop_all(folder: &Path) -> Result<()> {
        Folder::drop_all(folder)
    }

    /// The snapshot after an addition, its file written.
    fn with_added(
        &self,
        before: &Snapshot,
        added: &[Checked<'_>],
        position: u32,
        head_hash: [u8; 32],
    ) -> Result<Snapshot> {
        let new_entries = added.iter().map(|s| u64::from(s.counts().entries)).sum();
        let (mut kept, merged) = plan(&before.segments, new_entries);
        if !added.is_empty() || !merged.is_empty() {
            let mut inputs: Vec<&dyn Rows> = added.iter().map(|s| s as &dyn Rows).collect();
            inputs.extend(merged.iter().map(|s| s.as_ref() as &dyn Rows));
            kept.push(Arc::new(self.write(&inputs)?));
        }
        Ok(Snapshot { segments: kept, position, head_hash, poisoned: before.poisoned.clone() })
    }

    /// Writes a merged segment and opens it.
    fn write(&self, inputs: &[&dyn Rows]) -> Result<MappedSegment> {
        let (number, file) = self.folder.lock()?.create()?;
        let path = self.folder.segment(number);
        let written = merge(inputs, self.repository, &file).and_then(|()| {
            // The exclusive lock of the writer becomes the shared one of a reader.
            file.lock_shared()?;
            MappedSegment::open(file, &path, number, self.repository)
        });
        if written.is_err() {
            // Of no use to anybody; if this fails as well, the next sweep removes it.
            let _ = std::fs::remove_file(&path);
        }
        written.map_err(|e| e.on(path.display()))
    }
}

impl std::fmt::Debug for PersistentCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let statistics = self.statistics();
        f.debug_struct("PersistentCache").field("folder", &self.folder).field("statistics", &statistics).finish()
    }
}

/// Vanishing files are written again this often.
const ATTEMPTS_MAX: usize = 4;

/// Reads the catalogue and opens the segments that it names.
fn load(locked: &Locked<'_>, repository: RepositoryId) -> Result<Snapshot> {
    let Some(catalogue) = locked.catalogue(repository)? else {
        locked.sweep(&[])?;
        return Ok(Snapshot::empty());
    };
    if catalogue.segments.len() > SEGMENTS_MAX {
        return Err(Error::new(Kind::Damaged, "the catalogue of the index cache names too many segments"));
    }
    let mut segments = Vec::new();
    for (number, header_crc) in &catalogue.segments {
        let segment = locked.open(*number, repository)?;
        if segment.header_crc != *header_crc {
            let what = "it is not the segment that the catalogue of the index cache names";
            return Err(Error::new(Kind::Damaged, what).on(segment.path.display()));
        }
        segments.push(Arc::new(segment));
    }
    let Snapshot { poisoned, .. } = Snapshot::empty();
    Ok(Snapshot { segments, position: catalogue.position, head_hash: catalogue.head_hash, poisoned })
}

/// Which segments stay and which are merged with `new_entries` new ones: the smaller ones, as long as the next is at most
/// `ratio` times all before, with the smallest ratio that leaves few enough. So an entry is rewritten a logarithmic number
/// of times. Segments whose files lost their names are always written again.
fn plan(segments: &[Arc<MappedSegment>], new_entries: u64) -> (Vec<Arc<MappedSegment>>, Vec<Arc<MappedSegment>>) {
    let (mut linked, lost): (Vec<_>, Vec<_>) = segments.iter().cloned().partition(|s| s.is_linked());
    linked.sort_by_key(|s| s.counts().entries);
    let sizes: Vec<u64> = linked.iter().map(|s| u64::from(s.counts().entries)).collect();
    let fresh = new_entries + lost.iter().map(|s| u64::from(s.counts().entries)).sum::<u64>();
    let merged = if fresh == 0 { 0 } else { merge_count(&sizes, fresh) };
    let kept = linked.split_off(merged);
    linked.extend(lost);
    (kept, linked)
}

/// How many of the rising `sizes` to merge with `fresh` new entries.
fn merge_count(sizes: &[u64], fresh: u64) -> usize {
    let mut ratio = 1u64;
    loop {
        let mut sum = fresh;
        let merged = sizes.iter().take_while(|size| {
            let joins = **size <= sum.saturating_mul(ratio);
            sum += if joins { **size } else { 0 };
            joins
        });
        let merged = merged.count();
        if sizes.len() - merged < SEGMENTS_MAX {
            return merged;
        }
        ratio = ratio.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_segments_join_and_large_ones_stay() {
        assert_eq!(merge_count(&[], 10), 0);
        assert_eq!(merge_count(&[10, 1000], 10), 1);
        assert_eq!(merge_count(&[10, 20, 40], 10), 3);
        assert_eq!(merge_count(&[1000], 10), 0);
    }

    #[test]
    fn never_more_than_eight_segments_and_few_rewrites() {
        let mut sizes: Vec<u64> = Vec::new();
        let mut rewritten = 0;
        for _ in 0..40_000 {
            sizes.sort_unstable();
            let merged = merge_count(&sizes, 2_500);
            let sum: u64 = sizes.drain(..merged).sum();
            rewritten += sum;
            sizes.push(sum + 2_500);
            assert!(sizes.len() <= SEGMENTS_MAX);
        }
        let total: u64 = sizes.iter().sum();
        assert_eq!(total, 100_000_000);
        assert!(rewritten / total < 20, "each entry is rewritten {} times", rewritten / total);
    }

    #[test]
    fn sizes_beyond_reason_still_end() {
        assert!(merge_count(&[u64::MAX / 64; 12], 1) >= 5);
    }
}
