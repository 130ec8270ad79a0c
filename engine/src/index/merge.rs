//! Merges segments into one file, streaming: packs, then blocks, then ids, then places, each a k-way merge.
//!
//! Promises: every (id, place) of the inputs is in the output, once. Peak memory, for N entries in k inputs: 4 bytes a pack
//! and input, 0.6 bytes an entry (fan-out, at most 16 MiB, and the checksums), and some 27 MB for one filter shard; never
//! the rows themselves.

use super::filter;
use super::layout::{Layout, TableAt};
use super::records::{BlockRecord, PlaceRecord};
use super::rows::Rows;
use super::write::{SegmentWriter, written_row};
use crate::error::{Error, Kind, Result};
use format_spec::RepositoryId;
use memmap2::Mmap;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;

const BUCKET_ENTRIES: u64 = 8;
const FAN_OUT_BITS_MAX: u32 = 22;

/// Writes the union of `inputs` into the empty `file`.
pub(super) fn merge(inputs: &[&dyn Rows], repository: RepositoryId, file: &File) -> Result<()> {
    let entries_max: u64 = inputs.iter().map(|i| u64::from(i.counts().entries)).sum();
    if entries_max >= u64::from(u32::MAX) {
        return Err(Error::new(Kind::Unsupported, "the index cache holds at most 4,294,967,294 entries"));
    }
    let mut writer = SegmentWriter::begin(file)?;
    let (packs, pack_rows) = write_packs(&mut writer, inputs)?;
    let (blocks, first_block) = write_blocks(&mut writer, inputs, &pack_rows, packs.rows)?;
    let map = writer.written()?;
    let rows = NewRows { inputs, pack_rows, first_block, blocks, map };

    let fan_out_bits = (entries_max / BUCKET_ENTRIES).checked_ilog2().unwrap_or(0).min(FAN_OUT_BITS_MAX);
    let fan_out_bits = u8::try_from(fan_out_bits).unwrap_or(0);
    let mut buckets = vec![0u32; 1 << fan_out_bits];
    let ids = writer.table(Entries::new(&rows)?.map(|entry| {
        let (id, _) = entry?;
        if let Some(bucket) = buckets.get_mut(bucket_of(&id, fan_out_bits)) {
            *bucket += 1;
        }
        Ok(id)
    }))?;
    let mut below = 0;
    let starts = std::iter::once(0).chain(buckets.iter().map(|bucket| {
        below += bucket;
        below
    }));
    let fan_out = writer.table(starts.map(Ok))?;
    let places = writer.table(Entries::new(&rows)?.with_places().map(|entry| entry.map(|(_, place)| place)))?;
    drop(rows);
    let shard_bits = filter::shard_bits(ids.rows);
    let map = writer.written()?;
    let (fingerprints, filters) = write_filters(&mut writer, &map, ids, shard_bits)?;
    drop(map);
    let tables = [packs, blocks, ids, fan_out, places, fingerprints, filters];
    writer.finish(Layout::new(repository, tables, fan_out_bits, shard_bits))
}

fn bucket_of(id: &[u8; 32], bits: u8) -> usize {
    usize::try_from(filter::first_bits(filter::key(id), bits)).unwrap_or(usize::MAX)
}

/// The pack table, and for each input the new row of each of its packs.
fn write_packs(writer: &mut SegmentWriter<'_>, inputs: &[&dyn Rows]) -> Result<(TableAt, Vec<Vec<u32>>)> {
    let mut renumbered: Vec<Vec<u32>> = vec![Vec::new(); inputs.len()];
    let counts = inputs.iter().map(|i| i.counts().packs).collect();
    let mut union = Union::new(counts, |input: usize, row| of(inputs, input)?.pack(row))?;
    let table = writer.table(union.distinct(|input, row| {
        if let Some(rows) = renumbered.get_mut(input) {
            rows.push(row);
        }
    }))?;
    Ok((table, renumbered))
}

/// The block table, and the first block row of each pack (with one more at the end).
fn write_blocks(
    writer: &mut SegmentWriter<'_>,
    inputs: &[&dyn Rows],
    pack_rows: &[Vec<u32>],
    packs: u64,
) -> Result<(TableAt, Vec<u32>)> {
    let mut per_pack = vec![0u32; usize::try_from(packs).unwrap_or(0) + 1];
    let counts = inputs.iter().map(|i| i.counts().blocks).collect();
    let mut union = Union::new(counts, |input: usize, row| {
        let block = of(inputs, input)?.block(row)?;
        Ok(BlockRecord { pack: renumber(pack_rows, input, block.pack)?, ..block })
    })?;
    let table = writer.table(union.distinct(|_, _| {}).inspect(|block| {
        if let Ok(block) = block
            && let Some(count) = per_pack.get_mut(block.pack as usize + 1)
        {
            *count += 1;
        }
    }))?;
    let mut below = 0;
    for count in &mut per_pack {
        below += *count;
        *count = below;
    }
    Ok((table, per_pack))
}

