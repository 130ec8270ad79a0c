//! One history: a repository with a few points, actors beside each other, and the reckoning.

use super::actor::{Actor, Shared, open};
use super::attacker::Attacker;
use super::dice::Dice;
use super::locks::Locking;
use super::model::Model;
use super::mutants::Mutant;
use super::reckoning::reckon;
use super::roles::{Checker, Collector, Copier, Expirer, Raiser, Reader, Role, Truncator, Writer};
use super::rot::{Repairer, Rotter};
use super::source::Tree;
use super::world::{Counts, PRINTS, Rates, World};
use super::wreck::Wrecker;
use crate::proofs::{CHEAP, PASSWORD};
use engine::blob::CachePlace;
use engine::repository::{NewRepository, Repository};
use format_spec::config::{Class, Cutting};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What came of a seed.
pub(super) struct Outcome {
    pub(super) trace: [u8; 32],
    pub(super) counts: Counts,
    pub(super) violations: Vec<String>,
}

/// Runs the history of a seed.
pub(super) fn run(seed: u64, mutant: Mutant) -> Outcome {
    let folder = folder();
    let mut dice = Dice::new(seed, 0);
    let (rates, skews) = (rates(&mut dice), dice.chance(400));
    let mut cast = cast(&mut dice);
    let locking = Locking::of(seed);
    cast.extend(locking.map(|locking| cast_for(locking, &mut dice)).into_iter().flatten());
    // Most of what there is for him comes late; while there is nothing, he costs little.
    cast[EXPIRER].1 += if locking.is_some_and(|locking| locking.items().is_some()) { 12 } else { 3 };
    if World::rots(seed) {
        cast.push((Box::new(Rotter), 2 + dice.below(4)));
        cast.push((Box::new(Repairer), 2 + dice.below(4)));
    }
    if World::wrecks(seed) {
        cast.push((Box::new(Wrecker), 6 + dice.below(12)));
    }
    let world = World::new(seed, cast.len(), rates, mutant);
    let shared = Arc::new(Shared {
        world: world.clone(),
        model: Mutex::new(Model::new(locking.and_then(|locking| locking.items()))),
        folder: folder.path().into(),
        seed,
    });
    create(&shared);
    std::thread::scope(|scope| {
        for (number, (role, operations)) in cast.into_iter().enumerate() {
            let hours = if skews { dice.of(HOURS_OFF) } else { 0 };
            // By clocks that are far off nothing is locked: they are minutes off where days count.
            let seconds = if world.locking.is_some() { 3 * (hours % HOURS_OF_YEAR) } else { 3600 * hours };
            let seconds = seconds + mutant.ahead_seconds(number);
            world.count(|c| c.far_clocks += u64::from(seconds.abs() >= 3600 * HOURS_OF_YEAR));
            world.has_far_clocks.fetch_or(seconds.abs() >= 3600, Ordering::SeqCst);
            let actor = Actor::new(shared.clone(), number, seconds);
            let world = world.clone();
            scope.spawn(move || {
                let leaving = Leaving(&world, number);
                actor.run(role, operations);
                drop(leaving);
            });
        }
    });
    if !world.is_over()
        && let Err(what) = reckon(&shared)
    {
        world.violation(format!("in the end: {what}"));
    }
    if *PRINTS {
        print_log(&shared);
    }
    Outcome { trace: world.trace(), counts: world.counts(), violations: world.violations() }
}

/// The entries that are there in the end, for whoever reads a trace.
fn print_log(shared: &Shared) {
    let env = shared.world.env(shared.seed, 4000, 0);
    let Ok(repository) = open(shared.world.backups.seen(), &env, CachePlace::Temporary) else { return };
    for slot in 1..=repository.log().view().head {
        let entry = repository.log().entry(slot).map(|entry| entry.map(|e| e.change));
        println!("log/{slot:x}: {entry:?}");
    }
}

/// An actor that ends, or whose thread panics, keeps nobody waiting.
struct Leaving<'a>(&'a World, usize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.violation(format!("actor {} has panicked", self.1));
        }
        self.0.leave(self.1);
    }
}

