//! Ctrl-C: the first ends cleanly, the second at once, and nothing half-made is visible either way.

use crate::support::{Home, noise};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

fn start(home: &Home) -> Child {
    let mut command = home.command(["backup", "--stdin", "--job", "j"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn wait(child: &mut Child, feed: bool) -> Option<i32> {
    let mut input = child.stdin.take().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < until, "it does not end");
        if feed {
            // It may have stopped reading.
            let _ = input.write_all(&noise(65_536, 1));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Until the process reads its input, so that the signal meets running work.
fn feed_until_read(child: &mut Child) {
    let input = child.stdin.as_mut().unwrap();
    for seed in 0..40 {
        input.write_all(&noise(65_536, seed)).unwrap();
    }
}

#[test]
fn the_first_signal_ends_cleanly_and_the_next_run_goes_on() {
    let home = Home::with_repository();
    for (which, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = start(&home);
        feed_until_read(&mut child);
        signal(&child, which);
        assert_eq!(wait(&mut child, true), Some(code));
        let mut stderr = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
        assert!(stderr.contains("resumes"), "{stderr}");
    }
    assert_eq!(home.summary(["points"])["points"], 0);
    home.write("src/a", b"1");
    home.backup();
    assert_eq!(home.summary(["check", "--read-data"])["errors"], 0);
}

#[test]
fn the_second_signal_ends_at_once() {
    let home = Home::with_repository();
    let mut child = start(&home);
    feed_until_read(&mut child);
    // It waits for input that does not come.
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    assert_eq!(wait(&mut child, false), Some(130));
    assert_eq!(home.summary(["points"])["points"], 0);
}
