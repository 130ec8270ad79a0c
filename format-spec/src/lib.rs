//! The byte layouts of a Cairn repository: pure functions between bytes and values, no I/O, no clock, no async.
//!
//! The text in `spec/` is normative; this crate is its first implementation and cites its rules (`[PACK-7]`).

mod error;
mod id;
mod time;
pub mod tree;

pub use error::{FormatError, Result};
pub use id::{ChunkId, ObjectId, RepositoryId};
pub use time::Time;
