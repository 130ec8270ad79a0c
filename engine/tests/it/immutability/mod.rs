//! Immutability end to end: what a commit needs is locked, in generations, and who may write and delete can neither hide nor destroy it.

mod attack;
mod collection;
mod generations;
mod late;
mod listings;
mod past;
pub(crate) mod place;
mod raises;
mod repaired;
mod voids;
