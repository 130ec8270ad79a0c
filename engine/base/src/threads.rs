//! Threads, as the machine lets us have them.
//!
//! Promises: one that cannot be made is an error that says what to do; nothing ends with a panic for want of it.

use crate::error::{Error, Kind, Result};
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

/// Starts a thread.
///
/// # Errors
/// `Transient` when the machine has none left.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>> {
    Builder::new().spawn(work).map_err(|e| none_left(&e))
}

/// Starts a thread of a scope.
///
/// # Errors
/// As [`spawn`].
pub fn scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().spawn_scoped(scope, work).map_err(|e| none_left(&e))
}

fn none_left(e: &std::io::Error) -> Error {
    Error::new(Kind::Transient, format!("a thread cannot be made: {e}"))
        .advise("use fewer with --threads, or raise the limits on processes and memory")
}
