//! What a collection did, and what it has spent of its limits.

use crate::maintenance::findings::Finding;
use format_spec::Time;

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CollectReport {
    /// Silent sessions that were fenced.
    pub fenced: u64,
    /// Packs that were condemned.
    pub packs_condemned: u64,
    /// Their stored bytes.
    pub bytes_condemned: u64,
    /// Packs among them whose survivors were packed anew.
    pub packs_repacked: u64,
    /// Packs that were written for survivors.
    pub packs_written: u64,
    /// Stored bytes of those.
    pub bytes_written: u64,
    /// Index segments that were folded into larger ones.
    pub segments_folded: u64,
    /// Objects that were deleted, orphans included.
    pub objects_deleted: u64,
    /// Stored bytes of those.
    pub bytes_freed: u64,
    /// Entries and checkpoints of the log that were deleted because newer checkpoints cover them.
    pub log_entries_deleted: u64,
    /// Objects that the store has locked.
    pub objects_locked: u64,
    /// Objects that wait for the end of their grace.
    pub waiting: u64,
    /// When the first of those is due.
    pub sweep_after: Option<Time>,
    /// Objects that were left alone because they are damaged: sparse packs whose survivors cannot all be read, segments that cannot be folded, packs
    /// that no readable segment names.
    pub damaged: Vec<Finding>,
    /// Requests, about.
    pub requests: u64,
    /// Whether a limit ended the work before it was done.
    pub is_partial: bool,
    /// Whether packs or segments were left as they are because the store has no room for what would take their place. What was deleted may have made some.
    pub is_short_of_room: bool,
}

/// What was spent of the limits.
#[derive(Debug, Default)]
pub(super) struct Spent {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) requests_max: Option<u64>,
    pub(super) bytes_max: Option<u64>,
    /// Whether somebody who had more to do was told to stop.
    pub(super) has_stopped: bool,
}

impl Spent {
    /// Asked by who has more to do.
    pub(super) fn is_over(&mut self) -> bool {
        self.has_stopped |= self.is_spent();
        self.is_spent()
    }

    pub(super) fn is_spent(&self) -> bool {
        self.requests_max.is_some_and(|max| self.requests >= max) || self.bytes_max.is_some_and(|max| self.bytes >= max)
    }
}
