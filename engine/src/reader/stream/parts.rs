//! The answer to one read.

use crate::error::{Error, Kind, Result};
use crate::tree::Placement;
use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// The answer to one read, put together from pieces; of one piece alone a slice.
pub(super) struct Parts {
    at: u64,
    end: u64,
    first: Option<Bytes>,
    joined: BytesMut,
}

impl Parts {
    pub(super) fn new(range: &Range<u64>) -> Self {
        Parts { at: range.start, end: range.end, first: None, joined: BytesMut::new() }
    }

    /// The first stored byte that is still missing.
    pub(super) fn next(&self) -> Option<u64> {
        (self.at < self.end).then_some(self.at)
    }

    pub(super) fn push(&mut self, piece: &Placement, bytes: &Bytes) -> Result<()> {
        if bytes.len() != piece.bytes as usize {
            return Err(
                Error::new(Kind::Damaged, "a chunk is not as long as its tree says").on(format!("chunk {}", piece.id))
            );
        }
        let wrong = || Error::new(Kind::Damaged, "a piece does not hold the byte that it was found by");
        let end = self.end.min(piece.offset + u64::from(piece.bytes));
        let part = piece.offset..=self.at;
        if !part.contains(&piece.offset) || end <= self.at {
            return Err(wrong());
        }
        let from = usize::try_from(self.at - piece.offset).map_err(|_| wrong())?;
        let to = usize::try_from(end - piece.offset).map_err(|_| wrong())?;
        let slice = bytes.slice(from..to);
        self.at = end;
        match self.first.take() {
            None if self.joined.is_empty() => self.first = Some(slice),
            None => self.joined.extend_from_slice(&slice),
            Some(first) => {
                self.joined.reserve(first.len() + slice.len());
                self.joined.extend_from_slice(&first);
                self.joined.extend_from_slice(&slice);
            }
        }
        Ok(())
    }

    pub(super) fn done(self) -> Bytes {
        self.first.unwrap_or_else(|| self.joined.freeze())
    }
}
