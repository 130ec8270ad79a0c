//! `--if-running`: two runs of one job, in words.

use super::{Backup, Known};
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::rows::WaitingRow;
use crate::output::{Row, human};
use crate::settings::xdg;
use clap::ValueEnum;
use engine::restore_point::JobId;
use ops::backup::{self, Other, SkippedReport, Turn, TurnRequest};

/// What to do if the job runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum IfRunning {
    /// End at once, with exit 0.
    Skip,
    /// Wait for its end.
    Wait,
}

/// Takes the run's turn, as the option says. Where the cache folder cannot be written, the lock lies in a folder of the user's own
/// (`$XDG_RUNTIME_DIR/cairn`, or `cairn-UID` among temporary files).
///
/// # Errors
/// `cannot_write` when the option was given and the lock cannot be made; `interrupted` while waiting; the log's.
pub(super) fn take_turn(
    context: &Context,
    connection: &Connection,
    job: &JobId,
    if_running: Option<IfRunning>,
) -> Result<Turn> {
    let request = TurnRequest {
        job,
        if_running: if_running.map(|what| match what {
            IfRunning::Skip => backup::IfRunning::Skip,
            IfRunning::Wait => backup::IfRunning::Wait,
        }),
        cache: &connection.settings.cache_dir,
        passing: &xdg::passing,
    };
    let mut waiting = |other: &Other, rounds| tell_waiting(context, &job.job, &in_words(&job.job, other), rounds);
    Ok(backup::take_turn::<Failure>(&connection.repo, &request, context.interrupt.monitor(), &mut waiting)?)
}

/// Who has the turn.
pub(super) fn in_words(job: &str, other: &Other) -> String {
    match other {
        Other::Here(process) => {
            let process = process.map_or_else(String::new, |process| format!(" (process {process})"));
            format!("another run of the job {job} is under way on this machine{process}")
        }
        Other::Elsewhere(run) => {
            let (host, heard) = (human::name(run.host.as_bytes()), human::time(run.heard));
            format!("another run of the job {job} is under way as {host} (last heard of at {heard})")
        }
    }
}

fn tell_waiting(context: &Context, job: &str, other: &str, rounds: u32) -> Result<()> {
    if rounds == 0 {
        context.out.note(&format!("cairn: {other}: waiting for its end"));
    } else if rounds.is_multiple_of(NOTE_EVERY) {
        context.out.note(&format!("cairn: still waiting ({})", human::seconds(context.seconds_elapsed())));
    }
    if rounds.is_multiple_of(ROW_EVERY) && context.out.shows_progress() {
        let (job, reason, seconds_elapsed) = (job.to_owned(), other.to_owned(), context.seconds_elapsed());
        let row = || Row::new("waiting").report(&WaitingRow { job, reason, seconds_elapsed });
        context.out.row(row)?;
    }
    Ok(())
}

impl Backup {
    /// A run that left its turn to another one: nothing was done, and that is what was asked for.
    pub(super) fn tell_skipped(&self, context: &Context, known: &Known, why: &str) -> Result<Exit> {
        let reason = format!("skipped: {why}");
        let row = context.summary(Exit::Done).report(&SkippedReport::of(known.job.as_deref(), &reason));
        context.out.summary(row, || format!("{reason}; nothing was done"))?;
        Ok(Exit::Done)
    }
}

/// Rounds of about a second between two words to people, and between two lines of JSON.
const NOTE_EVERY: u32 = 60;
const ROW_EVERY: u32 = 5;
