//! The engine from outside: one binary, one module a behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod architecture;
mod beside_others;
mod circles;
mod clocks;
mod copy;
mod covers;
mod edits;
mod fuzz;
mod immutability;
mod incidents;
mod index;
mod kept;
mod log;
mod matrix;
mod model;
mod naming;
mod newer;
mod proofs;
mod retention;
mod retrieval;
mod round_trip;
mod sessions;
mod simulation;
mod source;
mod store;
mod streams;
mod suspects;
mod tree;
