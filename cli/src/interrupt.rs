//! Signals: the first SIGINT or SIGTERM asks the work to end cleanly, the second ends the process at once; SIGUSR1 tells how far it is.
//!
//! ```text
//! first signal --> the stop button; no pauses, no limits of rates
//!   1.5 s later    requests that still wait are given up (`engine::ending`); a hook has heard the signal and is killed
//!   2.4 s later    whatever still runs is left as it is, and the process ends
//! second signal -> the process ends, and what hooks and commands have started with it
//! ```
//!
//! Nothing is lost either way: what was published stays, what was not is invisible. The first only saves repeating. A mount and a server
//! have promised their clients more time, and take it ([`Interrupt::serves`]).

use crate::exit::{Exit, Failure, Result};
use crate::output::{Output, human};
use crate::terminal;
use engine::monitor::Monitor;
use engine::{children, ending, threads};
use parking_lot::Mutex;
use rustix::process::Signal;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// Listens to signals for one piece of work.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    monitor: Arc<Monitor>,
    caught: Arc<AtomicI32>,
    says: Arc<Mutex<&'static str>>,
    /// Clients were promised time of their own.
    serves: Arc<AtomicBool>,
    out: Output,
    begun: Instant,
}

impl Interrupt {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the system refuses the handler, or the thread.
    pub(crate) fn listen(out: &Output) -> Result<Interrupt> {
        let interrupt = Interrupt {
            monitor: Arc::new(Monitor::new()),
            caught: Arc::new(AtomicI32::new(0)),
            says: Arc::new(Mutex::new(RESUMES)),
            serves: Arc::default(),
            out: out.clone(),
            begun: Instant::now(),
        };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1])
            .map_err(|e| Failure::new(Exit::Failed, "bug", format!("signals cannot be caught: {e}")))?;
        let listener = interrupt.clone();
        threads::spawn(move || signals.forever().for_each(|signal| listener.on(signal)))?;
        Ok(interrupt)
    }

    /// The stop button, counters and warnings.
    pub(crate) fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// The monitor for work that outlives a scope.
    pub(crate) fn shared(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    /// What the first signal is answered with, where work does not simply stop and resume.
    pub(crate) fn says(&self, text: &'static str) {
        *self.says.lock() = text;
    }

    /// From here on the work has clients, and its own end for them: it is not cut short.
    pub(crate) fn serves(&self) {
        self.serves.store(true, Ordering::SeqCst);
    }

    /// The signal that told the process to end, if one did.
    pub(crate) fn signal(&self) -> Option<Signal> {
        self.exit().map(|exit| if exit == Exit::Terminated { Signal::TERM } else { Signal::INT })
    }

    /// How the process ends if a signal was caught.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.caught.load(Ordering::SeqCst) {
            0 => None,
            SIGTERM => Some(Exit::Terminated),
            _ => Some(Exit::Interrupted),
        }
    }

    fn on(&self, signal: i32) {
        if signal == SIGUSR1 {
            return self.tell_progress();
        }
        if self.caught.swap(signal, Ordering::SeqCst) != 0 {
            end(signal);
        }
        self.monitor.stop();
        // Who waits for a password has begun nothing that could come to a safe place.
        if terminal::give_back() {
            self.last_words(signal, ASKED);
        }
        if !self.serves.load(Ordering::SeqCst) {
            ending::begin(REQUESTS_LAST);
            let late = self.clone();
            // Without a thread nobody would see to it that it ends.
            if threads::spawn(move || late.cut_short(signal)).is_err() {
                end(signal);
            }
        }
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(std::io::stderr().lock(), "\ncairn: {}", self.says.lock());
    }

    /// Ends the process when the work has not done so itself in time.
    fn cut_short(&self, signal: i32) {
        std::thread::sleep(WORK_LASTS);
        self.last_words(signal, LEFT);
    }

    /// Says that the work was left, and ends the process.
    fn last_words(&self, signal: i32, why: &'static str) -> ! {
        let exit = self.exit().unwrap_or(Exit::Interrupted);
        let failure = Failure::new(exit, "interrupted", why).advise("run the same command again");
        // Somebody who does not read our words must not hold the end up.
        let (out, elapsed) = (self.out.clone(), self.begun.elapsed());
        let told = threads::spawn(move || out.failed(&failure, elapsed.as_secs_f64()));
        let until = Instant::now() + WORDS_LAST;
        while told.as_ref().is_ok_and(|told| !told.is_finished()) && Instant::now() < until {
            std::thread::sleep(LOOK_AGAIN);
        }
        end(signal);
    }

    /// One line about how far the work is.
    fn tell_progress(&self) {
        let counters = &self.monitor.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let of = |total: u64, text: String| if total == 0 { String::new() } else { format!(" of {text}") };
        let (items, items_total) = (read(&counters.items), read(&counters.items_total));
        let (bytes, bytes_total) = (read(&counters.bytes), read(&counters.bytes_total));
        self.out.told_on_request(&format!(
            "cairn: {}{}, {}{} done in {}",
            human::counted(items, "item", "items"),
            of(items_total, human::count(items_total)),
            human::bytes(bytes),
            of(bytes_total, human::bytes(bytes_total)),
            human::seconds(self.begun.elapsed().as_secs_f64())
        ));
    }
}

/// Ends the process, and what it has started for others.
fn end(signal: i32) -> ! {
    terminal::give_back();
    children::kill_all();
    std::process::exit(if signal == SIGTERM { 143 } else { 130 });
}

const RESUMES: &str = "stopping at the next safe place; the same command resumes. Again to stop at once.";
const LEFT: &str = "stopped before it came to a safe place: what was published is kept, and the rest is left as it is";
const ASKED: &str = "stopped while a password was asked for";
/// After the first signal: what is on its way to the store may still arrive.
const REQUESTS_LAST: Duration = Duration::from_millis(1500);
/// After the first signal: three seconds are promised, and a busy machine does not wake us at once.
const WORK_LASTS: Duration = Duration::from_millis(2400);
/// How long the last words may take.
const WORDS_LAST: Duration = Duration::from_millis(200);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
