//! Enough room before a backup, and a clean stop when it runs out meanwhile.
//!
//! Promises: looks at each file system that a backup writes to (of a local repository, of the cache, of temporary files), before anything is
//! done and then twice a second; a stop is the one of Ctrl-C, so what was stored is published and kept. Refuses to guess about stores that tell
//! no free space: a face is told which ([`Rooms::is_blind`]).

use crate::{Error, Result};
use engine::Kind;
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::store::{Space, Store, StoreExt};
use engine::threads;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How much must be left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Least {
    /// So many bytes.
    Bytes(u64),
    /// A share of the whole.
    Share(f64),
}

/// What lies on a file system that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// The repository.
    Repository(String),
    /// The caches.
    Cache(PathBuf),
    /// Temporary files.
    Temporary(PathBuf),
}

/// Too little room on a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// What lies there.
    pub room: Room,
    /// What is left.
    pub bytes_free: u64,
    /// What must be.
    pub bytes_wanted: u64,
    /// Whether the work had begun, and was stopped.
    pub is_begun: bool,
}

/// The file systems of one backup.
pub struct Rooms {
    least: Least,
    places: Vec<WatchedFilesystem>,
    /// Whether the store tells no free space, so that only the folders of this machine are watched.
    pub is_blind: bool,
}

struct WatchedFilesystem {
    room: Room,
    at: At,
}

enum At {
    Store(Arc<dyn Store>),
    Folder(PathBuf),
    #[cfg(test)]
    Told(Box<dyn Fn() -> Space + Send + Sync>),
}

impl Rooms {
    /// Finds what is to be watched.
    ///
    /// # Errors
    /// When a file system does not answer.
    pub fn of(repo: &Repository, cache: PathBuf, temporary: PathBuf, least: Least) -> engine::Result<Rooms> {
        let store = Arc::clone(&repo.sealed_store().store);
        let is_blind = store.space()?.is_none();
        let mut places = Vec::new();
        if !is_blind {
            places.push(WatchedFilesystem { room: Room::Repository(repo.location()), at: At::Store(store) });
        }
        places.push(WatchedFilesystem { room: Room::Cache(cache.clone()), at: At::Folder(cache) });
        places.push(WatchedFilesystem { room: Room::Temporary(temporary.clone()), at: At::Folder(temporary) });
        Ok(Rooms { least, places, is_blind })
    }

    /// Looks before anything is begun.
    ///
    /// # Errors
    /// [`Error::NoRoom`] with the first place that has too little; what a file system answers.
    pub fn check<F>(&self) -> Result<(), F> {
        let short = self.places.iter().find_map(|place| place.shortage(self.least, false).transpose()).transpose()?;
        short.map_or(Ok(()), |short| Err(Error::NoRoom(short)))
    }

    /// Does the work, and stops it when there is too little room.
    ///
    /// # Errors
    /// The work's; [`Error::NoRoom`] when it was stopped here.
    pub fn watch<T, F>(&self, monitor: &Monitor, work: impl FnOnce() -> engine::Result<T>) -> Result<T, F> {
        let (ended, wait) = channel::<()>();
        std::thread::scope(|scope| {
            let watcher = threads::scoped(scope, move || {
                loop {
                    match wait.recv_timeout(EVERY) {
                        Err(RecvTimeoutError::Timeout) => {}
                        _ => return None,
                    }
                    // A file system that does not answer is no reason to stop: the work itself will notice.
                    let short = self.places.iter().find_map(|place| place.shortage(self.least, true).ok().flatten());
                    if short.is_some() {
                        monitor.stop();
                        return short;
                    }
                }
            })?;
            // Dropped also when the work panics, or the watcher would never end.
            let ended = ended;
            let done = work();
            drop(ended);
            let short = watcher.join().unwrap_or_default();
            match (done, short) {
                (Err(stopped), Some(short)) if stopped.kind() == Kind::Interrupted => Err(Error::NoRoom(short)),
                (done, _) => Ok(done?),
            }
        })
    }
}

impl WatchedFilesystem {
    /// That there is too little room here, if there is.
    fn shortage(&self, least: Least, is_begun: bool) -> engine::Result<Option<Shortage>> {
        let space = match &self.at {
            At::Store(store) => store.space()?,
            At::Folder(folder) => Some(Space::around(folder)?),
            #[cfg(test)]
            At::Told(told) => Some(told()),
        };
        let Some(space) = space else { return Ok(None) };
        let bytes_wanted = match least {
            Least::Bytes(bytes) => bytes,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share is at most 1, and a percentage needs no last byte"
            )]
            Least::Share(share) => (space.bytes_total as f64 * share) as u64,
        };
        let bytes_free = space.bytes_free;
        let short = || Shortage { room: self.room.clone(), bytes_free, bytes_wanted, is_begun };
        Ok((bytes_free < bytes_wanted).then(short))
    }
}

const EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn rooms(least: Least, told: impl Fn() -> Space + Send + Sync + 'static) -> Rooms {
        let room = Room::Repository("a place".to_owned());
        Rooms { least, places: vec![WatchedFilesystem { room, at: At::Told(Box::new(told)) }], is_blind: false }
    }

    fn shortage<T: std::fmt::Debug>(result: Result<T, ()>) -> Shortage {
        match result.unwrap_err() {
            Error::NoRoom(short) => short,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn too_little_room_is_told_before_anything_begins() {
        let space = Space { bytes_free: 99, bytes_total: 1000 };
        assert!(rooms(Least::Bytes(99), move || space).check::<()>().is_ok());
        assert!(rooms(Least::Share(0.09), move || space).check::<()>().is_ok());
        for least in [Least::Bytes(100), Least::Share(0.1)] {
            let short = shortage(rooms(least, move || space).check());
            assert_eq!((short.bytes_free, short.bytes_wanted, short.is_begun), (99, 100, false));
            assert_eq!(short.room, Room::Repository("a place".to_owned()));
        }
    }

    #[test]
    fn room_that_runs_out_meanwhile_stops_the_work_and_says_why() {
        let free = Arc::new(AtomicU64::new(1000));
        let told = Arc::clone(&free);
        let rooms =
            rooms(Least::Bytes(500), move || Space { bytes_free: told.load(Ordering::SeqCst), bytes_total: 1000 });
        let monitor = Monitor::new();
        let done = rooms.watch(&monitor, || -> engine::Result<()> {
            free.store(499, Ordering::SeqCst);
            loop {
                monitor.check()?;
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let short = shortage(done);
        assert_eq!((short.bytes_free, short.is_begun), (499, true));
    }

    #[test]
    fn work_that_ends_by_itself_keeps_its_result() {
        let rooms = rooms(Least::Bytes(1), || Space { bytes_free: 5, bytes_total: 5 });
        assert_eq!(rooms.watch::<_, ()>(&Monitor::new(), || Ok(7)).unwrap(), 7);
        let other = || Err::<(), _>(engine::Error::new(Kind::Input, "other"));
        assert_eq!(rooms.watch::<_, ()>(&Monitor::new(), other).unwrap_err().kind(), Some(Kind::Input));
    }
}
