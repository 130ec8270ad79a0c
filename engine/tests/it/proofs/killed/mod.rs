//! Backup, expiry, erasure, collection, truncation, copy and retrieval end in the middle, at every call that they make to the store: nothing is lost, nothing half-made
//! is visible, and the next collection and backup find nothing that they could not deal with.
//!
//! ```text
//!  what ends            how                                  which calls                        where
//!  the store goes away  every later call fails               each, before and after its effect  in memory
//!  the process          SIGKILL, before a call or inside it  a seeded share (CAIRN_KILL_CALLS,  a folder, SeaweedFS
//!                                                            CAIRN_SEED), each in the night
//! ```
//!
//! A copy has two stores, and is killed at the calls of each. What a retrieval asks for must outlive it, so it is killed where a server keeps that: at
//! MiniStack, and at SeaweedFS and Azurite behind a layer that this process runs.
//!
//! Where an operation does something at all, it has at most [`CALLS_MAX`] calls, so that each of them can be tried.

mod copying;
mod frame;
mod gone;
mod process;
mod retrieving;
mod scenario;

use scenario::{Operation, Scenario};

/// Each call is tried, and each try costs a check, a collection, a backup and some restores.
const CALLS_MAX: u64 = 100;
