//! What this machine remembers of repositories: which lies where, and how far its log went.
//!
//! A repository cannot say by itself that it is another one than yesterday, or that its newest entries are gone. Only
//! somebody who saw it before can. Below the state folder there is one file per location, with one row for each
//! repository that was accepted there.
//!
//! ```text
//! STATE/known/lock                     held while a file is changed
//! STATE/known/3f0c...e1                one location: its text, then its rows
//!
//! open:    read the rows -> read the config -> same id, no weaker suite? -> read the log -> same history? -> write the row
//! append:  entry stands in the log -> write the row
//! ```
//!
//! The same repository may have been seen at several locations. What was seen elsewhere is asked where a location is used for
//! the first time: an older copy of the files, or one that went its own way, has the same id (decision 0020).
//!
//! Promises: a position only moves forward, but where a person sets it back; a file is replaced whole (written, synced,
//! renamed) under a lock. Nothing depends on it but the noticing: whoever loses it loses no data, and is told of a first
//! use again. Refuses to decide: it compares, and the caller refuses, warns or goes on.
//!
//! | operation starting | another process appends | another sets back | the folder is gone or full |
//! |---|---|---|---|
//! | `read` | sees the row before or after | sees the row before or after | says so |
//! | `update` | waits, reads again, the larger position stays | waits, reads again, goes forward from there | says so |
//! | `forget` | the row comes back as of a first use | - | says so |

mod folder;
mod judge;
mod keeper;
mod record;
mod row;

pub use folder::{Folder, Trouble};
pub use judge::{Standing, judge};
pub use keeper::Keeper;
pub use record::Record;
pub use row::{Row, Seen};
