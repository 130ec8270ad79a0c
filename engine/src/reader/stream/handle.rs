//! One open file: a read is answered from its windows, from what is decoded, or by fetching.

use super::parts::Parts;
use super::prefetcher::Prefetcher;
use super::shared::{Reader, Shared};
use super::window::State;
use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::reader::dense::Dense;
use crate::tree::{NodeSource, Placement, pieces};
use bytes::{Bytes, BytesMut};
use format_spec::ChunkId;
use format_spec::tree::{Content, Entry, Node};
use std::ops::Range;
use std::sync::Arc;

/// The content of one open file, readable at any offset by any thread.
pub struct FileStream {
    prefetcher: Arc<Prefetcher>,
    blobs: Arc<Blobs>,
    dense: Dense,
    shared: Arc<Shared>,
}

impl FileStream {
    pub(super) fn open(prefetcher: &Arc<Prefetcher>, blobs: &Arc<Blobs>, entry: &Entry) -> Result<Self> {
        let dense = Dense::of(entry)?;
        let shared = Arc::new(Shared::new(entry.content, dense.stored()));
        Ok(FileStream { prefetcher: prefetcher.clone(), blobs: blobs.clone(), dense, shared })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The file's length.
    pub fn size(&self) -> u64 {
        self.dense.size()
    }

    /// Up to `bytes` bytes from `offset`, less only at the end of the file; `None` when that needs patience.
    ///
    /// # Errors
    /// As [`read`](Self::read), of what is in memory.
    pub fn read_in_memory(&self, offset: u64, bytes: usize) -> Result<Option<Bytes>> {
        self.at(offset, bytes, &|range| self.stored_in_memory(range))
    }

    /// The same, and waits for the store.
    ///
    /// # Errors
    /// `Damaged` when bytes are not what was written; the store's errors.
    pub fn read(&self, offset: u64, bytes: usize) -> Result<Bytes> {
        let all = self.at(offset, bytes, &|range| self.stored_with_patience(range).map(Some))?;
        all.ok_or_else(|| Error::new(Kind::Bug, "a patient read gave nothing"))
    }

    /// The bytes of the file that come out of the same chunk as the one at `offset`; `None` for holes, beyond the end, and when the tree is
    /// not in memory.
    pub fn piece_at(&self, offset: u64) -> Option<Range<u64>> {
        let stored = self.dense.whole(offset..offset.saturating_add(1))?;
        let piece = self.piece_in_memory(stored.start)?;
        self.dense.around(offset, &(piece.offset..piece.offset + u64::from(piece.bytes)))
    }

    /// Puts dense parts and holes together; one part alone is not copied.
    fn at(&self, offset: u64, bytes: usize, part: &Part<'_>) -> Result<Option<Bytes>> {
        let end = self.size().min(offset.saturating_add(bytes as u64));
        let length = usize::try_from(end.saturating_sub(offset)).unwrap_or(0);
        if let Some(range) = self.dense.whole(offset..end) {
            return part(range);
        }
        let mut out = BytesMut::zeroed(length);
        for (at, range) in self.dense.parts(offset..end) {
            let Some(found) = part(range)? else { return Ok(None) };
            let at = usize::try_from(at - offset).unwrap_or(usize::MAX);
            let space = at.checked_add(found.len()).and_then(|to| out.get_mut(at..to));
            space.ok_or_else(|| Error::new(Kind::Bug, "a part outside of its read"))?.copy_from_slice(&found);
        }
        Ok(Some(out.freeze()))
    }

    fn stored_in_memory(&self, range: Range<u64>) -> Result<Option<Bytes>> {
        let mut parts = Parts::new(&range);
        let access = self.shared.note(&range);
        while let Some(at) = parts.next() {
            match self.shared.look(access, at) {
                Some((piece, State::Ready(bytes))) => parts.push(&piece, &bytes)?,
                Some((_, State::Waiting)) => return Ok(None),
                Some((piece, State::Failed)) => match self.blobs.chunk_in_memory(&piece.id) {
                    Some(bytes) => parts.push(&piece, &bytes)?,
                    None => return Ok(None),
                },
                None => {
                    // A run goes on with its window, which a patient reader begins.
                    let Some(piece) = self.piece_in_memory(at) else { return Ok(None) };
                    let Some(bytes) = self.blobs.chunk_in_memory(&piece.id) else { return Ok(None) };
                    parts.push(&piece, &bytes)?;
                }
            }
        }
        self.go_on(access, range.end);
        Ok(Some(parts.done()))
    }

    fn stored_with_patience(&self, range: Range<u64>) -> Result<Bytes> {
        let mut parts = Parts::new(&range);
        let access = self.shared.note(&range);
        while let Some(at) = parts.next() {
            match self.shared.look(access, at) {
                Some((piece, State::Ready(bytes))) => parts.push(&piece, &bytes)?,
                Some((piece, State::Failed)) => parts.push(&piece, &self.blobs.chunk(&piece.id)?)?,
                Some((piece, State::Waiting)) => {
                    self.go_on(access, at);
                    if !self.shared.wait(access, at) {
                        parts.push(&piece, &self.blobs.chunk(&piece.id)?)?;
                    }
                }
                None => {
                    let mut found = pieces(&*self.blobs, self.shared.content, self.shared.stored, at..at + 1)?;
                    let ended =
                        || Error::new(Kind::Damaged, format!("the content ends at byte {at} of what is stored"));
                    let piece = found.next().ok_or_else(ended)??;
                    // What follows is fetched while we fetch this.
                    self.shared.skip(access, piece.offset + u64::from(piece.bytes));
                    self.go_on(access, at);
                    parts.push(&piece, &self.blobs.chunk(&piece.id)?)?;
                }
            }
        }
        self.go_on(access, range.end);
        Ok(parts.done())
    }

    /// The reader has come to `end`: drops what is behind, and asks for more ahead. A content of one chunk has nothing ahead.
    fn go_on(&self, reader: Reader, end: u64) {
        let Some((window, _)) = reader else { return };
        let long = matches!(self.shared.content, Content::Tree(_));
        let asks = long && self.shared.passed(reader, end, self.prefetcher.limits().window);
        if asks && !self.prefetcher.plan(&self.shared, window) {
            self.shared.refused(reader);
        }
    }

    fn piece_in_memory(&self, at: u64) -> Option<Placement> {
        let nodes = InMemory(&self.blobs);
        let mut found = pieces(&nodes, self.shared.content, self.shared.stored, at..at + 1).ok()?;
        found.next()?.ok()
    }
}

type Part<'a> = dyn Fn(Range<u64>) -> Result<Option<Bytes>> + 'a;

/// The nodes that are decoded at the moment.
struct InMemory<'a>(&'a Blobs);

impl NodeSource for InMemory<'_> {
    fn node(&self, id: &ChunkId) -> Result<Arc<Node>> {
        self.0.node_in_memory(id).ok_or_else(|| Error::new(Kind::Transient, "not in memory"))
    }
}

impl Drop for FileStream {
    /// What is under way for it is given up.
    fn drop(&mut self) {
        self.shared.give_up();
    }
}
