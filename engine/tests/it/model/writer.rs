//! A writer: opens a session, chooses a place for each chunk of its source, stores and publishes what has none, commits; and checks itself
//! against the whole log before each entry.

use super::log::{By, Slot};
use super::mutants::Mutant;
use super::protocol::{Next, Protocol, Step};
use super::state::*;

impl Protocol {
    pub(super) fn writer_steps(&self, state: &State, w: usize, next: &mut Next) {
        let writer = &state.writers[w];
        let n = u8::try_from(w).expect("few writers");
        if writer.phase == Phase::Done {
            return;
        }
        if writer.phase == Phase::Idle {
            let mut s = *state;
            if self.truncation {
                s.writers[w].phase = Phase::Starting;
                s.writers[w].view = self.begin_reading(state);
                next.push((Step::Start(n), s));
            } else {
                self.open(&mut s, w);
                next.push((Step::Open(n), s));
            }
            return;
        }
        self.crash(state, w, n, next);
        if writer.landed {
            self.learn(state, w, n, next);
            return;
        }
        let fresh = self.may_append(state, writer.view);
        match writer.phase {
            Phase::Starting if fresh => {
                let mut s = *state;
                self.open(&mut s, w);
                next.push((Step::Open(n), s));
            }
            Phase::Opened if writer.view.behind == 0 => self.choose(state, w, n, next),
            Phase::Stored if fresh => next.push((Step::Publish(n), self.publish(state, w))),
            Phase::Ready if self.must_secure(writer) => self.secure(state, w, n, next),
            Phase::Ready if fresh || self.commits_unconditionally() => {
                next.push((Step::Commit(n), self.commit(state, w)));
            }
            _ => {}
        }
        if let Some(view) = self.read_on(state, writer.view) {
            let mut s = *state;
            s.writers[w].view = view;
            self.arrive(&mut s, w);
            next.push((Step::ReadLog(n), s));
        }
        if let Some(view) = self.read_checkpoint(state, writer.view) {
            let mut s = *state;
            s.writers[w].view = view;
            self.arrive(&mut s, w);
            next.push((Step::ReadCheckpoint(n), s));
        }
    }

    fn commits_unconditionally(&self) -> bool {
        self.is(Mutant::UnconditionalCommit) || self.is(Mutant::RecheckBeforeSweep)
    }

    /// Its memory is gone; the packs that it stored and its session remain, and the run begins again.
    fn crash(&self, state: &State, w: usize, n: u8, next: &mut Next) {
        let mut s = *state;
        // A run whose commit had landed is over all the same: who looks finds its point in the log.
        if s.session_life(s.writers[w].session) == Life::Committed {
            self.finish_run(&mut s.writers[w], w);
        } else {
            abandon(&mut s.writers[w]);
        }
        next.push((Step::Crash(n), s));
    }

    fn open(&self, s: &mut State, w: usize) {
        let view = s.writers[w].view;
        if self.truncation && self.next_slot(s, view) == Slot::Cut {
            // Void, and the look at the checkpoint says so at once.
            self.put(s, By::Writer(w), view);
            s.writers[w].view = self.begin_reading(s);
            return;
        }
        let base = s.newest_point();
        let session = s.open_session(base);
        let (view, _) = self.put(s, By::Writer(w), view);
        let writer = &mut s.writers[w];
        *writer = Writer { phase: Phase::Opened, session, view, places: Places::EMPTY, ..*writer };
        self.settle(s, w);
    }

    /// Every way to give each chunk without a place one: any usable pack that holds it, else a new one of its own. Only with the newest view:
    /// choosing later by an old view is the same as having chosen before the others went on.
    fn choose(&self, state: &State, w: usize, n: u8, next: &mut Next) {
        let writer = &state.writers[w];
        let options = |chunk: u8| {
            let needed = self.wants(w, writer.run) >> chunk & 1 == 1 && writer.places.get(chunk).is_none();
            let found = (0..self.packs_max).filter(move |&p| needed && self.relied_on(state, p, writer.session));
            let found = found.filter_map(move |pack| {
                state.pack(pack).number_of(chunk).map(|number| Choice::Use(Place { pack, number }))
            });
            let none = !needed || found.clone().next().is_none();
            found.chain(none.then_some(if needed { Choice::Store } else { Choice::Keep }))
        };
        for first in options(0) {
            for second in options(1) {
                let mut s = *state;
                let mut stored = 0;
                for (chunk, choice) in [(0, first), (1, second)] {
                    match choice {
                        Choice::Use(place) => {
                            let pack = s.pack(place.pack);
                            if !pack.is(PUBLISHED) && pack.owner != writer.session {
                                self.blame(&mut s, Fault::I6);
                            }
                            s.writers[w].places.set(chunk, Some(place));
                        }
                        Choice::Store => stored |= 1 << chunk,
                        Choice::Keep => {}
                    }
                }
                if stored != 0 {
                    let Some(pack) = s.store_pack(stored, writer.session, self.packs_max) else { continue };
                    self.lock(&mut s, pack);
                    for (chunk, place) in s.places_in(pack).iter() {
                        s.writers[w].places.set(chunk, Some(place));
                    }
                }
                self.settle(&mut s, w);
                next.push((Step::Choose(n, s.writers[w].places), s));
            }
        }
    }

    fn wants(&self, w: usize, run: u8) -> u8 {
        self.runs[w][usize::from(run)]
    }

