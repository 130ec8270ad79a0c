//! `--if-running`: two runs of one job.
//!
//! On this machine a run holds a lock, `running/<repository>-<job>` in the cache folder, that the kernel takes back however it ends:
//!
//! ```text
//! gate (exclusive, for an instant)
//!   plain run      -> shared lock                     runs overlap, as ever
//!   skip, wait     -> exclusive lock, then shared     refused while anybody holds it
//! ```
//! Of runs on other machines under the same host's name the log tells what they have published ([`engine::backup::running`]).
//!
//! Promises: a run that was killed never keeps the next one away on its machine. Refuses to be relied on: this is a courtesy, nothing is
//! unsafe when two runs overlap (both make a restore point). Runs with different cache folders do not see each other's locks. Where the cache
//! folder cannot be written, the lock lies in a folder of the user's own (`$XDG_RUNTIME_DIR/cairn`, or `cairn-UID` among temporary files).

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::say::{Row, human};
use crate::settings::xdg;
use clap::ValueEnum;
use engine::backup::running;
use engine::restore_point::JobId;
use engine::restore_point::made::fnv;
use engine::source::host_name;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to do if the job runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum IfRunning {
    /// End at once, with exit 0.
    Skip,
    /// Wait for its end.
    Wait,
}

/// Whether this run goes on.
pub(super) enum Turn {
    /// It does; others see it as long as this is held. `None` where the lock could not be made.
    Ours(Option<Running>),
    /// It does not, and why.
    Skip(String),
}

/// The lock of a run.
pub(super) struct Running {
    _file: File,
}

/// Takes the run's turn, as the option says.
///
/// # Errors
/// `cannot_write` when the option was given and the lock cannot be made; `interrupted` while waiting; the log's.
pub(super) fn take_turn(
    context: &Context,
    connection: &Connection,
    own: &JobId,
    if_running: Option<IfRunning>,
) -> Result<Turn> {
    let (locks, job) = (Locks::of(connection, own), &*own.job);
    let Some(if_running) = if_running else {
        // Nobody asked: then a lock that cannot be made is no reason to keep a backup away.
        let held = locks.share().inspect_err(|e| tracing::warn!("{}: {e}", locks.folder.display()));
        return Ok(Turn::Ours(held.ok()));
    };
    let mut told = Told::default();
    loop {
        let held = locks.take().map_err(|e| Failure::writing(&human::path(&locks.folder), &e))?;
        let (other, rounds) = match held {
            Err(process) => (format!("another run of the job {job} is under way on this machine{process}"), 1),
            Ok(held) => {
                if told.rounds > 0 {
                    connection.repo.refresh()?;
                }
                match elsewhere(connection, own)? {
                    None => return Ok(Turn::Ours(Some(held))),
                    // Each look costs requests.
                    Some(other) => (other, ROUNDS_ELSEWHERE),
                }
            }
        };
        if if_running == IfRunning::Skip {
            return Ok(Turn::Skip(other));
        }
        for _ in 0..rounds {
            context.interrupt.monitor().check()?;
            told.wait(context, job, &other)?;
            std::thread::sleep(ROUND);
        }
    }
}

/// The run of another machine, if the log shows one that is alive.
fn elsewhere(connection: &Connection, own: &JobId) -> Result<Option<String>> {
    // The machine's own name, whatever --host says: machines that share a --host share its jobs.
    let other = running(&connection.repo, &own.job, own.owner.name(), &host_name())?;
    Ok(other.map(|other| {
        let (host, heard) = (human::name(other.host.as_bytes()), human::time(other.heard));
        format!("another run of the job {} is under way as {host} (last heard of at {heard})", own.job)
    }))
}

/// What was said while waiting.
#[derive(Default)]
struct Told {
    rounds: u32,
}

impl Told {
    fn wait(&mut self, context: &Context, job: &str, other: &str) -> Result<()> {
        if self.rounds == 0 {
            context.out.note(&format!("cairn: {other}: waiting for its end"));
        } else if self.rounds.is_multiple_of(NOTE_EVERY) {
            context.out.note(&format!("cairn: still waiting ({})", human::seconds(context.seconds_elapsed())));
        }
        if self.rounds.is_multiple_of(ROW_EVERY) && context.out.shows_progress() {
            let row = || {
                Row::new("waiting")
                    .set("job", job)
                    .set("reason", other)
                    .set("seconds_elapsed", context.seconds_elapsed())
            };
            context.out.row(row)?;
        }
        self.rounds += 1;
        Ok(())
    }
}

