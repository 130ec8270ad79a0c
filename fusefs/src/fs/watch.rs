//! Deadlines: whoever asked gets an answer in time, even when a worker is stuck for ever.
//!
//! The kernel cannot take a request back (a killed `stat` waits for the answer, unkillable), so every request that leaves its
//! session thread puts its reply into a ticket. The worker takes it out to answer, or the watchdog does and says ETIMEDOUT.

use fuser::Errno;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A reply that can be an error; all of them can.
pub(super) trait Answer: Send + 'static {
    fn fail(self, errno: Errno);
}

/// A reply that is waited for. Whoever takes it first answers.
pub(super) struct Ticket<R> {
    slot: Arc<Slot<R>>,
    watch: Arc<Watch>,
    key: Key,
}

/// The watchdog's list.
#[derive(Default)]
pub(super) struct Watch {
    state: Mutex<State>,
    earlier: Condvar,
}

type Key = (Instant, u64);

#[derive(Default)]
struct State {
    due: BTreeMap<Key, Weak<dyn Overdue>>,
    tickets: u64,
    ended: bool,
}

trait Overdue: Send + Sync {
    fn expire(&self);
}

struct Slot<R>(Mutex<Option<R>>);

impl<R: Answer> Overdue for Slot<R> {
    fn expire(&self) {
        let reply = self.0.lock().take();
        if let Some(reply) = reply {
            reply.fail(Errno::ETIMEDOUT);
        }
    }
}

impl<R: Answer> Ticket<R> {
    /// The reply, unless its deadline is over.
    pub(super) fn take(&self) -> Option<R> {
        let reply = self.slot.0.lock().take();
        self.watch.state.lock().due.remove(&self.key);
        reply
    }

    /// Whether anybody still waits.
    pub(super) fn is_open(&self) -> bool {
        self.slot.0.lock().is_some()
    }
}

impl Watch {
    /// A list with its watchdog, which ends with [`Watch::end`].
    pub(super) fn start() -> std::io::Result<Arc<Self>> {
        let watch = Arc::new(Watch::default());
        let watched = Arc::clone(&watch);
        std::thread::Builder::new().name("mount-watch".into()).spawn(move || watched.run())?;
        Ok(watch)
    }

    /// Puts a reply under a deadline.
    pub(super) fn ticket<R: Answer>(self: &Arc<Self>, reply: R, patience: Duration) -> Ticket<R> {
        let slot = Arc::new(Slot(Mutex::new(Some(reply))));
        let weak: Weak<dyn Overdue> = Arc::downgrade(&(Arc::clone(&slot) as Arc<dyn Overdue>));
        let mut state = self.state.lock();
        state.tickets += 1;
        let key = (Instant::now() + patience, state.tickets);
        state.due.insert(key, weak);
        if state.due.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.earlier.notify_one();
        }
        Ticket { slot, watch: Arc::clone(self), key }
    }

    /// Ends the watchdog.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
        self.earlier.notify_one();
    }

    fn run(&self) {
        let mut state = self.state.lock();
        while !state.ended {
            match state.due.first_key_value().map(|(key, _)| key.0) {
                None => self.earlier.wait(&mut state),
                Some(due) if due > Instant::now() => _ = self.earlier.wait_until(&mut state, due),
                Some(_) => {
                    let overdue = state.due.pop_first().and_then(|(_, weak)| weak.upgrade());
                    // Replying is a system call; nobody should wait for it at the lock.
                    parking_lot::MutexGuard::unlocked(&mut state, || overdue.iter().for_each(|o| o.expire()));
                }
            }
        }
    }
}

macro_rules! answers {
    ($($reply:ident),*) => {
        $(impl Answer for fuser::$reply {
            fn fail(self, errno: Errno) {
                self.error(errno);
            }
        })*
    };
}

answers!(ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEntry, ReplyLseek, ReplyOpen, ReplyXattr);

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Sender, unbounded};

    struct Told(Sender<&'static str>);

    impl Answer for Told {
        fn fail(self, _: Errno) {
            self.0.send("late").expect("the test listens");
        }
    }

    #[test]
    fn overdue_replies_are_sent_by_the_watchdog_and_only_once() {
        let (told, hears) = unbounded();
        let watch = Watch::start().expect("a thread");
        let late = watch.ticket(Told(told.clone()), Duration::from_millis(20));
        let timely = watch.ticket(Told(told), Duration::from_secs(60));
        assert_eq!(hears.recv_timeout(Duration::from_secs(5)), Ok("late"));
        assert!(late.take().is_none() && !late.is_open());
        assert!(timely.is_open() && timely.take().is_some());
        watch.end();
        assert!(hears.try_recv().is_err());
    }
}
