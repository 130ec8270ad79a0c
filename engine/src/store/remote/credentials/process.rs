//! Runs a `credential_process`: without a shell, and not for ever.
//!
//! Promises: what it prints is read up to a bound and wiped afterwards; its stderr goes to ours, so
//! that it can speak to a person; it ends with a limit of time, or when the work is asked to stop.
//! It does not see the password of the repository, and its standard input is empty, because that of
//! Cairn may be what is backed up.

use super::lack::Lack;
use super::renew::Fetch;
use super::reply::{self, Fresh};
use crate::ending;
use crate::store::remote::provider::Pending;
use crate::threads;
use std::io::Read;
use std::process::{Child, Command, Stdio};
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
    let started = Command::new(program)
        .args(arguments)
        .env_remove("CAIRN_PASSWORD")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    let mut child = started.map_err(|e| Lack::settings(told(format!("it cannot be started: {e}")), by_hand))?;
    let end = Instant::now() + limit;
    match printed(&mut child, end) {
        Ok(bytes) if bytes.len() > PRINTED_BYTES_MAX => {
            Err(Lack::settings(told(format!("it printed more than {PRINTED_BYTES_MAX} bytes")), by_hand))
        }
        Ok(bytes) => match wait(&mut child, end) {
            Some(status) if status.success() => Ok(bytes),
            Some(status) => Err(Lack::refused(told(format!("it failed ({status})")), by_hand).may_pass()),
            None => Err(late(&told, limit)),
        },
        Err(()) => {
            // It may have ended by itself meanwhile; either way nothing of it is left.
            let _ = child.kill();
            let _ = child.wait();
            Err(late(&told, limit))
        }
    }
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
fn printed(child: &mut Child, end: Instant) -> Result<Zeroizing<Vec<u8>>, ()> {
    let Some(stdout) = child.stdout.take() else { return Err(()) };
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
fn wait(child: &mut Child, end: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < end && !ending::is_over() => std::thread::sleep(LOOK_EVERY),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
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

    #[test]
    fn what_fails_is_told_with_profile_and_program() {
        for (command, limit, why) in [
            (&["/nonexistent/program"][..], LIMIT, "cannot be started"),
            (&["false"], LIMIT, "exit status: 1"),
            (&["sleep", "60"], Duration::from_millis(200), "did not end within"),
            // The pipe is held by what the program left behind.
            (&["sh", "-c", "sleep 5 & exit 0"], Duration::from_millis(200), "did not end within"),
            (&["sh", "-c", "exec >&-; exec sleep 60"], Duration::from_millis(200), "did not end within"),
            (&["head", "-c", "70000", "/dev/zero"], LIMIT, "more than 65536 bytes"),
        ] {
            let begun = Instant::now();
            let why_not = runs(command, limit).unwrap_err().to_string();
            assert!(
                why_not.contains(why) && why_not.contains("profile p") && why_not.contains(command[0]),
                "{command:?}: {why_not}"
            );
            assert!(begun.elapsed() < Duration::from_secs(4), "{command:?}");
        }
    }
}
