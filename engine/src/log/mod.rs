//! The commit log: numbered entries, each created once, that alone say what a repository holds.
//!
//! Promises: [`Log::refresh`] reads every entry up to the head and checks the chain; [`Log::append`] puts the next slot only after the caller's
//! check saw everything before it, and recognises its own entry when a response was lost. Refuses to trust listings (they only
//! tell what to fetch early, and what was there), clocks, or entries that it does not understand.
//!
//! In a repository with immutability a slot that nobody with the keys has filled is passed over ([LOG-25]), and locked before anything is put
//! behind it, so that nobody can open a gap there.
//!
//! | operation starting | another appends first | its response is lost | entry of unknown kind | what it reads is truncated |
//! |---|---|---|---|---|
//! | `refresh` | reads on to the new head | - | goes on or stops as the entry says | goes on from the newest checkpoint |
//! | `append` | reads the winner, checks again, next slot | finds its attempt id: done | stops unless it may be ignored | its entry is void: reads on, checks again, appends anew |
//! | `checkpoint` | sums up what it has read | there is one of that slot: done | writes none | one of its slot or later exists: writes none |
//! | `truncate` | - | deletes again: no error | - | deletes what is left |

mod append;
mod aside;
mod checkpoint;
mod checkpoint_view;
#[cfg(test)]
mod checkpoint_view_tests;
mod ending;
mod fork;
mod locks;
mod moves;
mod published;
mod remembered;
mod replay;
mod state;
mod truncate;
mod view;

pub use aside::{End, EndSlot, Spare};
pub use fork::Fork;
pub use locks::Raises;
pub use moves::{Condemned, Moved};
pub use remembered::{Recollection, Witness, hash_in_store};
pub use replay::Log;
pub use state::{CommitRef, Condemnation, LockRef, RetrievalRef, SegmentRef, SessionRef};
pub use truncate::{Truncated, Truncation};
pub use view::LogView;
