//! Builds the index segment of one publish.

use format_spec::ChunkId;
use format_spec::index::{BlockRow, ENTRIES_MAX, PackRow, PlaceRow, Segment};
use format_spec::pack::BlobEntry;

use crate::error::{Error, Kind, Result};

/// Collects the packs of one publish and sorts them as spec/index.md demands.
#[derive(Debug, Default)]
pub struct SegmentBuilder {
    packs: Vec<PackRow>,
    /// Blocks by the number of their pack in `packs`.
    blocks: Vec<BlockRow>,
    /// Ids with places that name blocks by their number in `blocks`.
    entries: Vec<(ChunkId, PlaceRow)>,
}

impl SegmentBuilder {
    /// A builder without packs.
    pub fn new() -> Self {
        SegmentBuilder::default()
    }

    /// Adds a pack with its blocks in the order of the pack: offset of the record, stored length, blobs in order.
    ///
    /// # Errors
    /// `Bug` if the pack was added before, the blocks are out of order, the blobs do not add up to `pack.blobs`, or the
    /// segment would grow beyond [`ENTRIES_MAX`] entries. The builder is unchanged then.
    pub fn add_pack(&mut self, pack: PackRow, blocks: &[(u32, u32, &[BlobEntry])]) -> Result<()> {
        let refused =
            |what: &str| Err(Error::new(Kind::Bug, format!("an index segment refuses a pack: {what}")).on(pack.id));
        let blobs: usize = blocks.iter().map(|(_, _, blobs)| blobs.len()).sum();
        if blobs != pack.blobs as usize {
            return refused("its blobs are not as many as it says");
        }
        if !blocks.is_sorted_by(|a, b| a.0 < b.0) {
            return refused("its blocks are not in order");
        }
        if self.packs.iter().any(|known| known.id == pack.id) {
            return refused("it was added before");
        }
        if (self.entries.len() + blobs) as u64 > ENTRIES_MAX {
            return refused("more than 4,194,304 entries");
        }
        let mut entries = Vec::with_capacity(blobs);
        let pack_row = narrow(self.packs.len());
        for (number, (_, _, blobs)) in blocks.iter().enumerate() {
            let block = narrow(self.blocks.len() + number);
            let mut offset = 0u32;
            for entry in *blobs {
                let row = PlaceRow { block, blob: narrow(entries.len()), offset, bytes: entry.bytes };
                entries.push((entry.id, row));
                offset = match offset.checked_add(entry.bytes) {
                    Some(next) => next,
                    None => return refused("a block is longer than 4 GiB"),
                };
            }
        }
        self.blocks.extend(blocks.iter().map(|(offset, stored, _)| BlockRow {
            pack: pack_row,
            offset: *offset,
            stored: *stored,
        }));
        self.entries.append(&mut entries);
        self.packs.push(pack);
        Ok(())
    }

    /// How many entries it holds so far.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The segment, in order.
    pub fn finish(self) -> Segment {
        let SegmentBuilder { packs, blocks, entries } = self;
        let (packs, pack_rows) = sort_numbered(packs, |pack| pack.id);
        let renumbered = |row: u32, rows: &[u32]| rows.get(row as usize).copied().unwrap_or(row);
        let blocks = blocks.into_iter().map(|b| BlockRow { pack: renumbered(b.pack, &pack_rows), ..b }).collect();
        let (blocks, block_rows) = sort_numbered(blocks, |block: &BlockRow| *block);
        let mut entries: Vec<_> = entries
            .into_iter()
            .map(|(id, place)| (id, PlaceRow { block: renumbered(place.block, &block_rows), ..place }))
            .collect();
        entries.sort_unstable();
        let (ids, places) = entries.into_iter().unzip();
        Segment { packs, blocks, ids, places }
    }
}

/// The sorted rows, and the new number of each old one.
fn sort_numbered<T, K: Ord>(rows: Vec<T>, key: impl Fn(&T) -> K) -> (Vec<T>, Vec<u32>) {
    let mut numbered: Vec<(usize, T)> = rows.into_iter().enumerate().collect();
    numbered.sort_by_key(|(_, row)| key(row));
    let mut new_rows = vec![0; numbered.len()];
    for (new, (old, _)) in numbered.iter().enumerate() {
        if let Some(row) = new_rows.get_mut(*old) {
            *row = narrow(new);
        }
    }
    (numbered.into_iter().map(|(_, row)| row).collect(), new_rows)
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).expect("a segment has at most 4,194,304 entries, and no pack or block is empty")
}
