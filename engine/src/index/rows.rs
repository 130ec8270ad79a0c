//! Segments as sorted rows, wherever they are: published ones in memory, cached ones in mapped files.

use super::records::{BlockRecord, PackRecord, PlaceRecord};
use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use format_spec::index::Segment;

/// How many rows a segment has of each sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) packs: u32,
    pub(super) blocks: u32,
    pub(super) entries: u32,
}

/// Random access to the rows of a segment, in the order of spec/index.md.
pub(super) trait Rows {
    fn counts(&self) -> Counts;
    fn pack(&self, row: u32) -> Result<PackRecord>;
    fn block(&self, row: u32) -> Result<BlockRecord>;
    fn id(&self, row: u32) -> Result<[u8; 32]>;
    fn place(&self, row: u32) -> Result<PlaceRecord>;

    /// The place of an entry with its block and pack.
    fn resolve(&self, row: u32) -> Result<BlobLocation> {
        let place = self.place(row)?;
        let block = self.block(place.block)?;
        place.place(&block, &self.pack(block.pack)?)
    }
}

/// A segment in memory whose orders and row numbers were checked.
pub(super) struct Checked<'a> {
    segment: &'a Segment,
    counts: Counts,
}

impl<'a> Checked<'a> {
    /// Checks what [`Segment::decode`] checks, for segments that were built here.
    pub(super) fn new(segment: &'a Segment) -> Result<Self> {
        let count = |n: usize| u32::try_from(n).map_err(|_| broken("it has too many rows"));
        let counts = Counts {
            packs: count(segment.packs.len())?,
            blocks: count(segment.blocks.len())?,
            entries: count(segment.ids.len())?,
        };
        let rows = || segment.ids.iter().zip(&segment.places);
        let holds = segment.ids.len() == segment.places.len()
            && segment.packs.is_sorted_by(|a, b| a.id < b.id)
            && segment.blocks.is_sorted_by(|a, b| (a.pack, a.offset) < (b.pack, b.offset))
            && rows().is_sorted_by(|a, b| (a.0, a.1.block, a.1.blob) < (b.0, b.1.block, b.1.blob))
            && segment.blocks.iter().all(|b| b.pack < counts.packs)
            && segment.places.iter().all(|p| p.block < counts.blocks);
        if !holds {
            return Err(broken("its rows are not in order"));
        }
        Ok(Checked { segment, counts })
    }
}

impl Rows for Checked<'_> {
    fn counts(&self) -> Counts {
        self.counts
    }

    fn pack(&self, row: u32) -> Result<PackRecord> {
        self.segment.packs.get(row as usize).map(PackRecord::new).ok_or_else(outside)
    }

    fn block(&self, row: u32) -> Result<BlockRecord> {
        self.segment.blocks.get(row as usize).map(BlockRecord::new).ok_or_else(outside)
    }

    fn id(&self, row: u32) -> Result<[u8; 32]> {
        self.segment.ids.get(row as usize).map(|id| id.0).ok_or_else(outside)
    }

    fn place(&self, row: u32) -> Result<PlaceRecord> {
        self.segment.places.get(row as usize).map(PlaceRecord::new).ok_or_else(outside)
    }
}

fn broken(what: &str) -> Error {
    Error::new(Kind::Bug, format!("an index segment cannot be cached: {what}"))
}

fn outside() -> Error {
    broken("a row number is outside of its table")
}
