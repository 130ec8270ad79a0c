//! Open files that are read as a kernel reads them: in pieces, mostly in order, by several threads.
//!
//! ```text
//! read -> in the window? ---- yes ---> slice                       (never waits)
//!            |  no
//!            +-> in a decoded block? yes ---> slice                (never waits)
//!            |  no
//!            +-> fetch, decode, verify one chunk                   (waits for the store)
//! sequential: plan -> fetch threads (one ranged read a run) -> decode threads -> window
//! ```
//!
//! Promises: what is read ahead lies in windows of their own under one budget and never passes through the shared cache of decoded
//! blocks, so a scan evicts nothing; a reader that jumps gives its window back; every byte was verified. A failure of what was read
//! ahead is nobody's error: the reader that needs the bytes fetches them itself, and is told.
//! Refuses to: know kernels, and to read ahead for who reads at random.

mod budget;
mod handle;
mod jobs;
mod parts;
mod pattern;
mod prefetcher;
mod shared;
mod window;

pub use handle::FileStream;
pub use prefetcher::{PrefetchLimits, Prefetcher};
