//! What tests share.
//!
//! Promises: nothing here is part of a release; a double says in its first line what it stands for and what it cannot show. The toy and
//! the draft stand on `source` alone (`engine/tests/it/architecture.rs` asks Cargo): what compiles here without the feature `rig` needs
//! no engine.

pub mod draft;
#[cfg(feature = "rig")]
#[allow(clippy::unwrap_used, reason = "a double ends its test where it fails")]
pub mod http;
mod noise;
#[cfg(feature = "rig")]
#[allow(clippy::unwrap_used, reason = "a rig ends its test where it fails")]
pub mod rig;
#[cfg(feature = "rig")]
pub mod stores;
pub mod toy;

pub use noise::noise;
