//! Reading contents: a byte range of a file -> chunks -> places -> blocks -> coalesced ranged reads.
//!
//! Promises: bytes are verified against their ids before they are returned; holes cost nothing; what is read ahead stays within a
//! budget. Refuses to know targets: files, pipes and kernels are served by later rooms and crates.

mod ahead;
mod content;
mod dense;
mod piece;
mod plan;
mod stream;

pub use ahead::{Account, Consumer, ReadAhead};
pub use content::ContentReader;
pub(crate) use dense::dense_runs;
pub use plan::{BlockRun, RunPlanner};
pub use stream::{FileStream, PrefetchLimits, Prefetcher};
