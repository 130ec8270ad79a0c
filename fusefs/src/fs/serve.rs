//! How a request becomes an answer: from memory at once, or by a worker under a deadline.
//!
//! ```text
//! session thread                                worker                       watchdog
//! question(Memory) -- known ---> reply
//!      | not in memory
//!      +-- ticket, job --------> question(Store) -> takes reply, answers
//!                                     (stuck)                  --- or ---    takes reply, ETIMEDOUT
//! ```

use super::errno::errno;
use super::pool::Pool;
use super::watch::{Answer, Watch};
use crate::limits::{DATA_WORKERS, METADATA_WORKERS};
use crate::view::{Failure, Reach};
use engine::{Error, Kind};
use fuser::Errno;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Names and attributes.
    Metadata,
    /// Contents.
    Data,
}

/// Both lanes and their watchdog.
pub(super) struct Desk {
    watch: Arc<Watch>,
    metadata: Pool,
    data: Pool,
    patience: (Duration, Duration),
}

impl Desk {
    pub(super) fn open(metadata: Duration, data: Duration) -> io::Result<Self> {
        Ok(Desk {
            watch: Watch::start()?,
            metadata: Pool::start("mount-meta", METADATA_WORKERS)?,
            data: Pool::start("mount-data", DATA_WORKERS)?,
            patience: (metadata, data),
        })
    }

    /// Answers `reply` with what `question` finds, through `send`. Returns at once.
    pub(super) fn serve<R: Answer, T: 'static>(
        &self,
        lane: Lane,
        reply: R,
        question: impl Fn(Reach) -> Result<T, Failure> + Send + 'static,
        send: impl FnOnce(R, T) + Send + 'static,
    ) {
        match guarded(|| question(Reach::Memory)) {
            Ok(found) => sent(|| send(reply, found)),
            Err(Failure::NotInMemory) => self.serve_later(lane, reply, question, send),
            Err(failure) => reply.fail(told(&failure)),
        }
    }

    fn serve_later<R: Answer, T: 'static>(
        &self,
        lane: Lane,
        reply: R,
        question: impl Fn(Reach) -> Result<T, Failure> + Send + 'static,
        send: impl FnOnce(R, T) + Send + 'static,
    ) {
        let (pool, patience) = match lane {
            Lane::Metadata => (&self.metadata, self.patience.0),
            Lane::Data => (&self.data, self.patience.1),
        };
        let ticket = Arc::new(self.watch.ticket(reply, patience));
        let held = Arc::clone(&ticket);
        let job = move || {
            if !held.is_open() {
                return;
            }
            let answer = guarded(|| question(Reach::Store));
            match (held.take(), answer) {
                (Some(reply), Ok(found)) => sent(|| send(reply, found)),
                (Some(reply), Err(failure)) => reply.fail(told(&failure)),
                (None, _) => {}
            }
        };
        if pool.submit(Box::new(job)).is_err() {
            tracing::warn!(?lane, "too many requests wait for the store; one was answered ETIMEDOUT");
            if let Some(reply) = ticket.take() {
                reply.fail(Errno::ETIMEDOUT);
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.watch.end();
    }
}

/// A panic is one request's EIO, not the mount's end.
fn guarded<T>(question: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(question))
        .unwrap_or_else(|_| Err(Failure::Store(Error::new(Kind::Bug, "a request of the mount panicked"))))
}

/// As [`guarded`]; a reply that is dropped on the way says EIO itself.
fn sent(send: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(send)).is_err() {
        tracing::error!("an answer of the mount panicked");
    }
}

/// The errno, and a line in the log for what somebody must look at.
fn told(failure: &Failure) -> Errno {
    match failure.kind() {
        Some(Kind::Transient | Kind::Archived) => tracing::debug!(%failure, "out of reach"),
        Some(_) => tracing::warn!(%failure, "the mount could not answer"),
        None => {}
    }
    errno(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Sender, unbounded};

    struct Told(Sender<i32>);

    impl Answer for Told {
        fn fail(self, errno: Errno) {
            self.0.send(errno.into()).expect("the test listens");
        }
    }

    #[test]
    fn a_panicking_request_is_eio_and_the_next_one_is_served() {
        let (told, hears) = unbounded();
        let desk = Desk::open(Duration::from_secs(5), Duration::from_secs(5)).expect("threads");
        let panics = |reach| if reach == Reach::Memory { Err(Failure::NotInMemory) } else { panic!("as a test") };
        desk.serve(Lane::Data, Told(told.clone()), panics, |_, (): ()| ());
        desk.serve(Lane::Metadata, Told(told.clone()), |_| panic!("as a test"), |_, (): ()| ());
        let first = [hears.recv_timeout(Duration::from_secs(5)), hears.recv_timeout(Duration::from_secs(5))];
        assert_eq!(first, [Ok(i32::from(Errno::EIO)), Ok(i32::from(Errno::EIO))]);
        desk.serve(Lane::Data, Told(told), |_| Ok(7), |told, n| told.0.send(n).expect("the test listens"));
        assert_eq!(hears.recv_timeout(Duration::from_secs(5)), Ok(7));
    }
}
