//! Runs a `credential_process`: without a shell, and not for ever.
//!
//! Promises: what it prints is read up to a bound and wiped afterwards; its stderr goes to ours, so
//! that it can speak to a person; it ends with a limit of time, or when the work is asked to stop,
//! and then nothing of it is left. What one that did its work leaves behind (an agent that holds a
//! session) goes on.
//! It does not see the password of the repository, and its standard input is empty, because that of
//! Cairn may be what is backed up.

use super::lack::Lack;
use super::renew::Fetch;
use super::reply::{self, Fresh};
use crate::remote::provider::Pending;
use base::children::{self, Started};
use base::ending;
use base::threads;
use rustix::process::Signal;
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Credentials of a program.
pub(super) struct OfProcess {
    pub(super) profile: String,
    pub(super) command: Arc<[String]>,
}

impl Fetch for OfProcess {
    fn fetch(&self) -> Pending<'_, Result<Fresh, Lack>> {
        Box::pin(async {
            let (profile, command) = (self.profile.clone(), Arc::clone(&self.command));
            let ended = tokio::task::spawn_blocking(move || run(&profile, &command, LIMIT));
            let printed = ended.await.map_err(|e| Lack::away(format!("{}: {e}", self.name()), "run again"))??;
            reply::read(&printed, true).map_err(|why| {
                Lack::settings(
                    format!("{} printed {why}", self.name()),
                    "run the same line in a shell, and see what it prints",
                )
            })
        })
    }

    fn name(&self) -> String {
        let program = self.command.first().map_or("", String::as_str);
        format!("credential_process of the profile {} ({program})", self.profile)
    }
}

/// What the program printed.
///
/// # Errors
/// It could not be started, took too long, printed too much, or says by its exit code that it
/// failed.
fn run(profile: &str, command: &[String], limit: Duration) -> Result<Zeroizing<Vec<u8>>, Lack> {
    let (program, arguments) = command.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let told = |why: String| format!("credential_process of the profile {profile} ({program}): {why}");
    let by_hand = "run the same line in a shell, and mend what it says";
    let mut line = Command::new(program);
    line.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let started = children::start(&mut line);
    let mut child = started.map_err(|e| Lack::settings(told(format!("it cannot be started: {e}")), by_hand))?;
    let end = Instant::now() + limit;
    let (bytes, ended) = match printed(&mut child, end) {
        Ok(bytes) if bytes.len() > PRINTED_BYTES_MAX => {
            put_an_end(&mut child);
            return Err(Lack::settings(told(format!("it printed more than {PRINTED_BYTES_MAX} bytes")), by_hand));
        }
        Ok(bytes) => (bytes, wait(&mut child, end)),
        Err(()) => (Zeroizing::default(), None),
    };
    match ended {
        Some(status) if status.success() => Ok(bytes),
        Some(status) => Err(Lack::refused(told(format!("it failed ({status})")), by_hand).may_pass()),
        None => {
            put_an_end(&mut child);
            Err(late(&told, limit))
        }
    }
}

/// It may have ended by itself meanwhile; either way nothing of it is left.
fn put_an_end(child: &mut Started) {
    let _ = child.end(Signal::TERM);
}

fn late(told: &dyn Fn(String) -> String, limit: Duration) -> Lack {
    if ending::is_over() {
        return Lack::away(
            told("it was ended, as the work was asked to stop".to_owned()),
            "run the same command again to resume",
        );
    }
    let why = format!("it did not end within {} seconds", limit.as_secs());
    Lack::refused(
        told(why),
        "it cannot ask questions on standard input; run the same line in a shell, and see what it waits for",
    )
    .may_pass()
}

/// All that it prints, one byte more than allowed at most.
fn printed(child: &mut Started, end: Instant) -> Result<Zeroizing<Vec<u8>>, ()> {
    let Some(stdout) = child.take_stdout() else { return Err(()) };
    let (sender, receiver) = mpsc::channel();
    // A program that it left behind may hold the pipe; then the thread stays until that one ends,
    // and nobody waits for it.
    let started = threads::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(PRINTED_BYTES_MAX + 1));
        let read = stdout.take(PRINTED_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    started.map_err(drop)?;
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(read) => return read.map_err(|_| ()),
            Err(RecvTimeoutError::Disconnected) => return Err(()),
            Err(RecvTimeoutError::Timeout) if Instant::now() >= end || ending::is_over() => return Err(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// How it ended, if it did in time.
fn wait(child: &mut Started, end: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < end && !ending::is_over() => std::thread::sleep(LOOK_EVERY),
            _ => return None,
        }
    }
}

/// Credentials have some kilobytes.
const PRINTED_BYTES_MAX: usize = 64 << 10;
/// A stop is noticed within this time.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A vault in another country answers within this time, and a person who is asked on the terminal
/// too.
const LIMIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(command: &[&str], limit: Duration) -> Result<String, Lack> {
        let command: Vec<_> = command.iter().map(|&word| word.to_owned()).collect();
        run("p", &command, limit).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn a_program_gets_its_words_as_they_are_and_no_input() {
        // One word per line; a shell would expand them.
        assert_eq!(runs(&["printf", "%s\\n", "$HOME", "a b"], LIMIT).unwrap(), "$HOME\na b\n");
        assert_eq!(runs(&["cat"], LIMIT).unwrap(), "");
    }

    fn sleeps(seconds: &str) -> bool {
        let line = format!("sleep\0{seconds}\0");
        let listed = std::fs::read_dir("/proc").unwrap().flatten();
        listed.into_iter().any(|item| std::fs::read(item.path().join("cmdline")).is_ok_and(|l| l == line.as_bytes()))
    }

    #[test]
    fn what_fails_is_told_with_profile_and_program() {
        for (command, limit, why) in [
            (&["/nonexistent/program"][..], LIMIT, "cannot be started"),
            (&["false"], LIMIT, "exit status: 1"),
            (&["sleep", "60"], Duration::from_millis(200), "did not end within"),
            // The pipe is held by what the program left behind.
            (&["sh", "-c", "sleep 98769 & exit 0"], Duration::from_millis(200), "did not end within"),
            (&["sh", "-c", "exec >&-; exec sleep 60"], Duration::from_millis(200), "did not end within"),
            (&["head", "-c", "70000", "/dev/zero"], LIMIT, "more than 65536 bytes"),
            // Nor does one that goes on after too much, or leaves others behind.
            (&["sh", "-c", "trap '' PIPE; head -c 70000 /dev/zero; exec sleep 98770"], LIMIT, "more than"),
            (
                &["sh", "-c", "setsid -f sleep 98770; sleep 98770 & exec sleep 98770"],
                Duration::from_millis(500),
                "end within",
            ),
        ] {
            let begun = Instant::now();
            let why_not = runs(command, limit).unwrap_err().to_string();
            assert!(
                why_not.contains(why) && why_not.contains("profile p") && why_not.contains(command[0]),
                "{command:?}: {why_not}"
            );
            assert!(begun.elapsed() < Duration::from_secs(4), "{command:?}");
            assert!(!sleeps("98770") && !sleeps("98769"), "something of it is left: {command:?}");
        }
    }
}
