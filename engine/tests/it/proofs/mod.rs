//! Proofs: an adversary damages objects, fails calls, kills sessions and feeds bad input; nothing may be lost, half-made or wrong.

#![expect(clippy::print_stdout, reason = "what was tried is counted, what could not be tried is said")]

mod cache;
mod collect;
mod crash;
mod damage;
mod faults;
mod heal;
mod keys;
mod killed;
mod matrix;
mod odd_items;
mod partial;
mod races;
mod references;
pub(crate) mod rig;
mod stop;
mod targets;
mod writers;

pub(crate) use rig::{Rig, noise, parallel};
