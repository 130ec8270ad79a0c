//! Processes that this one starts for somebody else's command: a hook, a dump that is backed up, a program that gives credentials.
//!
//! ```text
//! started --ends itself--> what it left behind was left on purpose, and goes on
//!    |
//!    \--is ended--> the signal to it and all that it started --a second later--> KILL, until nothing of it is left
//! ```
//!
//! Promises: what is ended, or was under way when [`kill_all`] is called, leaves nothing behind, also what left its process group or lost its
//! parent. Such orphans come to this process, which asks the kernel for them (`PR_SET_CHILD_SUBREAPER`). A process that this one had
//! before, or that an ended command left, is not harmed. Without a terminal a command leads a group of its own. On a terminal it stays in
//! the foreground, where it may ask for a password and hears Ctrl-C itself. It does not see the password of the repository ([`PASSWORD`]):
//! an environment can be read, and goes on to all that is started.
//!
//! Refuses to guess whose an orphan is: while two commands are under way, orphans are left until the last of them is ended. On a terminal,
//! an orphan that stayed in the foreground is not told from other children of this process; Ctrl-C reaches it there.

mod family;

use family::Seen;
use parking_lot::Mutex;
use rustix::process::{
    Pid, Signal, WaitOptions, getpgrp, getpid, kill_process, kill_process_group, set_child_subreaper, waitpid,
};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus};
use std::time::{Duration, Instant};

/// A process that was started and has not been waited for.
#[derive(Debug)]
pub struct Started {
    child: Child,
    process: Process,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: Pid,
    /// Whether it leads a group of its own.
    leads: bool,
}

/// What this process has under way.
#[derive(Debug)]
struct Household {
    /// Who is waited for.
    live: Vec<Process>,
    /// Children of this process that were there before those.
    others: Vec<Pid>,
    /// Orphans of commands that ended by themselves: nobody else learns of their end.
    left: Vec<Pid>,
    /// When it was last heard of orphans that have ended.
    heard: Option<Instant>,
}

static HOUSEHOLD: Mutex<Household> =
    Mutex::new(Household { live: Vec::new(), others: Vec::new(), left: Vec::new(), heard: None });

/// The variable that may hold this process's password.
pub const PASSWORD: &str = "CAIRN_PASSWORD";

/// Starts a command.
///
/// # Errors
/// The system's.
pub fn start(command: &mut Command) -> io::Result<Started> {
    command.env_remove(PASSWORD);
    let leads = File::open("/dev/tty").is_err();
    if leads {
        command.process_group(0);
    }
    // Held while it starts: what is started while all are killed would be missed.
    let mut household = HOUSEHOLD.lock();
    household.prepare();
    let child = command.spawn()?;
    let process = Process { pid: Pid::from_child(&child), leads };
    household.live.push(process);
    Ok(Started { child, process })
}

/// Hears of orphans that have ended: a command that runs for hours may make many, and nobody else does. To be called again and again
/// while one is waited for.
pub fn hear() {
    let mut household = HOUSEHOLD.lock();
    if household.heard.is_none_or(|at| at.elapsed() >= HEAR_EVERY) {
        household.hear();
        household.heard = Some(Instant::now());
    }
}

