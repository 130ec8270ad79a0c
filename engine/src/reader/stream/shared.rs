//! What an open file and the threads that read ahead for it know together: who reads where, and what has arrived in which window.

use super::pattern::{Access, Pattern, RUNS};
use super::window::{Gap, State, Window};
use crate::limits::WINDOW_FIRST;
use crate::tree::Placement;
use format_spec::tree::Content;
use parking_lot::{Condvar, Mutex};
use std::ops::Range;
use std::time::{Duration, Instant};

/// What the prefetcher's threads know of an open file.
pub(super) struct Shared {
    pub(super) content: Content,
    pub(super) stored: u64,
    state: Mutex<(Pattern, [Window; RUNS])>,
    arrived: Condvar,
}

/// The window of who reads forward, and its generation: by the end of a request the place may be another reader's. `None` reads at random.
pub(super) type Reader = Option<(usize, u64)>;

impl Shared {
    pub(super) fn new(content: Content, stored: u64) -> Self {
        let state = Mutex::new((Pattern::default(), [Window::empty(), Window::empty()]));
        Shared { content, stored, state, arrived: Condvar::new() }
    }

    pub(super) fn note(&self, range: &Range<u64>) -> Reader {
        let mut state = self.state.lock();
        let access = state.0.note(range.start, range.end);
        let (Access::Goes(at) | Access::Begins(at)) = access else { return None };
        let window = state.1.get_mut(at)?;
        if matches!(access, Access::Begins(_)) {
            window.begin(range.start, WINDOW_FIRST);
        }
        Some((at, window.generation))
    }

    pub(super) fn look(&self, reader: Reader, at: u64) -> Option<(Placement, State)> {
        let state = self.state.lock();
        find(&state.1, reader, at)
    }

    /// Waits until this byte is no longer on its way; false when that takes too long.
    pub(super) fn wait(&self, reader: Reader, at: u64) -> bool {
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

    pub(super) fn skip(&self, reader: Reader, end: u64) {
        if let Some(window) = current(&mut self.state.lock().1, reader) {
            window.skip(end);
        }
    }

    /// True when a plan should be made.
    pub(super) fn passed(&self, reader: Reader, end: u64, most: u64) -> bool {
        let mut state = self.state.lock();
        let Some(window) = current(&mut state.1, reader) else { return false };
        window.passed(end);
        window.ask(self.stored, most)
    }

    pub(super) fn refused(&self, reader: Reader) {
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

    /// Nobody reads any more: what is under way is given up.
    pub(super) fn give_up(&self) {
        for window in &mut self.state.lock().1 {
            window.begin(0, 0);
        }
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

/// Who waits for what is on its way may wait so long; then it fetches for itself, lest something stuck ahead holds it up.
const PATIENCE: Duration = Duration::from_secs(10);
