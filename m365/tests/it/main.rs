//! The crate from outside: one binary, one module a behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod client;
mod fuzz;
