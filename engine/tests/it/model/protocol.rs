//! The protocol over the model's states: where it starts, which steps each process can take, what must hold. The processes' own steps are in the
//! files named after them.

use super::mutants::Mutant;
use super::state::*;

/// What is explored: how many of each, how much of each, and which fault is built in.
#[derive(Clone, Copy)]
pub(super) struct Protocol {
    pub(super) name: &'static str,
    /// By writer and run: the chunks (bits) of its source.
    pub(super) runs: &'static [&'static [u8]],
    pub(super) collectors: usize,
    pub(super) reader: bool,
    /// Checkpoints are written and the log before them is truncated; everybody reads it entry by entry.
    pub(super) truncation: bool,
    /// Packs are locked in the store, days pass, and somebody deletes whatever no lock holds.
    pub(super) locks: bool,
    /// `Swept` is recorded.
    pub(super) sweeps: bool,
    /// The chunks of the points that exist at the start, each in a pack of its own.
    pub(super) start: &'static [u8],
    pub(super) packs_max: u8,
    /// Packs that one `Condemn` gives up.
    pub(super) plan_max: u32,
    /// Open sessions whose process is gone, at one time.
    pub(super) orphans_max: usize,
    /// Entries after the newest checkpoint, and after what the latest process has read.
    pub(super) log_max: u8,
    pub(super) mutant: Option<Mutant>,
}

/// One step of one process; writers and collectors by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Start(u8),
    Open(u8),
    Choose(u8, Places),
    Publish(u8),
    Commit(u8),
    /// The response arrives, or the writer finds its attempt id in the log.
    Learn(u8),
    /// The response is lost.
    Forget(u8),
    ReadLog(u8),
    ReadCheckpoint(u8),
    Crash(u8),
    Plan(u8, u8),
    Condemn(u8),
    CollectorLearns(u8),
    CollectorReadsLog(u8),
    CollectorReadsCheckpoint(u8),
    CollectorCrashes(u8),
    WriteCheckpoint(u8),
    Truncate,
    Expire(u8),
    Fence(u8),
    Delete,
    DeleteEarly(u8),
    Sweep,
    ReaderOpens(u8, u8),
    ReaderGets,
    ReaderLooksAgain,
    /// The writer locks what it relies on for long enough.
    Secure(u8),
    DayPasses,
    Attack(u8),
}

pub(super) type Next = Vec<(Step, State)>;

impl Protocol {
    pub(super) fn start(&self) -> State {
        let view = View { behind: 0, void: false, sure: false };
        let mut state = State {
            packs: [Pack::FREE; PACKS],
            sessions: [Session { life: Life::None, base: NONE }; SESSIONS],
            points: [Point { standing: Standing::None, places: Places::EMPTY, due: 0 }; POINTS],
            writers: [Writer {
                phase: Phase::Done,
                landed: false,
                session: NONE,
                run: 0,
                view,
                places: Places::EMPTY,
                secured: 0,
            }; WRITERS],
            collectors: [Collector {
                phase: Phase::Done,
                landed: false,
                session: NONE,
                view,
                plan: 0,
                replacement: NONE,
            }; COLLECTORS],
            reader: Reader { reading: Reading::Done, point: 0, chunk: 0, at: 0, looks: 0 },
            checkpoint: 0,
            cut: 0,
            voids: 0,
            fault: Fault::None,
        };
        for (point, &content) in self.start.iter().enumerate() {
            let pack = state.store_pack(content, COMMITTED, self.packs_max).expect("the start fits the model");
            state.pack_mut(pack).life = PUBLISHED;
            self.lock(&mut state, pack);
            let (places, due) = (state.places_in(pack), self.period());
            state.points[point] = Point { standing: Standing::Live, places, due };
        }
        state.sessions[usize::from(COMMITTED)].life = Life::Committed;
        state.sessions[usize::from(FENCED)].life = Life::Fenced;
        for writer in state.writers.iter_mut().zip(self.runs).map(|(writer, _)| writer) {
            writer.phase = Phase::Idle;
        }
        for collector in &mut state.collectors[..self.collectors] {
            collector.phase = Phase::Idle;
        }
        if self.reader {
            state.reader.reading = Reading::Closed;
        }
        state
    }

