//! The store's conformance suite and the probe, on folders, in memory, and on real servers on loopback.
//!
//! Servers are found through the variables that `scripts/with-servers` sets. Without them a test says so and returns, unless
//! `CAIRN_TEST_SERVERS=required` is set: then it fails.

mod answering;
mod archive;
mod azure;
mod conformance;
mod folder;
mod lengths;
mod locks;
mod network;
mod outages;
mod probe;
mod probe_locks;
mod refused;
mod renewal;
mod servers;
pub(crate) mod targets;
pub(crate) mod thaw;
mod verdicts;
