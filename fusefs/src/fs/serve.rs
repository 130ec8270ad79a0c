//! How a request becomes an answer: from memory at once, or by a worker under a deadline.
//!
//! ```text
//! session thread                               worker                          watchdog
//! question(Memory) -- known ---> reply
//!      | not in memory
//!      |-- breaker open -------> ETIMEDOUT
//!      +-- ticket, fair queue -> question(Store) -> takes reply, answers
//!                                     (transient)  -> pauses, is asked again ----+
//!                                     (stuck)                    --- or ---    takes reply, ETIMEDOUT; the breaker counts it
//! ```
//! [`super::ask`] is one request's way through this, [`super::breaker`] says when nobody need try.

use super::breaker::Breaker;
use super::errno::errno;
use super::fair::Bounds;
use super::pending::PendingRequest;
use super::pool::{Pool, PoolSize, guard};
use super::recent_failures::{RecentFailures, Span};
use super::watchdog::{Answer, Watch};
use crate::limits::{
    BREAKER_PAUSE, DATA_THREADS_MAX, DATA_WORKERS, METADATA_THREADS_MAX, METADATA_WORKERS, PROBES_MAX, QUEUE_MAX,
    QUEUE_OF_ONE_MAX, SILENCE, SILENT_READS,
};
use engine::{Error, Kind};
use fuser::{Errno, Request};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use view::{Failure, Fetch};

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Names and attributes.
    Metadata,
    /// Contents.
    Data,
}

/// Whose request it is, and how it is waited for.
#[derive(Debug, Clone)]
pub(super) struct RequestInfo {
    pub(super) lane: Lane,
    /// The user who takes turns with others: for reads, readahead included, who reads.
    pub(super) uid: u32,
    /// How long to wait for what is archived.
    pub(super) archived: Duration,
    /// Of a read: what is read.
    pub(super) read: Option<Span>,
    /// Whether an answer says that the store has answered; opening a file can do without.
    pub(super) proves: bool,
}

impl Lane {
    pub(super) fn of(self, request: &Request) -> RequestInfo {
        RequestInfo { lane: self, uid: request.uid(), archived: Duration::ZERO, read: None, proves: true }
    }
}

/// How long answers may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) metadata: Duration,
    pub(crate) data: Duration,
}

/// Asks the store for anything small, to learn whether it answers.
pub(super) type Probe = Box<dyn Fn() -> Result<(), Failure> + Send + Sync>;

/// Where requests are handed in. Ends its threads when it is dropped, except those that are stuck.
pub(super) struct Dispatcher(Arc<Flow>);

/// Both lanes, their watchdog and the breaker.
pub(super) struct Flow {
    pub(super) watch: Arc<Watch>,
    pub(super) breaker: Breaker,
    /// Reads without an answer in time.
    silence: RecentFailures,
    metadata: Pool,
    data: Pool,
    patience: Patience,
    probe: Probe,
    /// Probes under way.
    probes: AtomicUsize,
    /// How often the breaker has opened, so that the probes of one opening end with it.
    openings: AtomicU64,
}

impl Dispatcher {
    /// A desk that shows in `offline` whether the breaker is open.
    pub(super) fn open(patience: Patience, offline: Arc<AtomicBool>, probe: Probe) -> io::Result<Self> {
        Ok(Dispatcher(Arc::new(Flow {
            watch: Watch::start()?,
            breaker: Breaker::new(offline),
            silence: RecentFailures::new(SILENCE, SILENT_READS),
            metadata: pool("mount-meta", METADATA_WORKERS, METADATA_THREADS_MAX)?,
            data: pool("mount-data", DATA_WORKERS, DATA_THREADS_MAX)?,
            patience,
            probe,
            probes: AtomicUsize::new(0),
            openings: AtomicU64::new(0),
        })))
    }

    /// Answers `reply` with what `question` finds, through `send`. Returns at once.
    pub(super) fn serve<R: Answer, T: 'static>(
        &self,
        turn: RequestInfo,
        reply: R,
        question: impl Fn(Fetch) -> Result<T, Failure> + Send + 'static,
        send: impl FnOnce(R, T) + Send + 'static,
    ) {
        match guarded(|| question(Fetch::CachedOnly)) {
            Ok(found) => _ = guard(|| send(reply, found)),
            Err(Failure::WouldBlock) if self.0.breaker.is_open() || self.0.is_silent(&turn) => {
                reply.fail(Errno::ETIMEDOUT);
            }
            Err(Failure::WouldBlock) => PendingRequest::new(&self.0, turn, reply, question, send).submit(),
            Err(failure) => reply.fail(told(&failure)),
        }
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.0.watch.end();
        self.0.metadata.end();
        self.0.data.end();
    }
}