    /// All steps that can be taken from a state.
    pub(super) fn steps(&self, state: &State, next: &mut Next) {
        for writer in 0..WRITERS {
            self.writer_steps(state, writer, next);
        }
        for collector in 0..self.collectors {
            self.collector_steps(state, collector, next);
        }
        self.chore_steps(state, next);
        self.reader_steps(state, next);
        self.lock_steps(state, next);
        let alike = matches!(self.runs, [first, second] if first == second);
        next.retain_mut(|(_, state)| match state.canonical(self.orphans_max, self.log_max, self.sweeps, alike) {
            Some(canonical) => {
                *state = canonical;
                true
            }
            None => false,
        });
    }

    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// The theorem, and whatever the last step did against a rule. A mutant has to do harm: breaking a rule is what it was made for.
    pub(super) fn fault_of(&self, state: &State) -> Fault {
        if state.fault != Fault::None {
            return state.fault;
        }
        let strict = self.mutant.is_none();
        // Where there are locks, what was promised is over when they are.
        for point in state.points.iter().filter(|p| p.live() && (p.due > 0 || !self.locks)) {
            for (chunk, place) in point.places.iter() {
                if !state.reaches(chunk, place, strict) {
                    return Fault::Lost;
                }
            }
        }
        if strict { self.locks_of(state) } else { Fault::None }
    }

    /// Notes a fault of this step. The broken rules themselves count only where no mutant breaks them on purpose.
    pub(super) fn blame(&self, state: &mut State, fault: Fault) {
        if self.mutant.is_none() || fault >= Fault::Lost {
            state.fault = state.fault.max(fault);
        }
    }

    /// Where a process believes that a blob is now.
    pub(super) fn translate(&self, state: &State, place: Place) -> Option<Place> {
        let moved = |place: Place| state.pack(place.pack).moves.get(place.number);
        let condemned = |place: Place| state.pack(place.pack).is(CONDEMNED);
        match self.mutant {
            Some(Mutant::NewestMoveOnly) if condemned(place) => {
                if state.pack(place.pack).is(NEWEST) {
                    moved(place)
                } else {
                    Some(place)
                }
            }
            Some(Mutant::OneMoveOnly) if condemned(place) => moved(place),
            _ => state.follow(place),
        }
    }
}

impl State {
    /// Every blob of a pack at its place.
    pub(super) fn places_in(&self, pack: u8) -> Places {
        let mut places = Places::EMPTY;
        for chunk in 0..CHUNKS {
            places.set(chunk, self.pack(pack).number_of(chunk).map(|number| Place { pack, number }));
        }
        places
    }

    /// Whether the chunk is found by following the moves: in an existing, published pack that is not condemned. Without `strict`, a pack that
    /// is still there serves whatever the log says of it.
    fn reaches(&self, chunk: u8, mut place: Place, strict: bool) -> bool {
        while self.pack(place.pack).is(CONDEMNED) {
            match self.pack(place.pack).moves.get(place.number) {
                Some(moved) => place = moved,
                None if strict => return false,
                None => break,
            }
        }
        let pack = self.pack(place.pack);
        pack.exists() && pack.chunk_at(place.number) == Some(chunk) && (pack.is(PUBLISHED) || !strict)
    }

    pub(super) fn moved_twice(&self) -> bool {
        let moved = |place: Place| self.pack(place.pack).moves.get(place.number);
        let mut named = self.points.iter().filter(|p| p.live()).flat_map(|p| p.places.iter());
        named.any(|(_, place)| moved(place).and_then(moved).is_some())
    }

    /// The newest live point, the usual base.
    pub(super) fn newest_point(&self) -> u8 {
        (0_u8..).zip(&self.points).filter(|(_, p)| p.live()).last().map_or(NONE, |(index, _)| index)
    }

    pub(super) fn point(&self, index: u8) -> Option<&Point> {
        self.points.get(usize::from(index))
    }
}
