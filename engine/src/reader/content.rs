//! One file's content, readable at any offset by any thread.

use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::tree::{pieces, stored_bytes};
use format_spec::tree::{Content, Entry, Extent, Kind as ItemKind};
use std::ops::Range;
use std::sync::Arc;

/// The content of one file of a restore point. Cheap to make; nothing is read before it is asked for.
#[derive(Debug, Clone)]
pub struct ContentReader {
    blobs: Arc<Blobs>,
    content: Content,
    stored: u64,
    size: u64,
    runs: Vec<Extent>,
}

impl ContentReader {
    /// The content of a file's entry.
    ///
    /// # Errors
    /// `Input` when the entry is no file.
    pub fn open(blobs: &Arc<Blobs>, entry: &Entry) -> Result<Self> {
        if entry.kind != ItemKind::File {
            return Err(Error::new(Kind::Input, "not a file").on(String::from_utf8_lossy(&entry.name)));
        }
        let runs = dense_runs(entry);
        Ok(ContentReader {
            blobs: blobs.clone(),
            content: entry.content,
            stored: stored_bytes(entry),
            size: entry.size,
            runs,
        })
    }

    /// The file's length.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `buffer` from `offset`; holes are zeros. Returns how many bytes there were: fewer than asked only at the end of the file.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let end = self.size.min(offset.saturating_add(buffer.len() as u64));
        let Some(length) = end.checked_sub(offset).filter(|n| *n > 0) else { return Ok(0) };
        let length = usize::try_from(length).map_err(|_| Error::new(Kind::Input, "a read longer than memory"))?;
        let buffer = &mut buffer[..length];
        buffer.fill(0);
        let mut stored = 0;
        for run in &self.runs {
            let (from, to) = (run.offset.max(offset), (run.offset + run.bytes).min(end));
            if from < to {
                let at = usize::try_from(from - offset).unwrap_or(usize::MAX);
                let n = usize::try_from(to - from).unwrap_or(0);
                self.read_stored(stored + (from - run.offset), &mut buffer[at..at + n])?;
            }
            stored += run.bytes;
        }
        Ok(length)
    }

    /// Reads from the runs laid end to end.
    fn read_stored(&self, start: u64, out: &mut [u8]) -> Result<()> {
        let end = start + out.len() as u64;
        let mut filled = 0;
        for piece in pieces(&*self.blobs, self.content, self.stored, start..end)? {
            let piece = piece?;
            let chunk = self.blobs.chunk(&piece.id)?;
            if chunk.len() != piece.bytes as usize {
                return Err(Error::new(Kind::Damaged, "a chunk is not as long as its tree says")
                    .on(format!("chunk {}", piece.id)));
            }
            let from = start.max(piece.offset) - piece.offset;
            let to = end.min(piece.offset + u64::from(piece.bytes)) - piece.offset;
            let part = usize::try_from(from).ok().zip(usize::try_from(to).ok()).and_then(|(a, b)| chunk.get(a..b));
            let part = part.ok_or_else(|| Error::new(Kind::Bug, "a piece outside of the range that was asked for"))?;
            out[filled..filled + part.len()].copy_from_slice(part);
            filled += part.len();
        }
        if filled != out.len() {
            let what = format!("the content ends after {filled} of {} bytes", out.len());
            return Err(Error::new(Kind::Damaged, what));
        }
        Ok(())
    }
}

impl ContentReader {
    /// The bytes of the file that come out of the same chunk as the one at `offset`; `None` for holes and beyond the end.
    pub fn piece_at(&self, offset: u64) -> Result<Option<Range<u64>>> {
        let mut stored = 0;
        for run in &self.runs {
            if run.offset <= offset && offset - run.offset < run.bytes {
                let at = stored + (offset - run.offset);
                let piece = pieces(&*self.blobs, self.content, self.stored, at..at + 1)?.next().transpose()?;
                return Ok(piece.map(|piece| {
                    let start = run.offset + piece.offset.saturating_sub(stored);
                    let end = run.offset + (piece.offset + u64::from(piece.bytes)).saturating_sub(stored);
                    start..end.min(run.offset + run.bytes)
                }));
            }
            stored += run.bytes;
        }
        Ok(None)
    }
}

/// A file's runs of data; a dense file is one run.
pub(crate) fn dense_runs(entry: &Entry) -> Vec<Extent> {
    match &entry.extents {
        Some(runs) => runs.clone(),
        None if entry.size == 0 => Vec::new(),
        None => vec![Extent { offset: 0, bytes: entry.size }],
    }
}
