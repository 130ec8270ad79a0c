//! Proofs: an adversary damages objects, fails calls, kills sessions and feeds bad input; nothing may be lost, half-made or wrong.

mod crash;
mod damage;
mod faults;
mod keys;
mod matrix;
mod references;
mod rig;
mod stop;
mod writers;

pub(crate) use rig::{Rig, noise, parallel};
