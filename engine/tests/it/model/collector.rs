//! A collector: marks from reference sets, stores the survivors of the packs it gives up in a new one, condemns.

use super::log::By;
use super::mutants::Mutant;
use super::protocol::{Next, Protocol, Step};
use super::state::*;

impl Protocol {
    pub(super) fn collector_steps(&self, state: &State, c: usize, next: &mut Next) {
        let collector = &state.collectors[c];
        let n = u8::try_from(c).expect("few collectors");
        if collector.phase == Phase::Idle {
            self.plan(state, c, n, next);
            return;
        }
        self.collector_crashes(state, c, n, next);
        if collector.landed {
            next.push((Step::CollectorLearns(n), self.collector_learns(state, c)));
            return;
        }
        // What is gone before anybody had to lock it for longer cannot take the place of anything.
        let is_there = !self.locks || collector.replacement == NONE || state.pack(collector.replacement).exists();
        if is_there && self.may_append(state, collector.view) {
            next.push((Step::Condemn(n), self.condemn(state, c)));
        }
        if self.is(Mutant::DeleteBeforeCondemn) && collector.replacement == NONE {
            let mut s = *state;
            delete_all(&mut s, collector.plan);
            if s != *state {
                next.push((Step::DeleteEarly(collector.plan), s));
            }
        }
        if let Some(view) = self.read_on(state, collector.view) {
            let mut s = *state;
            s.collectors[c].view = view;
            self.mark_again(&mut s, c);
            next.push((Step::CollectorReadsLog(n), s));
        }
        if let Some(view) = self.read_checkpoint(state, collector.view) {
            let mut s = *state;
            s.collectors[c].view = view;
            self.mark_again(&mut s, c);
            next.push((Step::CollectorReadsCheckpoint(n), s));
        }
    }

    fn collector_crashes(&self, state: &State, c: usize, n: u8, next: &mut Next) {
        let mut s = *state;
        rest(&mut s.collectors[c]);
        next.push((Step::CollectorCrashes(n), s));
    }

    /// Marks with the newest view and chooses any packs, dead, sparse or full: what is worth the work is no matter of safety. What
    /// survives in them is stored again, once, in a new pack of a session opened for it.
    fn plan(&self, state: &State, c: usize, n: u8, next: &mut Next) {
        let needed = self.mark(state);
        for plan in (1..1_u8 << self.packs_max).filter(|plan| plan.count_ones() <= self.plan_max) {
            if !members(plan).all(|p| collectable(state, p)) {
                continue;
            }
            let survivors = members(plan).fold(0, |all, p| all | needed[usize::from(p)]);
            let mut s = *state;
            let (mut session, mut replacement) = (NONE, NONE);
            if survivors != 0 {
                session = s.open_session(NONE);
                self.append(&mut s, By::Collector(c));
                let Some(stored) = s.store_pack(survivors, session, self.packs_max) else { continue };
                replacement = stored;
                self.lock(&mut s, stored);
            }
            let view = View { behind: 0, void: false, sure: self.truncation };
            s.collectors[c] = Collector { phase: Phase::Planned, landed: false, session, view, plan, replacement };
            next.push((Step::Plan(n, plan), s));
        }
    }

    /// By pack: the chunks that live points and the bases of open sessions have there.
    fn mark(&self, state: &State) -> [u8; PACKS] {
        let bases = state.sessions.iter().filter(|s| s.life == Life::Open).filter_map(|s| state.point(s.base));
        let mut needed = [0; PACKS];
        for point in state.points.iter().filter(|p| p.live()).chain(bases) {
            for (chunk, place) in point.places.iter() {
                if let Some(place) = self.translate(state, place) {
                    needed[usize::from(place.pack)] |= 1 << chunk;
                }
            }
        }
        needed
    }

