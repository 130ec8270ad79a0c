//! A cached segment: a mapped file that answers where an id is.
//!
//! A lookup asks the filter, then the fan-out by the id's first bits (about 8 to 16 ids in a bucket), then interpolates in the
//! bucket. Promises: an answer is what was written, or an error; opening reads the header, the checksums and the ends of
//! the tables only.

use super::filter::{self, Shard};
use super::layout::{self, Layout, TableAt};
use super::pages::{PAGE_BYTES, Pages};
use super::records::{BlockRecord, Check, FilterRecord, PackRecord, PlaceRecord, Row};
use super::rows::{Counts, Rows};
use super::write::row_of;
use crate::error::{Error, Kind, Result};
use format_spec::RepositoryId;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Failure;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::vec::ArchivedVec;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A mapped segment. Its file stays open, and shared-locked, for as long as it may be read.
pub(super) struct MappedSegment {
    file: File,
    pub(super) path: PathBuf,
    pub(super) number: u64,
    pub(super) header_crc: u32,
    pub(super) file_bytes: u64,
    pages: Pages,
    layout: Layout,
    counts: Counts,
    shards: Box<[OnceLock<Shard>]>,
}

impl MappedSegment {
    /// Maps `file` and checks everything that can be checked without reading the tables.
    pub(super) fn open(file: File, path: &Path, number: u64, repository: RepositoryId) -> Result<Self> {
        let refused = |what: &str| Error::new(Kind::Damaged, what).on(path.display());
        let file_bytes = file.metadata()?.len();
        if file_bytes < PAGE_BYTES as u64 {
            return Err(refused("it is shorter than its header"));
        }
        let mut header = [0; PAGE_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let layout = Layout::decode(&header, repository).map_err(|e| e.on(path.display()))?;
        if layout.file_bytes() != Some(file_bytes) {
            return Err(refused("its length is not what its header says"));
        }
        // The length of the file was just compared, so this allocates a thousandth of what is there.
        let mut table = vec![0; usize::try_from(layout.pages() * 4).map_err(|_| refused("it is too large"))?];
        file.read_exact_at(&mut table, PAGE_BYTES as u64 + layout.body_bytes)?;
        if crc32fast::hash(&table) != layout.checksums_crc {
            return Err(refused("its table of checksums is damaged"));
        }
        let (words, _) = table.as_chunks();
        let checksums = words.iter().map(|crc| u32::from_le_bytes(*crc)).collect();
        let pages = Pages::map(&file, path, PAGE_BYTES as u64, checksums)?;
        let header_crc = layout::page_crc(&header);
        let mut segment = MappedSegment {
            file,
            path: path.to_owned(),
            number,
            header_crc,
            file_bytes,
            pages,
            layout,
            counts: Counts::default(),
            shards: Box::default(),
        };
        segment.check_tables()?;
        Ok(segment)
    }

    /// Whether the file still has a name, so that a catalogue may refer to it.
    pub(super) fn is_linked(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let same = |open: &std::fs::Metadata, named: &std::fs::Metadata| {
            (open.dev(), open.ino()) == (named.dev(), named.ino())
        };
        matches!((self.file.metadata(), std::fs::metadata(&self.path)), (Ok(open), Ok(named)) if same(&open, &named))
    }

    /// The rows of `id`, rising by place; empty when it is not here.
    #[inline]
    pub(super) fn find(&self, id: &[u8; 32]) -> Result<Range<u32>> {
        let key = filter::key(id);
        if !self.shard(key)?.may_hold(key) {
            return Ok(0..0);
        }
        let bits = self.layout.fan_out_bits;
        let bucket = filter::first_bits(key, bits);
        let lo: u32 = self.row(self.layout.fan_out, bucket)?;
        let hi: u32 = self.row(self.layout.fan_out, bucket + 1)?;
        if lo > hi || hi > self.counts.entries {
            return Err(self.pages.damaged("a fan-out row points outside"));
        }
        let first = self.lower_bound(id, key, lo..hi)?;
        let mut end = first;
        while end < hi && self.id_at(end)? == id {
            end += 1;
        }
        Ok(first..end)
    }

    /// The first row of `bucket` whose id is not below `id`.
    fn lower_bound(&self, id: &[u8; 32], key: u64, bucket: Range<u32>) -> Result<u32> {
        let Range { start: mut lo, end: mut hi } = bucket;
        if lo == hi {
            return Ok(lo);
        }
        // Ids are hashes, so the guess is off by a row or two; the steps double, so other ids cost a logarithm.
        let rest = key.checked_shl(u32::from(self.layout.fan_out_bits)).unwrap_or(0);
        let within = (u128::from(hi - lo) * u128::from(rest)) >> 64;
        let guess = lo + u32::try_from(within).unwrap_or(0);
        let mut step = 1;
        if self.is_below(guess, key, id)? {
            lo = guess + 1;
            while hi - lo >= step {
                let probe = lo + (step - 1);
                if !self.is_below(probe, key, id)? {
                    hi = probe;
                    break;
                }
                lo = probe + 1;
                step *= 2;
            }
        } else {
            hi = guess;
            while hi - lo >= step {
                let probe = hi - step;
                if self.is_below(probe, key, id)? {
                    lo = probe + 1;
                    break;
                }
                hi = probe;
                step *= 2;
            }
        }
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            if self.is_below(middle, key, id)? {
                lo = middle + 1;
            } else {
                hi = middle;
            }
        }
        Ok(lo)
    }

