//! What a check is asked to do, and how deep it looks.
//!
//! | level | log, key slots, manifests, segments | every tree node decoded | data packs |
//! |---|---|---|---|
//! | list | yes | no | there, with the promised length (one listing) |
//! | tails | yes | yes | and their directory and contents agree with the index |
//! | stored | yes | yes | and every stored byte matches its checksums and its parity (needs no keys) |
//! | full | yes | yes | and every chunk decodes to its id |

use crate::limits::THREADS;
use crate::restore_point::Point;
use std::path::PathBuf;
use std::sync::Arc;

/// How deep to look into packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Objects are there, with the promised length.
    List,
    /// And their tails are read and compared with the index.
    Tails,
    /// And every stored byte is read and matches its checksums.
    Stored,
    /// And every chunk is decoded and matches its id.
    Full,
}

/// What to check.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// How deep.
    pub level: Level,
    /// The share of data packs that are read (0 to 1), other ones each time; of the others the tails are. `None` reads all.
    pub share: Option<f64>,
    /// The folder in which it is remembered which packs were read; without one the day decides.
    pub remember: Option<PathBuf>,
    /// Only what this point needs.
    pub point: Option<Arc<Point>>,
    /// Threads that read and decode.
    pub threads: usize,
}

impl CheckOptions {
    /// Everything, as deep as this.
    pub fn new(level: Level) -> Self {
        CheckOptions { level, share: None, remember: None, point: None, threads: THREADS }
    }
}
