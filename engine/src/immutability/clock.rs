//! The store's own clock, asked seldom.
//!
//! A lock ends when the store's clock says so, so it is reckoned from that clock. Between two questions our own steady clock counts on.

use crate::env::SharedEnv;
use crate::error::{Error, Kind, Result};
use crate::limits::STORE_SKEW_SECONDS_MAX;
use crate::store::Store;
use format_spec::Time;
use parking_lot::Mutex;

/// What the store's clock showed last, and when that was by our steady one.
pub(super) struct StoreClock {
    env: SharedEnv,
    shown: Mutex<Option<(Time, f64)>>,
}

impl StoreClock {
    pub(super) fn new(env: SharedEnv) -> Self {
        StoreClock { env, shown: Mutex::new(None) }
    }

    /// The store's time, at most ten minutes of our counting away from its own answer.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) fn now(&self, store: &(impl Store + ?Sized)) -> Result<Time> {
        let elapsed = self.env.elapsed();
        let shown = *self.shown.lock();
        if let Some((time, at)) = shown
            && (0.0..AGE_SECONDS_MAX).contains(&(elapsed - at))
        {
            #[expect(clippy::cast_possible_truncation, reason = "at most ten minutes")]
            return Ok(Time::new(time.seconds.saturating_add((elapsed - at).ceil() as i64), time.nanos));
        }
        self.ask(store)
    }

    /// Asks the store.
    ///
    /// # Errors
    /// `Input` when its clock and ours are more than five minutes apart; `Unsupported` when it does not tell the time; the store's.
    pub(super) fn ask(&self, store: &(impl Store + ?Sized)) -> Result<Time> {
        let elapsed = self.env.elapsed();
        let time = store.now()?;
        let skew = time.seconds.saturating_sub(self.env.now().seconds);
        if skew.saturating_abs() > STORE_SKEW_SECONDS_MAX {
            let what = format!(
                "the store's clock differs from this machine's by {skew} seconds: nothing is locked by such clocks"
            );
            return Err(Error::new(Kind::Input, what)
                .on(store.location())
                .advise("set the clock of this machine, then try again"));
        }
        *self.shown.lock() = Some((time, elapsed));
        Ok(time)
    }
}

const AGE_SECONDS_MAX: f64 = 600.0;