    /// Whether the id of a row is below `id`, whose first bytes are `key`: they nearly always decide.
    #[inline]
    fn is_below(&self, row: u32, key: u64, id: &[u8; 32]) -> Result<bool> {
        let found = self.id_at(row)?;
        let found_key = filter::key(found);
        Ok(if found_key == key { found < id } else { found_key < key })
    }

    #[inline]
    fn id_at(&self, row: u32) -> Result<&[u8; 32]> {
        let bytes = self.pages.bytes(self.layout.ids.start + u64::from(row) * 32, 32)?;
        bytes.first_chunk().ok_or_else(|| self.pages.damaged("an id is cut off"))
    }

    #[inline]
    fn row<T: Row>(&self, table: TableAt, row: u64) -> Result<T> {
        if row >= table.rows {
            return Err(self.pages.damaged(format!("row {row} lies outside of a table of {} rows", table.rows)));
        }
        let len = size_of::<T::Archived>();
        let bytes = self.pages.bytes(table.start + row * len as u64, len)?;
        row_of(bytes).ok_or_else(|| self.pages.damaged(format!("row {row} is not a row")))
    }

    #[inline]
    fn shard(&self, key: u64) -> Result<&Shard> {
        let number = filter::first_bits(key, self.layout.shard_bits);
        let slot = usize::try_from(number).ok().and_then(|n| self.shards.get(n));
        let slot = slot.ok_or_else(|| self.pages.damaged(format!("filter {number} does not exist")))?;
        match slot.get() {
            Some(shard) => Ok(shard),
            None => {
                let loaded = self.load_shard(number)?;
                Ok(slot.get_or_init(|| loaded))
            }
        }
    }

    fn load_shard(&self, number: u64) -> Result<Shard> {
        let record: FilterRecord = self.row(self.layout.filters, number)?;
        let table = self.layout.fingerprints;
        let end = record.start.checked_add(u64::from(record.fingerprints)).filter(|end| *end <= table.rows);
        if end.is_none() {
            return Err(self.pages.damaged(format!("filter {number} lies outside of its table")));
        }
        let bytes = self.pages.bytes(table.start + record.start * 2, record.fingerprints as usize * 2)?;
        let (words, _) = bytes.as_chunks();
        let fingerprints = words.iter().map(|word: &[u8; 2]| row_of::<u16>(word).unwrap_or_default()).collect();
        Shard::load(&record, fingerprints)
            .ok_or_else(|| self.pages.damaged(format!("filter {number} contradicts itself")))
    }

