//! An actor: one process with its own handle, cache, clock and dice, that does a few operations and may die in any of them.

use super::dice::Dice;
use super::gate::Gate;
use super::locks::Place;
use super::model::Model;
use super::roles::Role;
use super::world::World;
use crate::proofs::{PASSWORD, shown};
use engine::blob::CachePlace;
use engine::env::SharedEnv;
use engine::error::{Error, Kind, Result};
use engine::repository::{OpenOptions, Repository};
use engine::store::Store;
use format_spec::log::PointId;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;

/// What actors share beside the world.
pub(super) struct Shared {
    pub(super) world: Arc<World>,
    pub(super) model: Mutex<Model>,
    /// A folder for caches.
    pub(super) folder: PathBuf,
    pub(super) seed: u64,
}

pub(super) struct Actor {
    pub(super) shared: Arc<Shared>,
    pub(super) number: usize,
    pub(super) env: SharedEnv,
    pub(super) dice: Dice,
    pub(super) repository: Option<Arc<Repository>>,
    gate: Option<Arc<Gate>>,
}

impl Actor {
    pub(super) fn new(shared: Arc<Shared>, number: usize, skew_seconds: i64) -> Self {
        let env = shared.world.env(shared.seed, number as u64, skew_seconds);
        let dice = Dice::new(shared.seed, 100 + number as u64);
        Actor { shared, number, env, dice, repository: None, gate: None }
    }

    /// Runs the role's operations, one after the other, each in a life that may end in it.
    pub(super) fn run(mut self, mut role: Box<dyn Role>, operations: u64) {
        for _ in 0..operations {
            if self.shared.world.is_over() {
                return;
            }
            if self.dice.chance(300) {
                // The process ends as it should, and another one begins.
                self.end();
            }
            self.shared.world.count(|c| c.operations += 1);
            let done = match role.beside(&mut self) {
                Some(done) => done,
                None => self.handle().and_then(|repository| role.operate(&mut self, &repository)),
            };
            let is_dead = self.gate.as_ref().is_some_and(|gate| gate.is_dead());
            if is_dead {
                role.die();
                self.end();
                self.verify("after a crash");
            } else if let Err(e) = done
                && !matches!(e.kind(), Kind::Transient | Kind::Conflict)
                && !self.is_rot(&e)
            {
                self.violation(&format!("an operation failed: {}", shown(&e)));
            }
            if self.shared.world.locking.is_some() && self.dice.chance(400) {
                // The next one is a matter of another day.
                self.shared.world.sleep(self.dice.of(&[1, 1, 2, 4]) * 86_400);
            }
        }
    }

    /// The open repository, or a new handle.
    pub(super) fn handle(&mut self) -> Result<Arc<Repository>> {
        if self.repository.is_none() {
            let gate = Gate::new(self.shared.world.clone(), self.number);
            self.gate = Some(gate.clone());
            self.repository = Some(self.open(&gate)?);
        }
        Ok(self.repository.clone().expect("was just opened"))
    }

    /// A new process that has no repository open.
    pub(super) fn reborn(&mut self) -> Arc<Gate> {
        self.end();
        let gate = Gate::new(self.shared.world.clone(), self.number);
        self.gate = Some(gate.clone());
        gate
    }

    pub(super) fn is_dead(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.is_dead())
    }

    /// The repository for copies, by this process.
    pub(super) fn copies(&self) -> Result<Arc<Repository>> {
        let gate = self.gate.as_ref().expect("the process lives").of_copies();
        let cache = CachePlace::Folder(self.shared.folder.join(format!("{}-copies", self.number)));
        gate.open(|store| open(store, &self.env, cache))
    }

    /// What becomes of the handle when the process ends.
    fn end(&mut self) {
        self.repository = None;
        self.gate = None;
    }

    /// A handle with the actor's own cache; now and then the cache is lost.
    fn open(&mut self, gate: &Arc<Gate>) -> Result<Arc<Repository>> {
        let folder = self.shared.folder.join(self.number.to_string());
        if self.dice.chance(300) {
            let _ = std::fs::remove_dir_all(&folder);
        }
        gate.open(|store| open(store, &self.env, CachePlace::Folder(folder)))
    }

    /// Whether this is damage, and something has rotted, or it is of an entry that was damaged when it was read.
    pub(super) fn is_rot(&self, e: &Error) -> bool {
        let world = &self.shared.world;
        e.kind() == Kind::Damaged && (world.has_rotten() || e.object().is_some_and(|object| world.was_wrecked(object)))
    }

    /// Holds what everybody would see now against the model.
    pub(super) fn verify(&self, when: &str) {
        let world = &self.shared.world;
        let env = world.env(self.shared.seed, 1000 + self.number as u64, 0);
        let opened = open(world.backups.seen(), &env, self.observer_cache());
        let found = match opened {
            Ok(repository) => {
                let model = self.shared.model.lock();
                model
                    .verify(&repository, world.has_rotten(), world.time())
                    .and_then(|()| self.read_locks(&world.backups, &repository))
            }
            Err(e) if self.is_rot(&e) => Ok(()),
            Err(e) => Err(format!("the repository does not open: {}", shown(&e))),
        };
        if let Err(what) = found {
            self.violation(&format!("{when}: {what}"));
        }
    }

    /// Holds what everybody would see of the copies against the model; those that were acknowledged are there.
    pub(super) fn verify_copies(&self, when: &str, acknowledged: &[PointId]) {
        let world = &self.shared.world;
        let env = world.env(self.shared.seed, 1000 + self.number as u64, 0);
        let found = match open(world.copies.seen(), &env, CachePlace::Temporary) {
            Ok(copies) => match acknowledged.iter().find(|id| copies.log().view().live(id).is_none()) {
                Some(lost) => Err(format!("the copy of point {lost} was acknowledged and is not there")),
                None => self
                    .shared
                    .model
                    .lock()
                    .verify_copies(&copies, world.time())
                    .and_then(|()| self.read_locks(&world.copies, &copies)),
            },
            Err(e) => Err(format!("the repository of copies does not open: {}", shown(&e))),
        };
        if let Err(what) = found {
            self.violation(&format!("{when}: {what}"));
        }
    }

    fn read_locks(&self, place: &Place, repository: &Repository) -> std::result::Result<(), String> {
        let read = place.expect_locked(repository)?;
        self.shared.world.count(|c| c.locks_read += read);
        Ok(())
    }

    /// Observers of all actors share one cache.
    fn observer_cache(&self) -> CachePlace {
        CachePlace::Folder(self.shared.folder.join("observer"))
    }

    pub(super) fn violation(&self, what: &str) {
        self.shared.world.violation(format!("actor {}: {what}", self.number));
    }
}

/// Opens the repository of a history.
pub(super) fn open(store: Arc<dyn Store>, env: &SharedEnv, cache: CachePlace) -> Result<Arc<Repository>> {
    let options = OpenOptions::new(env.clone(), cache);
    Repository::open(store, Some(PASSWORD), &options)
}
