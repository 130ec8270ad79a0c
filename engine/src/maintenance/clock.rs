//! Whether this machine's clock may decide what goes.
//!
//! A clock that is years ahead makes everything old, and old is what retention and collection let go. Nobody can say that a clock is right; three
//! things can say that it is wrong: the log, the store's own clock, and what this machine remembers. So whoever applies an expiry or a collection
//! hands over a [`ClockVerdict`], and there is no other way to get one than to ask those three, or to say that a person has looked.
//!
//! ```text
//! behind the newest entry by over an hour                                              -> refused
//! the store tells its time: ahead of it by over an hour                                -> refused
//! it does not: ahead of both the log's word and what is remembered by over 60 days     -> refused
//! ```
//!
//! The log's word is the time of its newest entry, unless somebody could have vouched for himself with it: an entry that this very machine appended
//! by a clock that nothing vouched for says nothing, and neither does what follows a jump of over 60 days in the log, where times are all that is known. A
//! machine that was off for so long is refused as well, once: what a person accepts is remembered.
//!
//! Promises: a plan that takes nothing is never refused, and by a refused clock it does nothing at all. Refuses to correct a clock, and to
//! remember anything: that is for whoever opens the repository.

use crate::env::utc;
use crate::error::{Error, Kind, Result};
use crate::limits::{DAY_SECONDS, MACHINE_SKEW_SECONDS_MAX};
use crate::repository::Repository;
use format_spec::Time;

/// What the caller remembers of a repository beyond its log. Times are seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remembered {
    /// When this machine saw the repository last, by its own clock, which nothing contradicted then.
    pub seen: Option<i64>,
    /// What this machine has appended since, by a clock that nothing vouched for.
    pub doubt: Option<Doubt>,
}

/// Entries that this machine appended by a clock that nothing vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// The slot of the newest of them.
    pub slot: u32,
    /// The latest time that was known before the first of them.
    pub last: i64,
}

/// What tells the time, in seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// This machine's clock.
    pub now: i64,
    /// When the newest entry of the log was written, by its writer's clock.
    pub newest: Option<i64>,
    /// The latest time that the log vouches for.
    pub word: Option<i64>,
    /// When this machine saw the repository last, by its own clock.
    pub seen: Option<i64>,
    /// The store's own clock; `None` where it has none, or was not asked.
    pub store: Option<i64>,
}

/// How a clock is wrong, with the time that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// It is behind the newest entry of the log.
    BehindNewest(i64),
    /// It is ahead of the store's clock.
    AheadOfStore(i64),
    /// It is far ahead of all that is known: this is the newest of it.
    AheadOfAll(i64),
}

impl Clocks {
    /// What is known without asking the store for its time.
    ///
    /// # Errors
    /// The store's, where the newest entry has to be asked for and cannot be.
    pub fn read(repository: &Repository, remembered: &Remembered) -> Result<Clocks> {
        let (log, now) = (repository.log(), repository.env().now().seconds);
        let head = log.view().head;
        let own = remembered.doubt.filter(|doubt| doubt.slot == head).map(|doubt| doubt.last);
        let newest = log.newest_time()?.map(|time| time.seconds);
        let word = match own {
            Some(last) => Some(last),
            None => log.time_before_jump(SILENCE_SECONDS_MAX)?.map(|time| time.seconds),
        };
        // A clock that was behind, and has appended since, is behind still.
        Ok(Clocks { now, newest: newest.max(own), word, seen: remembered.seen, store: None })
    }

    /// The latest time that something vouches for.
    pub fn last(&self) -> Option<i64> {
        self.word.max(self.seen)
    }

    /// What this machine's clock contradicts, if anything.
    pub fn contradiction(&self) -> Option<Contradiction> {
        let ahead_of = |time: i64| self.now.saturating_sub(time);
        if let Some(newest) = self.newest.filter(|newest| newest.saturating_sub(self.now) > MACHINE_SKEW_SECONDS_MAX) {
            return Some(Contradiction::BehindNewest(newest));
        }
        if let Some(store) = self.store {
            return (ahead_of(store) > MACHINE_SKEW_SECONDS_MAX).then_some(Contradiction::AheadOfStore(store));
        }
        self.last().filter(|last| ahead_of(*last) > SILENCE_SECONDS_MAX).map(Contradiction::AheadOfAll)
    }

    /// Whether this machine's clock may be remembered: it contradicts nothing, and where the store has a clock that was not asked, the log vouches for
    /// it.
    pub fn is_believed(&self, store_has_clock: bool) -> bool {
        let near = |time: i64| self.now.saturating_sub(time) <= MACHINE_SKEW_SECONDS_MAX;
        self.contradiction().is_none() && (!store_has_clock || self.store.or(self.word).is_some_and(near))
    }
}

/// What was found out about a clock, for a caller that is about to let something go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockVerdict {
    now: i64,
    contradiction: Option<Contradiction>,
    is_accepted: bool,
}

impl ClockVerdict {
    /// Holds this machine's clock against the log, the store and what is remembered.
    ///
    /// # Errors
    /// The store's, when it is out of reach.
    pub fn of(repository: &Repository, remembered: &Remembered) -> Result<ClockVerdict> {
        let store = match repository.sealed_store().store.now() {
            Ok(time) => Some(time.seconds),
            Err(e) if e.kind() == Kind::Unsupported => None,
            Err(e) => return Err(e),
        };
        let clocks = Clocks { store, ..Clocks::read(repository, remembered)? };
        Ok(ClockVerdict { now: clocks.now, contradiction: clocks.contradiction(), is_accepted: false })
    }

