//! What a machine saw of a repository that its log does not show now.

use engine::maintenance::Finding;

/// A log that is not the one that this machine remembers.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// The remembered slot.
    pub slot: u32,
    /// What was found in its place.
    pub what: String,
}

impl Rollback {
    /// As a check tells it.
    pub fn finding(&self) -> Finding {
        Finding { object: format_spec::names::log(self.slot), what: self.what.clone() }
    }
}

/// The repository at another location, of which this one has not all, or something else.
#[derive(Debug, Clone)]
pub struct Twin {
    /// The other location.
    pub location: String,
    /// How this one stands to it.
    pub what: String,
    /// Whether it has entries that the other one has not, or only fewer.
    pub is_fork: bool,
}