/// A pool of which one user has at most three quarters.
fn pool(name: &'static str, workers: usize, threads_max: usize) -> io::Result<Pool> {
    let busy_of_one = (workers * 3 / 4).max(1);
    let bounds = Bounds { waiting: QUEUE_MAX, waiting_of_one: QUEUE_OF_ONE_MAX, busy_of_one };
    Pool::start(name, PoolSize { workers, threads_max }, bounds)
}

impl Flow {
    pub(super) fn pool(&self, lane: Lane) -> &Pool {
        if lane == Lane::Metadata { &self.metadata } else { &self.data }
    }

    pub(super) fn patience(&self, lane: Lane) -> Duration {
        if lane == Lane::Metadata { self.patience.metadata } else { self.patience.data }
    }

    /// Whether the same was asked a moment ago, in vain.
    fn is_silent(&self, turn: &RequestInfo) -> bool {
        turn.read.as_ref().is_some_and(|read| self.silence.holds(read, Instant::now()))
    }

    /// There was no answer in time.
    pub(super) fn note_silence(&self, turn: &RequestInfo) {
        if let Some(read) = &turn.read {
            self.silence.add(read.clone(), Instant::now());
        }
    }

    /// Learns about the store from an answer.
    pub(super) fn judge<T>(&self, answer: &Result<T, Failure>) {
        let silent = |e: &Failure| matches!(e.kind(), Some(Kind::Transient | Kind::Interrupted | Kind::Bug));
        if !answer.as_ref().is_err_and(silent) && self.breaker.answered(Instant::now()) {
            tracing::info!("the store answers again");
        }
    }

    /// Learns that a question had no answer by its deadline.
    pub(super) fn failed(self: &Arc<Self>, asked: Instant) {
        if self.breaker.failed(asked, Instant::now()) {
            tracing::warn!("the store is out of fetch: what is not in memory is ETIMEDOUT until it answers again");
            self.metadata.refuse_waiting();
            self.data.refuse_waiting();
            self.probe_later(self.openings.fetch_add(1, Ordering::Relaxed) + 1);
        }
    }

    fn probe_later(self: &Arc<Self>, opening: u64) {
        let flow = Arc::clone(self);
        self.watch.at(Instant::now() + BREAKER_PAUSE, move || flow.probe(opening));
    }

    /// Asks the store from a thread of its own, because all others may be stuck; so may some of the probes.
    fn probe(self: Arc<Self>, opening: u64) {
        if !self.breaker.is_open() || self.openings.load(Ordering::Relaxed) != opening {
            return;
        }
        self.probe_later(opening);
        if self.probes.fetch_add(1, Ordering::Relaxed) >= PROBES_MAX {
            self.probes.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let flow = Arc::clone(&self);
        let ask = move || {
            flow.judge(&guarded(|| (flow.probe)()));
            flow.probes.fetch_sub(1, Ordering::Relaxed);
        };
        if let Err(e) = std::thread::Builder::new().name("mount-probe".into()).spawn(ask) {
            self.probes.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!("cannot start a thread to ask the store: {e}");
        }
    }
}

/// A panic is one request's EIO, not the mount's end.
pub(super) fn guarded<T>(question: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(question))
        .unwrap_or_else(|_| Err(Failure::Store(Error::new(Kind::Bug, "a request of the mount panicked"))))
}

/// The errno, and a line in the log for what somebody must look at.
pub(super) fn told(failure: &Failure) -> Errno {
    match failure.kind() {
        Some(Kind::Transient | Kind::Archived) => tracing::debug!(%failure, "out of fetch"),
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

    fn turn(lane: Lane) -> RequestInfo {
        RequestInfo { lane, uid: 0, archived: Duration::ZERO, read: None, proves: true }
    }

    #[test]
    fn a_panicking_request_is_eio_and_the_next_one_is_served() {
        // These panics are wanted; of any other one the reader of a run hears.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some("as a test") {
                before(info);
            }
        }));
        let (told, hears) = unbounded();
        let patience = Patience { metadata: Duration::from_secs(5), data: Duration::from_secs(5) };
        let desk = Dispatcher::open(patience, Arc::default(), Box::new(|| Ok(()))).expect("threads");
        let panics = |fetch| if fetch == Fetch::CachedOnly { Err(Failure::WouldBlock) } else { panic!("as a test") };
        desk.serve(turn(Lane::Data), Told(told.clone()), panics, |_, (): ()| ());
        desk.serve(turn(Lane::Metadata), Told(told.clone()), |_| panic!("as a test"), |_, (): ()| ());
        let first = [hears.recv_timeout(Duration::from_secs(5)), hears.recv_timeout(Duration::from_secs(5))];
        assert_eq!(first, [Ok(i32::from(Errno::EIO)), Ok(i32::from(Errno::EIO))]);
        desk.serve(turn(Lane::Data), Told(told), |_| Ok(7), |told, n| told.0.send(n).expect("the test listens"));
        assert_eq!(hears.recv_timeout(Duration::from_secs(5)), Ok(7));
    }
}
