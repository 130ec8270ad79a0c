//! The answer to one read.

use crate::error::Result;
use crate::reader::piece::part_of;
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
        let slice = part_of(piece, bytes, &(self.at..self.end))?;
        self.at += slice.len() as u64;
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
