//! Whether a job runs on another machine, as far as the log can tell. A job is of a host: only machines that share a host's name share jobs.
//!
//! A session tells that it lives only by what it appends: its `Open`, and each `Publish`. So this knows of a session that is open and was heard
//! of lately, by the clocks of both machines. Promises: a job that died elsewhere counts as running for [`SILENCE_SECONDS_MAX`] at most. Refuses to
//! decide anything that safety rests on: a session that is silent for longer looks dead, one that failed a minute ago looks alive, and both
//! only cost or save a second restore point.

use crate::error::Result;
use crate::limits::PUBLISH_SECONDS;
use crate::repository::Repository;
use format_spec::Time;
use format_spec::log::Purpose;

/// A session of another machine that seems to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningSession {
    /// Its number.
    pub session: u32,
    /// The host that it runs as.
    pub host: String,
    /// When it was opened, by that host's clock.
    pub opened: Time,
    /// When it last appended anything, by that host's clock.
    pub heard: Time,
}

/// The newest session of a host's job that seems to run on another machine than this one, which is called `machine`. Sessions under its own
/// name are its own: of those, whether one runs is known here. Looks at what was read of the log: refresh first.
///
/// # Errors
/// None so far; the log may have to be read in later releases.
pub fn running(repository: &Repository, job: &str, host: &str, machine: &str) -> Result<Option<RunningSession>> {
    if host == machine {
        return Ok(None);
    }
    let (view, now) = (repository.log().view(), repository.env().now());
    // Those that committed are not open any more. Only the newest counts: who starts again has lost the one before.
    let mut of_job =
        view.sessions.iter().rev().filter(|(_, s)| s.purpose == Purpose::Backup && s.job == job && s.host == host);
    let alive = of_job.next().filter(|(_, s)| is_near(now, s.last));
    Ok(alive.map(|(number, s)| RunningSession {
        session: *number,
        host: s.host.clone(),
        opened: s.opened,
        heard: s.last,
    }))
}

/// A clock that is further off says nothing about whether somebody runs.
fn is_near(now: Time, heard: Time) -> bool {
    now.seconds.abs_diff(heard.seconds) < SILENCE_SECONDS_MAX
}

/// Three heartbeats and some: storing a pack over a slow line may delay one.
pub const SILENCE_SECONDS_MAX: u64 = 900;
const _: () = assert!(SILENCE_SECONDS_MAX as f64 > 3.0 * PUBLISH_SECONDS);

#[cfg(test)]
#[path = "running_tests.rs"]
mod tests;
