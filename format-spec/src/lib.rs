//! The byte layouts of a Cairn repository: pure functions between bytes and values, no I/O, no clock, no async.
//!
//! The text in `spec/` is normative; this crate is its first implementation and cites its rules (`[PACK-5]`).
//! Promises: whatever bytes it is given, it answers with a value that obeys every rule or with the rule that is broken; it never
//! panics and never allocates by a length it has not checked. Refuses to: touch stores, clocks or randomness.
//!
//! Without the feature `sealing` only items, names and times are left: no container, no cipher and no key.

pub mod bytes;
#[cfg(feature = "sealing")]
pub mod checkpoint;
#[cfg(feature = "sealing")]
pub mod codec;
#[cfg(feature = "sealing")]
pub mod config;
#[cfg(feature = "sealing")]
pub mod container;
mod error;
pub mod fields;
mod id;
#[cfg(feature = "sealing")]
pub mod index;
#[cfg(feature = "sealing")]
pub mod key_slot;
#[cfg(feature = "sealing")]
pub mod keys;
pub mod ledger;
pub mod left_out;
#[cfg(feature = "sealing")]
pub mod log;
pub mod names;
mod object_kind;
#[cfg(feature = "sealing")]
pub mod pack;
#[cfg(feature = "sealing")]
pub mod parity;
pub mod period;
#[cfg(feature = "sealing")]
pub mod point;
mod point_kind;
mod time;
pub mod tree;

pub use error::{FormatError, Result};
pub use id::{ChunkId, ObjectId, PointId, RepositoryId};
pub use object_kind::{ObjectKind, has_magic};
pub use point_kind::{PointKind, Workload};
pub use time::Time;
