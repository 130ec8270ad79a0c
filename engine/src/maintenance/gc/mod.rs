//! Collection: giving back what no restore point needs.
//!
//! Marks from the reference sets of live points and of the bases of open sessions; no folder tree is read, and a node that many sets share is
//! read once. Packs without a live blob are condemned; sparse ones are repacked, every survivor verified against its id, and condemned by the entry
//! that publishes the replacement. What was condemned is deleted after a grace that serves readers. Safety rests on the order of the log alone
//! (invariants I2 to I5 of the protocol): clocks only decide when to begin.
//!
//! | collection starting | what is running | what happens |
//! |---|---|---|
//! | mark, condemn | backup | its published packs are live while its session is open; what it deduplicated against and was condemned, it stores again before its commit |
//! | mark, condemn | expire | a point that expires meanwhile was marked: its blobs wait for the next collection |
//! | condemn | collection | the other's `Condemn` is seen before ours is appended: packs that it took are left out |
//! | condemn | restore, check, mount | they read the log on when a blob is not where it was ([LOG-20]) |
//! | sweep | restore, mount with an old view | the grace; after it, a reader reads the log on and finds the new place |
//! | sweep | backup that was opened before the condemnation | nothing of it is swept while the session is open |
//! | sweep | sweep | deleting what is gone is no error; `Swept` names it once |
//! | orphans | backup | only objects of sessions that have ended in the log, and that no entry names |
//!
//! A damaged pack is given up like another one when all that survives of it is whole elsewhere: a later backup stored it again. Otherwise what is
//! damaged is left alone and told: a segment, a pack that cannot be read; the rest is collected all the same. Only a reference set that
//! cannot be read ends it, because then nothing is known to be dead.
//!
//! A session is silent by its own clock; where that is ahead of the collector's, by the first entry that somebody else wrote behind its last sign. The
//! plan names each open session that holds space back; `fence` ends one at once.
//!
//! Refuses to delete what a listing shows and the log does not know, unless its session has ended; and to trust the local cache for that.

mod apply;
mod condemn;
mod copies;
mod early;
mod fold;
mod held;
mod mark;
mod orphans;
mod plan;
mod quoted;
mod repack;
mod report;
mod survivors;
mod sweep;

pub use apply::collect;
pub use early::{Early, early_deletion};
pub(super) use mark::Marks as LiveBlobs;
pub(super) use orphans::is_named;
pub use plan::{CollectOptions, CollectPlan, Holding, LockedPack, PackPlan, plan_collection};
pub use report::CollectReport;
