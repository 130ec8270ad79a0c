//! The part of a chunk that a reader asked for: the one place where a chunk is held against what its tree says of it.

use crate::error::{Error, Kind, Result};
use crate::tree::Placement;
use bytes::Bytes;
use std::ops::Range;

/// The bytes from the start of `range` to the end of the chunk or of the range; `range` is of what is stored, and begins in the
/// chunk.
///
/// # Errors
/// `Damaged` when the chunk is not as long as its tree says, or does not hold the start of the range.
pub(super) fn part_of(piece: &Placement, chunk: &Bytes, range: &Range<u64>) -> Result<Bytes> {
    if chunk.len() != piece.bytes as usize {
        let what = "a chunk is not as long as its tree says";
        return Err(Error::new(Kind::Damaged, what).on(format!("chunk {}", piece.id)));
    }
    let end = range.end.min(piece.offset + u64::from(piece.bytes));
    let from = range.start.checked_sub(piece.offset).filter(|_| range.start < end);
    let to = from.map(|from| from + (end - range.start));
    let places = from.zip(to).and_then(|(from, to)| usize::try_from(from).ok().zip(usize::try_from(to).ok()));
    let (from, to) =
        places.ok_or_else(|| Error::new(Kind::Damaged, "a piece does not hold the byte that it was found by"))?;
    Ok(chunk.slice(from..to))
}
