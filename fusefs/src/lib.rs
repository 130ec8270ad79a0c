//! Cairn's view: all restore points as ordinary read-only folders.
//!
//! ```text
//!   kernel -- fs (fuser; session threads, workers, deadlines) -- view (names, inodes, attributes) -- catalog -- repository
//!                                                                 |
//!                                                                 +-- engine::tree (walks nothing itself)
//! ```
//!
//! `SEMANTICS.md` says what the mount promises. The crate `view` knows nothing of FUSE, so that something else can serve it where FUSE is
//! missing; `fs` alone knows `fuser`; `mount` alone mounts.

mod fs;
pub mod limits;
mod mount;

pub use mount::{MountHandle, MountOptions, check, mount, umount};
