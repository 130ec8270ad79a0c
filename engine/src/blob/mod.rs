//! The hall: `put(chunk) -> id`, `get(id) -> verified bytes`, with dedup, queues and caches behind it.
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
mod catalog;
mod decoded;
mod distrust;
mod durable;
mod manifest;
mod ordinals;
mod ranges;
mod read;
mod rebuilt;
mod segment;
pub mod taken;
mod vault;
mod writer;

pub use cache_place::CachePlace;
pub use catalog::Catalog;
pub use distrust::Distrust;
pub use durable::{put_again, put_durable};
pub use manifest::store_manifest;
pub use ordinals::Ordinals;
pub use ranges::{RANGE_CACHE_LEAST, RangeCache};
pub use read::{Blobs, CacheBudgets};
pub use rebuilt::{Lack, Rebuilt, rebuild_segment};
pub use segment::store_segment;
pub use vault::Vault;
pub(crate) use vault::lost;
pub use writer::{Carried, DATA_LANES, Spool, Stored, Writer, WriterOptions, WriterParts};
