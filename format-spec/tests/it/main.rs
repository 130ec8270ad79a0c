//! The format, proved: golden vectors, rules, flipped bits, round trips, corpora.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails loudly")]

mod golden;
#[path = "../../../fuzz/src/format.rs"]
#[expect(unreachable_pub, reason = "the fuzz crate's library; here its functions are replayed")]
mod targets;

mod checkpoint_trips;
mod flips;
mod log_round_trips;
mod older;
mod replay;
mod round_trips;
mod rules;
mod secrecy;
mod vectors;
