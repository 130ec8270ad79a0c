//! What the mount needs from a repository: its points, their tree nodes, their contents.
//!
//! Promises: small enough to be stood in for by a catalog in memory, which is how stuck, damaged and archived stores are
//! tested. All methods but [`Catalog::is_local`] may block; the mount calls them from its workers only. Everything that they
//! return was verified.

use bytes::Bytes;
use engine::reader::{FileStream, PrefetchLimits, Prefetcher};
use engine::repository::Repository;
use engine::restore_point::Point;
use engine::{Kind, Result};
use format_spec::ChunkId;
use format_spec::tree::{Entry, Node};
use std::sync::Arc;

/// Where the mount's points come from.
pub trait Catalog: Send + Sync + 'static {
    /// All visible points, oldest first, as the log has them now. Points that are damaged themselves are left out.
    fn points(&self) -> Result<Vec<Arc<Point>>>;
    /// Whether the point of this number is still visible, as the log has it now.
    fn is_visible(&self, number: u32) -> Result<bool>;
    /// One tree node.
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>>;
    /// Makes a file's content readable. `Archived` when it must be retrieved first.
    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>>;
    /// Whether [`open`](Catalog::open) answers without the store.
    fn opens_at_once(&self) -> bool {
        false
    }
    /// Contents of files and nodes of folders that will probably be asked for next. Returns at once; may do nothing.
    fn warm(&self, chunks: Vec<ChunkId>, nodes: Vec<ChunkId>) {
        let _ = (chunks, nodes);
    }
    /// Whether contents are on this machine, as far as one can say without asking the store.
    fn is_local(&self) -> bool;
}

/// An opened file.
pub trait Content: Send + Sync {
    /// Up to `bytes` bytes of the file from `offset`, holes as zeros, less only at the end of the file; `None` when that is not in memory.
    fn read_in_memory(&self, offset: u64, bytes: usize) -> Result<Option<Bytes>>;
    /// The same, from wherever it is.
    fn read(&self, offset: u64, bytes: usize) -> Result<Bytes>;
}

/// A repository, read ahead as its readers go.
pub struct RepositoryCatalog {
    repository: Arc<Repository>,
    prefetcher: Arc<Prefetcher>,
}

impl RepositoryCatalog {
    /// The points of a repository. For the budgets of decoded blocks and nodes see [`crate::limits::CACHES`]: they are the repository's own.
    pub fn new(repository: Arc<Repository>, limits: PrefetchLimits) -> Self {
        let prefetcher = Prefetcher::start(repository.blobs(), limits);
        RepositoryCatalog { repository, prefetcher }
    }

    /// The repository.
    pub fn repository(&self) -> &Arc<Repository> {
        &self.repository
    }
}

impl Catalog for RepositoryCatalog {
    fn points(&self) -> Result<Vec<Arc<Point>>> {
        self.repository.refresh()?;
        let mut points = Vec::new();
        for (commit, point) in self.repository.points_and_damage() {
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
        self.repository.refresh()?;
        Ok(self.repository.log().view().commits.iter().any(|c| c.number == number))
    }

    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        self.repository.node(id)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>> {
        Ok(Box::new(self.prefetcher.open(entry)?))
    }

    fn opens_at_once(&self) -> bool {
        true
    }

    fn warm(&self, chunks: Vec<ChunkId>, nodes: Vec<ChunkId>) {
        if !chunks.is_empty() {
            self.prefetcher.warm_chunks(chunks);
        }
        if !nodes.is_empty() {
            self.prefetcher.warm_nodes(nodes);
        }
    }

    fn is_local(&self) -> bool {
        !self.repository.location().contains("://")
    }
}

impl Content for FileStream {
    fn read_in_memory(&self, offset: u64, bytes: usize) -> Result<Option<Bytes>> {
        FileStream::read_in_memory(self, offset, bytes)
    }

    fn read(&self, offset: u64, bytes: usize) -> Result<Bytes> {
        FileStream::read(self, offset, bytes)
    }
}
