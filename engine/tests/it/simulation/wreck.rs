//! The newest entry of the log is damaged, and somebody sets it aside while others write, expire and collect ([LOG-28]).
//!
//! In a share of the seeds a bit of the newest entry flips now and then. Until somebody cures that, whoever reads the log anew may speak of damage of this
//! entry and of nothing else; whoever had read it when it was sound goes on. The cure is the engine's own, in two steps between which the process may die:
//! the entry is set aside, and a restore point that it committed is committed again. Where somebody had appended behind it by then, the entry's right
//! bytes come back instead, as from a copy of the repository.
//!
//! What is promised of an entry that is set aside: a point that it committed is live again, unless the cure died in between; a point that it expired or
//! changed may be as it was before; nothing else changes. Entries that condemn or fold are left alone, and where clocks are far apart those that expire or change: a collection whose grace is
//! over may have deleted by them already, and `docs/damage.md` says so.

use super::actor::{Actor, Shared};
use super::mutants::Mutant;
use super::roles::Role;
use super::world::World;
use crate::proofs::PASSWORD;
use bytes::Bytes;
use engine::blob::CachePlace;
use engine::env::SharedEnv;
use engine::maintenance::repair::OpeningPlan;
use engine::monitor::Monitor;
use engine::repository::{Found, OpenOptions, Repository};
use engine::store::{ObjectName, Store, StoreExt};
use engine::{Kind, Result};
use format_spec::log::{Change, PointId};
use format_spec::names;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// An entry that is damaged.
#[derive(Debug, Clone)]
pub(super) struct Wreck {
    pub(super) name: ObjectName,
    /// The bytes that it had.
    right: Bytes,
    /// What it committed.
    committed: Option<PointId>,
    /// What it expired or changed.
    undone: Vec<PointId>,
}

/// Damages the newest entry, and cures what is damaged.
pub(super) struct Wrecker;

impl Role for Wrecker {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        damage(&actor.shared, repository)
    }

    fn beside(&mut self, actor: &mut Actor) -> Option<Result<()>> {
        let wreck = actor.shared.world.wreck.lock().clone()?;
        let gate = actor.reborn();
        Some(gate.open_store(|store| cure(&actor.shared, &wreck, store, &actor.env)))
    }
}

/// Flips a bit of the newest entry, if it is of a kind that may be set aside and no checkpoint sums it up.
fn damage(shared: &Shared, repository: &Repository) -> Result<()> {
    repository.refresh()?;
    let world = &shared.world;
    let (slot, memory) = (repository.log().view().head, &world.backups.memory);
    let Some(change) = repository.log().entry(slot)?.map(|entry| entry.change) else { return Ok(()) };
    // By a clock that is hours ahead a grace has passed at once.
    let has_grace = !world.has_far_clocks.load(Ordering::SeqCst);
    let (committed, undone) = match change {
        Change::Open { .. } | Change::Publish { .. } | Change::Fence { .. } => (None, Vec::new()),
        Change::Commit { id, .. } => (Some(id), Vec::new()),
        Change::Expire { points, .. } if has_grace => (None, points),
        Change::Rewrite { id, .. } if has_grace => (None, vec![id]),
        _ => return Ok(()),
    };
    // Nobody else runs from here on: is it the newest still?
    let there = |name: String| memory.head_of(&ObjectName::new(name).expect("a name")).is_ok();
    if there(names::log(slot + 1)) || there(names::checkpoint(slot)) || !there(names::log(slot)) {
        return Ok(());
    }
    let name = ObjectName::new(names::log(slot))?;
    let right = memory.get(&name)?;
    let mut bytes = right.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    memory.replace(&name, bytes.into());
    world.wreck_begins(Wreck { name, right, committed, undone });
    Ok(())
}

/// Makes the log readable again.
pub(super) fn cure(shared: &Shared, wreck: &Wreck, store: Arc<dyn Store>, env: &SharedEnv) -> Result<()> {
    let world = &shared.world;
    let found = Found::look(Arc::clone(&store))?;
    let options = OpenOptions::new(env.clone(), CachePlace::Temporary);
    let (before, stop) = Repository::open_as_far(&found, Some(PASSWORD), &options)?;
    let Some(stop) = stop else {
        // Somebody who had read it has summed it up.
        world.wreck_ends(wreck);
        return Ok(());
    };
    if world.mutant == Mutant::DeletesDamagedEntries {
        store.delete(wreck.name.object())?;
        world.wreck_ends(wreck);
        return Ok(());
    }
    let plan = OpeningPlan::of_log(&store, &before, &stop, None, &Monitor::new())?;
    if plan.set_aside.is_empty() {
        put_back(world, wreck);
        return Ok(());
    }
    // From here on it may have been set aside, whoever is told.
    shared.model.lock().set_aside(&wreck.undone, wreck.committed);
    match plan.apply(&store, &**env, &plan.hash) {
        // Somebody has appended behind it, or this very cure had an effect when its answer was lost.
        Err(e) if e.kind() == Kind::Conflict => return Ok(()),
        other => other?,
    };
    world.wreck_ends(wreck);
    world.count(|c| c.set_aside += 1);
    if world.mutant == Mutant::ForgetsToCommitAgain {
        shared.model.lock().committed_again(wreck.committed);
        return Ok(());
    }
    let repository = found.open(Some(PASSWORD), &options)?;
    let again = plan.commit_again(&repository, &Monitor::new())?;
    if let Some(id) = wreck.committed.filter(|id| again.contains(id) || repository.log().view().live(id).is_some()) {
        shared.model.lock().committed_again(Some(id));
        world.count(|c| c.committed_again += 1);
    }
    Ok(())
}

/// The right bytes come back, as from a copy of the repository.
fn put_back(world: &World, wreck: &Wreck) {
    world.backups.memory.replace(&wreck.name, wreck.right.clone());
    world.wreck_ends(wreck);
}
