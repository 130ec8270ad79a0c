//! Deadlines: whoever asked gets an answer in time, even when a worker is stuck for ever.
//!
//! The kernel cannot take a request back (a killed `stat` waits for the answer, unkillable), so every request that leaves its
//! session thread puts its reply into a ticket. The worker takes it out to answer, or the watchdog does and says ETIMEDOUT.
//!
//! There is no second watchdog that aborts the connection when a reply is too late: the reply is not in the worker's hands but
//! in the ticket, the watchdog waits for nothing but its clock, and a reply is a write to the kernel that does not block. What is not under
//! a ticket is answered by the session thread from memory. So a stuck store cannot keep a reply back, and what else could (a bug here) would
//! keep an aborting watchdog back as well; for that there is `/sys/fs/fuse/connections/N/abort`.

use super::pool::guard;
use fuser::Errno;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// A reply that can be an error; all of them can.
pub(super) trait Answer: Send + 'static {
    fn fail(self, errno: Errno);
}

/// A reply that is waited for. Whoever takes it first answers.
pub(super) struct Ticket<R> {
    slot: Arc<Slot<R>>,
    watch: Arc<Watch>,
    key: Mutex<Key>,
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
    due: BTreeMap<Key, Due>,
    numbers: u64,
    ended: bool,
}

/// What is to be done at a time.
enum Due {
    /// Somebody's patience ends.
    Reply(Weak<dyn Overdue>),
    /// Somebody wanted to be woken.
    Alarm(Box<dyn FnOnce() + Send>),
}

trait Overdue: Send + Sync {
    fn expire(&self);
}

struct Slot<R> {
    reply: Mutex<Option<R>>,
    late: Box<dyn Fn() + Send + Sync>,
}

impl<R: Answer> Overdue for Slot<R> {
    fn expire(&self) {
        let reply = self.reply.lock().take();
        if let Some(reply) = reply {
            // First, because the kernel may ask again at once.
            (self.late)();
            reply.fail(Errno::ETIMEDOUT);
        }
    }
}

impl<R: Answer> Ticket<R> {
    /// The reply, unless its deadline is over.
    pub(super) fn take(&self) -> Option<R> {
        let reply = self.slot.reply.lock().take();
        let key = *self.key.lock();
        self.watch.state.lock().due.remove(&key);
        reply
    }

    /// Whether anybody still waits.
    pub(super) fn is_open(&self) -> bool {
        self.slot.reply.lock().is_some()
    }

    /// Sets another deadline, unless the old one is over.
    pub(super) fn extend(&self, until: Instant) {
        let mut key = self.key.lock();
        let mut state = self.watch.state.lock();
        if let Some(due) = state.due.remove(&*key) {
            *key = self.watch.insert(&mut state, until, due);
        }
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

    /// Puts a reply under a deadline; `late` is called when the watchdog answers.
    pub(super) fn ticket<R: Answer>(
        self: &Arc<Self>,
        reply: R,
        until: Instant,
        late: impl Fn() + Send + Sync + 'static,
    ) -> Ticket<R> {
        let slot = Arc::new(Slot { reply: Mutex::new(Some(reply)), late: Box::new(late) });
        let weak: Weak<dyn Overdue> = Arc::downgrade(&(Arc::clone(&slot) as Arc<dyn Overdue>));
        let key = self.insert(&mut self.state.lock(), until, Due::Reply(weak));
        Ticket { slot, watch: Arc::clone(self), key: Mutex::new(key) }
    }

    /// Calls `wake` at a time, on the watchdog's thread: it must not wait. Never after the end.
    pub(super) fn at(&self, time: Instant, wake: impl FnOnce() + Send + 'static) {
        let mut state = self.state.lock();
        if !state.ended {
            self.insert(&mut state, time, Due::Alarm(Box::new(wake)));
        }
    }

    /// Ends the watchdog.
    pub(super) fn end(&self) {
        let dropped = {
            let mut state = self.state.lock();
            state.ended = true;
            std::mem::take(&mut state.due)
        };
        // What is dropped here may hold the list itself.
        drop(dropped);
        self.earlier.notify_one();
    }

    fn insert(&self, state: &mut State, time: Instant, due: Due) -> Key {
        state.numbers += 1;
        let key = (time, state.numbers);
        state.due.insert(key, due);
        if state.due.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.earlier.notify_one();
        }
        key
    }

    fn run(&self) {
        let mut state = self.state.lock();
        while !state.ended {
            match state.due.first_key_value().map(|(key, _)| key.0) {
                None => self.earlier.wait(&mut state),
                Some(due) if due > Instant::now() => _ = self.earlier.wait_until(&mut state, due),
                Some(_) => {
                    let due = state.due.pop_first().map(|(_, due)| due);
                    // Replying is a system call; nobody should wait for it at the lock.
                    MutexGuard::unlocked(&mut state, || due.map(Due::happen));
                }
            }
        }
    }
}

impl Due {
    /// Never panics: the watchdog is the last one who answers.
    fn happen(self) {
        guard(|| match self {
            Due::Reply(slot) => slot.upgrade().iter().for_each(|slot| slot.expire()),
            Due::Alarm(wake) => wake(),
        });
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
    use std::time::Duration;

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
        let (now, counted) = (Instant::now(), told.clone());
        let late = watch.ticket(Told(told.clone()), now + Duration::from_millis(20), move || {
            counted.send("counted").expect("the test listens");
        });
        let timely = watch.ticket(Told(told), now + Duration::from_secs(60), || ());
        let heard = [hears.recv_timeout(Duration::from_secs(5)), hears.recv_timeout(Duration::from_secs(5))];
        assert_eq!(heard, [Ok("counted"), Ok("late")]);
        assert!(late.take().is_none() && !late.is_open());
        assert!(timely.is_open() && timely.take().is_some());
        watch.end();
        assert!(hears.try_recv().is_err());
    }

    #[test]
    fn a_deadline_can_be_moved_until_it_is_over_and_alarms_ring_in_order() {
        let (told, hears) = unbounded();
        let watch = Watch::start().expect("a thread");
        let now = Instant::now();
        let ring = |after, text| {
            let told = told.clone();
            watch.at(now + Duration::from_millis(after), move || told.send(text).expect("the test listens"));
        };
        ring(300, "third");
        ring(60, "first");
        watch.at(now + Duration::from_millis(70), || panic!("as a test"));
        let ticket = watch.ticket(Told(told.clone()), now + Duration::from_millis(30), || ());
        ticket.extend(now + Duration::from_millis(150));
        let heard: Vec<_> = (0..3).map(|_| hears.recv_timeout(Duration::from_secs(5)).expect("in time")).collect();
        assert_eq!(heard, ["first", "late", "third"]);
        ticket.extend(now + Duration::from_secs(60));
        watch.end();
    }
}
