//! How all data packs rest, for who asks about many files for a long time: one listing answers all for a while.

use super::needs::packs_of;
use super::readable::may_rest;
use crate::error::{Kind, Result};
use crate::repository::Repository;
use crate::store::{Availability, ListOptions, TierStatus};
use format_spec::container::ObjectKind;
use format_spec::tree::Entry;
use format_spec::{ObjectId, Time, names};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The answers of the last listing, and how long they count.
#[derive(Debug)]
pub struct Rests {
    /// Seconds between two listings at least.
    every: f64,
    last: Mutex<Option<Arc<Look>>>,
}

/// A listing, and when it was made.
#[derive(Debug)]
struct Look {
    at: f64,
    packs: BTreeMap<ObjectId, TierStatus>,
}

/// How the content of files rests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rest {
    /// Packs that they need.
    pub packs: u64,
    /// Those that can be read.
    pub readable: u64,
    /// Those that are on their way.
    pub retrieving: u64,
    /// Those that can be read for a while only.
    pub retrieved: u64,
    /// When the first of those goes, where the store tells.
    pub until: Option<Time>,
    /// Their classes.
    pub tiers: BTreeSet<&'static str>,
}

impl Rests {
    /// For a repository whose data packs may rest; `None` for others, of which nothing has to be asked.
    pub fn of(repository: &Repository, every_seconds: f64) -> Option<Self> {
        may_rest(repository).then(|| Rests { every: every_seconds, last: Mutex::new(None) })
    }

    /// How a file rests. May list, and read nodes of the file's content.
    ///
    /// # Errors
    /// The store's; `Damaged` for a chunk that the index does not know.
    pub fn of_file(&self, repository: &Repository, entry: &Entry) -> Result<Rest> {
        let mut sum = self.sum(repository)?;
        sum.add(entry)?;
        Ok(sum.rest)
    }

    /// How files rest together, each pack once. A file of which the index does not know all chunks is left to whoever reads it.
    ///
    /// # Errors
    /// The store's.
    pub fn of_files<'a>(&self, repository: &Repository, files: impl IntoIterator<Item = &'a Entry>) -> Result<Rest> {
        let mut sum = self.sum(repository)?;
        for entry in files {
            match sum.add(entry) {
                Err(e) if e.kind() == Kind::Damaged => {}
                other => other?,
            }
        }
        Ok(sum.rest)
    }

    fn sum<'a>(&self, repository: &'a Repository) -> Result<Sum<'a>> {
        Ok(Sum { repository, known: self.look(repository)?, rest: Rest::default(), seen: BTreeSet::new() })
    }

    /// The next question asks the store, however soon it comes: something was asked for.
    pub fn forget(&self) {
        *self.last.lock() = None;
    }

    fn look(&self, repository: &Repository) -> Result<Arc<Look>> {
        // Whoever comes while another one lists waits for the same answer.
        let mut last = self.last.lock();
        let now = repository.env().elapsed();
        if let Some(known) = last.as_ref().filter(|known| now - known.at < self.every) {
            return Ok(known.clone());
        }
        let mut packs = BTreeMap::new();
        let data = ListOptions::below(names::folder(ObjectKind::DataPack)).with_tiers();
        repository.sealed_store().store.list(&data, &mut |listed| {
            if let Some((_, session, ordinal)) = names::parse(listed.name.as_str()) {
                packs.insert(ObjectId { session, ordinal }, listed.tier());
            }
            true
        })?;
        let known = Arc::new(Look { at: now, packs });
        *last = Some(known.clone());
        Ok(known)
    }
}

/// Files that are looked at together.
struct Sum<'a> {
    repository: &'a Repository,
    known: Arc<Look>,
    rest: Rest,
    seen: BTreeSet<ObjectId>,
}

impl Sum<'_> {
    fn add(&mut self, entry: &Entry) -> Result<()> {
        let Sum { repository, known, rest, seen } = self;
        let class = &repository.config().storage_class;
        packs_of(repository.blobs(), entry, &mut |pack, _| {
            if seen.insert(pack) {
                rest.add(known.packs.get(&pack), class);
            }
            true
        })?;
        Ok(())
    }
}

impl Rest {
    /// Whether all of it can be read.
    pub fn is_readable(&self) -> bool {
        self.readable == self.packs
    }

    /// One more pack. One that no listing shows is left to whoever reads it.
    fn add(&mut self, resting: Option<&TierStatus>, class: &str) {
        self.packs += 1;
        let Some(resting) = resting else {
            self.readable += 1;
            return;
        };
        self.tiers.extend(resting.class.map(|class| class.as_str()));
        self.readable += u64::from(resting.availability.is_readable());
        match resting.availability {
            Availability::Retrieving => self.retrieving += 1,
            Availability::Ready { until } => {
                self.retrieved += 1;
                self.until = self.until.into_iter().chain(until).min_by_key(|until| until.seconds);
            }
            // Brought out of the archive, and to be brought back by us.
            Availability::Online if resting.class.is_some_and(|own| !own.as_str().eq_ignore_ascii_case(class)) => {
                self.retrieved += 1;
            }
            Availability::Online | Availability::Archived => {}
        }
    }
}
