//! The circuit breaker: while the store is out of reach, nobody waits a whole deadline to be told so.
//!
//! ```text
//!           some deadlines over, no answer between         every few seconds: a probe
//!  closed ------------------------------------------> open ---------------------------+
//!    ^                                                 |  ^----------- fails ---------+
//!    +---- any answer of the store: a probe's, or one that came late ----------------<+
//! ```
//! Promises: a single answer closes it, whoever asked; one slow object does not open it while others answer, because what was asked before
//! the last answer came does not count; nothing is remembered for ever. Refuses to know what is in memory: that is answered before anybody
//! asks here.

use crate::limits::{BREAKER_FAILURES, BREAKER_WINDOW};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// One store's breaker, shared by all questions.
pub(super) struct Breaker {
    /// Also what the view says about contents that are not in memory.
    open: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    first_failure: Option<Instant>,
    last_answer: Option<Instant>,
}

impl Breaker {
    /// A closed one, which shows its state in `open`.
    pub(super) fn new(open: Arc<AtomicBool>) -> Self {
        Breaker { open, state: Mutex::default() }
    }

    /// Whether questions to the store are refused.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// The store has answered; true when that closed the breaker.
    pub(super) fn answered(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        *state = State { last_answer: Some(now), ..State::default() };
        self.open.swap(false, Ordering::Relaxed)
    }

    /// A question that was put to the store at `asked` had no answer by its deadline; true when that opened the breaker.
    pub(super) fn failed(&self, asked: Instant, now: Instant) -> bool {
        let mut state = self.state.lock();
        if state.last_answer.is_some_and(|answer| answer > asked) {
            return false;
        }
        match state.first_failure {
            Some(first) if now.duration_since(first) <= BREAKER_WINDOW => state.failures += 1,
            _ => (state.first_failure, state.failures) = (Some(now), 1),
        }
        state.failures >= BREAKER_FAILURES && !self.open.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn failures(breaker: &Breaker, at: Instant, count: u32) -> Vec<bool> {
        (0..count).map(|_| breaker.failed(at, at)).collect()
    }

    #[test]
    fn failures_in_a_row_open_it_once_and_one_answer_closes_it() {
        let (breaker, now) = (Breaker::new(Arc::default()), Instant::now());
        assert_eq!(failures(&breaker, now, BREAKER_FAILURES - 1), [false, false]);
        assert!(!breaker.answered(now) && !breaker.is_open());
        assert_eq!(failures(&breaker, now, BREAKER_FAILURES + 1), [false, false, true, false]);
        assert!(breaker.is_open() && breaker.answered(now) && !breaker.is_open());
    }

    #[test]
    fn what_was_asked_before_the_last_answer_does_not_count() {
        let (breaker, asked) = (Breaker::new(Arc::default()), Instant::now());
        let later = asked + Duration::from_secs(1);
        breaker.answered(later);
        (0..10).for_each(|_| assert!(!breaker.failed(asked, later)));
    }

    #[test]
    fn failures_far_apart_do_not_open_it() {
        let (breaker, mut now) = (Breaker::new(Arc::default()), Instant::now());
        for _ in 0..10 {
            now += BREAKER_WINDOW + Duration::from_secs(1);
            assert!(!breaker.failed(now, now));
        }
    }
}
