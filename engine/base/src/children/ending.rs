//! Ending what was started: one command with all that descends from it, or everything at once.

use super::household::{HOUSEHOLD, Process};
use super::starting::Started;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// Kills every process that is still waited for, with what it has started: the last thing that a
/// process does.
pub fn kill_all() {
    let household = HOUSEHOLD.lock();
    if household.live.is_empty() {
        return;
    }
    for _ in 0..ROUNDS_MAX {
        household.live.iter().for_each(|process| process.signal_group(Signal::KILL));
        let family = household.family(&household.live, &[]);
        if family.is_empty() {
            return;
        }
        signal_each(&family, Signal::KILL);
        std::thread::sleep(ROUND);
    }
}

impl Started {
    /// Ends it: first with `signal`, then not politely. Nothing of it is left.
    ///
    /// # Errors
    /// The system's.
    pub fn end(&mut self, signal: Signal) -> io::Result<ExitStatus> {
        // Collected before: what loses its parent in the foreground of a terminal is not found any
        // more.
        let mut family = HOUSEHOLD.lock().family(&[self.process], &[]);
        self.process.signal_group(signal);
        signal_each(&family, signal);
        let begun = Instant::now();
        let ended = loop {
            if let Some(ended) = self.child.try_wait()? {
                break ended;
            }
            if begun.elapsed() >= PATIENCE {
                family = self.kill(family);
            }
            std::thread::sleep(LOOK_AGAIN);
        };
        for _ in 0..ROUNDS_MAX {
            family = self.kill(family);
            if family.is_empty() {
                break;
            }
            std::thread::sleep(ROUND);
        }
        HOUSEHOLD.lock().forget(self.process);
        Ok(ended)
    }

    /// Kills it, these, and what they have started meanwhile; who that was.
    fn kill(&self, family: Vec<Pid>) -> Vec<Pid> {
        self.process.signal_group(Signal::KILL);
        let mut household = HOUSEHOLD.lock();
        let family = household.family(&[self.process], &family);
        signal_each(&family, Signal::KILL);
        let killed = family.iter().copied().filter(|pid| *pid != self.process.pid);
        let heard_of: Vec<Pid> = killed.filter(|pid| !household.left.contains(pid)).collect();
        household.left.extend(heard_of);
        family
    }
}

impl Process {
    /// It may have ended in this moment: then nobody hears it.
    fn signal_group(self, signal: Signal) {
        if self.leads {
            _ = kill_process_group(self.pid, signal);
        }
    }
}

/// Whoever has ended in this moment does not hear it.
pub(super) fn signal_each(family: &[Pid], signal: Signal) {
    for pid in family {
        _ = kill_process(*pid, signal);
    }
}

/// How often a process is looked at.
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long one may take to clean up behind itself: a command that is told to end does so within
/// three seconds.
const PATIENCE: Duration = Duration::from_millis(1000);
/// What is killed may be starting somebody: it is looked for again this often, this long apart.
const ROUNDS_MAX: u32 = 20;
const ROUND: Duration = Duration::from_millis(5);
