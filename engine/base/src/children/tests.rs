//! Commands, their orphans, and what is left of them. One household a process: the tests wait for
//! each other.

use super::ending::signal_each;
use super::family::Seen;
use super::household::HOUSEHOLD;
use super::{LOOK_AGAIN, Started, kill_all, start};
use parking_lot::Mutex;
use rustix::process::{Signal, getpgrp, getpid};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

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

/// One in a session of its own, one whose parent has ended as well, one that sees nothing of the
/// environment.
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
