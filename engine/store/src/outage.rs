//! Outages: how long a store that does not answer is asked again, and what is said meanwhile.
//!
//! All requests to one store share one [`Outage`]. It begins with the first request that fails for now, and ends with the first answer to any of them.
//!
//! ```text
//!             failed for now                 5 s without an answer
//!  answering ----------------> not answering ---------------------> told once on stderr
//!      ^                             |                                     |
//!      +---- any answer (told, if the outage was) <-----------------------+
//! ```
//!
//! Promises: nobody asks longer than [`Patience`] allows, counted from the first failure of the request or of the outage, whichever came first. So a
//! thousand requests in one outage do not wait a thousand times. Once one has been given up, others that begin within a few seconds fail with it, untried: an
//! attempt may take half a minute (a connection that drips), and work that ends makes some more of them. A store that has never answered is asked for the shorter time. Refuses to tell a
//! busy store from one that is away: both are waited for.

use base::error::Error;
use base::monitor::agree;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// For how long a store that does not answer is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Before its first answer: a wrong address shall not keep anybody for long.
    pub start: Duration,
    /// After it: fail-overs and restarts of stores take minutes, and long work would be lost.
    pub work: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { start: Duration::from_secs(60), work: Duration::from_secs(15 * 60) }
    }
}

/// Who is told about an outage while it lasts.
#[derive(Clone)]
pub struct Say(Arc<dyn Fn(&str) + Send + Sync>);

impl Say {
    /// Calls this with each sentence.
    pub fn new(say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Say(Arc::new(say))
    }
}

impl fmt::Debug for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Say")
    }
}

/// What is known of a store's answering, shared by all requests to it.
#[derive(Debug, Default)]
pub struct Outage {
    say: Option<Say>,
    is_proven_elsewhere: AtomicBool,
    has_answered: AtomicBool,
    is_on: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    since: Option<f64>,
    is_told: bool,
    /// When a request was given up, and with what.
    given_up: Option<(f64, Error)>,
}

impl Outage {
    /// Of a store whose outages are told to `say`.
    pub fn new(say: Option<Say>) -> Self {
        Outage { say, ..Outage::default() }
    }

    /// Whether the store has answered as a store at least once.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// From now on only [`Outage::is_a_store`] says that a store has answered, and no request that went well: whoever reads the answers knows better.
    pub(super) fn prove_elsewhere(&self) {
        self.is_proven_elsewhere.store(true, Ordering::Relaxed);
    }

    /// What answered is a store, and does its work.
    pub(super) fn is_a_store(&self) {
        self.has_answered.store(true, Ordering::Relaxed);
    }

    /// Whether requests fail just now.
    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// The store has answered, at `now`.
    pub(super) fn end(&self, now: f64) {
        if !self.is_proven_elsewhere.load(Ordering::Relaxed) {
            self.is_a_store();
        }
        if !self.is_on() {
            return;
        }
        let mut state = self.state.lock();
        self.is_on.store(false, Ordering::Relaxed);
        let ended = std::mem::take(&mut *state);
        drop(state);
        if let (Some(since), true) = (ended.since, ended.is_told) {
            self.tell(&format!("the store answers again, after {}", spelled(now - since)));
        }
    }

    /// A request that fails since `since` has failed for now. How long it may still be tried; `None` when that is over.
    pub(super) fn left(&self, since: f64, now: f64, patience: &Patience) -> Option<f64> {
        let mut state = self.state.lock();
        self.is_on.store(true, Ordering::Relaxed);
        let began = state.since.get_or_insert(since).min(since);
        let patience = if self.has_answered() { patience.work } else { patience.start };
        Some(patience.as_secs_f64() - (now - began)).filter(|left| *left > 0.0)
    }

    /// A request was given up at `now`, with this error.
    pub(super) fn give_up(&self, now: f64, error: &Error) {
        // Another request is about another object.
        let untried = Error::new(error.kind(), error.whole());
        let untried = error.advice().into_iter().fold(untried, |untried, advice| untried.advise(advice));
        self.state.lock().given_up = Some((now, untried));
    }

