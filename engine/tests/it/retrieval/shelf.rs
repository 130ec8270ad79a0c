//! A repository whose data packs rest in an archive in memory, and a clock of the test's own.

use crate::immutability::place::Clock;
use crate::proofs::rig::{CHEAP, PASSWORD, Rig, names_of, noise};
use bytes::Bytes;
use engine::Result;
use engine::copy::{CopyOptions, Which, copy};
use engine::monitor::Monitor;
use engine::price::{Budget, PriceList};
use engine::repository::{NewRepository, Repository};
use engine::retrieval::{
    Needs, RetrievalPlan, RetrievalRequest, RetrievalState, Started, Status, plan, retrievals, start,
};
use engine::store::{Memory, ObjectName, RetrievalMode, StorageClass, StoreExt};
use format_spec::config::Class;
use std::sync::Arc;

/// A retrieval takes so long by the clock.
pub(crate) const THAW_SECONDS: u32 = 3600;

pub(crate) struct Shelf {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) rig: Rig,
    pub(crate) clock: Arc<Clock>,
    /// Two points: the first has `a/one` and `a/two`, the second `b/three` as well, each file of one data pack or more.
    pub(crate) store: Arc<Memory>,
}

impl Shelf {
    pub(crate) fn new(class: StorageClass) -> Shelf {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new();
        let source = Rig { env: clock.clone(), ..Rig::new(folder.path(), Arc::new(Memory::new())) };
        let store = Arc::new(Memory::archiving(clock.clone(), THAW_SECONDS));
        let like = source.open().unwrap();
        let new = NewRepository {
            password: Some(PASSWORD.to_vec()),
            cost: CHEAP,
            label: "test".into(),
            cutting: Some(like.config().cutting),
            dedup: Some(like.sealed_store().secrets.dedup.clone()),
            storage_class: class.as_str().to_owned(),
            origin: Some(like.id()),
            ..NewRepository::new(Class::Copy)
        };
        Repository::create(&*store, &new, &source.env).unwrap();
        let shelf = Shelf { folder, rig: source.over(store.clone()), clock, store };
        source.write("a/one", &noise(1, 100_000));
        shelf.copy_from(&source);
        source.write("a/two", &noise(2, 200_000));
        source.write("empty", b"");
        shelf.copy_from(&source);
        source.write("b/three", &noise(3, 300_000));
        std::os::unix::fs::symlink("a/one", source.source.join("link")).unwrap();
        shelf.copy_from(&source);
        shelf
    }

    /// Backs the source up and copies the point.
    fn copy_from(&self, source: &Rig) {
        source.back_up().unwrap();
        let options = CopyOptions::new(Which::Latest, "test");
        copy(&source.open().unwrap(), &self.open(), &options, &Arc::new(Monitor::new())).unwrap();
    }

    pub(crate) fn open(&self) -> Arc<Repository> {
        self.rig.open().unwrap()
    }

    /// What a path below the source needs.
    pub(crate) fn needs(&self, repository: &Repository, below: &str) -> Needs {
        needs(&self.rig, repository, below)
    }

    pub(crate) fn plan(&self, repository: &Repository, below: &str, wish: &RetrievalRequest) -> Result<RetrievalPlan> {
        let prices = PriceList::builtin("generic").unwrap();
        plan(repository, &self.needs(repository, below), wish, Some(&prices), &Monitor::new())
    }

    pub(crate) fn start(&self, repository: &Repository, below: &str, wish: &RetrievalRequest) -> Started {
        let plan = self.plan(repository, below, wish).unwrap();
        start(repository, &plan, &Budget::default(), &Monitor::new()).unwrap()
    }

    pub(crate) fn statuses(&self, repository: &Repository) -> Vec<Status> {
        retrievals(repository, &Monitor::new()).unwrap()
    }

    pub(crate) fn states(&self, repository: &Repository) -> Vec<RetrievalState> {
        self.statuses(repository).iter().map(|status| status.state).collect()
    }

    /// The names of the data packs.
    pub(crate) fn packs(&self) -> Vec<ObjectName> {
        let is_data = |name: &ObjectName| name.as_str().starts_with("data/");
        names_of(&*self.store).into_iter().filter(is_data).collect()
    }

    pub(crate) fn read(&self, name: &ObjectName) -> Result<Bytes> {
        self.store.get(name)
    }
}

/// What a path below the rig's source needs.
pub(crate) fn needs(rig: &Rig, repository: &Repository, below: &str) -> Needs {
    let point = repository.find_point("latest").unwrap();
    let mut inside = rig.inside();
    if !below.is_empty() {
        inside.extend_from_slice(format!("/{below}").as_bytes());
    }
    let mut needs = Needs::default();
    needs.add(repository, &point, &inside, &|_, _| true, &Monitor::new()).unwrap();
    needs
}

pub(crate) fn wish(mode: RetrievalMode, days: u32) -> RetrievalRequest {
    RetrievalRequest { mode, days, about: "a test".into() }
}