    /// The head had moved, and is reached again: the plan stands only if nothing else needs its packs now.
    fn mark_again(&self, s: &mut State, c: usize) {
        let Collector { view, plan, replacement, session, .. } = s.collectors[c];
        if view.behind != 0 || view.void {
            return;
        }
        let needed = self.mark(s);
        let kept = if replacement == NONE { 0 } else { s.pack(replacement).content };
        let covered = members(plan).all(|p| needed[usize::from(p)] & !kept == 0) || self.is(Mutant::StaleMark);
        let fenced = s.session_life(session) == Life::Fenced && !self.is(Mutant::FencedCollector);
        if !covered || fenced || !members(plan).all(|p| collectable(s, p)) {
            rest(&mut s.collectors[c]);
        }
    }

    fn condemn(&self, state: &State, c: usize) -> State {
        let mut s = *state;
        let Collector { view, plan, replacement, session, .. } = s.collectors[c];
        let (view, real) = self.put(&mut s, By::Collector(c), view);
        if real {
            if replacement != NONE {
                // Points may have come since it was stored, and days have passed: it is held as long as any of them needs it.
                if s.pack(replacement).lock < PERIOD && !self.is(Mutant::ReplacementNotHeld) {
                    self.lock(&mut s, replacement);
                }
                if s.session_life(session) == Life::Fenced {
                    self.blame(&mut s, Fault::I5);
                }
                if !self.is(Mutant::PublishAfterCondemn) {
                    publish_replacement(&mut s, replacement);
                }
            }
            for pack in &mut s.packs {
                pack.life &= !NEWEST;
            }
            for p in members(plan) {
                let moves = s.moves_to(p, replacement);
                let pack = s.pack_mut(p);
                pack.life |= CONDEMNED;
                pack.moves = moves;
                if self.is(Mutant::NewestMoveOnly) {
                    pack.life |= NEWEST;
                }
            }
            if self.mutant.is_none() && self.fault_of(&s) != Fault::None {
                self.blame(&mut s, Fault::I3);
            }
        }
        let collector = &mut s.collectors[c];
        collector.view = view;
        collector.landed = true;
        s
    }

    /// As for a writer: believed only after a look at the newest checkpoint, for packs are deleted on the strength of it.
    fn collector_learns(&self, state: &State, c: usize) -> State {
        let mut s = *state;
        s.collectors[c].landed = false;
        let Collector { view, plan, replacement, .. } = s.collectors[c];
        if view.void {
            if self.is(Mutant::NoLookAfterCondemn) {
                delete_all(&mut s, plan);
                rest(&mut s.collectors[c]);
            } else {
                s.collectors[c].view = self.begin_reading(&s);
                self.mark_again(&mut s, c);
            }
            return s;
        }
        if self.is(Mutant::PublishAfterCondemn) && replacement != NONE {
            self.append(&mut s, By::Collector(c));
            publish_replacement(&mut s, replacement);
        }
        rest(&mut s.collectors[c]);
        s
    }
}

impl State {
    /// By number: where the blobs of a pack are in its replacement.
    fn moves_to(&self, pack: u8, replacement: u8) -> Places {
        let mut moves = Places::EMPTY;
        if replacement != NONE {
            for (chunk, place) in self.places_in(replacement).iter() {
                if let Some(number) = self.pack(pack).number_of(chunk) {
                    moves.set(number, Some(place));
                }
            }
        }
        moves
    }
}

/// Published by this very `Condemn`; from now on a pack like any other, whatever becomes of the collector's session.
fn publish_replacement(s: &mut State, replacement: u8) {
    let pack = s.pack_mut(replacement);
    pack.life |= PUBLISHED;
    pack.owner = COMMITTED;
}

/// Packs of a session that has neither committed nor been fenced are live as they are.
fn collectable(state: &State, pack: u8) -> bool {
    let pack = state.pack(pack);
    pack.usable() && state.session_life(pack.owner) != Life::Open
}

fn members(plan: u8) -> impl Iterator<Item = u8> {
    (0..8).filter(move |p| plan >> p & 1 == 1)
}

fn delete_all(s: &mut State, plan: u8) {
    for p in members(plan) {
        s.pack_mut(p).life |= DELETED;
    }
}

fn rest(collector: &mut Collector) {
    let view = View { behind: 0, void: false, sure: false };
    *collector = Collector { phase: Phase::Idle, landed: false, session: NONE, view, plan: 0, replacement: NONE };
}