/// Kills every process that is still waited for, with what it has started: the last thing that a process does.
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
    /// Its output, if it is a pipe, once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system's.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let ended = self.child.try_wait()?;
        match ended {
            Some(_) => HOUSEHOLD.lock().forget(self.process),
            None => hear(),
        }
        Ok(ended)
    }

    /// Ends it: first with `signal`, then not politely. Nothing of it is left.
    ///
    /// # Errors
    /// The system's.
    pub fn end(&mut self, signal: Signal) -> io::Result<ExitStatus> {
        // Collected before: what loses its parent in the foreground of a terminal is not found any more.
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

impl Drop for Started {
    fn drop(&mut self) {
        HOUSEHOLD.lock().forget(self.process);
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

impl Household {
    /// Before somebody joins it.
    fn prepare(&mut self) {
        // Where the kernel does not know it, orphans go to the first process, as ever.
        _ = set_child_subreaper(Some(getpid()));
        self.left.retain(|pid| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None)));
        if self.live.is_empty() {
            self.others = Seen::now().children_of(getpid()).collect();
        }
    }

    /// Those of these processes and of `known` that run, their orphans if nobody else is under way, and all that descends from them.
    fn family(&self, of: &[Process], known: &[Pid]) -> Vec<Pid> {
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
    fn forget(&mut self, ended: Process) {
        let before = self.live.len();
        self.live.retain(|process| *process != ended);
        if self.live.is_empty() && before > 0 {
            let orphans = self.orphans(&Seen::now());
            self.left.extend(orphans);
        }
    }
}

/// Whoever has ended in this moment does not hear it.
fn signal_each(family: &[Pid], signal: Signal) {
    for pid in family {
        _ = kill_process(*pid, signal);
    }
}

/// How often a process is looked at.
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How often it is looked for orphans that have ended.
const HEAR_EVERY: Duration = Duration::from_secs(1);
/// How long one may take to clean up behind itself: a command that is told to end does so within three seconds.
const PATIENCE: Duration = Duration::from_millis(1000);
/// What is killed may be starting somebody: it is looked for again this often, this long apart.
const ROUNDS_MAX: u32 = 20;
const ROUND: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Households are one a process, and these tests may share it.
    static ALONE: Mutex<()> = Mutex::new(());

    fn sleeping(seconds: &str) -> usize {
        let pids = fs::read_dir("/proc").expect("a /proc").flatten();
        let line = format!("sleep\0{seconds}\0");
        pids.filter(|item| fs::read(item.path().join("cmdline")).is_ok_and(|found| found == line.as_bytes())).count()
    }

    #[track_caller]
    fn until(mut is_so: impl FnMut() -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < until, "it does not come to that");
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// A shell that runs this, once so many of its sleepers sleep.
    fn started(script: &str, seconds: &str, sleepers: usize) -> Started {
        let started = start(Command::new("sh").arg("-c").arg(script)).expect("a shell");
        until(|| sleeping(seconds) == sleepers);
        started
    }

    #[test]
    fn nothing_is_left_of_a_process_that_is_ended() {
        let _alone = ALONE.lock();
        for (seconds, trap) in [("987001", ""), ("987002", "trap '' TERM;")] {
            let mut started = started(&format!("{trap} (sleep {seconds}; true) & sleep {seconds}; true"), seconds, 2);
            let begun = Instant::now();
            started.end(Signal::TERM).expect("it ends");
            assert!(begun.elapsed() < Duration::from_secs(3), "{trap}");
            until(|| sleeping(seconds) == 0);
            assert!(!HOUSEHOLD.lock().live.contains(&started.process));
        }
    }

    /// One in a session of its own, one whose parent has ended as well, one that sees nothing of the environment.
    #[test]
    fn what_left_its_group_and_its_parent_ends_as_well() {
        let _alone = ALONE.lock();
        let script = "setsid sleep 987003 & setsid -f sleep 987003; env -i setsid -f sleep 987003; sleep 987003; true";
        let mut ended = started(script, "987003", 4);
        ended.end(Signal::TERM).expect("it ends");
        assert_eq!(sleeping("987003"), 0);
        let script = script.replace("987003", "987004");
        let mut killed = started(&script, "987004", 4);
        kill_all();
        assert_eq!(sleeping("987004"), 0);
        killed.end(Signal::TERM).expect("it has ended");
    }

    #[test]
    fn who_is_not_of_an_ended_process_is_not_harmed() {
        let _alone = ALONE.lock();
        let mut before = Command::new("sleep").arg("987005").process_group(0).spawn().expect("a sleeper");
        // What ended by itself left this on purpose.
        let mut left = started("setsid -f sleep 987006", "987006", 1);
        until(|| left.try_wait().expect("a status").is_some());
        let mut ended = started("setsid -f sleep 987007; sleep 987007; true", "987007", 2);
        let mut beside = Command::new("sleep").arg("987008").spawn().expect("a sleeper");
        until(|| sleeping("987008") == 1);
        ended.end(Signal::TERM).expect("it ends");
        assert_eq!(sleeping("987007"), 0);
        for (seconds, who) in [("987005", "before"), ("987006", "left"), ("987008", "beside")] {
            assert_eq!(sleeping(seconds), 1, "{who}");
        }
        kill_all();
        assert_eq!(sleeping("987006"), 1, "nobody is under way");
        for child in [&mut before, &mut beside] {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
        until(|| {
            let mut household = HOUSEHOLD.lock();
            household.prepare();
            household.left.len() == 1
        });
        signal_each(&HOUSEHOLD.lock().left, Signal::KILL);
        // Its end is heard of: it does not stay a zombie.
        until(|| {
            let mut household = HOUSEHOLD.lock();
            household.prepare();
            household.left.is_empty()
        });
    }

    #[test]
    fn orphans_that_end_while_a_command_runs_are_heard_of() {
        let _alone = ALONE.lock();
        let mut command = started("for n in 1 2 3; do setsid -f true; done; sleep 987011; true", "987011", 1);
        let unheard = || Seen::now().ended_outside(getpid(), getpgrp()).count();
        until(|| unheard() == 3);
        until(|| {
            assert!(command.try_wait().expect("a status").is_none());
            unheard() == 0
        });
        command.end(Signal::TERM).expect("it ends");
    }

    #[test]
    fn an_orphan_of_two_commands_is_left_until_one_is_alone() {
        let _alone = ALONE.lock();
        let mut first = started("setsid -f sleep 987009; sleep 987009; true", "987009", 2);
        let mut second = started("sleep 987010; true", "987010", 1);
        second.end(Signal::TERM).expect("it ends");
        assert_eq!((sleeping("987009"), sleeping("987010")), (2, 0));
        first.end(Signal::TERM).expect("it ends");
        assert_eq!(sleeping("987009"), 0);
    }
}
