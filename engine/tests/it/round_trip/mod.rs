//! The main job from end to end: back up, restore, check, compare.

mod again;
mod bench;
mod incremental;
mod points;
mod renumbered;

pub(crate) use bench::Bench;
