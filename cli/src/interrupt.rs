//! Ctrl-C: the first asks the work to end cleanly, the second ends the process at once.
//!
//! Nothing is lost either way: what was published stays, what was not is invisible. The first only saves repeating.

use crate::exit::{Exit, Failure, Result};
use engine::monitor::Monitor;
use parking_lot::Mutex;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// Listens to signals for one piece of work.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    monitor: Arc<Monitor>,
    caught: Arc<AtomicI32>,
    says: Arc<Mutex<&'static str>>,
}

impl Interrupt {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the system refuses the handler.
    pub(crate) fn listen() -> Result<Interrupt> {
        let interrupt = Interrupt {
            monitor: Arc::new(Monitor::new()),
            caught: Arc::new(AtomicI32::new(0)),
            says: Arc::new(Mutex::new(RESUMES)),
        };
        let mut signals = Signals::new([SIGINT, SIGTERM])
            .map_err(|e| Failure::new(Exit::Failed, "bug", format!("signals cannot be caught: {e}")))?;
        let listener = interrupt.clone();
        std::thread::spawn(move || signals.forever().for_each(|signal| listener.on(signal)));
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

    /// How the process ends if a signal was caught.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.caught.load(Ordering::SeqCst) {
            0 => None,
            SIGTERM => Some(Exit::Terminated),
            _ => Some(Exit::Interrupted),
        }
    }

    fn on(&self, signal: i32) {
        if self.caught.swap(signal, Ordering::SeqCst) != 0 {
            std::process::exit(if signal == SIGTERM { 143 } else { 130 });
        }
        self.monitor.stop();
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(std::io::stderr().lock(), "\ncairn: {}", self.says.lock());
    }
}

const RESUMES: &str = "stopping at the next safe place; the same command resumes. Again to stop at once.";
