//! Cairn's data plane: source -> chunk -> block -> pack -> store -> index -> restore point, and back.
//!
//! Rooms stand in the order in which data flows; each imports the shared types and earlier rooms, never later ones
//! (`tests/it/architecture.rs` holds it). `ARCHITECTURE.md` at the top has the map.

pub mod chunk;

pub mod block;

pub mod pack;

pub mod log;

pub mod index;

pub mod tree;

pub mod blob;

pub mod restore_point;

pub mod reader;

pub mod immutability;

pub mod repository;

pub mod session;

pub mod coverage;

pub mod retrieval;

pub mod maintenance;

pub mod backup;

pub mod copy;

pub mod restore;

#[doc(hidden)]
pub mod fuzzing;

pub use ::source;
pub use ::store;
pub use ::store::price;
pub use base::{Error, Kind, Result, children, ending, env, error, limits, monitor, temporary, threads};
