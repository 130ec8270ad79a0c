//! Sequence trees against plain vectors and maps.

#![expect(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they share")]

mod build;
mod damage;
mod deep;
mod diff;
mod edit;
pub(crate) mod memory;
mod million;
mod read;
