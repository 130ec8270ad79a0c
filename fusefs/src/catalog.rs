//! What the mount needs from a repository: its points, their tree nodes, their contents.
//!
//! Promises: small enough to be stood in for by a catalog in memory, which is how stuck, damaged and archived stores are
//! tested. All methods may block; the mount calls them from its workers only. Everything that they return was verified.

use engine::Result;
use format_spec::ChunkId;
use format_spec::point::Manifest;
use format_spec::tree::{Entry, Node};
use std::sync::Arc;

/// A visible restore point.
#[derive(Debug, Clone)]
pub struct Point {
    /// Its number, from 1, never reused [POINT-3].
    pub number: u32,
    /// What it is.
    pub manifest: Manifest,
}

/// Where the mount's points come from.
pub trait Catalog: Send + Sync + 'static {
    /// All visible points, oldest first, as the log has them now.
    fn points(&self) -> Result<Vec<Arc<Point>>>;
    /// One tree node.
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>>;
    /// Makes a file's content readable. `Archived` when it must be retrieved first.
    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>>;
    /// Whether contents are on this machine, as far as one can say without asking the store.
    fn is_local(&self) -> bool;
}

/// An opened file.
pub trait Content: Send + Sync {
    /// Fills `buffer` from `offset` in bytes of the file, holes as zeros; returns less only at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize>;
}
