//! Whether this machine's clock contradicts what else tells the time.
//!
//! A clock that is years ahead makes everything old, and old is what retention and collection let go. Nobody can say
//! that a clock is right; three things can say that it is wrong: the newest entry of the log, the store's own clock, and
//! what this machine remembers. Refuses to correct a clock.

/// What tells the time, in seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clocks {
    /// This machine's clock.
    pub(crate) now: i64,
    /// When the newest entry of the log was written, by its writer's clock.
    pub(crate) newest: Option<i64>,
    /// This machine's clock when it saw the repository last.
    pub(crate) remembered: Option<i64>,
    /// The store's own clock, where it has one.
    pub(crate) store: Option<i64>,
    /// Whether the store is a folder, which has no clock of its own.
    pub(crate) is_folder: bool,
}

/// How a clock is wrong, with the time that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contradiction {
    /// It is behind the newest entry of the log.
    BehindNewest(i64),
    /// It is ahead of the store's clock.
    AheadOfStore(i64),
    /// It is far ahead of all that is known: this is the newest of it.
    AheadOfAll(i64),
}

impl Clocks {
    /// What this machine's clock contradicts, if anything.
    pub(crate) fn contradiction(&self) -> Option<Contradiction> {
        let ahead_of = |time: i64| self.now.saturating_sub(time);
        if let Some(newest) = self.newest.filter(|newest| newest.saturating_sub(self.now) > SKEW_SECONDS_MAX) {
            return Some(Contradiction::BehindNewest(newest));
        }
        if let Some(store) = self.store.filter(|store| ahead_of(*store) > SKEW_SECONDS_MAX) {
            return Some(Contradiction::AheadOfStore(store));
        }
        let last = self.newest.max(self.remembered).filter(|_| self.is_folder)?;
        (ahead_of(last) > SILENCE_SECONDS_MAX).then_some(Contradiction::AheadOfAll(last))
    }

    /// Whether this machine's clock may be remembered: it contradicts nothing, and where the store has a clock that was
    /// not asked, the newest entry vouches for it.
    pub(crate) fn is_believed(&self) -> bool {
        let near = |time: i64| self.now.saturating_sub(time) <= SKEW_SECONDS_MAX;
        self.contradiction().is_none() && (self.is_folder || self.store.or(self.newest).is_some_and(near))
    }
}

/// Clocks of machines that are kept right differ by less; time zones that were mistaken for each other, by more.
const SKEW_SECONDS_MAX: i64 = 3600;
/// A repository may rest for two months before a clock is asked about.
const SILENCE_SECONDS_MAX: i64 = 60 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    const NOW: i64 = 20_000 * DAY;

    fn folder(newest: i64, remembered: Option<i64>) -> Clocks {
        Clocks { now: NOW, newest: Some(newest), remembered, store: None, is_folder: true }
    }

    #[test]
    fn a_clock_may_be_an_hour_behind_the_newest_entry() {
        assert_eq!(folder(NOW + 3600, None).contradiction(), None);
        assert_eq!(folder(NOW + 3601, None).contradiction(), Some(Contradiction::BehindNewest(NOW + 3601)));
    }

    #[test]
    fn a_clock_may_be_an_hour_ahead_of_the_store() {
        let store = |store| Clocks { store: Some(store), is_folder: false, ..folder(NOW - 900 * DAY, None) };
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
        let empty = Clocks { newest: None, ..folder(0, None) };
        assert_eq!(empty.contradiction(), None);
    }

    #[test]
    fn a_clock_that_nobody_vouches_for_is_not_remembered() {
        assert!(folder(NOW - DAY, None).is_believed());
        assert!(!folder(NOW - 61 * DAY, None).is_believed() && !folder(NOW + DAY, None).is_believed());
        let far = |newest, store| Clocks { store, is_folder: false, ..folder(newest, None) };
        assert!(far(NOW - 60, None).is_believed() && far(NOW - DAY, Some(NOW)).is_believed());
        assert!(!far(NOW - DAY, None).is_believed(), "the store was not asked");
    }
}
