//! One open file.

use super::pattern::{Access, Pattern, RUNS};
use super::prefetcher::Prefetcher;
use super::window::{Gap, State, Window};
use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::limits::WINDOW_FIRST;
use crate::reader::dense::Dense;
use crate::tree::{NodeSource, Placement, pieces};
use bytes::{Bytes, BytesMut};
use format_spec::ChunkId;
use format_spec::tree::{Content, Entry, Node};
use parking_lot::{Condvar, Mutex};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The content of one open file, readable at any offset by any thread.
pub struct FileStream {
    prefetcher: Arc<Prefetcher>,
    blobs: Arc<Blobs>,
    dense: Dense,
    shared: Arc<Shared>,
}

/// What the prefetcher's threads know of an open file.
pub(super) struct Shared {
    pub(super) content: Content,
    pub(super) stored: u64,
    state: Mutex<(Pattern, [Window; RUNS])>,
    arrived: Condvar,
}

impl FileStream {
    pub(super) fn open(prefetcher: &Arc<Prefetcher>, blobs: &Arc<Blobs>, entry: &Entry) -> Result<Self> {
        let dense = Dense::of(entry)?;
        let state = Mutex::new((Pattern::default(), [Window::empty(), Window::empty()]));
        let shared = Shared { content: entry.content, stored: dense.stored(), state, arrived: Condvar::new() };
        Ok(FileStream { prefetcher: prefetcher.clone(), blobs: blobs.clone(), dense, shared: Arc::new(shared) })
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

/// The window of who reads forward, and its generation: by the end of a request the place may be another reader's. `None` reads at random.
type Reader = Option<(usize, u64)>;

/// Who waits for what is on its way may wait so long; then it fetches for itself, lest something stuck ahead holds it up.
const PATIENCE: Duration = Duration::from_secs(10);

type Part<'a> = dyn Fn(Range<u64>) -> Result<Option<Bytes>> + 'a;

impl Shared {
    fn note(&self, range: &Range<u64>) -> Reader {
        let mut state = self.state.lock();
        let access = state.0.note(range.start, range.end);
        let (Access::Goes(at) | Access::Begins(at)) = access else { return None };
        let window = state.1.get_mut(at)?;
        if matches!(access, Access::Begins(_)) {
            window.begin(range.start, WINDOW_FIRST);
        }
        Some((at, window.generation))
    }

    fn look(&self, reader: Reader, at: u64) -> Option<(Placement, State)> {
        let state = self.state.lock();
        find(&state.1, reader, at)
    }

    /// Waits until this byte is no longer on its way; false when that takes too long.
    fn wait(&self, reader: Reader, at: u64) -> bool {
        let until = Instant::now() + PATIENCE;
        let mut state = self.state.lock();
        while let Some((_, State::Waiting)) = find(&state.1, reader, at) {
            // A window that somebody waits for is not idle.
            if let Some(window) = current(&mut state.1, reader) {
                window.used = Instant::now();
            }
            self.arrived.wait_for(&mut state, Duration::from_secs(1));
            if Instant::now() >= until {
                return false;
            }
        }
        true
    }

    fn skip(&self, reader: Reader, end: u64) {
        if let Some(window) = current(&mut self.state.lock().1, reader) {
            window.skip(end);
        }
    }

    /// True when a plan should be made.
    fn passed(&self, reader: Reader, end: u64, most: u64) -> bool {
        let mut state = self.state.lock();
        let Some(window) = current(&mut state.1, reader) else { return false };
        window.passed(end);
        window.ask(self.stored, most)
    }

    fn refused(&self, reader: Reader) {
        if let Some(window) = current(&mut self.state.lock().1, reader) {
            window.refused();
        }
    }

    pub(super) fn gap(&self, window: usize, most: u64) -> Option<Gap> {
        self.state.lock().1.get_mut(window)?.gap(self.stored, most)
    }

    pub(super) fn planned(
        &self,
        window: usize,
        generation: u64,
        pieces: Vec<(Placement, State, super::budget::Reserved)>,
    ) -> bool {
        self.state.lock().1.get_mut(window).is_some_and(|w| w.plan(generation, pieces))
    }

    pub(super) fn arrive(&self, window: usize, generation: u64, offset: u64, with: State) {
        if let Some(window) = self.state.lock().1.get_mut(window) {
            window.set(generation, offset, with);
        }
        self.arrived.notify_all();
    }

    pub(super) fn is_current(&self, window: usize, generation: u64) -> bool {
        self.state.lock().1.get(window).is_some_and(|w| w.generation == generation)
    }

    pub(super) fn is_active(&self, window: usize, now: Instant, idle: Duration) -> bool {
        let state = self.state.lock();
        state.1.get(window).is_some_and(|w| w.is_used() && now.saturating_duration_since(w.used) < idle)
    }

    pub(super) fn give_back_idle(&self, now: Instant, idle: Duration) {
        let mut state = self.state.lock();
        for window in &mut state.1 {
            if window.holds() && now.saturating_duration_since(window.used) >= idle {
                window.give_back(WINDOW_FIRST);
            }
        }
        drop(state);
        self.arrived.notify_all();
    }
}

/// The window of the run first, then the other: two readers may be close to each other.
fn find(windows: &[Window; RUNS], reader: Reader, at: u64) -> Option<(Placement, State)> {
    let first = reader.map_or(0, |(window, _)| window);
    (0..RUNS).find_map(|n| windows.get((first + n) % RUNS)?.at(at))
}

/// The window of a reader, unless it is another's by now.
fn current(windows: &mut [Window; RUNS], reader: Reader) -> Option<&mut Window> {
    let (at, generation) = reader?;
    windows.get_mut(at).filter(|w| w.generation == generation)
}

/// The answer to one read, put together from pieces; of one piece alone a slice.
struct Parts {
    at: u64,
    end: u64,
    first: Option<Bytes>,
    joined: BytesMut,
}

impl Parts {
    fn new(range: &Range<u64>) -> Self {
        Parts { at: range.start, end: range.end, first: None, joined: BytesMut::new() }
    }

    /// The first stored byte that is still missing.
    fn next(&self) -> Option<u64> {
        (self.at < self.end).then_some(self.at)
    }

    fn push(&mut self, piece: &Placement, bytes: &Bytes) -> Result<()> {
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

    fn done(self) -> Bytes {
        self.first.unwrap_or_else(|| self.joined.freeze())
    }
}

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
        for window in &mut self.shared.state.lock().1 {
            window.begin(0, 0);
        }
    }
}
