//! Locks that end, and the days that pass (I8): new packs are locked as they are stored, reused ones before the commit.
//!
//! A day is the only time that there is. Locks, what is left of each point's period, and what a writer has secured are counted in days from now, and
//! end at none; so days may pass for ever. Somebody who knows no key deletes what he likes, and the store stops him by its locks alone.

use super::mutants::Mutant;
use super::protocol::{Next, Protocol, Step};
use super::state::*;

impl Protocol {
    /// Days that a commit promises.
    pub(super) fn period(&self) -> u8 {
        if self.locks { PERIOD } else { 0 }
    }

    /// Locks a pack as one that is put now.
    pub(super) fn lock(&self, state: &mut State, pack: u8) {
        if self.locks {
            state.pack_mut(pack).lock = PERIOD + GENERATION;
        }
    }

    pub(super) fn lock_steps(&self, state: &State, next: &mut Next) {
        if !self.locks {
            return;
        }
        let mut s = *state;
        s.packs.iter_mut().for_each(|pack| pack.lock = pack.lock.saturating_sub(1));
        s.points.iter_mut().for_each(|point| point.due = point.due.saturating_sub(1));
        if !self.is(Mutant::SecuredOnceForAll) {
            s.writers.iter_mut().for_each(|writer| writer.secured = writer.secured.saturating_sub(1));
        }
        if s != *state {
            next.push((Step::DayPasses, s));
        }
        for n in (0..self.packs_max).filter(|n| state.pack(*n).exists() && state.pack(*n).lock == 0) {
            let mut s = *state;
            s.pack_mut(n).life |= DELETED;
            next.push((Step::Attack(n), s));
        }
    }

    /// Whether what a writer has secured falls short of a commit now.
    pub(super) fn must_secure(&self, writer: &Writer) -> bool {
        self.locks && writer.secured < PERIOD
    }

    /// Extends the lock of each pack that the run relies on, if it falls short. What is gone cannot be locked: the run ends, and the next one is no
    /// wiser; that the data is stored again is for a repair.
    pub(super) fn secure(&self, state: &State, w: usize, n: u8, next: &mut Next) {
        let mut s = *state;
        let Writer { places, session, .. } = s.writers[w];
        let mut secured = PERIOD + GENERATION;
        for (_, place) in places.iter() {
            if !s.pack(place.pack).exists() {
                return;
            }
            if self.is(Mutant::ReusedStaysUnlocked) && s.pack(place.pack).owner != session {
                continue;
            }
            if s.pack(place.pack).lock < PERIOD {
                self.lock(&mut s, place.pack);
            }
            secured = secured.min(s.pack(place.pack).lock);
        }
        s.writers[w].secured = secured;
        next.push((Step::Secure(n), s));
    }

    /// Each chunk of each point whose period runs lies where a lock holds it as long: at the commit (I8), and through every move since.
    pub(super) fn locks_of(&self, state: &State) -> Fault {
        for point in state.points.iter().filter(|p| p.live() && p.due > 0) {
            for (_, place) in point.places.iter() {
                if state.follow(place).is_none_or(|at| state.pack(at.pack).lock < point.due) {
                    return Fault::I8;
                }
            }
        }
        Fault::None
    }
}
