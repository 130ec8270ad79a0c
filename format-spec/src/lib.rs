//! The byte layouts of a Cairn repository: pure functions between bytes and values, no I/O, no clock, no async.
//!
//! The text in `spec/` is normative; this crate is its first implementation and cites its rules (`[PACK-5]`).
//! Promises: whatever bytes it is given, it answers with a value that obeys every rule or with the rule that is broken; it never
//! panics and never allocates by a length it has not checked. Refuses to: touch stores, clocks or randomness.

pub mod bytes;
pub mod checkpoint;
pub mod codec;
pub mod config;
pub mod container;
mod error;
pub mod fields;
mod id;
pub mod index;
pub mod key_slot;
pub mod keys;
pub mod ledger;
pub mod left_out;
pub mod log;
pub mod names;
pub mod pack;
pub mod parity;
pub mod period;
pub mod point;
mod time;
pub mod tree;

pub use error::{FormatError, Result};
pub use id::{ChunkId, ObjectId, RepositoryId};
pub use time::Time;
