//! The verdict of a session: whether it is sound, and if not, which error ended it.
//!
//! Promises: the first error stays the cause, and every caller that asks gets it, so that the cause
//! survives whichever thread reports first. A session that has failed never becomes sound again.
//! Its lock is a leaf: nothing else is locked under it.

use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct Verdict {
    monitor: Arc<Monitor>,
    failure: Mutex<Option<Error>>,
    failed: AtomicBool,
}

impl Verdict {
    pub(super) fn new(monitor: Arc<Monitor>) -> Self {
        Verdict { monitor, failure: Mutex::new(None), failed: AtomicBool::new(false) }
    }

    /// Returns the error that ended the session, or that of the stop button. Asked before and after
    /// each wait.
    pub(super) fn expect_sound(&self) -> Result<()> {
        if !self.has_failed() {
            return self.expect_going_on();
        }
        let failure = self.failure.lock();
        Err(failure.as_ref().map_or_else(|| Error::new(Kind::Interrupted, "the session has ended"), Error::again))
    }

    /// Returns the error of the stop button alone.
    pub(super) fn expect_going_on(&self) -> Result<()> {
        self.monitor.check()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// The session has failed by this error, unless by an earlier one.
    pub(super) fn fail(&self, error: Error) {
        self.failure.lock().get_or_insert(error);
        self.give_up();
    }

    /// Nothing more begins: the session is given up without an error of its own.
    pub(super) fn give_up(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }
}
