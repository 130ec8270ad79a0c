//! `--min-free`: enough room before a backup, and a clean stop when it runs out meanwhile.
//!
//! Promises: looks at each file system that a backup writes to (of a local repository, of the cache, of temporary files), before anything is
//! done and then twice a second; a stop is the one of Ctrl-C, so what was stored is published and kept. Refuses to guess about stores that tell
//! no free space: that is said, once.

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::parse::quantity;
use crate::say::human;
use engine::monitor::Monitor;
use engine::store::{Space, Store, StoreExt};
use engine::threads;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How much must be left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Least {
    /// So many bytes.
    Bytes(u64),
    /// A share of the whole.
    Share(f64),
}

/// Takes `5G` or `10%`.
///
/// # Errors
/// What is wrong, for clap to print.
pub(super) fn least(text: &str) -> Result<Least, String> {
    if text.trim_end().ends_with('%') {
        quantity::share(text).map(Least::Share)
    } else {
        quantity::size(text).map(Least::Bytes)
    }
}

/// The file systems of one backup.
pub(super) struct Rooms {
    least: Least,
    places: Vec<Place>,
}

struct Place {
    what: String,
    at: At,
}

enum At {
    Store(Arc<dyn Store>),
    Folder(PathBuf),
    #[cfg(test)]
    Told(Box<dyn Fn() -> Space + Send + Sync>),
}

impl Rooms {
    /// Finds what is to be watched, and says what cannot be.
    ///
    /// # Errors
    /// When a file system does not answer.
    pub(super) fn of(context: &Context, connection: &Connection, least: Least) -> Result<Rooms> {
        let store = Arc::clone(&connection.repo.vault().store);
        let location = connection.repo.location();
        let mut places = Vec::new();
        match store.space()? {
            Some(_) => places.push(Place { what: format!("the repository {location}"), at: At::Store(store) }),
            None => context.out.note(&format!(
                "cairn: {location} tells no free space: --min-free watches the cache and temporary files only"
            )),
        }
        let cache = connection.settings.cache_dir.clone();
        places.push(Place { what: format!("the cache {}", human::path(&cache)), at: At::Folder(cache) });
        let temporary = std::env::temp_dir();
        places.push(Place { what: format!("temporary files {}", human::path(&temporary)), at: At::Folder(temporary) });
        Ok(Rooms { least, places })
    }

    /// # Errors
    /// `no_space`, naming the first place with too little room.
    pub(super) fn check(&self) -> Result<()> {
        let short = self.places.iter().find_map(|place| place.shortage(self.least).transpose()).transpose()?;
        match short {
            None => Ok(()),
            Some(why) => Err(no_space(format!("{why}: nothing was begun"))),
        }
    }

    /// Does the work, and stops it when there is too little room.
    ///
    /// # Errors
    /// The work's; `no_space` when it was stopped here.
    pub(super) fn watch<T>(&self, monitor: &Monitor, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let (ended, wait) = channel::<()>();
        std::thread::scope(|scope| {
            let watcher = threads::scoped(scope, move || {
                loop {
                    match wait.recv_timeout(EVERY) {
                        Err(RecvTimeoutError::Timeout) => {}
                        _ => return None,
                    }
                    // A file system that does not answer is no reason to stop: the work itself will notice.
                    let why = self.places.iter().find_map(|place| place.shortage(self.least).ok().flatten());
                    if why.is_some() {
                        monitor.stop();
                        return why;
                    }
                }
            })?;
            // Dropped also when the work panics, or the watcher would never end.
            let ended = ended;
            let done = work();
            drop(ended);
            let why = watcher.join().unwrap_or_default();
            match (done, why) {
                (Err(stopped), Some(why)) if stopped.exit == Exit::Interrupted => {
                    Err(no_space(format!("{why}: the backup was stopped")))
                }
                (done, _) => done,
            }
        })
    }
}

impl Place {
    /// Why there is too little room here, if there is.
    fn shortage(&self, least: Least) -> Result<Option<String>> {
        let space = match &self.at {
            At::Store(store) => store.space()?,
            At::Folder(folder) => Some(Space::around(folder)?),
            #[cfg(test)]
            At::Told(told) => Some(told()),
        };
        let Some(space) = space else { return Ok(None) };
        let wanted = match least {
            Least::Bytes(bytes) => bytes,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share is at most 1, and a percentage needs no last byte"
            )]
            Least::Share(share) => (space.bytes_total as f64 * share) as u64,
        };
        let (free, wanted_text) = (human::bytes(space.bytes_free), human::bytes(wanted));
        let why = || format!("the file system of {} has {free} left, less than {wanted_text} (--min-free)", self.what);
        Ok((space.bytes_free < wanted).then(why))
    }
}

fn no_space(message: String) -> Failure {
    Failure::new(Exit::Failed, "no_space", message)
}

const EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn rooms(least: Least, told: impl Fn() -> Space + Send + Sync + 'static) -> Rooms {
        Rooms { least, places: vec![Place { what: "a place".to_owned(), at: At::Told(Box::new(told)) }] }
    }

    #[test]
    fn sizes_and_shares_are_told_apart() {
        assert_eq!(least("5G"), Ok(Least::Bytes(5_000_000_000)));
        assert_eq!(least("10%"), Ok(Least::Share(0.1)));
        assert!(least("10 %x").is_err() && least("0%").is_err() && least("many").is_err());
    }

    #[test]
    fn too_little_room_is_told_before_anything_begins() {
        let space = Space { bytes_free: 99, bytes_total: 1000 };
        assert!(rooms(Least::Bytes(99), move || space).check().is_ok());
        assert!(rooms(Least::Share(0.09), move || space).check().is_ok());
        for least in [Least::Bytes(100), Least::Share(0.1)] {
            let failure = rooms(least, move || space).check().unwrap_err();
            assert_eq!((failure.exit, failure.name), (Exit::Failed, "no_space"));
            assert!(failure.message.contains("a place has 99 B left, less than 100 B"), "{}", failure.message);
        }
    }

    #[test]
    fn room_that_runs_out_meanwhile_stops_the_work_and_says_why() {
        let free = Arc::new(AtomicU64::new(1000));
        let told = Arc::clone(&free);
        let rooms =
            rooms(Least::Bytes(500), move || Space { bytes_free: told.load(Ordering::SeqCst), bytes_total: 1000 });
        let monitor = Monitor::new();
        let failure = rooms
            .watch(&monitor, || -> Result<()> {
                free.store(499, Ordering::SeqCst);
                loop {
                    monitor.check()?;
                    std::thread::sleep(Duration::from_millis(5));
                }
            })
            .unwrap_err();
        assert_eq!(failure.name, "no_space");
        assert!(failure.message.contains("stopped"), "{}", failure.message);
    }

    #[test]
    fn work_that_ends_by_itself_keeps_its_result() {
        let rooms = rooms(Least::Bytes(1), || Space { bytes_free: 5, bytes_total: 5 });
        assert_eq!(rooms.watch(&Monitor::new(), || Ok(7)).unwrap(), 7);
        let failed = rooms.watch(&Monitor::new(), || Err::<(), _>(Failure::usage("other"))).unwrap_err();
        assert_eq!(failure_name(&failed), "wrong_usage");
    }

    fn failure_name(failure: &Failure) -> &str {
        failure.name
    }
}
