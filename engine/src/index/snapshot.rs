//! What the cache knows at one moment: mapped segments, and the log position up to which they are complete.

use super::folder::Catalogue;
use super::mapped::MappedSegment;
use super::merge::{heads, is_next, pop};
use super::records::PackRecord;
use super::rows::Rows;
use crate::error::{Error, Kind, Result};
use crate::index::{BlobLocation, Visit};
use format_spec::index::PackRow;
use format_spec::{ChunkId, RepositoryId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Sizes of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Segments, at most [`SEGMENTS_MAX`](super::SEGMENTS_MAX).
    pub segments: usize,
    /// Entries of all segments; an entry that several segments have counts in each.
    pub entries: u64,
    /// Blocks of all segments.
    pub blocks: u64,
    /// Packs of all segments.
    pub packs: u64,
    /// Bytes of the segments' files.
    pub bytes_on_disk: u64,
}

/// An immutable view.
pub(super) struct Snapshot {
    pub(super) segments: Vec<Arc<MappedSegment>>,
    pub(super) position: u32,
    pub(super) head_hash: [u8; 32],
    /// Set for good once a damaged page was touched; the snapshots of one history share it.
    pub(super) poisoned: Arc<AtomicBool>,
}

impl Snapshot {
    /// Nothing, at position 0.
    pub(super) fn empty() -> Self {
        Snapshot { segments: Vec::new(), position: 0, head_hash: [0; 32], poisoned: Arc::default() }
    }

    /// What the catalogue says about this snapshot.
    pub(super) fn catalogue(&self, repository: RepositoryId) -> Catalogue {
        let segments = self.segments.iter().map(|s| (s.number, s.header_crc)).collect();
        Catalogue { repository, position: self.position, head_hash: self.head_hash, segments }
    }

    /// All places of an id, rising by pack and blob.
    pub(super) fn places(&self, id: &ChunkId) -> Result<Vec<BlobLocation>> {
        self.guard(|| {
            let mut places = Vec::new();
            let mut found_in = 0;
            for segment in &self.segments {
                let rows = segment.find(&id.0)?;
                found_in += usize::from(!rows.is_empty());
                for row in rows {
                    places.push(segment.resolve(row)?);
                }
            }
            if found_in > 1 {
                sort(&mut places);
            }
            Ok(places)
        })
    }

    /// Whether any place of an id is known.
    pub(super) fn contains(&self, id: &ChunkId) -> Result<bool> {
        self.guard(|| {
            for segment in &self.segments {
                if !segment.find(&id.0)?.is_empty() {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Calls `visit` for every id and place, ids rising, the places of an id rising.
    pub(super) fn for_each_place(&self, visit: &mut Visit<'_>) -> Result<()> {
        let inputs: Vec<&dyn Rows> = self.segments.iter().map(|s| s.as_ref() as &dyn Rows).collect();
        let mut heap = self.guard(|| heads(&inputs))?;
        let mut places = Vec::new();
        while let Some(id) = self.guard(|| {
            places.clear();
            let Some((id, mut input, mut row)) = pop(&mut heap, &inputs)? else { return Ok(None) };
            loop {
                if let Some(segment) = self.segments.get(input) {
                    places.push(segment.resolve(row)?);
                }
                if !is_next(&heap, &id) {
                    break;
                }
                if let Some(next) = pop(&mut heap, &inputs)? {
                    (_, input, row) = next;
                }
            }
            Ok(Some(id))
        })? {
            sort(&mut places);
            for place in &places {
                visit(&ChunkId(id), place)?;
            }
        }
        Ok(())
    }

    /// Every pack that an entry refers to, rising by id.
    pub(super) fn packs(&self) -> Result<Vec<PackRow>> {
        self.guard(|| {
            let mut records: BTreeSet<PackRecord> = BTreeSet::new();
            for segment in &self.segments {
                for row in 0..segment.counts().packs {
                    records.insert(segment.pack(row)?);
                }
            }
            records.iter().map(PackRecord::row).collect()
        })
    }

    pub(super) fn statistics(&self) -> Statistics {
        let mut sum = Statistics { segments: self.segments.len(), ..Statistics::default() };
        for segment in &self.segments {
            let counts = segment.counts();
            sum.entries += u64::from(counts.entries);
            sum.blocks += u64::from(counts.blocks);
            sum.packs += u64::from(counts.packs);
            sum.bytes_on_disk += segment.file_bytes;
        }
        sum
    }

    /// Runs `read`, unless damage was found before; remembers if it finds some.
    #[inline]
    pub(super) fn guard<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.poisoned.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Damaged, "the index cache was found damaged and must be rebuilt")
                .advise("run `cairn cache drop`; the next command rebuilds the cache from the repository"));
        }
        let outcome = read();
        if let Err(e) = &outcome
            && e.kind() == Kind::Damaged
        {
            self.poisoned.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

fn sort(places: &mut Vec<BlobLocation>) {
    places.sort_by_cached_key(BlobLocation::rank);
    places.dedup();
}
