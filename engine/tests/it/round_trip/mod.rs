//! The main job from end to end: back up, restore, check, compare.

mod again;
mod bench;
mod incremental;

pub(crate) use bench::{Bench, restore_options};
