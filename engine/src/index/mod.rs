//! The index: which blob lies where.
//!
//! [`SegmentBuilder`] makes the segment that a publish puts into the repository (spec/index.md). [`PersistentCache`] is the
//! local map over all published segments: mapped files that are only a hint, bound to a repository and a log position, and
//! rebuilt whenever anything about them is wrong. Losing it costs time, never data (invariant 6).
//!
//! Promises: an answer of the cache is what was added to it, or an error; its memory does not grow with the repository but
//! for 2.3 bytes a chunk of filters. Refuses to: read the log or the store, and to decide which packs may be relied on
//! (condemned packs stay known here; the log's view filters them).

mod builder;
mod cache;
mod filter;
mod folder;
mod layout;
mod location;
mod mapped;
mod merge;
mod pages;
mod records;
mod rows;
mod snapshot;
mod write;

pub use builder::SegmentBuilder;
pub use cache::{Opened, PersistentCache, SEGMENTS_MAX};
pub use location::{BlobLocation, Visit};
pub use snapshot::Statistics;
