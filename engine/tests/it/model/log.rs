//! The log's steps that all processes share: appending at the head, reading on, and what becomes of both when slots have been truncated.
//!
//! The entries themselves are not kept: what they say is in the state. What counts is how far each process has read. It can append only where
//! its next slot is free: at the head, or where the slot has been truncated. An entry of the second kind is *void*: nobody who starts from a
//! checkpoint ever sees it.

use super::protocol::Protocol;
use super::state::*;

/// Who appends, so that the others fall behind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Writer(usize),
    Collector(usize),
    /// A command that reads to the head and appends at once: expire, fence, sweep. Its losing races are those of the others.
    Chore,
}

/// What putting the next slot does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Free, at the head.
    Head,
    /// Free because truncated.
    Cut,
    Taken,
}

impl Protocol {
    /// What a process with this view finds when it puts its next slot.
    pub(super) fn next_slot(&self, state: &State, view: View) -> Slot {
        match view.behind {
            0 => Slot::Head,
            behind if self.truncation && state.cut < behind && state.voids >> (behind - 1) & 1 == 0 => Slot::Cut,
            _ => Slot::Taken,
        }
    }

    /// Whether a process may put now: it has read everything it can, and looked at the newest checkpoint after that.
    pub(super) fn may_append(&self, state: &State, view: View) -> bool {
        match self.next_slot(state, view) {
            Slot::Head => view.sure || !self.truncation,
            Slot::Cut => view.sure,
            Slot::Taken => false,
        }
    }

    /// An entry takes the slot at the head: everybody else falls behind.
    pub(super) fn append(&self, state: &mut State, by: By) {
        // Where nothing is truncated, late is late. Else the distance counts, and the bits of `voids` must be enough for it.
        let fall = |view: &mut View| view.behind = if self.truncation { view.behind + 1 } else { 1 };
        for (w, writer) in state.writers.iter_mut().enumerate() {
            if by != By::Writer(w) && !matches!(writer.phase, Phase::Idle | Phase::Done) {
                fall(&mut writer.view);
            }
        }
        for (c, collector) in state.collectors.iter_mut().enumerate() {
            if by != By::Collector(c) && !matches!(collector.phase, Phase::Idle | Phase::Done) {
                fall(&mut collector.view);
            }
        }
        if self.truncation {
            state.checkpoint += 1;
            state.cut += 1;
            state.voids <<= 1;
        }
    }

    /// The entry lands: at the head it is part of the log, in a truncated slot it is void. Returns whether it is part of the log.
    pub(super) fn put(&self, state: &mut State, by: By, mut view: View) -> (View, bool) {
        let real = self.next_slot(state, view) != Slot::Cut;
        if real {
            if view.void {
                // The entry carries the hash of a void one.
                self.blame(state, Fault::BrokenChain);
            }
            if view.behind != 0 {
                self.blame(state, Fault::I1);
            }
            self.append(state, by);
        } else {
            state.voids |= 1 << (view.behind - 1);
            view.void = true;
            view.behind -= 1;
        }
        (view, real)
    }

    /// Starts reading: from the newest checkpoint.
    pub(super) fn begin_reading(&self, state: &State) -> View {
        View { behind: if self.truncation { state.checkpoint } else { 0 }, void: false, sure: false }
    }

    /// Reads on: to the head, or one entry where the log is truncated meanwhile. `None` when there is nothing to read.
    pub(super) fn read_on(&self, state: &State, view: View) -> Option<View> {
        if view.behind == 0 {
            return None;
        }
        if !self.truncation {
            return Some(View { behind: 0, ..view });
        }
        let behind = view.behind - 1;
        if state.cut >= view.behind {
            // The slot is part of the log. After a void entry its hash does not fit: begin again at the newest checkpoint.
            return Some(if view.void { self.begin_reading(state) } else { View { behind, void: false, sure: false } });
        }
        // Truncated: absent, or a void entry of somebody who was as late, whose hash fits because both have read the same.
        (state.voids >> behind & 1 == 1).then_some(View { behind, void: true, sure: false })
    }

    /// Looks at the newest checkpoint after reading: if it ends after what was read, or where something else was read, begins again there.
    pub(super) fn read_checkpoint(&self, state: &State, view: View) -> Option<View> {
        if !self.truncation || view.sure {
            return None;
        }
        let stale = view.void || state.checkpoint < view.behind;
        if stale && !self.is(super::mutants::Mutant::CheckpointReadFirstOnly) {
            return Some(self.begin_reading(state));
        }
        Some(View { sure: true, ..view })
    }
}
