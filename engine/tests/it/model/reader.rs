//! A reader with an old view: it opens a point once, and reads much later.

use super::mutants::Mutant;
use super::protocol::{Next, Protocol, Step};
use super::state::*;

impl Protocol {
    pub(super) fn reader_steps(&self, state: &State, next: &mut Next) {
        match state.reader.reading {
            Reading::Closed => self.reader_opens(state, next),
            Reading::Holds => next.push((Step::ReaderGets, self.reader_gets(state))),
            Reading::Missed => next.push((Step::ReaderLooksAgain, self.reader_looks_again(state))),
            Reading::Done => {}
        }
    }

    fn reader_opens(&self, state: &State, next: &mut Next) {
        for (n, point) in (0_u8..).zip(&state.points).filter(|(_, point)| point.live()) {
            for (chunk, named) in point.places.iter() {
                let mut s = *state;
                self.hold(&mut s, Reader { point: n, chunk, ..state.reader }, named);
                next.push((Step::ReaderOpens(n, chunk), s));
            }
        }
    }

    /// Takes the place that the log gives now.
    fn hold(&self, s: &mut State, reader: Reader, named: Place) {
        match self.translate(s, named) {
            Some(at) => s.reader = Reader { reading: Reading::Holds, at: at.pack << 1 | at.number, ..reader },
            None => self.report(s),
        }
    }

    fn reader_gets(&self, state: &State) -> State {
        let mut s = *state;
        let Reader { at, chunk, looks, .. } = s.reader;
        let pack = s.pack(at >> 1);
        if !pack.exists() {
            s.reader.reading = Reading::Missed;
            let patience = match self.mutant {
                Some(Mutant::NoSecondLook) => 0,
                Some(Mutant::SecondLookOnly) => 1,
                _ => u8::MAX,
            };
            if looks >= patience {
                self.report(&mut s);
            }
        } else if pack.chunk_at(at & 1) == Some(chunk) {
            close(&mut s.reader);
        } else {
            self.report(&mut s);
        }
        s
    }

    /// Reads the log to its head. Damage is what is missing from the very place where the log, read after the miss, says that it is.
    fn reader_looks_again(&self, state: &State) -> State {
        let mut s = *state;
        let reader = s.reader;
        let point = s.points[usize::from(reader.point)];
        let Some(named) = point.places.get(reader.chunk).filter(|_| point.live()) else {
            // Expired meanwhile: the reader says so.
            close(&mut s.reader);
            return s;
        };
        let looks = if self.is(Mutant::SecondLookOnly) { reader.looks + 1 } else { 0 };
        self.hold(&mut s, Reader { looks, ..reader }, named);
        if s.reader.at == reader.at {
            self.report(&mut s);
        }
        s
    }

    fn report(&self, s: &mut State) {
        if s.points[usize::from(s.reader.point)].live() {
            self.blame(s, Fault::FalseDamage);
        }
        close(&mut s.reader);
    }
}

fn close(reader: &mut Reader) {
    *reader = Reader { reading: Reading::Done, point: 0, chunk: 0, at: 0, looks: 0 };
}