/// The lock files of a job in the cache folder.
struct Locks {
    folder: PathBuf,
    name: String,
}

impl Locks {
    /// Those in the cache folder; where that takes none, those in a folder of this user's that all its runs find.
    fn of(connection: &Connection, own: &JobId) -> Locks {
        let (repository, job) = (connection.repo.id().to_string(), own.to_string());
        let usual = Locks::at(&connection.settings.cache_dir, &repository, &job);
        match usual.gate() {
            Ok(_) => usual,
            // What cannot be made there either is told of the usual place.
            Err(_) => xdg::passing().map_or(usual, |folder| Locks::at(&folder, &repository, &job)),
        }
    }

    /// A job, `HOST/JOB`, may hold what a file's name may not, and be longer.
    fn at(cache: &Path, repository: &str, job: &str) -> Locks {
        let plain: String = job.chars().take(40).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let name = format!("{repository}-{plain}-{:016x}", fnv(job));
        Locks { folder: cache.join("running"), name }
    }

    /// The gate, held for an instant: between dropping one kind of lock and taking another nobody else may come.
    fn gate(&self) -> std::io::Result<File> {
        std::fs::create_dir_all(&self.folder)?;
        let gate = open(&self.folder.join("gate"))?;
        flock(&gate, FlockOperation::LockExclusive)?;
        Ok(gate)
    }

    /// Beside others.
    fn share(&self) -> std::io::Result<Running> {
        let _gate = self.gate()?;
        let file = open(&self.folder.join(&self.name))?;
        flock(&file, FlockOperation::NonBlockingLockShared)?;
        sign(&file)?;
        Ok(Running { _file: file })
    }

    /// Alone; `Err` with the process that came first.
    fn take(&self) -> std::io::Result<Result<Running, String>> {
        let _gate = self.gate()?;
        let mut file = open(&self.folder.join(&self.name))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                flock(&file, FlockOperation::NonBlockingLockShared)?;
                sign(&file)?;
                Ok(Ok(Running { _file: file }))
            }
            Err(Errno::WOULDBLOCK) => {
                let mut process = String::new();
                file.read_to_string(&mut process)?;
                let known = !process.is_empty() && process.bytes().all(|b| b.is_ascii_digit());
                Ok(Err(if known { format!(" (process {process})") } else { String::new() }))
            }
            Err(e) => Err(e.into()),
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// Writes who holds the lock, for people.
fn sign(mut file: &File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

impl super::Backup {
    /// A run that left its turn to another one: nothing was done, and that is what was asked for.
    pub(super) fn tell_skipped(&self, context: &Context, known: &super::Known, why: &str) -> Result<Exit> {
        let reason = format!("skipped: {why}");
        let row = context
            .summary(Exit::Done)
            .set("point", serde_json::Value::Null)
            .set("job", known.job.clone())
            .set("skipped", true)
            .set("kind", serde_json::Value::Null)
            .set("kind_reason", reason.as_str());
        context.out.summary(row, || format!("{reason}; nothing was done"))?;
        Ok(Exit::Done)
    }
}

const ROUND: Duration = Duration::from_secs(1);
/// Rounds between two looks into the log.
const ROUNDS_ELSEWHERE: u32 = 15;
/// Rounds between two words to people, and between two lines of JSON.
const NOTE_EVERY: u32 = 60;
const ROW_EVERY: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_refused_while_anybody_runs_and_plain_runs_never_are() {
        let cache = tempfile::tempdir().unwrap();
        let locks = || Locks::at(cache.path(), "r", "nightly/ä");
        let first = locks().take().unwrap().ok().unwrap();
        assert!(locks().take().unwrap().err().unwrap().contains(&std::process::id().to_string()));
        let plain = locks().share().unwrap();
        drop(first);
        // The first has ended; the plain run is still there, and is seen.
        assert!(locks().take().unwrap().is_err());
        assert!(Locks::at(cache.path(), "r", "other").take().unwrap().is_ok());
        assert!(Locks::at(cache.path(), "s", "nightly/ä").take().unwrap().is_ok());
        drop(plain);
        assert!(locks().take().unwrap().is_ok());
    }

    #[test]
    fn of_many_that_ask_at_once_one_runs() {
        let cache = tempfile::tempdir().unwrap();
        for _ in 0..20 {
            let winners: Vec<_> = std::thread::scope(|scope| {
                let ask = || Locks::at(cache.path(), "r", "j").take().unwrap().ok();
                let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
                asked.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(winners.len(), 1);
        }
    }
}
