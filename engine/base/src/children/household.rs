//! Who is under way, and whose an orphan is: what this process learns of children that it did not
//! start itself.

use super::family::Seen;
use parking_lot::Mutex;
use rustix::process::{Pid, WaitOptions, getpgrp, getpid, set_child_subreaper, waitpid};
use std::time::{Duration, Instant};

/// A command that this process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    /// Whether it leads a group of its own.
    pub(super) leads: bool,
}

/// What this process has under way.
#[derive(Debug)]
pub(super) struct Household {
    /// Who is waited for.
    pub(super) live: Vec<Process>,
    /// Children of this process that were there before those.
    others: Vec<Pid>,
    /// Orphans of commands that ended by themselves: nobody else learns of their end.
    pub(super) left: Vec<Pid>,
    /// When it was last heard of orphans that have ended.
    heard: Option<Instant>,
}

pub(super) static HOUSEHOLD: Mutex<Household> =
    Mutex::new(Household { live: Vec::new(), others: Vec::new(), left: Vec::new(), heard: None });

/// Hears of orphans that have ended: a command that runs for hours may make many, and nobody else
/// does. To be called again and again while one is waited for.
pub fn hear() {
    let mut household = HOUSEHOLD.lock();
    if household.heard.is_none_or(|at| at.elapsed() >= HEAR_EVERY) {
        household.hear();
        household.heard = Some(Instant::now());
    }
}

impl Household {
    /// Before somebody joins it.
    pub(super) fn prepare(&mut self) {
        // Where the kernel does not know it, orphans go to the first process, as ever.
        _ = set_child_subreaper(Some(getpid()));
        self.left.retain(|pid| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None)));
        if self.live.is_empty() {
            self.others = Seen::now().children_of(getpid()).collect();
        }
    }

    /// Those of these processes and of `known` that run, their orphans if nobody else is under way,
    /// and all that descends from them.
    pub(super) fn family(&self, of: &[Process], known: &[Pid]) -> Vec<Pid> {
        let seen = Seen::now();
        let named = of.iter().map(|process| process.pid).chain(known.iter().copied());
        let mut roots = seen.running(named);
        if self.live.iter().all(|process| of.contains(process)) {
            roots.extend(self.orphans(&seen));
        }
        seen.with_descendants(roots)
    }

    /// Children of this process that somebody of the household had.
    fn orphans(&self, seen: &Seen) -> Vec<Pid> {
        seen.children_outside(getpid(), getpgrp()).filter(|pid| !self.knows(*pid)).collect()
    }

    fn hear(&mut self) {
        // Of processes that are waited for, others hear.
        for ended in Seen::now().ended_outside(getpid(), getpgrp()) {
            if self.left.contains(&ended) || !self.knows(ended) {
                _ = waitpid(Some(ended), WaitOptions::NOHANG);
                self.left.retain(|pid| *pid != ended);
            }
        }
    }

    fn knows(&self, pid: Pid) -> bool {
        self.live.iter().any(|process| process.pid == pid) || self.others.contains(&pid) || self.left.contains(&pid)
    }

    /// It has ended. What it left, it left on purpose.
    pub(super) fn forget(&mut self, ended: Process) {
        let before = self.live.len();
        self.live.retain(|process| *process != ended);
        if self.live.is_empty() && before > 0 {
            let orphans = self.orphans(&Seen::now());
            self.left.extend(orphans);
        }
    }
}

/// How often it is looked for orphans that have ended.
const HEAR_EVERY: Duration = Duration::from_secs(1);
