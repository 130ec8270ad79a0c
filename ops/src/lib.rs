//! What a face asks for: open a repository, create one, back up, copy, retrieve, plan and apply; each as a
//! plain request that is answered by a report.
//!
//! A face is the command line, the server or its console. It turns options or a form into a request, and a report into words or
//! JSON: the field names of a report are the keys of `docs/json.md`. Policies and sequences that every face must share are here:
//! what is tried out before a repository is made, what this machine remembers of it, when runs of a job overlap, what work may
//! cost.
//!
//! Promises: what is refused is a [`Refusal`] with a reason that a face can match; what a face's own closures fail with comes
//! back to it unchanged ([`Error::Face`]). Refuses to print, to read the environment and to ask a terminal.

pub mod as_far;
pub mod backup;
pub mod compared;
pub mod copy;
pub mod create;
pub mod durable;
mod error;
pub mod face;
pub mod findings;
pub mod immutability;
pub mod items;
pub mod keys;
pub mod known;
pub mod local;
pub mod open;
pub mod open_store;
pub mod plans;
pub mod points;
pub mod recognise;
pub mod report;
pub mod restored;
pub mod retrieve;
pub mod spending;

pub use error::{Error, Reason, Refusal, Result};
pub use face::Face;
pub use open_store::{Network, OpenStore, StoreSettings, Traffic, TrafficOfTwo};

/// A password in memory; it is wiped when it goes.
pub type Secret = zeroize::Zeroizing<Vec<u8>>;
