//! Repair: what is damaged, what it takes away, what can give it back; and giving it back.
//!
//! Promises: `plan` writes nothing and names for each damaged object the restore points and paths that need what it held; `apply` carries out exactly
//! the plan whose hash it is given, and only ever writes new things: blobs into new packs of a new session, segments under new names, rewritten
//! points. A damaged pack of which all that is needed has a sound place is condemned, so that collection keeps the good places and takes the
//! damaged one away. One that stays is recorded in the log as suspect, so that on every machine the next backup stores again what only it holds; one
//! that is found right again is withdrawn from there. Refuses to remove or overwrite anything itself, damaged or not; but for an
//! object that keeps the repository from being read, whose right bytes a copy has and the log proves ([`OpeningPlan`]).
//!
//! | damaged | given back by |
//! |---|---|
//! | blocks of a pack | its parity; this machine's disk cache; a copy repository with the same dedup key; else the next backup that reads the source |
//! | what nobody gives back | the source: the pack is suspect from then on, and the next backup stores it again |
//! | directory or trailer of a pack | its own blocks, which are whole; its parity |
//! | an index segment | the contents of its packs |
//! | a manifest | a copy repository that has the point; else the point is given up, if that is asked for |
//! | the newest entries of the log | nothing, but they are set aside, and a restore point that is whole is committed again |
//! | an older log entry, the config | a plain copy of the repository, whose bytes the log proves |

mod affected;
mod again;
mod apply;
mod moves;
mod opening;
mod plan;
mod repair_source;
mod suspect;

pub use apply::{RepairReport, apply};
pub use opening::{Opened, OpeningPlan};
pub use plan::{HealJob, RepairItem, RepairOptions, RepairPlan, plan};
pub use repair_source::RepairSource;
