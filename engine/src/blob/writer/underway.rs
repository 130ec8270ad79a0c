//! The jobs that are under way: begun by a put, and not yet landed.
//!
//! Promises: whoever waits returns when the last job has landed, and looks again at the verdict
//! several times a second meanwhile. While it waits, the verdict is asked under this lock; nothing
//! else is locked under it.

use super::verdict::Verdict;
use crate::error::Result;
use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// How long a waiting thread sleeps before it looks whether the session has failed.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(super) struct Underway {
    jobs: Mutex<u64>,
    landed: Condvar,
}

impl Underway {
    /// One job more.
    pub(super) fn begin(&self) {
        *self.jobs.lock() += 1;
    }

    /// One job less.
    pub(super) fn arrive(&self) {
        *self.jobs.lock() -= 1;
        self.landed.notify_all();
    }

    /// Lets those that wait look at the verdict.
    pub(super) fn wake(&self) {
        self.landed.notify_all();
    }

    pub(super) fn is_any(&self) -> bool {
        *self.jobs.lock() > 0
    }

    /// Waits for the jobs that were begun; once the session has failed, the others end at once.
    pub(super) fn wait(&self) {
        let mut jobs = self.jobs.lock();
        while *jobs > 0 {
            self.landed.wait_for(&mut jobs, LOOK_AGAIN);
        }
    }

    /// Waits until nothing is under way, as long as the session is sound.
    pub(super) fn wait_if_sound(&self, verdict: &Verdict) -> Result<()> {
        let mut jobs = self.jobs.lock();
        while *jobs > 0 && !verdict.has_failed() {
            self.landed.wait_for(&mut jobs, LOOK_AGAIN);
            verdict.expect_going_on()?;
        }
        drop(jobs);
        verdict.expect_sound()
    }
}
