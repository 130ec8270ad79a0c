//! A command whose output is backed up: `backup --stdin-from-command`.
//!
//! Promises: the command is started when its output is first read, and ends with the backup, however that ends; there is no restore point
//! unless it ended well. Its own words on stderr pass through. Refuses to: interpret anything (no shell), and to run twice.
//!
//! ```text
//! idle --first read--> running --end of output--> waited for --exit 0--> a point
//!                         |                           \--anything else--> no point, and the status in the error
//!                         \--stop or drop--> SIGTERM, after a second SIGKILL
//! ```

use super::stream::StreamSource;
use super::{About, Source, Walk};
use base::children::{self, LOOK_AGAIN, Started};
use base::error::{Error, Kind, Result};
use base::monitor::Monitor;
use format_spec::Time;
use parking_lot::Mutex;
use rustix::process::Signal;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;

/// A command and the file that its output becomes.
#[derive(Debug)]
pub struct CommandSource {
    stream: StreamSource,
    running: Arc<Running>,
}

/// How a command ended that did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandEnd {
    /// It could not be started.
    NotStarted,
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// The one process.
#[derive(Debug)]
struct Running {
    words: Vec<OsString>,
    monitor: Arc<Monitor>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Idle,
    Running(Started),
    Ended(io::Result<ExitStatus>),
}

/// The command's output.
struct Output {
    running: Arc<Running>,
    pipe: Option<ChildStdout>,
}

impl CommandSource {
    /// A file `name` in the root of this host's source, with what the command writes; `now` becomes its times.
    ///
    /// # Errors
    /// `Input` when there is no command, or `name` cannot be a file's name.
    pub fn new(
        name: impl Into<Vec<u8>>,
        host: &str,
        words: Vec<OsString>,
        monitor: Arc<Monitor>,
        now: Time,
    ) -> Result<Self> {
        if words.is_empty() {
            return Err(Error::new(Kind::Input, "no command was named")
                .advise("write it at the end of the line: cairn backup --stdin-from-command -- CMD ARG..."));
        }
        let running = Arc::new(Running { words, monitor, state: Mutex::new(State::Idle) });
        let output = Output { running: Arc::clone(&running), pipe: None };
        Ok(CommandSource { stream: StreamSource::new(name, Box::new(output), now)?.on_host(host), running })
    }

    /// How the command ended, if not well.
    pub fn failure(&self) -> Option<CommandEnd> {
        match &*self.running.state.lock() {
            State::Ended(Ok(status)) if status.success() => None,
            State::Ended(Ok(status)) => Some(match status.code() {
                Some(code) => CommandEnd::Code(code),
                None => CommandEnd::Signal(status.signal().unwrap_or_default()),
            }),
            State::Ended(Err(_)) => Some(CommandEnd::NotStarted),
            State::Idle | State::Running(_) => None,
        }
    }
}

impl Source for CommandSource {
    fn about(&self) -> About {
        self.stream.about()
    }

    fn walk(&self) -> Result<Box<dyn Walk + '_>> {
        self.stream.walk()
    }

    /// The output has ended; the command may still be about to fail.
    fn finish(&self) -> Result<()> {
        let words = self.running.shown();
        let ended = self.running.wait()?;
        if matches!(&ended, Some(Ok(status)) if status.success()) {
            return Ok(());
        }
        // One that was ended because the work was told to stop has not failed.
        self.running.monitor.check()?;
        let why = match ended {
            None => return Err(Error::new(Kind::Bug, "the command was never started").on(words)),
            Some(Ok(status)) => format!("the command failed ({status}): no restore point was made of its output"),
            Some(Err(e)) => format!("the command cannot be started: {e}"),
        };
        Err(Error::new(Kind::Input, why).on(words).advise("see what the command said above, and run it alone"))
    }
}

impl Drop for CommandSource {
    /// A command whose backup is over has nobody to write to.
    fn drop(&mut self) {
        self.running.end();
    }
}

impl Running {
    fn start(self: &Arc<Self>) -> io::Result<ChildStdout> {
        let mut state = self.state.lock();
        let started = self.spawn();
        match started {
            Ok(mut started) => {
                let pipe = started.take_stdout().ok_or_else(|| io::Error::other("the command has no output"))?;
                *state = State::Running(started);
                drop(state);
                self.watch();
                Ok(pipe)
            }
            Err(e) => {
                let again = io::Error::new(e.kind(), e.to_string());
                *state = State::Ended(Err(e));
                Err(again)
            }
        }
    }

    fn spawn(&self) -> io::Result<Started> {
        let (program, arguments) = self.words.split_first().ok_or_else(|| io::Error::other("no command was named"))?;
        children::start(Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()))
    }

    /// A reader that waits for output does not see a stop: this thread ends the command then, and with it the output.
    fn watch(self: &Arc<Self>) {
        let running = Arc::clone(self);
        let looks = move || {
            while matches!(*running.state.lock(), State::Running(_)) {
                if running.monitor.check().is_err() {
                    running.end();
                    return;
                }
                children::hear();
                std::thread::sleep(LOOK_AGAIN);
            }
        };
        // Without the thread a stop takes effect with the next output.
        _ = std::thread::Builder::new().name("command".to_owned()).spawn(looks);
    }

    /// Waits for the command's own end; `None` when it was never started.
    fn wait(&self) -> Result<Option<io::Result<ExitStatus>>> {
        loop {
            match &mut *self.state.lock() {
                State::Idle => return Ok(None),
                State::Ended(Ok(status)) => return Ok(Some(Ok(*status))),
                State::Ended(Err(e)) => return Ok(Some(Err(io::Error::new(e.kind(), e.to_string())))),
                State::Running(_) => {}
            }
            self.look();
            self.monitor.check()?;
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Notes the end of the command, if it has ended.
    fn look(&self) {
        let mut state = self.state.lock();
        if let State::Running(started) = &mut *state
            && let Some(ended) = started.try_wait().transpose()
        {
            *state = State::Ended(ended);
        }
    }

    /// Ends the command: first politely, then not.
    fn end(&self) {
        let mut state = self.state.lock();
        if let State::Running(started) = &mut *state {
            *state = State::Ended(started.end(Signal::TERM));
        }
    }

    fn shown(&self) -> String {
        self.words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pipe.is_none() {
            self.pipe = Some(self.running.start()?);
        }
        self.pipe.as_mut().map_or(Ok(0), |pipe| pipe.read(buffer))
    }
}
