//! Packs that were ever condemned: a row for each Condemn (9c), and ranges for those of long ago
//! (16c), of which only the slot of the last one is left.

use super::{RULE, expect_slot};
use crate::bytes::Cursor;
use crate::checkpoint::{CondemnedLongAgo, CondemnedRow};
use crate::log::rows::{decode_condemned, decode_ranges, encode_condemned, encode_ranges, expect_pack};
use crate::{FormatError, ObjectId, Result};
use std::collections::HashSet;

pub(super) fn encode_batch(batch: &CondemnedRow) -> Vec<u8> {
    [&batch.slot.to_le_bytes()[..], &encode_condemned(&batch.packs)].concat()
}

pub(super) fn decode_batches<'a>(rows: impl Iterator<Item = &'a [u8]>, slot: u32) -> Result<Vec<CondemnedRow>> {
    let mut batches: Vec<CondemnedRow> = Vec::new();
    let mut seen = HashSet::new();
    for row in rows {
        let mut row = Cursor::new(row, RULE);
        let at = row.u32()?;
        expect_slot(at, slot)?;
        let packs = decode_condemned(row)?;
        let again = packs.iter().find(|p| !seen.insert(p.id));
        if let Some(pack) = again {
            return Err(FormatError::broken(RULE, "condemnations of a pack", "one", pack.id));
        }
        if batches.last().is_some_and(|last| last.slot >= at) {
            return Err(FormatError::broken(RULE, "order of condemned packs", "rising slots", at));
        }
        batches.push(CondemnedRow { slot: at, packs });
    }
    Ok(batches)
}

pub(super) fn encode_long_ago(old: &CondemnedLongAgo) -> Vec<u8> {
    [&old.slot.to_le_bytes()[..], &encode_ranges(&old.packs)].concat()
}

pub(super) fn decode_long_ago(mut rows: Cursor<'_>, slot: u32) -> Result<CondemnedLongAgo> {
    let at = rows.u32()?;
    expect_slot(at, slot)?;
    let packs = decode_ranges(rows)?;
    if packs.is_empty() {
        return Err(FormatError::broken(RULE, "packs condemned long ago", "at least one", 0));
    }
    packs.iter().try_for_each(|range| expect_pack(range.kind, RULE))?;
    Ok(CondemnedLongAgo { slot: at, packs })
}

/// What was condemned long ago comes before the batches, and no pack stands twice.
pub(super) fn expect_apart(old: &CondemnedLongAgo, batches: &[CondemnedRow]) -> Result<()> {
    if let Some(first) = batches.first().filter(|first| first.slot <= old.slot) {
        return Err(FormatError::broken(RULE, "order of condemned packs", "rising slots", first.slot));
    }
    let mut ids: Vec<(ObjectId, u32)> = old.packs.iter().map(|range| (range.first, range.count)).collect();
    ids.extend(batches.iter().flat_map(|batch| &batch.packs).map(|pack| (pack.id, 1)));
    ids.sort_unstable();
    let twice = ids.windows(2).find_map(|pair| match pair {
        [(a, count), (b, _)] if a.session == b.session && b.ordinal - a.ordinal < *count => Some(*b),
        _ => None,
    });
    twice.map_or(Ok(()), |id| Err(FormatError::broken(RULE, "condemnations of a pack", "one", id)))
}
