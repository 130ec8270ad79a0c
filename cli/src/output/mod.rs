//! Output: answers on stdout, words for people on stderr, with `--json` one object a line on stdout.
//!
//! Promises: the last line of `--json` is the summary, also of a failure; raw names never break a line (control characters
//! and invalid UTF-8 are written `\xNN`). This is the one place from which text reaches people, and foreign text (paths, URLs,
//! labels, answers of servers) stands in all of it: what a terminal would act on is escaped here, whoever forgot it elsewhere.
//! Refuses to: print while a bar is drawn without moving it aside.

pub(crate) mod human;
pub(crate) mod progress;
pub(crate) mod row;
pub(crate) mod rows;
pub(crate) mod table;

pub(crate) use row::Row;

use crate::exit::{Exit, Failure, Result};
use crate::globals::Globals;
use indicatif::ProgressBar;
use ops::report::raw;
use parking_lot::Mutex;
use rows::{ErrorRow, FailedSummaryRow, ProbingRow, WarningRow};
use std::io::{IsTerminal, Write};
use std::sync::Arc;

/// Where answers and words go. Cheap to clone; all clones share the bar.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) json: bool,
    quiet: bool,
    progress: bool,
    verbose: bool,
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Output {
    /// As the options say.
    pub(crate) fn new(globals: &Globals) -> Output {
        Output {
            json: globals.json,
            quiet: globals.quiet,
            progress: !globals.no_progress && !globals.quiet,
            verbose: globals.verbose > 0,
            bar: Arc::default(),
        }
    }

    /// Before the options are known.
    pub(crate) fn plain(json: bool) -> Output {
        Output { json, quiet: false, progress: false, verbose: false, bar: Arc::default() }
    }

    /// Whether anybody looks at progress.
    pub(crate) fn shows_progress(&self) -> bool {
        self.progress
    }

    /// One answer: the row with `--json`, the text (a line feed is added) without.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn answer(&self, row: impl FnOnce() -> Row, text: impl FnOnce() -> String) -> Result<()> {
        let line = if self.json { row().line() } else { human::safe(&text()).into_owned() };
        self.aside(|| write_line(&line)).map_err(|e| Failure::writing("stdout", &e))
    }

    /// A row that only `--json` shows.
    pub(crate) fn row(&self, row: impl FnOnce() -> Row) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        self.answer(row, String::new)
    }

    /// The summary: always the last line with `--json`; without it, the text, unless `-q` was given.
    pub(crate) fn summary(&self, row: Row, text: impl FnOnce() -> String) -> Result<()> {
        if self.quiet && !self.json {
            return Ok(());
        }
        self.answer(|| row, text)
    }

    /// A word for people that is no error.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.aside(|| to_stderr(text));
        }
    }

    /// What somebody has just asked for by a signal: quiet does not hide it.
    pub(crate) fn told_on_request(&self, text: &str) {
        self.aside(|| to_stderr(text));
    }

    /// What is tried out now: a line on stderr for whoever watches, and progress with `--json`.
    pub(crate) fn probing(&self, what: &str) {
        if self.json && self.progress {
            // A reader that went away will be noticed at the next answer.
            let _ = self.row(|| Row::new("probing").report(&ProbingRow { what: what.to_owned() }));
        }
        let is_watched = self.progress && std::io::stderr().is_terminal();
        if self.verbose || is_watched && !self.json {
            self.note(&format!("probing: {what}"));
        }
    }

    /// Something that went wrong with one subject. Quiet does not hide it.
    pub(crate) fn warning(&self, subject: &[u8], reason: &str) {
        if self.json {
            let row = || {
                let (subject, subject_hex) = raw(subject);
                Row::new("warning").report(&WarningRow { subject, subject_hex, reason: reason.to_owned() })
            };
            // A reader that went away will be noticed at the next answer.
            let _ = self.answer(row, String::new);
        }
        let (subject, reason) = (human::name(subject), human::message(reason));
        self.aside(|| match subject.is_empty() {
            true => to_stderr(&format!("cairn: warning: {reason}")),
            false => to_stderr(&format!("cairn: warning: {subject}: {reason}")),
        });
    }

    /// Tells a failure and says how the process ends.
    pub(crate) fn failed(&self, failure: &Failure, seconds_elapsed: f64) -> Exit {
        if failure.is_closed_pipe() {
            return failure.exit;
        }
        self.aside(|| {
            to_stderr(&format!("cairn: {}", human::message(&failure.message)));
            if let Some(advice) = &failure.advice {
                to_stderr(&format!("  try: {}", human::message(advice)));
            }
        });
        if self.json {
            self.failed_rows(failure, seconds_elapsed);
        }
        failure.exit
    }

    /// The last lines of `--json` when something failed.
    pub(crate) fn failed_rows(&self, failure: &Failure, seconds_elapsed: f64) {
        let (exit_code, ended, name) = (failure.exit as u8, failure.ended, failure.name);
        let (message, advice) = (failure.message.clone(), failure.advice.clone());
        let error = Row::new("error").report(&ErrorRow { error: name, message, advice, exit_code, ended });
        let status = failure.exit.status();
        let summary = FailedSummaryRow { status, error: name, exit_code, seconds_elapsed, ended };
        let summary = Row::new("summary").report(&summary);
        // The failure was told on stderr; a closed stdout changes nothing.
        let _ = self.aside(|| write_line(&error.line()).and_then(|()| write_line(&summary.line())));
    }

    /// Runs `f` while no bar is drawn.
    fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
        let bar = self.bar.lock().clone();
        match bar {
            Some(bar) => bar.suspend(f),
            None => f(),
        }
    }
}

fn write_line(line: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.write_all(b"\n")
}

/// A closed stderr leaves nobody to tell.
pub(crate) fn to_stderr(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", human::safe(text));
}

/// What others than [`Output`] say to people: each write is a message, and goes the same way.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        to_stderr(&human::message(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