    /// A pack that a writer takes for good.
    fn relied_on(&self, state: &State, pack: u8, session: u8) -> bool {
        let pack = state.pack(pack);
        let unpublished = pack.exists() && !pack.is(PUBLISHED) && pack.owner != session;
        pack.usable() || unpublished && self.is(Mutant::RelyOnUnpublished)
    }

    /// The phase that fits what the writer has.
    fn settle(&self, s: &mut State, w: usize) {
        let writer = &s.writers[w];
        let has = writer.places.iter().fold(0, |has, (chunk, _)| has | 1 << chunk);
        let stored = writer.places.iter().any(|(_, place)| {
            let pack = s.pack(place.pack);
            pack.owner == writer.session && !pack.is(PUBLISHED)
        });
        let complete = has == self.wants(w, writer.run);
        s.writers[w].phase = match (stored, complete) {
            (true, _) => Phase::Stored,
            (false, true) => Phase::Ready,
            (false, false) => Phase::Opened,
        };
    }

    /// Checks itself against the whole log, once it has read all of it: fenced means begin again; what lies in a condemned pack is looked up
    /// again, and stored again where the moves do not have it.
    fn arrive(&self, s: &mut State, w: usize) {
        let writer = s.writers[w];
        if writer.view.behind != 0 || writer.view.void || writer.phase == Phase::Starting {
            return;
        }
        if s.session_life(writer.session) == Life::Fenced && !self.is(Mutant::IgnoreFence) {
            abandon(&mut s.writers[w]);
            return;
        }
        let base = s.point(s.sessions[usize::from(writer.session)].base).map(|point| point.places);
        for (chunk, place) in writer.places.iter() {
            if self.relied_on(s, place.pack, NONE)
                || s.pack(place.pack).owner == writer.session && !s.pack(place.pack).is(PUBLISHED)
            {
                continue;
            }
            if self.is(Mutant::BaseNotTranslated) && base.and_then(|b| b.get(chunk)) == Some(place) {
                continue;
            }
            let moved = self.translate(s, place).filter(|moved| s.pack(moved.pack).usable());
            s.writers[w].places.set(chunk, moved);
            s.writers[w].secured = 0;
        }
        self.settle(s, w);
    }

    fn publish(&self, state: &State, w: usize) -> State {
        let mut s = *state;
        let Writer { session, view, .. } = s.writers[w];
        let (view, real) = self.put(&mut s, By::Writer(w), view);
        if real {
            if s.session_life(session) == Life::Fenced {
                self.blame(&mut s, Fault::I5);
            }
            for pack in s.packs.iter_mut().filter(|p| p.owner == session && p.content != 0) {
                pack.life |= PUBLISHED;
            }
        }
        s.writers[w].view = view;
        s.writers[w].landed = true;
        s
    }

    fn commit(&self, state: &State, w: usize) -> State {
        let mut s = *state;
        let Writer { session, places, view, .. } = s.writers[w];
        let (view, real) = self.put(&mut s, By::Writer(w), view);
        if real {
            match s.session_life(session) {
                Life::Fenced => self.blame(&mut s, Fault::I5),
                Life::Committed => self.blame(&mut s, Fault::CommittedTwice),
                _ => {}
            }
            for (chunk, place) in places.iter() {
                let pack = s.pack(place.pack);
                if !pack.usable() || pack.chunk_at(place.number) != Some(chunk) {
                    self.blame(&mut s, Fault::I2);
                }
            }
            let free = s.points.iter_mut().find(|p| p.standing == Standing::None);
            let due = self.period();
            *free.expect("a point for each run") = Point { standing: Standing::Live, places, due };
            s.sessions[usize::from(session)].life = Life::Committed;
        }
        s.writers[w].view = view;
        s.writers[w].landed = true;
        s
    }

    /// The writer comes to know what became of its entry: by the response, or, where that was lost, by its attempt id in the log. It believes
    /// in it only after a look at the newest checkpoint (I7).
    fn learn(&self, state: &State, w: usize, n: u8, next: &mut Next) {
        let mut s = *state;
        let phase = s.writers[w].phase;
        s.writers[w].landed = false;
        if self.is(Mutant::LostIsDefeat) && phase == Phase::Ready {
            let mut again = s;
            again.writers[w].landed = false;
            next.push((Step::Forget(n), again));
        }
        let looks = match phase {
            Phase::Ready => !self.is(Mutant::NoLookAfterCommit),
            _ => !self.is(Mutant::NoLookAfterPublish),
        };
        if s.writers[w].view.void && looks {
            s.writers[w].view = self.begin_reading(&s);
            self.arrive(&mut s, w);
        } else if phase == Phase::Ready {
            if s.session_life(s.writers[w].session) != Life::Committed {
                self.blame(&mut s, Fault::FalseAcknowledgement);
            }
            self.finish_run(&mut s.writers[w], w);
        } else if s.writers[w].view.void {
            // It takes its packs for published.
            s.writers[w].phase = Phase::Ready;
        } else {
            self.settle(&mut s, w);
        }
        next.push((Step::Learn(n), s));
    }

    fn finish_run(&self, writer: &mut Writer, w: usize) {
        writer.run += 1;
        abandon(writer);
        if usize::from(writer.run) == self.runs[w].len() {
            writer.phase = Phase::Done;
        }
    }
}

#[derive(Clone, Copy)]
enum Choice {
    Use(Place),
    Store,
    Keep,
}

fn abandon(writer: &mut Writer) {
    let view = View { behind: 0, void: false, sure: false };
    *writer = Writer {
        phase: Phase::Idle,
        landed: false,
        session: NONE,
        run: writer.run,
        view,
        places: Places::EMPTY,
        secured: 0,
    };
}
