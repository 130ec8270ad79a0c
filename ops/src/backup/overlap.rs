//! Two runs of one job: whether they overlap.
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
//! folder cannot be written, the lock lies in another folder that the face names, and that all runs of its user find.

use crate::{Error, Reason, Refusal, Result};
use engine::backup::{RunningSession, running};
use engine::monitor::Monitor;
use engine::repository::Repository;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRunning {
    /// Leave the turn to the other run.
    Skip,
    /// Wait for its end.
    Wait,
}

/// Whose turn is asked for.
pub struct TurnRequest<'a> {
    /// The job.
    pub job: &'a JobId,
    /// What to do if it runs already; without it runs overlap.
    pub if_running: Option<IfRunning>,
    /// The folder of the caches: runs with one cache folder see each other.
    pub cache: &'a Path,
    /// Another folder that all runs of this user find, for where the cache cannot be written.
    pub passing: &'a dyn Fn() -> std::io::Result<PathBuf>,
}

/// Whether this run goes on.
pub enum Turn {
    /// It does; others see it as long as this is held. `None` where the lock could not be made.
    Ours(Option<Running>),
    /// It leaves its turn to this one.
    Skip(Other),
}

/// The lock of a run.
pub struct Running {
    _file: File,
}

/// Another run of the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Other {
    /// On this machine; its process, where that is known.
    Here(Option<u64>),
    /// On another one, as the log shows it.
    Elsewhere(RunningSession),
}

/// Takes the run's turn, as the request says. While it waits, `waiting` hears of the other run and of the rounds so far, about once a second.
///
/// # Errors
/// [`Reason::CannotWrite`] when a turn was asked for and the lock cannot be made; `Interrupted` while waiting; the log's; `waiting`'s.
pub fn take_turn<F>(
    repo: &Repository,
    request: &TurnRequest<'_>,
    monitor: &Monitor,
    waiting: &mut dyn FnMut(&Other, u32) -> std::result::Result<(), F>,
) -> Result<Turn, F> {
    let locks = Locks::of(repo, request);
    let Some(if_running) = request.if_running else {
        // Nobody asked: then a lock that cannot be made is no reason to keep a backup away.
        let held = locks.share().inspect_err(|e| tracing::warn!("{}: {e}", locks.folder.display()));
        return Ok(Turn::Ours(held.ok()));
    };
    let mut waited = 0;
    loop {
        let (other, rounds) = match locks.take().map_err(|e| locks.refused(&e))? {
            Err(process) => (Other::Here(process), 1),
            Ok(held) => {
                if waited > 0 {
                    repo.refresh()?;
                }
                // The machine's own name, whatever the face calls the host: machines that share a host share its jobs.
                match running(repo, &request.job.job, request.job.owner.name(), &host_name())? {
                    None => return Ok(Turn::Ours(Some(held))),
                    // Each look costs requests.
                    Some(other) => (Other::Elsewhere(other), ROUNDS_ELSEWHERE),
                }
            }
        };
        if if_running == IfRunning::Skip {
            return Ok(Turn::Skip(other));
        }
        for _ in 0..rounds {
            monitor.check()?;
            waiting(&other, waited).map_err(Error::Face)?;
            waited += 1;
            std::thread::sleep(ROUND);
        }
    }
}

/// The lock files of a job in the cache folder.
struct Locks {
    folder: PathBuf,
    name: String,
}

impl Locks {
    /// Those in the cache folder; where that takes none, those in a folder of this user's that all its runs find.
    fn of(repo: &Repository, request: &TurnRequest<'_>) -> Locks {
        let (repository, job) = (repo.id().to_string(), request.job.to_string());
        let usual = Locks::at(request.cache, &repository, &job);
        match usual.gate() {
            Ok(_) => usual,
            // What cannot be made there either is told of the usual place.
            Err(_) => (request.passing)().map_or(usual, |folder| Locks::at(&folder, &repository, &job)),
        }
    }

    /// A job, `HOST/JOB`, may hold what a file's name may not, and be longer.
    fn at(cache: &Path, repository: &str, job: &str) -> Locks {
        let plain: String = job.chars().take(40).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let name = format!("{repository}-{plain}-{:016x}", fnv(job));
        Locks { folder: cache.join("running"), name }
    }

    /// That they cannot be made.
    fn refused(&self, e: &std::io::Error) -> Refusal {
        Refusal::new(Reason::CannotWrite, format!("{}: cannot be written: {e}", self.folder.display()))
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

    /// Alone; `Err` with the process that came first, where it is known.
    fn take(&self) -> std::io::Result<std::result::Result<Running, Option<u64>>> {
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
                Ok(Err(process.parse().ok()))
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

const ROUND: Duration = Duration::from_secs(1);
/// Rounds between two looks into the log.
const ROUNDS_ELSEWHERE: u32 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_refused_while_anybody_runs_and_plain_runs_never_are() {
        let cache = tempfile::tempdir().unwrap();
        let locks = || Locks::at(cache.path(), "r", "nightly/ä");
        let first = locks().take().unwrap().ok().unwrap();
        assert_eq!(locks().take().unwrap().err(), Some(Some(u64::from(std::process::id()))));
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
