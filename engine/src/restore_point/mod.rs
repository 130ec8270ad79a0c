//! Restore points: what the repository can give back, and what each of them needs.
//!
//! Promises: a point is loaded only through the commit that names it and was verified against it; its reference set is exact
//! (POINT-6, POINT-7) and computed from what changed since its base. Refuses to write points that are not complete trees.

mod again;
mod carried;
mod job;
mod kept;
mod ledger;
mod left_out;
mod load;
pub mod made;
mod order;
mod references;
mod sink;
mod spool;

pub use again::{roots_of, store_again};
pub use carried::{CountChange, edited_set};
pub use job::{JobId, JobName, Owner, escaped, newest_of_each};
pub use kept::{EachKept, each_kept, kept_as_of};
pub use ledger::{IN_PART, LEFT_OUT, Ledger, told};
pub use left_out::{fitting as path_key, listing_of};
pub use load::{Point, expect_counted, load_point, manifest_name};
pub use order::{Oddity, contradicts, oddities};
pub use references::{NamedByBase, ReferenceChange, needs_suspects, reference_set};
pub use sink::{IsOld, NewNodes, PointSink};
