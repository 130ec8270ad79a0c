//! One file's content, readable at any offset by any thread.
//!
//! Promises: a read walks the tree once and fills the caller's buffer; nothing is kept between reads. Who reads in order, or may
//! not wait, takes a [`FileStream`](super::FileStream), which asks for one chunk at a time, as its windows may hold the next.

use super::dense::Dense;
use super::piece::part_of;
use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::tree::pieces;
use format_spec::tree::{Content, Entry};
use std::sync::Arc;

/// The content of one file of a restore point. Cheap to make; nothing is read before it is asked for.
#[derive(Debug, Clone)]
pub struct ContentReader {
    blobs: Arc<Blobs>,
    content: Content,
    dense: Dense,
}

impl ContentReader {
    /// The content of a file's entry.
    ///
    /// # Errors
    /// `Input` when the entry is no file.
    pub fn open(blobs: &Arc<Blobs>, entry: &Entry) -> Result<Self> {
        Ok(ContentReader { blobs: blobs.clone(), content: entry.content, dense: Dense::of(entry)? })
    }

    /// The file's length.
    pub fn size(&self) -> u64 {
        self.dense.size
    }

    /// Fills `buffer` from `offset`; holes are zeros. Returns how many bytes there were: fewer than asked only at the end of the file.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let end = self.dense.size.min(offset.saturating_add(buffer.len() as u64));
        let Some(length) = end.checked_sub(offset).filter(|n| *n > 0) else { return Ok(0) };
        let length = usize::try_from(length).map_err(|_| Error::new(Kind::Input, "a read longer than memory"))?;
        let buffer = &mut buffer[..length];
        buffer.fill(0);
        for (at, stored) in self.dense.parts(offset..end) {
            let at = usize::try_from(at - offset).unwrap_or(usize::MAX);
            let n = usize::try_from(stored.end - stored.start).unwrap_or(0);
            self.read_stored(stored.start, &mut buffer[at..at + n])?;
        }
        Ok(length)
    }

    /// Reads from the runs laid end to end.
    fn read_stored(&self, start: u64, out: &mut [u8]) -> Result<()> {
        let end = start + out.len() as u64;
        let mut filled = 0;
        for piece in pieces(&*self.blobs, self.content, self.dense.stored, start..end)? {
            let piece = piece?;
            let part = part_of(&piece, &self.blobs.chunk(&piece.id)?, &(start + filled as u64..end))?;
            out[filled..filled + part.len()].copy_from_slice(&part);
            filled += part.len();
        }
        if filled != out.len() {
            let what = format!("the content ends after {filled} of {} bytes", out.len());
            return Err(Error::new(Kind::Damaged, what));
        }
        Ok(())
    }
}
