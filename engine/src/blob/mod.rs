//! The blob store: `put(chunk) -> id`, `get(id) -> verified bytes`, with dedup, queues and caches behind it.
//!
//! Promises: what [`Blobs::chunk`] and [`Blobs::node`] return was verified against its id; what a [`Writer`] has published is durable, was
//! checked in the store after it was written, and is in the index; memory is bounded by the page of limits. Refuses to know what
//! chunks mean: trees and points are later rooms.
//!
//! ```text
//! put -> (known?) -> open block -> encode + verify -> seal into pack -> store + self-check -> publish
//!        caller      caller        encoders           encoders           uploaders           uploaders
//! ```

mod cache_place;
mod decoded;
mod disk_cache;
mod distrust;
mod durable;
mod live_index;
mod manifest;
mod ordinals;
pub mod pack_reader;
mod read;
mod rebuilt;
mod sealed_store;
mod segment;
mod writer;

pub use cache_place::CachePlace;
pub use disk_cache::{DISK_CACHE_LEAST, DiskCache};
pub use distrust::Distrust;
pub use durable::{put_again, put_durable};
pub use live_index::LiveIndex;
pub use manifest::store_manifest;
pub use ordinals::Ordinals;
pub use read::{Blobs, CacheBudgets};
pub use rebuilt::{Lack, Rebuilt, rebuild_segment};
pub use sealed_store::SealedStore;
pub(crate) use sealed_store::lost;
pub use segment::store_segment;
pub use writer::{Carried, DATA_LANES, Spool, Stored, Writer, WriterOptions, WriterParts};
