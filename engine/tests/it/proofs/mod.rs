//! Proofs: an adversary damages objects, fails calls, kills sessions and feeds bad input; nothing may be lost, half-made or wrong.

#![expect(clippy::print_stdout, reason = "what was tried is counted, what could not be tried is said")]

mod bomb;
mod broken_line;
mod cache;
mod collected_since;
mod crash;
pub(crate) mod damage;
mod faults;
mod full;
pub(crate) mod gc;
mod heal;
mod key_slots;
mod keys;
mod killed;
mod left_alone;
mod left_meanwhile;
mod levels;
mod matrix;
mod odd_items;
mod overtaken;
mod parity;
mod partial;
mod races;
mod references;
mod repair;
pub(crate) mod rig;
mod rolling;
mod stop;
pub(crate) mod targets;
mod uncommitted;
mod versions;
mod writers;

pub(crate) use gc::{expire, options as collect_options};
pub(crate) use rig::{CHEAP, PASSWORD, Rig, contents, noise, parallel, restore_options, shown};
