//! From an error of the operating system to what became of an item.

use super::{Failure, Outcome};
use std::io;

impl Failure {
    /// The item at `path` that could not be stored because of `e`.
    pub fn of(path: Vec<u8>, e: &io::Error) -> Failure {
        Failure { path, outcome: outcome_of(e), reason: e.to_string() }
    }
}

/// `Vanished` if `e` says that the item is no longer there, or something else in its place; else `Failed`. A stale handle says neither: a
/// server that was started again gives one for every file that it has.
pub fn outcome_of(e: &io::Error) -> Outcome {
    use io::ErrorKind as Io;
    // A symlink in the item's place shows as ELOOP, which has no stable name in the standard library yet.
    let replaced = e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    match e.kind() {
        Io::NotFound | Io::NotADirectory => Outcome::Vanished,
        _ if replaced => Outcome::Vanished,
        _ => Outcome::Failed,
    }
}
