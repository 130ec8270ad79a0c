//! How fast one pool of the service may be asked: the service counts requests for each mailbox, and
//! units for all drives of a tenant together.
//!
//! Promises: no more at once than is allowed, no more in a window than is allowed, and nothing at all
//! before the time that the service has named: a call that comes earlier counts, too, and prolongs
//! the wait. Pure: the time is given, and nobody waits here.

use std::collections::VecDeque;
use std::time::Duration;

/// What the service allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once.
    pub at_once: usize,
    /// Units in each window.
    pub units: u64,
    /// How long a window is.
    pub window: Duration,
}

/// Outlook: for each mailbox and application.
pub const MAILBOX: Limits = Limits { at_once: 4, units: 10_000, window: Duration::from_secs(600) };
/// SharePoint and OneDrive: the least that a tenant gets; more licences give more.
pub const DRIVES: Limits = Limits { at_once: 32, units: 1_250, window: Duration::from_secs(60) };
/// The directory: the least that a tenant gets.
pub const DIRECTORY: Limits = Limits { at_once: 8, units: 3_500, window: Duration::from_secs(10) };
/// Teams.
pub const TEAMS: Limits = Limits { at_once: 4, units: 20, window: Duration::from_secs(1) };

/// Whether a call may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now; it is counted.
    Go,
    /// Not before this time.
    At(Duration),
    /// When another one has ended.
    AfterAnother,
}

/// One pool: what was spent, what is running, and what the service has said.
#[derive(Debug)]
pub struct Pace {
    limits: Limits,
    /// What was spent, in order of time.
    spent: VecDeque<Spent>,
    in_window: u64,
    running: usize,
    /// Nothing before this time.
    fence: Duration,
}

/// Units of calls that began within a thousandth of a window.
#[derive(Debug, Clone, Copy)]
struct Spent {
    first: Duration,
    /// All of them count for as long as the last of them does.
    last: Duration,
    units: u64,
}

impl Pace {
    /// A pool that nobody has asked yet.
    pub fn new(limits: Limits) -> Self {
        Pace { limits, spent: VecDeque::new(), in_window: 0, running: 0, fence: Duration::ZERO }
    }

    /// Asks for a call of so many units. Times are those of one clock that does not go back.
    pub fn ask(&mut self, now: Duration, units: u64) -> Turn {
        if now < self.fence {
            return Turn::At(self.fence);
        }
        if self.running >= self.limits.at_once {
            return Turn::AfterAnother;
        }
        let window = self.limits.window;
        while let Some(spent) = self.spent.pop_front_if(|spent| spent.last + window <= now) {
            self.in_window -= spent.units;
        }
        // A call that is larger than a window is made alone in one.
        let units = units.min(self.limits.units);
        let mut left = self.in_window;
        for spent in self.spent.iter().take_while(|_| self.in_window + units > self.limits.units) {
            left -= spent.units;
            if left + units <= self.limits.units {
                return Turn::At(spent.last + window);
            }
        }
        self.running += 1;
        self.in_window += units;
        match self.spent.back_mut() {
            // Calls of one moment are one row: a window of ten thousand is not a list of ten thousand.
            Some(spent) if now.saturating_sub(spent.first) < window / ROWS_OF_A_WINDOW => {
                (spent.last, spent.units) = (now, spent.units + units);
            }
            _ => self.spent.push_back(Spent { first: now, last: now, units }),
        }
        Turn::Go
    }

    /// A call has ended.
    pub fn end(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// The service has said that nothing may come before this time.
    pub fn fence(&mut self, until: Duration) {
        self.fence = self.fence.max(until);
    }

    /// Until when nothing may come.
    pub fn fenced_until(&self) -> Duration {
        self.fence
    }
}

/// Rows that what was spent in a window is kept in, about.
const ROWS_OF_A_WINDOW: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { at_once: 4, units: 100, window: Duration::from_secs(10) };

    fn seconds(n: f64) -> Duration {
        Duration::from_secs_f64(n)
    }

    #[test]
    fn four_at_once_and_the_fifth_after_another() {
        let mut pace = Pace::new(LIMITS);
        assert!((0..4).all(|_| pace.ask(seconds(1.0), 1) == Turn::Go));
        assert_eq!(pace.ask(seconds(1.0), 1), Turn::AfterAnother);
        pace.end();
        assert_eq!(pace.ask(seconds(1.0), 1), Turn::Go);
    }

    #[test]
    fn a_window_is_filled_and_slides() {
        let mut pace = Pace::new(LIMITS);
        for at in [0.0, 4.0] {
            for _ in 0..50 {
                assert_eq!(pace.ask(seconds(at), 1), Turn::Go);
                pace.end();
            }
        }
        assert_eq!(pace.ask(seconds(5.0), 1), Turn::At(seconds(10.0)));
        assert_eq!(pace.ask(seconds(5.0), 60), Turn::At(seconds(14.0)));
        assert_eq!(pace.ask(seconds(10.0), 50), Turn::Go);
        assert_eq!(pace.ask(seconds(10.0), 1), Turn::At(seconds(14.0)));
        // One that is larger than all that there is in a window waits for an empty one.
        assert_eq!(pace.ask(seconds(21.0), 500), Turn::Go);
    }

    #[test]
    fn nothing_comes_before_the_fence() {
        let mut pace = Pace::new(LIMITS);
        pace.fence(seconds(300.0));
        pace.fence(seconds(20.0));
        assert_eq!(pace.ask(seconds(299.9), 1), Turn::At(seconds(300.0)));
        assert_eq!(pace.ask(seconds(300.0), 1), Turn::Go);
    }

    proptest! {
        /// Whoever does as the pace says is never above a limit, counted by a plain list.
        #[test]
        fn no_limit_is_ever_passed(calls in prop::collection::vec((0u64..3_000, 1u64..40, 0u64..400), 1..200)) {
            let (mut pace, mut now) = (Pace::new(LIMITS), Duration::ZERO);
            let mut made: Vec<(Duration, u64, Duration)> = Vec::new();
            for (gap, units, takes) in calls {
                now += Duration::from_millis(gap);
                loop {
                    let ended = made.iter().filter(|(_, _, end)| *end <= now).count();
                    let running = made.len() - ended;
                    while pace.running > running {
                        pace.end();
                    }
                    match pace.ask(now, units) {
                        Turn::Go => break,
                        Turn::At(until) => now = until,
                        Turn::AfterAnother => now = made.iter().map(|(_, _, end)| *end).filter(|end| *end > now).min().unwrap(),
                    }
                }
                made.push((now, units, now + Duration::from_millis(takes)));
                let running = made.iter().filter(|(_, _, end)| *end > now).count();
                prop_assert!(running <= LIMITS.at_once);
                let spent: u64 =
                    made.iter().filter(|(when, ..)| *when + LIMITS.window > now).map(|(_, units, _)| units).sum();
                prop_assert!(spent <= LIMITS.units, "{} units in a window", spent);
            }
        }
    }
}
