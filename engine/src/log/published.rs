//! Which ordinals the open sessions have published ([LOG-7]: each is published once).
//!
//! Promises: what the known log has published is refused to be published again, so that two processes of one session cannot
//! give two objects one name in the log. Refuses to remember sessions that have ended. What a checkpoint sums up is known by
//! its segments alone: of a pack that was published before it, the store refuses a second object of the same name.

use crate::error::{Error, Kind, Result};
use format_spec::log::Change;
use std::collections::BTreeMap;

/// The published ordinals of each open session, as ranges: a session publishes most of what it takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Published {
    sessions: BTreeMap<u32, Ranges>,
}

/// Ranges that do not touch: the first ordinal of each, and the one behind its last.
type Ranges = BTreeMap<u32, u64>;

impl Published {
    pub(super) fn add(&mut self, session: u32, ordinals: impl Iterator<Item = u32>) {
        let ranges = self.sessions.entry(session).or_default();
        ordinals.for_each(|ordinal| insert(ranges, ordinal));
    }

    /// Forgets all but these sessions.
    pub(super) fn keep<T>(&mut self, open: &BTreeMap<u32, T>) {
        self.sessions.retain(|session, _| open.contains_key(session));
    }

    pub(super) fn forget(&mut self, session: u32) {
        self.sessions.remove(&session);
    }

    /// Refuses an entry that publishes what its session has published before.
    ///
    /// # Errors
    /// `Conflict`.
    pub(super) fn expect_new(&self, change: &Change) -> Result<()> {
        let Some((session, ordinals)) = names(change) else { return Ok(()) };
        let Some(ranges) = self.sessions.get(&session) else { return Ok(()) };
        match ordinals.into_iter().find(|ordinal| has(ranges, *ordinal)) {
            None => Ok(()),
            Some(ordinal) => Err(Error::new(
                Kind::Conflict,
                format!("LOG-7: object {ordinal} of this session has been published before"),
            )
            .on(format!("session {session}"))
            .advise("processes that share a session must each use the range of objects that was reserved for it")),
        }
    }
}

/// The session of an entry, and the ordinals that it publishes.
fn names(change: &Change) -> Option<(u32, Vec<u32>)> {
    match change {
        Change::Publish { session, packs, segment } | Change::Condemn { session, packs, segment, .. } => {
            let ordinals = packs.iter().map(|pack| pack.object.ordinal).chain(segment.map(|s| s.ordinal));
            Some((*session, ordinals.collect()))
        }
        Change::Fold { session, segments, .. } => Some((*session, segments.iter().map(|s| s.ordinal).collect())),
        Change::Commit { session, point, .. } | Change::Rewrite { session, point, .. } => {
            Some((*session, vec![point.ordinal]))
        }
        _ => None,
    }
}

fn has(ranges: &Ranges, ordinal: u32) -> bool {
    ranges.range(..=ordinal).next_back().is_some_and(|(_, end)| u64::from(ordinal) < *end)
}

fn insert(ranges: &mut Ranges, ordinal: u32) {
    if has(ranges, ordinal) {
        return;
    }
    let behind = u64::from(ordinal) + 1;
    // The range that follows at once goes on from here.
    let end = u32::try_from(behind).ok().and_then(|next| ranges.remove(&next)).unwrap_or(behind);
    match ranges.range_mut(..ordinal).next_back() {
        Some((_, before)) if *before == u64::from(ordinal) => *before = end,
        _ => _ = ranges.insert(ordinal, end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_together_in_any_order() {
        let mut ranges = Ranges::new();
        for ordinal in [5, 3, 4, 9, 0, u32::MAX, 8, 3] {
            insert(&mut ranges, ordinal);
        }
        let end = u64::from(u32::MAX) + 1;
        assert_eq!(ranges, Ranges::from([(0, 1), (3, 6), (8, 10), (u32::MAX, end)]));
        for ordinal in 0..12 {
            assert_eq!(has(&ranges, ordinal), [0, 3, 4, 5, 8, 9].contains(&ordinal), "{ordinal}");
        }
        assert!(has(&ranges, u32::MAX) && !has(&ranges, u32::MAX - 1));
    }
}
