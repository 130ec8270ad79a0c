//! Cairn's data plane: source -> chunk -> block -> pack -> store -> index -> restore point, and back.
//!
//! Rooms stand in the order in which data flows; each imports the shared types and earlier rooms, never later ones
//! (`tests/it/architecture.rs` holds it). `ARCHITECTURE.md` at the top has the map.

pub mod env;
pub mod error;
pub mod limits;
pub mod monitor;

pub mod threads;

pub mod children;

pub mod ending;

pub mod temporary;

pub mod source;

pub mod chunk;

pub mod block;

pub mod pack;

pub mod store;

pub mod price;

pub mod log;

pub mod index;

pub mod tree;

pub mod blob;

pub mod restore_point;

pub mod reader;

pub mod immutability;

pub mod repository;

pub mod coverage;

pub mod retrieval;

pub mod care;

pub mod backup;

pub mod copy;

pub mod restore;

#[doc(hidden)]
pub mod fuzzing;

pub use error::{Error, Kind, Result};