    /// The error with which a request that begins at `now` fails untried: that of another one which was given up just before.
    pub(super) fn given_up(&self, now: f64) -> Option<Error> {
        if !self.is_on() {
            return None;
        }
        let state = self.state.lock();
        state.given_up.as_ref().filter(|(at, _)| now - at < UNTRIED_FOR).map(|(_, error)| error.again())
    }

    /// Says that the store does not answer, once for each outage that lasts.
    pub(super) fn say(&self, now: f64, pause: f64, left: f64, error: &Error) {
        let mut state = self.state.lock();
        let lasts = state.since.is_some_and(|since| now + pause - since >= SAY_AFTER);
        if lasts && !state.is_told {
            state.is_told = true;
            drop(state);
            self.tell(&format!("the store does not answer; trying for {} ({error})", more(left)));
        }
    }

    fn tell(&self, text: &str) {
        tracing::info!("{text}");
        if let Some(Say(say)) = &self.say {
            say(text);
        }
    }
}

/// `14 more minutes`, `50 more seconds`.
fn more(seconds: f64) -> String {
    let (number, unit) = rounded(seconds);
    format!("{number} more {}", agree(number, unit, &format!("{unit}s")))
}

/// `2 minutes`, `8 seconds`.
fn spelled(seconds: f64) -> String {
    let (number, unit) = rounded(seconds);
    format!("{number} {}", agree(number, unit, &format!("{unit}s")))
}

fn rounded(seconds: f64) -> (u64, &'static str) {
    let seconds = Duration::try_from_secs_f64(seconds.max(1.0)).unwrap_or_default().as_secs();
    if seconds < 120 { (seconds, "second") } else { (seconds / 60, "minute") }
}

/// A store that is busy for a moment is not worth a line.
const SAY_AFTER: f64 = 5.0;
/// Long enough for work that ends to stop asking, short enough for a mount to notice soon that the store is back.
const UNTRIED_FOR: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;
    use base::error::Kind;

    #[test]
    fn times_are_told_in_seconds_or_minutes() {
        assert_eq!(more(895.0), "14 more minutes");
        assert_eq!(
            (more(119.9), more(1.2), more(0.1)),
            ("119 more seconds".into(), "1 more second".into(), "1 more second".into())
        );
        assert_eq!((spelled(23.4), spelled(180.0)), ("23 seconds".into(), "3 minutes".into()));
    }

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let outage = Outage::new(Some(Say::new(move |text| heard.lock().push(text.to_owned()))));
        let (patience, error) = (Patience::default(), Error::new(Kind::Transient, "connection refused"));
        outage.end(0.0);
        for now in [10.0, 11.0, 14.0, 20.0] {
            let left = outage.left(10.0, now, &patience).expect("there is time");
            outage.say(now, 1.0, left, &error);
        }
        assert_eq!(*said.lock(), ["the store does not answer; trying for 14 more minutes (connection refused)"]);
        outage.end(33.0);
        outage.end(34.0);
        assert_eq!(said.lock()[1..], ["the store answers again, after 23 seconds"]);
        // One that is short is not worth a line, and neither is its end.
        outage.left(40.0, 40.0, &patience).expect("there is time");
        outage.say(40.0, 0.2, 900.0, &error);
        outage.end(41.0);
        assert_eq!(said.lock().len(), 2);
    }

    #[test]
    fn a_request_that_begins_late_in_an_outage_has_what_is_left_of_it() {
        let (outage, patience) = (Outage::default(), Patience::default());
        assert_eq!(outage.left(0.0, 0.0, &patience), Some(60.0));
        assert_eq!(outage.left(50.0, 50.0, &patience), Some(10.0));
        assert_eq!(outage.left(61.0, 61.0, &patience), None);
        outage.end(61.0);
        assert_eq!(outage.left(61.0, 61.0, &patience), Some(900.0));
        // Others are answered, and this one never is.
        outage.end(500.0);
        assert_eq!(outage.left(61.0, 962.0, &patience), None);
    }
}
