//! Where the PersistentCache lives in this process.
//!
//! ```text
//! the folder that was given -> a temporary folder -> a folder in memory (/dev/shm) -> an error
//! ```
//!
//! Promises: what the file system says about one place (read-only, full, no folder, another owner) never ends the work while
//! another place is left; each step is noted once, for people. Refuses to go back: a folder that refused once is left alone
//! until the process ends. What temporary places hold goes away with the process
//! (`temporary`).

use crate::error::{Error, Kind, Result};
use crate::index::PersistentCache;
use crate::monitor::NOTE;
use crate::temporary;
use format_spec::RepositoryId;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};

/// Where the PersistentCache lives.
#[derive(Debug, Clone)]
pub enum CachePlace {
    /// In a sub-folder, named by repository id, of this folder.
    Folder(PathBuf),
    /// In a temporary folder that goes away with the process.
    Temporary,
}

/// The places of one repository's cache, the one in use first.
#[derive(Debug)]
pub(super) struct CachePlaces {
    repository: RepositoryId,
    left: Mutex<Vec<Place>>,
}

#[derive(Debug, Clone)]
enum Place {
    /// Stays after the process.
    Lasting(PathBuf),
    /// The folder in which a temporary one is made.
    Temporary(PathBuf),
}

impl CachePlaces {
    pub(super) fn new(place: &CachePlace, repository: RepositoryId) -> Self {
        let temporary = temporary::places().map(Place::Temporary);
        let given = match place {
            CachePlace::Folder(folder) => Some(Place::Lasting(folder.join(repository.to_string()))),
            CachePlace::Temporary => None,
        };
        CachePlaces { repository, left: Mutex::new(given.into_iter().chain(temporary).collect()) }
    }

    /// The cache of the first place that takes one.
    ///
    /// # Errors
    /// The last place's, when none does.
    pub(super) fn open(&self) -> Result<PersistentCache> {
        self.first_that(|place| match place {
            Place::Lasting(folder) => {
                let opened = PersistentCache::open(folder, self.repository)?;
                if let Some(why) = opened.discarded {
                    tracing::info!(%why, folder = %folder.display(), "the local cache is rebuilt");
                }
                Ok(opened.cache)
            }
            Place::Temporary(around) => PersistentCache::temporary_in(around, self.repository),
        })
    }

    /// An empty cache, in the first place that takes one.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) fn empty(&self) -> Result<PersistentCache> {
        self.first_that(|place| match place {
            Place::Lasting(folder) => {
                PersistentCache::drop_all(folder)?;
                Ok(PersistentCache::open(folder, self.repository)?.cache)
            }
            Place::Temporary(around) => PersistentCache::temporary_in(around, self.repository),
        })
    }

    /// Leaves the place in use, which refused with `why`.
    ///
    /// # Errors
    /// `why` itself when no other place is left, or when it is not about the place.
    pub(super) fn leave(&self, why: Error) -> Result<()> {
        let mut left = self.left.lock();
        if matches!(why.kind(), Kind::Bug | Kind::Damaged | Kind::Unsupported) || left.len() < 2 {
            return Err(why.advise("name a folder that can be written with --cache-dir"));
        }
        let Place::Lasting(folder) = left.remove(0) else { return Ok(()) };
        let next = left.first().map_or_else(PathBuf::new, |place| place.around().to_owned());
        tracing::warn!(
            target: NOTE,
            "the cache cannot be used: {why}; this run keeps what it needs below {} and drops it at its end (--cache-dir \
             names another folder than {})",
            next.display(),
            folder.parent().unwrap_or(&folder).display()
        );
        Ok(())
    }

    fn first_that(&self, open: impl Fn(&Place) -> Result<PersistentCache>) -> Result<PersistentCache> {
        loop {
            let place = self.left.lock().first().cloned();
            let Some(place) = place else { return Err(Error::new(Kind::Bug, "the index has no place")) };
            match open(&place) {
                Ok(cache) => return Ok(cache),
                Err(why) => self.leave(why)?,
            }
        }
    }
}

impl Place {
    fn around(&self) -> &Path {
        match self {
            Place::Lasting(folder) | Place::Temporary(folder) => folder,
        }
    }
}
