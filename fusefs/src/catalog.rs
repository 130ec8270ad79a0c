//! What the mount needs from a repository: its points, their tree nodes, their contents.
//!
//! Promises: small enough to be stood in for by a catalog in memory, which is how stuck, damaged and archived stores are
//! tested. All methods but [`Catalog::is_local`] may block; the mount calls them from its workers only. Everything that they
//! return was verified.

use engine::reader::ContentReader;
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::{Kind, Result};
use format_spec::ChunkId;
use format_spec::tree::{Entry, Node};
use std::ops::Range;
use std::sync::Arc;

/// Where the mount's points come from.
pub trait Catalog: Send + Sync + 'static {
    /// All visible points, oldest first, as the log has them now. Points that are damaged themselves are left out.
    fn points(&self) -> Result<Vec<Arc<Point>>>;
    /// Whether the point of this number is still visible, as the log has it now.
    fn is_visible(&self, number: u32) -> Result<bool>;
    /// One tree node.
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>>;
    /// Makes a file's content readable, as far as it can be read.
    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>>;
    /// Whether all of a file's content can be read now, as far as one can say before reading it: `Archived` when it must be
    /// retrieved first.
    fn ready(&self, entry: &Entry) -> Result<()>;
    /// Whether contents are on this machine, as far as one can say without asking the store.
    fn is_local(&self) -> bool;
}

/// An opened file.
pub trait Content: Send + Sync {
    /// Fills `buffer` from `offset` in bytes of the file, holes as zeros; returns less only at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize>;
    /// The bytes of the file around `offset` that can only be read together; none where that is not known.
    fn piece_at(&self, offset: u64) -> Range<u64> {
        offset..offset
    }
}

impl Catalog for Repository {
    fn points(&self) -> Result<Vec<Arc<Point>>> {
        self.refresh()?;
        let mut points = Vec::new();
        for (commit, point) in self.points_and_damage() {
            match point {
                Ok(point) => points.push(point),
                // The other points are worth showing; that there is one more is said where somebody looks.
                Err(e) if e.kind() == Kind::Damaged => {
                    tracing::warn!(number = commit.number, "a damaged restore point is not shown: {e}");
                }
                Err(e) => return Err(e),
            }
        }
        Ok(points)
    }

    fn is_visible(&self, number: u32) -> Result<bool> {
        self.refresh()?;
        Ok(self.log().view().commits.iter().any(|c| c.number == number))
    }

    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        Repository::node(self, id)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>> {
        Ok(Box::new(ContentReader::open(self.blobs(), entry)?))
    }

    fn ready(&self, entry: &Entry) -> Result<()> {
        if self.is_local() {
            return Ok(());
        }
        // No store says beforehand what rests in its archive. The first byte tells for the file's first pack, and whoever opens a file
        // reads it next.
        let first = entry.extents.as_ref().map_or(Some(0), |runs| runs.first().map(|run| run.offset));
        let Some(offset) = first.filter(|offset| *offset < entry.size) else { return Ok(()) };
        match ContentReader::open(self.blobs(), entry)?.read_at(offset, &mut [0]) {
            Err(e) if matches!(e.kind(), Kind::Archived | Kind::Transient | Kind::Denied) => Err(e),
            // What is damaged may be so in a part only.
            _ => Ok(()),
        }
    }

    fn is_local(&self) -> bool {
        !self.location().contains("://")
    }
}

impl Content for ContentReader {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        ContentReader::read_at(self, offset, buffer)
    }

    fn piece_at(&self, offset: u64) -> Range<u64> {
        // What its own tree does not say is not known.
        ContentReader::piece_at(self, offset).ok().flatten().unwrap_or(offset..offset)
    }
}
