//! The end of the whole process, once somebody has asked for it: for how long work may still wait for others.
//!
//! ```text
//! running --begin--> ending: no pauses, no second attempts, limits of rates are lifted --patience--> over: requests are given up
//! ```
//!
//! Promises: nothing changes until [`begin`] was called, which a command does when a signal tells it to end; a library, a mount and a
//! simulation never do. What is published by then is kept, so giving up costs repeating, never data. Refuses to end the process.

use crate::error::{Error, Kind};
use parking_lot::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// When it is over, once the end has begun.
static OVER: Mutex<Option<Instant>> = Mutex::new(None);
static BEGUN: Condvar = Condvar::new();

/// The process is told to end: requests may take so much longer.
pub fn begin(patience: Duration) {
    OVER.lock().get_or_insert_with(|| Instant::now() + patience);
    BEGUN.notify_all();
}

/// Whether the process was told to end.
pub fn has_begun() -> bool {
    OVER.lock().is_some()
}

/// Whether requests are given up by now.
pub fn is_over() -> bool {
    OVER.lock().is_some_and(|over| Instant::now() >= over)
}

/// Waits, at most until the process is told to end.
pub fn sleep(time: Duration) {
    let until = Instant::now() + time;
    let mut over = OVER.lock();
    while over.is_none() && !BEGUN.wait_until(&mut over, until).timed_out() {}
}

/// What a request says that was given up.
pub fn given_up() -> Error {
    Error::new(Kind::Interrupted, "stopped while the store gave no answer")
        .advise("run the same command again to resume")
}
