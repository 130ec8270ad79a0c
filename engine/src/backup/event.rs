//! What the walk tells the assembler, in canonical order.

use super::keep::Before;
use crate::error::{Error, Kind, Result};
use crate::source::Failure;
use format_spec::tree::Entry;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;

/// One event. `Same` and `Gone` speak of the entries of the base's folder, in order, each told once.
pub(super) enum Event {
    /// A folder begins, with its own attributes; `base` is the folder of this name in the base.
    Enter { entry: Box<Entry>, base: Option<Box<Entry>> },
    /// The next n entries of the base's folder are unchanged.
    Same(u64),
    /// The next n entries of the base's folder are not in the new one.
    Gone(u64),
    /// A new or changed item that is complete already.
    Put(Box<Entry>),
    /// A new or changed file that is being read; `before` is what the base has of it.
    File { name: Vec<u8>, slot: Arc<Slot>, before: Box<Before> },
    /// The folder ends.
    Leave,
}

/// What became of a file that was read.
#[derive(Debug, Clone)]
pub(super) enum Read {
    /// Its entry, with content.
    Stored(Box<Entry>),
    /// It could not be read.
    Lost {
        /// Why; the path is that of the name which was opened.
        failure: Failure,
        /// The link group that its names would have had.
        group: Option<[u8; 16]>,
        /// What is stored where nothing is kept of it.
        instead: Option<Box<Entry>>,
    },
}

/// Where a reader leaves what became of a file. Names of one inode share it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Waiting,
    Done(Read),
    Failed(Option<Error>),
}

impl Slot {
    /// Leaves the outcome.
    pub(super) fn set(&self, outcome: Result<Read>) {
        *self.state.lock() = match outcome {
            Ok(read) => State::Done(read),
            Err(e) => State::Failed(Some(e)),
        };
        self.changed.notify_all();
    }

    /// Waits for the outcome; may be asked by several.
    pub(super) fn wait(&self) -> Result<Read> {
        let mut state = self.state.lock();
        loop {
            match &mut *state {
                State::Waiting => self.changed.wait(&mut state),
                State::Done(read) => return Ok(read.clone()),
                State::Failed(error) => {
                    let again = || Error::new(Kind::Interrupted, "the session has failed before");
                    return Err(error.take().unwrap_or_else(again));
                }
            }
        }
    }
}
