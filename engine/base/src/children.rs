//! Processes that this one starts for somebody else's command: a hook, a dump that is backed up.
//!
//! Promises: a signal for such a process reaches what it has started as well, and [`kill_all`] leaves nothing of it. Without a
//! terminal it leads a group of its own. On a terminal it stays in the foreground, where it may ask for a password and hears Ctrl-C
//! itself; what it has started is then found by its parents. It does not see the password of the repository ([`PASSWORD`]): an
//! environment can be read, and goes on to all that is started. Refuses to end what an ended process left behind on purpose.

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::{self, File};
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

/// Those of this process.
static LIVE: Mutex<Vec<Process>> = Mutex::new(Vec::new());

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
    let mut live = LIVE.lock();
    let child = command.spawn()?;
    let process = Process { pid: Pid::from_child(&child), leads };
    live.push(process);
    Ok(Started { child, process })
}

/// Kills every process that is still waited for, with what it has started: the last thing that a process does.
pub fn kill_all() {
    LIVE.lock().iter().for_each(|process| process.signal(Signal::KILL));
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
        if ended.is_some() {
            self.forget();
        }
        Ok(ended)
    }

    /// Signals it and what it has started.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Ends it: first with `signal`, then not politely. Nothing of it is left.
    ///
    /// # Errors
    /// The system's.
    pub fn end(&mut self, signal: Signal) -> io::Result<ExitStatus> {
        // Collected before: what loses its parent is not found any more.
        let family = self.process.family();
        self.signal(signal);
        let begun = Instant::now();
        loop {
            if let Some(ended) = self.child.try_wait()? {
                self.process.signal_of(&family, Signal::KILL);
                self.forget();
                return Ok(ended);
            }
            if begun.elapsed() >= PATIENCE {
                self.process.signal_of(&family, Signal::KILL);
                self.signal(Signal::KILL);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn forget(&self) {
        LIVE.lock().retain(|process| *process != self.process);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Process {
    fn signal(self, signal: Signal) {
        self.signal_of(&self.family(), signal);
    }

    /// It may have ended in this moment: then nobody hears it.
    fn signal_of(self, family: &[Pid], signal: Signal) {
        if self.leads {
            _ = kill_process_group(self.pid, signal);
        }
        for pid in family {
            _ = kill_process(*pid, signal);
        }
    }

    /// It, its children, and theirs; nobody but itself where it leads a group, which is signalled as a whole.
    fn family(self) -> Vec<Pid> {
        let mut family = vec![self.pid];
        if self.leads {
            return family;
        }
        let parents: Vec<(Pid, i32)> =
            fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(of_stat).collect();
        let mut at = 0;
        while let Some(parent) = family.get(at).map(|pid| pid.as_raw_nonzero().get()) {
            family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
            at += 1;
        }
        family
    }
}

/// A process of `/proc` and its parent: `pid (name) state parent ..`, where the name may be anything.
fn of_stat(item: fs::DirEntry) -> Option<(Pid, i32)> {
    let pid = item.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
    let stat = fs::read(item.path().join("stat")).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    Some((pid, rest.split_whitespace().nth(1)?.parse().ok()?))
}

/// How often a process is looked at.
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long one may take to clean up behind itself: a command that is told to end does so within three seconds.
const PATIENCE: Duration = Duration::from_millis(1000);

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeps(seconds: &str) -> bool {
        let pids = fs::read_dir("/proc").expect("a /proc").flatten();
        pids.into_iter().any(|item| {
            fs::read(item.path().join("cmdline")).is_ok_and(|line| line == format!("sleep\0{seconds}\0").as_bytes())
        })
    }

    fn started(seconds: &str, trap: &str) -> Started {
        let mut shell = Command::new("sh");
        let started = start(shell.arg("-c").arg(format!("{trap} (sleep {seconds}; true) & sleep {seconds}; true")))
            .expect("a shell");
        let until = Instant::now() + Duration::from_secs(20);
        while !sleeps(seconds) {
            assert!(Instant::now() < until, "the shell does not start");
            std::thread::sleep(LOOK_AGAIN);
        }
        started
    }

    #[test]
    fn nothing_is_left_of_a_process_that_is_ended() {
        for (seconds, trap) in [("987001", ""), ("987002", "trap '' TERM;")] {
            let mut started = started(seconds, trap);
            let begun = Instant::now();
            started.end(Signal::TERM).expect("it ends");
            assert!(begun.elapsed() < Duration::from_secs(3), "{trap}");
            let until = Instant::now() + Duration::from_secs(5);
            while sleeps(seconds) {
                assert!(Instant::now() < until, "{trap} something is left");
                std::thread::sleep(LOOK_AGAIN);
            }
            assert!(!LIVE.lock().contains(&started.process));
        }
    }

    #[test]
    fn the_family_of_a_process_is_found_by_its_parents() {
        let mut started = started("987003", "");
        let alone = Process { leads: false, ..started.process };
        assert!(alone.family().len() >= 3, "{:?}", alone.family());
        started.end(Signal::TERM).expect("it ends");
    }
}
