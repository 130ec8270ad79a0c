//! The server on loopback over restore points in memory, asked by a client that notices what breaks off.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod asked;
mod links;
#[expect(dead_code, reason = "the mount's tests need more of it")]
#[path = "../../../fusefs/tests/it/memory.rs"]
mod memory;
mod methods;
mod reading;
mod served;
mod serving;
mod trouble;
