//! Kept items of a point that is rewritten: the ledger's lines that say since when, and the numbers that they add up to (POINT-10, POINT-11).
//!
//! Promises: what leaves a point leaves its lines and counts, too; a folder that could not be listed stays named as such when all leaves that was
//! kept in it; the lines go on adding up to the count.

use super::cut::at;
use crate::error::Result;
use crate::tree::{MapCursor, NodeSource};
use format_spec::ledger::{Exception, Outcome};
use format_spec::point::{LedgerCounts, Manifest};
use format_spec::tree::Entry;
use std::collections::BTreeMap;

/// What the lines of kept items become.
#[derive(Default)]
pub(super) struct Held {
    /// Lines of the ledger that change, or leave.
    pub(super) edits: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Items that leave and were kept: they are none of those that were stored.
    pub(super) left: u64,
    /// Folders of which nothing is kept any more, and that still could not be listed.
    emptied: u64,
}

/// Says of an old entry how many entries leave at and below it, and whether it stays itself.
pub(super) type Leaves<'a> = dyn FnMut(&[u8], &Entry) -> Result<(u64, bool)> + 'a;

impl Held {
    /// Looks at each line of a kept item. `leaves` says of the old tree's entry at a path how many entries leave at and below it, and whether it
    /// stays itself: the new tree cannot be read yet.
    ///
    /// # Errors
    /// The source's and those of `leaves`; `Damaged` when the point's trees are.
    pub(super) fn settle(nodes: &dyn NodeSource, old: &Manifest, leaves: &mut Leaves<'_>) -> Result<Held> {
        let mut held = Held::default();
        if old.counts.kept == 0 {
            return Ok(held);
        }
        let mut lines: Vec<(Vec<u8>, Exception, (u64, bool))> = Vec::new();
        for pair in MapCursor::open(nodes, old.maps.exceptions) {
            let pair = pair?;
            let line = Exception::decode(&pair.value)?;
            if matches!(line.outcome, Outcome::Kept { .. })
                && let Some(entry) = at(nodes, &old.root, &pair.key)?
            {
                lines.push((pair.key.clone(), line, leaves(&pair.key, &entry)?));
            }
        }
        // From the innermost outwards: what leaves under a longer line is not counted again under a shorter one.
        let mut inner: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for (path, line, (left, stays)) in lines.iter().rev() {
            let Outcome::Kept { as_of, items } = line.outcome else { continue };
            let below = inner.remove(path).unwrap_or(0);
            if let Some(outer) =
                folders_above(path).find(|above| lines.binary_search_by(|l| l.0[..].cmp(above)).is_ok())
            {
                *inner.entry(outer.to_vec()).or_default() += left;
            }
            let own = left.saturating_sub(below).min(items);
            if own == 0 && *stays {
                continue;
            }
            held.left += own;
            let changed = match items - own {
                0 if !stays => None,
                0 => {
                    held.emptied += 1;
                    Some(Exception { outcome: Outcome::Failed, reason: line.reason.clone() })
                }
                items => Some(Exception { outcome: Outcome::Kept { as_of, items }, reason: line.reason.clone() }),
            };
            held.edits.insert(path.clone(), changed.map(|line| line.encode()));
        }
        Ok(held)
    }

    /// Takes what has left out of the counts.
    pub(super) fn count(&self, counts: &mut LedgerCounts) {
        counts.kept = counts.kept.saturating_sub(self.left);
        counts.failed = counts.failed.saturating_sub(self.left) + self.emptied;
    }
}

/// The paths of the folders that a path is in, the nearest first, the root last.
fn folders_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let root = (!path.is_empty()).then_some(&path[..0]);
    let ends = path.iter().enumerate().rev().filter(|(_, b)| **b == b'/').map(|(at, _)| &path[..at]);
    ends.chain(root)
}
