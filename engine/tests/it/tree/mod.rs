//! Sequence trees against plain vectors and maps.

mod build;
mod damage;
mod deep;
mod diff;
mod memory;
mod million;
mod read;