    /// Lets rkyv check each table's archive and takes over where its rows are.
    fn check_tables(&mut self) -> Result<()> {
        let layout = &self.layout;
        let packs = self.check_table::<PackRecord>(layout.packs)?;
        let blocks = self.check_table::<BlockRecord>(layout.blocks)?;
        let ids = self.check_table::<[u8; 32]>(layout.ids)?;
        let fan_out = self.check_table::<u32>(layout.fan_out)?;
        let places = self.check_table::<PlaceRecord>(layout.places)?;
        let fingerprints = self.check_table::<u16>(layout.fingerprints)?;
        let filters = self.check_table::<FilterRecord>(layout.filters)?;
        let count = |table: TableAt| u32::try_from(table.rows).map_err(|_| self.pages.damaged("a table is too long"));
        let counts = Counts { packs: count(packs)?, blocks: count(blocks)?, entries: count(ids)? };
        let sizes = (places.rows, fan_out.rows, filters.rows);
        if sizes != (ids.rows, (1 << layout.fan_out_bits) + 1, 1 << layout.shard_bits) {
            return Err(self.pages.damaged("the sizes of its tables contradict each other"));
        }
        self.shards = (0..filters.rows).map(|_| OnceLock::new()).collect();
        self.layout = Layout { packs, blocks, ids, fan_out, places, fingerprints, filters, ..self.layout };
        self.counts = counts;
        Ok(())
    }

    /// The table with the start of its rows. rkyv's check follows the pointer at the archive's end; the rows themselves hold
    /// no pointers and take no time.
    fn check_table<T: Row>(&self, table: TableAt) -> Result<TableAt> {
        let disagree = || self.pages.damaged("a table is not what the header says");
        let root = size_of::<ArchivedVec<T::Archived>>() as u64;
        let rows_bytes = table.rows.checked_mul(size_of::<T::Archived>() as u64).ok_or_else(disagree)?;
        let whole = rows_bytes.checked_add(root) == Some(table.len);
        let end = table.start.checked_add(table.len).filter(|end| whole && *end <= self.pages.len());
        let root_at = end.ok_or_else(disagree)? - root;
        // Only the end is read through the checksums: the rest is checked when it is touched.
        self.pages.bytes(root_at, usize::try_from(root).map_err(|_| disagree())?)?;
        let bytes = self.pages.unread(table.start, table.len).ok_or_else(disagree)?;
        let mut context = ArchiveValidator::new(bytes);
        let rows = access_rows::<T>(bytes, &mut context).ok_or_else(disagree)?;
        let begins = rows.as_ptr().addr().checked_sub(bytes.as_ptr().addr());
        if rows.len() as u64 != table.rows || begins != Some(0) {
            return Err(disagree());
        }
        Ok(table)
    }
}

fn access_rows<'a, T: Row>(bytes: &'a [u8], context: &mut ArchiveValidator<'a>) -> Option<&'a ArchivedVec<T::Archived>>
where
    ArchivedVec<T::Archived>: for<'b> CheckBytes<Check<'b>>,
{
    rkyv::api::access_with_context::<ArchivedVec<T::Archived>, _, Failure>(bytes, context).ok()
}

impl Rows for MappedSegment {
    fn counts(&self) -> Counts {
        self.counts
    }

    fn pack(&self, row: u32) -> Result<PackRecord> {
        self.row(self.layout.packs, u64::from(row))
    }

    fn block(&self, row: u32) -> Result<BlockRecord> {
        self.row(self.layout.blocks, u64::from(row))
    }

    fn id(&self, row: u32) -> Result<[u8; 32]> {
        self.id_at(row).copied()
    }

    fn place(&self, row: u32) -> Result<PlaceRecord> {
        self.row(self.layout.places, u64::from(row))
    }
}
