//! Workers that wait for the store, so that session threads never do.
//!
//! Threads start when there is work for them. One whose question is over its deadline is *late*: it may be stuck for ever, so it no longer
//! counts against its user's share nor as one of the workers, and another starts in its place, up to the bound on threads.

use super::fair::{Bounds, Fair};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a worker does.
pub(super) trait Work: Send {
    /// Does it.
    fn run(self: Box<Self>) -> Ended;
    /// It will not be done: says so to whoever waits.
    fn refuse(self: Box<Self>);
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Before its deadline.
    InTime,
    /// After [`Pool::give_up`] was called for it.
    Late,
}

/// Workers before a fair queue. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

/// How many threads there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct PoolSize {
    /// Those that are not late.
    pub(super) workers: usize,
    /// All of them.
    pub(super) threads_max: usize,
}

struct Shared {
    name: &'static str,
    crew: PoolSize,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    fair: Fair<Box<dyn Work>>,
    threads: usize,
    idle: usize,
    /// Below zero for a moment when a late job ends before it was given up.
    late: isize,
    ended: bool,
}

impl State {
    /// Threads that are not stuck.
    fn able(&self) -> usize {
        self.threads.saturating_sub(usize::try_from(self.late).unwrap_or(0))
    }
}

impl Pool {
    /// A pool with its first worker, so that a system without room for threads says so now.
    pub(super) fn start(name: &'static str, crew: PoolSize, bounds: Bounds) -> std::io::Result<Self> {
        let state = State { fair: Fair::new(bounds), threads: 0, idle: 0, late: 0, ended: false };
        let pool = Pool(Arc::new(Shared { name, crew, state: Mutex::new(state), changed: Condvar::new() }));
        pool.hire(&mut pool.0.state.lock())?;
        Ok(pool)
    }

    /// Hands a job over; gives it back when too many wait. Never waits.
    pub(super) fn submit(&self, uid: u32, job: Box<dyn Work>) -> Result<(), Box<dyn Work>> {
        let mut state = self.0.state.lock();
        if state.ended {
            return Err(job);
        }
        state.fair.push(uid, job)?;
        self.staff(&mut state);
        Ok(())
    }

    /// A job of this user is over its deadline and still under way. Once for each such job, which then ends [`Ended::Late`].
    pub(super) fn give_up(&self, uid: u32) {
        let mut state = self.0.state.lock();
        state.late += 1;
        state.fair.leave(uid);
        self.staff(&mut state);
    }

    /// Refuses all that wait.
    pub(super) fn refuse_waiting(&self) {
        let jobs = self.0.state.lock().fair.drain();
        for job in jobs {
            guard(|| job.refuse());
        }
    }

    /// Lets the workers end when nothing waits any more.
    pub(super) fn end(&self) {
        self.0.state.lock().ended = true;
        self.0.changed.notify_all();
    }

    /// Wakes a worker for what waits, or starts one.
    fn staff(&self, state: &mut State) {
        let PoolSize { workers, threads_max } = self.0.crew;
        let short = state.fair.waiting() > state.idle;
        let room = short && state.able() < workers && state.threads < threads_max;
        if room && let Err(e) = self.hire(state) {
            tracing::warn!("cannot start another thread for the mount: {e}");
        }
        self.0.changed.notify_one();
    }

    fn hire(&self, state: &mut State) -> std::io::Result<()> {
        let shared = Arc::clone(&self.0);
        let name = format!("{}-{}", self.0.name, state.threads);
        std::thread::Builder::new().name(name).spawn(move || shared.work())?;
        state.threads += 1;
        Ok(())
    }
}

impl Shared {
    fn work(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some((uid, job)) = state.fair.take() {
                let ended = MutexGuard::unlocked(&mut state, || guard(|| job.run()).unwrap_or(Ended::InTime));
                match ended {
                    Ended::InTime => state.fair.leave(uid),
                    Ended::Late => state.late -= 1,
                }
            } else if state.ended || state.able() > self.crew.workers {
                break;
            } else {
                state.idle += 1;
                self.changed.wait(&mut state);
                state.idle -= 1;
            }
        }
        state.threads -= 1;
        // Whoever was woken in vain hands the call on.
        self.changed.notify_one();
    }
}

/// Requests answer for their own panics ([`super::serve`]); this is for those of their last line, so that no thread is lost. A
/// reply that is dropped on the way says EIO itself.
pub(super) fn guard<T>(work: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(work));
    if result.is_err() {
        tracing::error!("a thread of the mount survived a panic");
    }
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, Sender, unbounded};
    use std::time::Duration;

    const CREW: PoolSize = PoolSize { workers: 4, threads_max: 6 };
    const BOUNDS: Bounds = Bounds { waiting: 100, waiting_of_one: 100, busy_of_one: 3 };

    /// Says its number when it begins, and ends when it is told how.
    struct Held(u32, Sender<u32>, Receiver<Ended>);

    impl Work for Held {
        fn run(self: Box<Self>) -> Ended {
            self.1.send(self.0).expect("the test listens");
            self.2.recv().expect("the test tells")
        }

        fn refuse(self: Box<Self>) {
            self.1.send(self.0 + 1000).expect("the test listens");
        }
    }

    struct Scene {
        pool: Pool,
        begun: (Sender<u32>, Receiver<u32>),
        end: (Sender<Ended>, Receiver<Ended>),
    }

    impl Scene {
        fn new() -> Self {
            Scene { pool: Pool::start("test", CREW, BOUNDS).unwrap(), begun: unbounded(), end: unbounded() }
        }

        fn submit(&self, uid: u32, number: u32) {
            let job = Box::new(Held(number, self.begun.0.clone(), self.end.1.clone()));
            assert!(self.pool.submit(uid, job).is_ok());
        }

        fn begun(&self, count: usize) -> Vec<u32> {
            let mut begun: Vec<_> =
                (0..count).map(|_| self.begun.1.recv_timeout(Duration::from_secs(5)).expect("a job begins")).collect();
            begun.sort_unstable();
            begun
        }

        fn nothing_begins(&self) {
            assert!(self.begun.1.recv_timeout(Duration::from_millis(50)).is_err());
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            self.pool.end();
            (0..200).for_each(|_| self.end.0.send(Ended::InTime).expect("the channel is open"));
        }
    }

    #[test]
    fn a_user_who_floods_leaves_a_worker_for_another() {
        let scene = Scene::new();
        (0..50).for_each(|n| scene.submit(1, n));
        assert_eq!(scene.begun(3), [0, 1, 2]);
        scene.nothing_begins();
        scene.submit(2, 100);
        assert_eq!(scene.begun(1), [100]);
        scene.pool.refuse_waiting();
        assert_eq!(scene.begun(47)[0], 1003);
    }

    #[test]
    fn late_workers_are_replaced_up_to_the_bound_and_leave_when_they_come_back() {
        let scene = Scene::new();
        (0..50).for_each(|n| scene.submit(n, n));
        assert_eq!(scene.begun(4), [0, 1, 2, 3]);
        (0..3).for_each(|n| scene.pool.give_up(n));
        assert_eq!(scene.begun(2), [4, 5], "two more threads than workers");
        scene.nothing_begins();
        (0..3).for_each(|_| scene.end.0.send(Ended::Late).unwrap());
        // Whichever three ended, three threads are free again, and of six one is too many unless work waits.
        assert_eq!(scene.begun(3), [6, 7, 8]);
        let state = scene.pool.0.state.lock();
        assert!(state.threads <= CREW.threads_max && state.late == 0, "{} {}", state.threads, state.late);
    }
}
