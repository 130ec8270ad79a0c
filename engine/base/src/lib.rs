//! What every crate of the engine stands on: errors, the world outside (time, chance, processes, threads), limits,
//! how work is watched and how it ends, and folders that go away with it.
//!
//! Promises: nothing here knows a store, a source or a key. Refuses to grow: a type belongs here only if crates that do not know
//! each other speak in it.

pub mod children;
pub mod ending;
pub mod env;
pub mod error;
pub mod limits;
pub mod monitor;
pub mod temporary;
pub mod threads;

pub use error::{Error, Kind, Result};
