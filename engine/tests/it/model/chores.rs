//! Steps that need no memory: expire, fence, delete, sweep, write a checkpoint, truncate. Whoever takes them has read the log to its head; what
//! they rest on (condemned, fenced, covered by a checkpoint) never ceases to be true, so being late only delays them.

use super::log::By;
use super::mutants::Mutant;
use super::protocol::{Next, Protocol, Step};
use super::state::*;

impl Protocol {
    pub(super) fn chore_steps(&self, state: &State, next: &mut Next) {
        for (n, point) in (0_u8..).zip(&state.points) {
            // A lock is shortened by no rule.
            if point.live() && point.due == 0 {
                let mut s = *state;
                s.points[usize::from(n)].standing = Standing::Expired;
                self.append(&mut s, By::Chore);
                next.push((Step::Expire(n), s));
            }
        }
        for (n, session) in (0_u8..).zip(&state.sessions) {
            // Silent or not: no clock can be trusted, so any session may be fenced at any time.
            if session.life == Life::Open {
                let mut s = *state;
                s.sessions[usize::from(n)] = Session { life: Life::Fenced, base: NONE };
                self.append(&mut s, By::Chore);
                next.push((Step::Fence(n), s));
            }
        }
        self.delete(state, next);
        if self.sweeps {
            self.sweep(state, next);
        }
        if self.truncation {
            self.write_checkpoints(state, next);
        }
    }

    /// Deletes everything that may be deleted. Step by step would be nothing else: what may be deleted once may be deleted always, and that it
    /// is still there allows nobody a step that it would not have otherwise.
    fn delete(&self, state: &State, next: &mut Next) {
        let mut s = *state;
        for n in 0..self.packs_max {
            // The store itself refuses what it locks.
            if state.pack(n).exists() && state.pack(n).lock == 0 && self.may_delete(state, n) {
                s.pack_mut(n).life |= DELETED;
                if !allowed(state, n) {
                    self.blame(&mut s, Fault::I4);
                }
            }
        }
        if s != *state {
            next.push((Step::Delete, s));
        }
    }

    fn may_delete(&self, state: &State, n: u8) -> bool {
        if self.is(Mutant::OrphansByAge) && !state.pack(n).is(PUBLISHED) {
            return true;
        }
        let rescued = |(_, place): (u8, Place)| place.pack == n && state.pack(n).moves.get(place.number).is_none();
        let needed = state.points.iter().any(|p| p.live() && p.places.iter().any(rescued));
        allowed(state, n) && !(needed && self.is(Mutant::RecheckBeforeSweep))
    }

    fn sweep(&self, state: &State, next: &mut Next) {
        let mut s = *state;
        for pack in s.packs.iter_mut().filter(|p| p.is(CONDEMNED | DELETED)) {
            pack.life |= SWEPT;
        }
        if s != *state {
            self.append(&mut s, By::Chore);
            next.push((Step::Sweep, s));
        }
    }

    /// A checkpoint may end before the head. One at the head forgets moves that no live point needs, for all who start from it.
    fn write_checkpoints(&self, state: &State, next: &mut Next) {
        for end in 0..state.checkpoint {
            let mut s = *state;
            s.checkpoint = end;
            if end == 0 {
                self.forget_moves(&mut s);
            }
            next.push((Step::WriteCheckpoint(end), s));
        }
        if state.cut > state.checkpoint {
            let mut s = *state;
            s.cut -= 1;
            next.push((Step::Truncate, s));
        }
    }

    fn forget_moves(&self, s: &mut State) {
        let mut kept = [Places::EMPTY; PACKS];
        for (_, named) in s.points.iter().filter(|p| p.live()).flat_map(|p| p.places.iter()) {
            let mut place = named;
            while let Some(moved) = s.pack(place.pack).moves.get(place.number) {
                kept[usize::from(place.pack)].set(place.number, Some(moved));
                place = moved;
            }
        }
        for (pack, kept) in s.packs.iter_mut().zip(kept) {
            let forgets = self.is(Mutant::MovesForgotten) && pack.is(DELETED);
            pack.moves = if forgets { Places::EMPTY } else { kept };
        }
    }
}

/// What I4 allows.
fn allowed(state: &State, n: u8) -> bool {
    let pack = state.pack(n);
    let orphan = !pack.is(PUBLISHED) && state.session_life(pack.owner) == Life::Fenced;
    pack.is(CONDEMNED) || orphan
}
