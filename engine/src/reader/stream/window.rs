//! What one forward reader has ahead of itself: pieces that are planned, under way, ready or failed. Pure but for the budget's claims.

use super::budget::Reserved;
use crate::tree::Placement;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Instant;

/// The pieces ahead of one reader, in order.
#[derive(Debug)]
pub(super) struct Window {
    /// Tells jobs of an older reader of this place that nobody waits for them any more.
    pub(super) generation: u64,
    /// Behind the furthest byte that was asked for.
    cursor: u64,
    /// Stored bytes up to which pieces are planned.
    pub(super) planned: u64,
    /// How far ahead to plan, in bytes; doubles while the reader goes on.
    target: u64,
    /// Where the reader was when it last did.
    grown: u64,
    /// A plan is being made.
    pub(super) planning: bool,
    slots: VecDeque<Slot>,
    pub(super) used: Instant,
}

#[derive(Debug)]
struct Slot {
    piece: Placement,
    state: State,
    _claim: Reserved,
}

/// Where a piece is.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// On its way.
    Waiting,
    /// Verified bytes.
    Ready(Bytes),
    /// Not to be had this way.
    Failed,
}

/// A plan to be made: pieces from one stored offset to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) generation: u64,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// So much stays behind the cursor: the kernel's requests come out of order.
const BEHIND: u64 = 2 * 1024 * 1024;

impl Window {
    pub(super) fn empty() -> Self {
        Window {
            generation: 0,
            cursor: 0,
            planned: 0,
            target: 0,
            grown: 0,
            planning: false,
            slots: VecDeque::new(),
            used: Instant::now(),
        }
    }

    /// A new reader: what the old one had ahead is given back.
    pub(super) fn begin(&mut self, at: u64, target: u64) {
        self.generation += 1;
        (self.cursor, self.planned, self.grown) = (at, at, at);
        (self.target, self.planning) = (target, false);
        self.slots.clear();
    }

    /// Gives everything back; should the reader go on, it begins with a window of `target` again.
    pub(super) fn give_back(&mut self, target: u64) {
        self.begin(self.cursor, target);
    }

    /// The piece that holds a stored byte.
    pub(super) fn at(&self, offset: u64) -> Option<(Placement, State)> {
        let next = self.slots.partition_point(|s| s.piece.offset <= offset);
        let slot = self.slots.get(next.checked_sub(1)?)?;
        let inside = offset < slot.piece.offset + u64::from(slot.piece.bytes);
        inside.then(|| (slot.piece, slot.state.clone()))
    }

    /// The reader has got everything up to `end`: what lies behind is dropped.
    pub(super) fn passed(&mut self, end: u64) {
        self.cursor = self.cursor.max(end);
        self.planned = self.planned.max(self.cursor);
        self.used = Instant::now();
        let keep = self.cursor.saturating_sub(BEHIND);
        let behind = self.slots.partition_point(|s| s.piece.offset + u64::from(s.piece.bytes) <= keep);
        self.slots.drain(..behind);
    }

    /// Whether a plan should be made: one at a time, and when at least a quarter of the window is free.
    pub(super) fn ask(&mut self, stored: u64, most: u64) -> bool {
        let asks = !self.planning && self.has_room(stored, most);
        self.planning |= asks;
        asks
    }

    /// Nobody makes the plan that was asked for.
    pub(super) fn refused(&mut self) {
        self.planning = false;
    }

    /// What to plan for who asked; the window grows with its reader, up to `most`.
    pub(super) fn gap(&mut self, stored: u64, most: u64) -> Option<Gap> {
        if !self.has_room(stored, most) {
            self.planning = false;
            return None;
        }
        // Half of it was used since it last grew: the reader means it.
        if (self.cursor - self.grown).saturating_mul(2) >= self.target {
            self.target = self.target.saturating_mul(2);
            self.grown = self.cursor;
        }
        self.target = self.target.min(most);
        let to = self.cursor.saturating_add(self.target).min(stored).max(self.planned);
        Some(Gap { generation: self.generation, from: self.planned, to })
    }

    fn has_room(&self, stored: u64, most: u64) -> bool {
        let ahead = self.planned.saturating_sub(self.cursor);
        self.planned < stored && ahead.saturating_mul(4) <= self.target.min(most).saturating_mul(3)
    }

    /// A piece that the reader fetches itself need not be planned.
    pub(super) fn skip(&mut self, end: u64) {
        self.planned = self.planned.max(end);
    }

    /// Takes planned pieces in; `false` when their reader is gone.
    pub(super) fn plan(&mut self, generation: u64, pieces: Vec<(Placement, State, Reserved)>) -> bool {
        if generation != self.generation {
            return false;
        }
        self.planning = false;
        for (piece, state, claim) in pieces {
            self.planned = self.planned.max(piece.offset + u64::from(piece.bytes));
            self.slots.push_back(Slot { piece, state, _claim: claim });
        }
        true
    }

    /// A piece has arrived, or has not.
    pub(super) fn set(&mut self, generation: u64, offset: u64, state: State) {
        let at = self.slots.partition_point(|s| s.piece.offset < offset);
        if let Some(slot) = self.slots.get_mut(at)
            && generation == self.generation
            && slot.piece.offset == offset
            && matches!(slot.state, State::Waiting)
        {
            slot.state = state;
        }
    }

    /// Whether a reader was ever seen here.
    pub(super) fn is_used(&self) -> bool {
        self.target > 0
    }

    /// Whether it holds anything.
    pub(super) fn holds(&self) -> bool {
        !self.slots.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::*;
    use format_spec::ChunkId;

    const U: u64 = 1024 * 1024;

    fn piece(n: u64) -> Placement {
        Placement { id: ChunkId([7; 32]), bytes: 1024 * 1024, offset: n * U }
    }

    #[test]
    fn a_window_grows_with_its_reader_and_gives_back_what_is_behind() {
        let budget = Budget::new(100 * U);
        let mut window = Window::empty();
        window.begin(0, 2 * U);
        assert!(window.ask(50 * U, 8 * U));
        assert!(!window.ask(50 * U, 8 * U), "one plan at a time");
        let gap = window.gap(50 * U, 8 * U).expect("nothing is planned");
        assert_eq!((gap.from, gap.to), (0, 2 * U));
        let claim = |n| (piece(n), State::Waiting, budget.reserve(U).expect("fits"));
        assert!(window.plan(gap.generation, vec![claim(0), claim(1)]));
        assert!(!window.ask(50 * U, 8 * U) && window.gap(50 * U, 8 * U).is_none(), "the window is full");
        window.set(gap.generation, U, State::Ready(Bytes::from_static(b"x")));
        assert!(matches!(window.at(U + 50), Some((p, State::Ready(_))) if p.offset == U));
        assert!(matches!(window.at(U - 1), Some((_, State::Waiting))));
        assert!(window.at(2 * U).is_none());
        window.passed(U);
        assert!(window.ask(50 * U, 8 * U));
        let gap = window.gap(50 * U, 8 * U).expect("half is used");
        assert_eq!((gap.from, gap.to), (2 * U, 5 * U), "twice as much as before");
        assert!(window.plan(gap.generation, vec![claim(2), claim(3), claim(4)]));
        window.passed(5 * U);
        assert_eq!(budget.used(), 2 * U, "two megabytes stay behind the cursor");
        window.give_back(2 * U);
        assert_eq!((budget.used(), window.holds()), (0, false));
        assert!(!window.plan(gap.generation, vec![claim(5)]), "the plan of an older reader");
        assert_eq!(budget.used(), 0);
    }
}
