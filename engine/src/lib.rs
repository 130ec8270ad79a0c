//! Cairn's data plane: source -> chunk -> block -> pack -> store -> index -> restore point, and back.
//!
//! Rooms stand in the order in which data flows; each imports the shared types and earlier rooms, never later ones
//! (`tests/architecture.rs` holds it). `ARCHITECTURE.md` at the top has the map.

pub mod env;
pub mod error;
pub mod monitor;

pub mod source;
pub mod store;
pub mod tree;

pub use error::{Error, Kind, Result};