fn rates(dice: &mut Dice) -> Rates {
    Rates {
        refused: dice.of(&[0, 0, 4, 15]),
        lost: dice.of(&[0, 0, 4, 15]),
        dies: dice.of(&[0, 2, 5, 10]),
        pauses: dice.of(&[0, 2, 6]),
        stays: dice.of(&[0, 500, 900, 980]),
    }
}

/// Who plays, and for how many operations.
fn cast(dice: &mut Dice) -> Vec<(Box<dyn Role>, u64)> {
    let tree = || Arc::new(Mutex::new(Tree::new()));
    let (one, two) = (tree(), tree());
    let mut cast: Vec<(Box<dyn Role>, u64)> = vec![
        (Box::new(Writer { job: "one", tree: one.clone(), device: 1 }), 3 + dice.below(4)),
        (Box::new(Writer { job: "two", tree: two, device: 2 }), 2 + dice.below(4)),
        (Box::new(Expirer), 3 + dice.below(5)),
        (Box::<Collector>::default(), 2 + dice.below(5)),
        (Box::<Reader>::default(), 2 + dice.below(6)),
    ];
    if dice.chance(500) {
        cast.push((Box::new(Writer { job: "one", tree: one, device: 1 }), 1 + dice.below(3)));
    }
    if dice.chance(500) {
        cast.push((Box::<Collector>::default(), 1 + dice.below(3)));
    }
    if dice.chance(500) {
        cast.push((Box::new(Truncator), 2 + dice.below(5)));
    }
    if dice.chance(300) {
        cast.push((Box::new(Checker), 1 + dice.below(2)));
    }
    if dice.chance(500) {
        cast.push((Box::new(Copier), 2 + dice.below(4)));
    }
    cast
}

/// Who plays besides where there are locks.
fn cast_for(locking: Locking, dice: &mut Dice) -> Vec<(Box<dyn Role>, u64)> {
    let mut cast: Vec<(Box<dyn Role>, u64)> = Vec::new();
    if locking.may_be_raised() && dice.chance(500) {
        cast.push((Box::new(Raiser), 1 + dice.below(2)));
    }
    if locking.is_attacked {
        cast.push((Box::new(Attacker), 3 + dice.below(6)));
    }
    cast
}

/// A new repository in the world's store.
fn create(shared: &Shared) {
    let env = shared.world.env(shared.seed, 2000, 0);
    let mut new = NewRepository {
        password: Some(PASSWORD.to_vec()),
        cost: CHEAP,
        label: "simulation".into(),
        cutting: Some(Cutting { least: 256, average: 1024, most: 4096 }),
        block_target: Some(4096),
        level: Some(1),
        // What rots can be given back.
        parity_percent: if shared.world.rots { 50 } else { 0 },
        ..NewRepository::new(Class::Backup)
    };
    let locking = shared.world.locking;
    locking.iter().for_each(|locking| locking.apply(&mut new));
    let backups = shared.world.backups.seen();
    Repository::create(&*backups, &new, &env).expect("a new repository");
    let made = open(backups, &env, CachePlace::Temporary).expect("opens");
    let dedup = Some(made.sealed_store().secrets.dedup.clone());
    let mut copies = NewRepository { class: Class::Copy, dedup, origin: Some(made.id()), parity_percent: 0, ..new };
    locking.iter().for_each(|locking| locking.apply(&mut copies));
    Repository::create(&*shared.world.copies.seen(), &copies, &env).expect("a repository for copies");
}

/// Caches are written and synced: in memory where the machine has a place for that.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = tempfile::Builder::new().prefix("cairn-simulation-").tempdir_in(memory);
    made.or_else(|_| tempfile::tempdir()).expect("a folder for caches")
}

/// By how many hours a clock may be off: hours, days, and years in both directions.
const HOURS_OFF: &[i64] =
    &[0, 0, -70, -6, 6, 70, -3 * HOURS_OF_YEAR, 3 * HOURS_OF_YEAR, -12 * HOURS_OF_YEAR, YEARS_OFF_MAX * HOURS_OF_YEAR];
const HOURS_OF_YEAR: i64 = 8766;
/// The number of the one who lets points go.
pub(super) const EXPIRER: usize = 2;
/// No clock is ahead by more years.
pub(super) const YEARS_OFF_MAX: i64 = 12;
