//! The sums that inner entries and folders carry (TREE-3, TREE-8), and how they add up.

use crate::error::{Error, Kind, Result};
use format_spec::tree::{Entry, Kind as ItemKind, Pair, Piece, Totals};

/// The sums of nothing at all: what an empty folder carries.
pub const NOTHING: Totals = Totals { entries: 0, descendants: 0, bytes: 0, oldest: i64::MAX, newest: i64::MIN };

/// What a folder entry adds to the folder that it stands in.
pub(super) fn of_entry(entry: &Entry) -> Result<Totals> {
    let mtime = entry.mtime.seconds;
    let own = Totals { entries: 1, descendants: 1, bytes: 0, oldest: mtime, newest: mtime };
    match entry.kind {
        ItemKind::Folder => add(&own, &Totals { entries: 0, ..entry.totals }),
        ItemKind::File => Ok(Totals { bytes: entry.size, ..own }),
        _ => Ok(own),
    }
}

/// What a chunk adds to the content that it is a piece of.
pub(super) fn of_piece(piece: &Piece) -> Totals {
    Totals { entries: 1, bytes: u64::from(piece.bytes), ..NOTHING }
}

/// What a pair adds to its map.
pub(super) fn of_pair(_: &Pair) -> Totals {
    Totals { entries: 1, ..NOTHING }
}

/// The sums of two neighbouring sequences. Bytes stay at 2^64-1 rather than overflow: sizes are what a source claims, and a few
/// sparse files can claim more than a u64 holds. Counts are of things that were stored, so their overflow is an error.
pub(super) fn add(a: &Totals, b: &Totals) -> Result<Totals> {
    let count = |x: u64, y: u64| x.checked_add(y).ok_or_else(|| overflow(x, y));
    Ok(Totals {
        entries: count(a.entries, b.entries)?,
        descendants: count(a.descendants, b.descendants)?,
        bytes: a.bytes.saturating_add(b.bytes),
        oldest: a.oldest.min(b.oldest),
        newest: a.newest.max(b.newest),
    })
}

fn overflow(x: u64, y: u64) -> Error {
    Error::new(Kind::Damaged, format!("[TREE-8] counts of a tree exceed 64 bits: {x} and {y}"))
        .advise("run `cairn check --read-data` to learn what else is damaged")
}