/// Builds the filter's shards one after the other over the ids that were just written.
fn write_filters(
    writer: &mut SegmentWriter<'_>,
    map: &Mmap,
    ids: TableAt,
    shard_bits: u8,
) -> Result<(TableAt, TableAt)> {
    let key = |row: u64| written_row::<[u8; 32]>(map, ids, row).map_or(0, |id| filter::key(&id));
    let first_row = |shard: u64| partition(0, ids.rows, |row| filter::first_bits(key(row), shard_bits) < shard);
    let mut records = Vec::new();
    let next = Cell::new(0);
    let fingerprints = {
        let records = &mut records;
        let shards = (0..1u64 << shard_bits).flat_map(|shard| {
            let filter = filter::build((first_row(shard)..first_row(shard + 1)).map(key));
            records.push(filter::record(filter.as_ref(), next.get()));
            let fingerprints = filter.map(|f| f.fingerprints).unwrap_or_default();
            next.set(next.get() + fingerprints.len() as u64);
            fingerprints
        });
        writer.table(shards.map(Ok))?
    };
    let filters = writer.table(records.into_iter())?;
    Ok((fingerprints, filters))
}

/// The rows of the inputs under their new numbers.
struct NewRows<'a> {
    inputs: &'a [&'a dyn Rows],
    pack_rows: Vec<Vec<u32>>,
    first_block: Vec<u32>,
    blocks: TableAt,
    map: Mmap,
}

impl NewRows<'_> {
    /// A place with the new number of its block, found among the few blocks of its pack.
    fn place(&self, input: usize, row: u32) -> Result<PlaceRecord> {
        let source = of(self.inputs, input)?;
        let place = source.place(row)?;
        let block = source.block(place.block)?;
        let pack = renumber(&self.pack_rows, input, block.pack)?;
        let wanted = BlockRecord { pack, ..block };
        let mut ends = self.first_block.iter().skip(pack as usize).map(|n| u64::from(*n));
        let (Some(lo), Some(hi)) = (ends.next(), ends.next()) else { return Err(lost("pack")) };
        let at = |row| written_row::<BlockRecord>(&self.map, self.blocks, row);
        let new = partition(lo, hi, |row| at(row).is_some_and(|b| b < wanted));
        match at(new) {
            Some(found) if new < hi && found == wanted => {
                Ok(PlaceRecord { block: u32::try_from(new).map_err(|_| lost("block"))?, ..place })
            }
            _ => Err(lost("block")),
        }
    }
}

/// Every distinct (id, place) of all inputs, rising.
struct Entries<'a> {
    rows: &'a NewRows<'a>,
    heap: Heap,
    places: bool,
    /// The places of one id that are still to be given out, in reverse.
    waiting: Vec<PlaceRecord>,
    id: [u8; 32],
}

impl<'a> Entries<'a> {
    fn new(rows: &'a NewRows<'a>) -> Result<Self> {
        let heap = heads(rows.inputs)?;
        Ok(Entries { rows, heap, places: false, waiting: Vec::new(), id: [0; 32] })
    }

    /// Also looks up the place of an id that has only one; otherwise it is left empty, since counting needs none.
    fn with_places(mut self) -> Self {
        self.places = true;
        self
    }

