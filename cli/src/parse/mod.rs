//! From text on the command line to types: parsed once, then trusted.

pub(crate) mod accept;
pub(crate) mod amount;
pub(crate) mod duration;
pub(crate) mod job;
pub(crate) mod key_cost;
pub(crate) mod pattern;
pub(crate) mod period;
pub(crate) mod place;
pub(crate) mod quantity;

pub(crate) use accept::Accept;
pub(crate) use place::PointPath;