    /// A person has looked at the clock and says that it is right.
    #[must_use]
    pub fn accepted(self) -> ClockVerdict {
        ClockVerdict { is_accepted: true, ..self }
    }

    /// Without a look at anything, because a person has looked at the clock and says that it is right.
    pub fn trusted() -> ClockVerdict {
        ClockVerdict { now: 0, contradiction: None, is_accepted: true }
    }

    /// What the clock contradicts, accepted or not.
    pub fn contradiction(&self) -> Option<Contradiction> {
        self.contradiction
    }

    /// Whether nothing goes by this clock.
    pub fn is_refused(&self) -> bool {
        self.contradiction.is_some() && !self.is_accepted
    }

    /// How the clock is wrong, if it is.
    pub fn in_words(&self) -> Option<String> {
        let time = |seconds: i64| utc(Time { seconds, nanos: 0 });
        let now = time(self.now);
        Some(match self.contradiction? {
            Contradiction::BehindNewest(newest) => {
                format!("this machine's clock ({now}) is behind the newest entry of the log ({})", time(newest))
            }
            Contradiction::AheadOfStore(store) => {
                format!("this machine's clock ({now}) is ahead of the store's own ({})", time(store))
            }
            Contradiction::AheadOfAll(last) => format!(
                "this machine's clock ({now}) is over 60 days ahead of the newest entry of the log that can vouch for it and of the time when this machine saw the repository last (the later of them is {})",
                time(last)
            ),
        })
    }

    /// Refuses to take something away by a clock that cannot be right; `what` says what would go.
    pub(super) fn expect(&self, what: &str) -> Result<()> {
        match self.in_words().filter(|_| self.is_refused()) {
            None => Ok(()),
            Some(words) => {
                let message =
                    format!("{words}: {what} by such a clock could take away what should stay; nothing was done");
                Err(Error::new(Kind::Unrecognised, message).advise("set the clock right, or accept it if it is right"))
            }
        }
    }
}

/// A repository may rest for two months before a clock is asked about.
const SILENCE_SECONDS_MAX: i64 = 60 * DAY_SECONDS;

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = DAY_SECONDS;
    const NOW: i64 = 20_000 * DAY;

    fn folder(newest: i64, seen: Option<i64>) -> Clocks {
        Clocks { now: NOW, newest: Some(newest), word: Some(newest), seen, store: None }
    }

    #[test]
    fn a_clock_may_be_an_hour_behind_the_newest_entry() {
        assert_eq!(folder(NOW + 3600, None).contradiction(), None);
        assert_eq!(folder(NOW + 3601, None).contradiction(), Some(Contradiction::BehindNewest(NOW + 3601)));
    }

    #[test]
    fn a_clock_may_be_an_hour_ahead_of_the_store() {
        let store = |store| Clocks { store: Some(store), ..folder(NOW - 900 * DAY, None) };
        assert_eq!(store(NOW - 3600).contradiction(), None);
        assert_eq!(store(NOW - 3601).contradiction(), Some(Contradiction::AheadOfStore(NOW - 3601)));
        assert_eq!(store(NOW + 900 * DAY).contradiction(), None, "a store's clock that is ahead harms nobody");
    }

    #[test]
    fn without_a_clock_of_the_store_either_of_two_may_vouch() {
        let old = NOW - 60 * DAY - 1;
        assert_eq!(folder(old, Some(old - 1)).contradiction(), Some(Contradiction::AheadOfAll(old)));
        assert_eq!(folder(old, None).contradiction(), Some(Contradiction::AheadOfAll(old)));
        assert_eq!(folder(old, Some(NOW - 60 * DAY)).contradiction(), None);
        assert_eq!(folder(NOW - 60 * DAY, Some(old)).contradiction(), None);
        let empty = Clocks { newest: None, word: None, ..folder(0, None) };
        assert_eq!(empty.contradiction(), None);
    }

    #[test]
    fn a_newest_entry_that_vouches_for_nothing_does_not_help() {
        let own = Clocks { word: Some(NOW - 900 * DAY), ..folder(NOW, None) };
        assert_eq!(own.contradiction(), Some(Contradiction::AheadOfAll(NOW - 900 * DAY)));
        assert!(!own.is_believed(false) && !own.is_believed(true));
    }

    #[test]
    fn a_clock_that_nobody_vouches_for_is_not_remembered() {
        assert!(folder(NOW - DAY, None).is_believed(false));
        assert!(!folder(NOW - 61 * DAY, None).is_believed(false) && !folder(NOW + DAY, None).is_believed(false));
        let far = |newest, store| Clocks { store, ..folder(newest, None) };
        assert!(far(NOW - 60, None).is_believed(true) && far(NOW - DAY, Some(NOW)).is_believed(true));
        assert!(!far(NOW - DAY, None).is_believed(true), "the store was not asked");
    }

    #[test]
    fn what_is_refused_goes_on_only_when_a_person_accepts_it() {
        let verdict =
            ClockVerdict { now: NOW, contradiction: Some(Contradiction::AheadOfStore(0)), is_accepted: false };
        let refused = verdict.expect("to let it go").unwrap_err();
        assert_eq!(refused.kind(), Kind::Unrecognised);
        assert!(
            refused.to_string().contains("ahead of the store's own (1970-01-01T00:00:00Z): to let it go"),
            "{refused}"
        );
        verdict.accepted().expect("to let it go").unwrap();
        ClockVerdict::trusted().expect("to let it go").unwrap();
    }
}