    fn advance(&mut self) -> Result<Option<([u8; 32], PlaceRecord)>> {
        if let Some(place) = self.waiting.pop() {
            return Ok(Some((self.id, place)));
        }
        let Some((id, input, row)) = pop(&mut self.heap, self.rows.inputs)? else { return Ok(None) };
        if !is_next(&self.heap, &id) {
            let empty = PlaceRecord { block: 0, blob: 0, offset: 0, bytes: 0 };
            let place = if self.places { self.rows.place(input, row)? } else { empty };
            return Ok(Some((id, place)));
        }
        self.id = id;
        self.waiting.push(self.rows.place(input, row)?);
        while is_next(&self.heap, &id)
            && let Some((_, input, row)) = pop(&mut self.heap, self.rows.inputs)?
        {
            self.waiting.push(self.rows.place(input, row)?);
        }
        self.waiting.sort_unstable();
        self.waiting.dedup();
        self.waiting.reverse();
        Ok(self.waiting.pop().map(|place| (id, place)))
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<([u8; 32], PlaceRecord)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// A heap with the first entry of each input.
pub(super) type Heap = BinaryHeap<Reverse<([u8; 32], usize, u32)>>;

/// The first entry of each input.
pub(super) fn heads(inputs: &[&dyn Rows]) -> Result<Heap> {
    let mut heap = BinaryHeap::with_capacity(inputs.len());
    for (number, input) in inputs.iter().enumerate() {
        if input.counts().entries > 0 {
            heap.push(Reverse((input.id(0)?, number, 0)));
        }
    }
    Ok(heap)
}

/// The lowest entry: id, input, row. The next one of the same input takes its place in the heap.
pub(super) fn pop(heap: &mut Heap, inputs: &[&dyn Rows]) -> Result<Option<([u8; 32], usize, u32)>> {
    let Some(mut top) = heap.peek_mut() else { return Ok(None) };
    let Reverse((id, input, row)) = *top;
    let source = of(inputs, input)?;
    if row + 1 < source.counts().entries {
        let next = source.id(row + 1)?;
        if next < id {
            return Err(Error::new(Kind::Damaged, "the ids of a cached segment are not in order"));
        }
        *top = Reverse((next, input, row + 1));
    } else {
        std::collections::binary_heap::PeekMut::pop(top);
    }
    Ok(Some((id, input, row)))
}

/// Whether the next entry has this id as well.
pub(super) fn is_next(heap: &Heap, id: &[u8; 32]) -> bool {
    heap.peek().is_some_and(|Reverse((next, _, _))| next == id)
}

/// A k-way merge of rising rows.
struct Union<K, F> {
    heap: BinaryHeap<Reverse<(K, usize, u32)>>,
    counts: Vec<u32>,
    load: F,
}

impl<K: Ord + Copy, F: Fn(usize, u32) -> Result<K>> Union<K, F> {
    fn new(counts: Vec<u32>, load: F) -> Result<Self> {
        let mut heap = BinaryHeap::with_capacity(counts.len());
        for (input, count) in counts.iter().enumerate() {
            if *count > 0 {
                heap.push(Reverse((load(input, 0)?, input, 0)));
            }
        }
        Ok(Union { heap, counts, load })
    }

    /// Each distinct row once; `renumber` hears, input by input in their own order, which new row became of each.
    fn distinct(&mut self, mut renumber: impl FnMut(usize, u32)) -> impl Iterator<Item = Result<K>> {
        let mut new_row = 0;
        std::iter::from_fn(move || {
            let (key, input, _) = match self.pop() {
                Ok(found) => found?,
                Err(e) => return Some(Err(e)),
            };
            renumber(input, new_row);
            while self.heap.peek().is_some_and(|Reverse((next, _, _))| *next == key) {
                match self.pop() {
                    Ok(Some((_, input, _))) => renumber(input, new_row),
                    Ok(None) => break,
                    Err(e) => return Some(Err(e)),
                }
            }
            new_row += 1;
            Some(Ok(key))
        })
    }

    fn pop(&mut self) -> Result<Option<(K, usize, u32)>> {
        let Some(Reverse((key, input, row))) = self.heap.pop() else { return Ok(None) };
        if self.counts.get(input).is_some_and(|count| row + 1 < *count) {
            let next = (self.load)(input, row + 1)?;
            if next < key {
                return Err(Error::new(Kind::Damaged, "the packs or blocks of a cached segment are not in order"));
            }
            self.heap.push(Reverse((next, input, row + 1)));
        }
        Ok(Some((key, input, row)))
    }
}

/// The first of `lo..hi` for which `below` is false.
fn partition(mut lo: u64, mut hi: u64, below: impl Fn(u64) -> bool) -> u64 {
    while lo < hi {
        let middle = lo + (hi - lo) / 2;
        if below(middle) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    lo
}

fn of<'a>(inputs: &[&'a dyn Rows], input: usize) -> Result<&'a dyn Rows> {
    inputs.get(input).copied().ok_or_else(|| lost("input"))
}

fn renumber(pack_rows: &[Vec<u32>], input: usize, pack: u32) -> Result<u32> {
    pack_rows.get(input).and_then(|rows| rows.get(pack as usize)).copied().ok_or_else(|| lost("pack"))
}

fn lost(what: &str) -> Error {
    Error::new(Kind::Damaged, format!("an entry of a cached segment refers to a {what} that is not there"))
}
