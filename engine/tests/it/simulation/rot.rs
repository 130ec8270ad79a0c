//! Bytes that rot while others work, and somebody who repairs.
//!
//! In a share of the seeds the packs of backups carry parity. One byte of each object rots at most,
//! and never of two that heal each other, so everything can be given back. Until it is, whoever
//! comes by may speak of damage, of these objects and of no others; what is read is right or not
//! read; and in the end a repair and a collection leave a repository in which nothing is missing.

use super::actor::Actor;
use super::mutants::{Mutant, condemn};
use super::roles::Role;
use bytes::Bytes;
use engine::Result;
use engine::maintenance::Level;
use engine::maintenance::repair::{self, RepairOptions};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::store::{ObjectName, StoreExt};
use format_spec::container::ObjectKind;
use format_spec::{ObjectId, names};
use std::sync::Arc;

/// Lets a byte of a pack rot that somebody has published.
pub(super) struct Rotter;

impl Role for Rotter {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        repository.refresh()?;
        let world = actor.shared.world.clone();
        for _ in 0..1 + actor.dice.below(2) {
            let packs = repository.blobs().live_index().packs()?;
            let mut sound = Vec::new();
            for pack in packs {
                let name = ObjectName::new(names::of_session(pack.kind, pack.id))?;
                if !world.rotten.lock().contains(&name) && world.backups.memory.head_of(&name).is_ok() {
                    sound.push(name);
                }
            }
            if sound.is_empty() {
                return Ok(());
            }
            let name = sound.swap_remove(actor.dice.index(sound.len()));
            let mut bytes = world.backups.memory.get(&name)?.to_vec();
            let at = actor.dice.index(bytes.len());
            bytes[at] ^= 1 << actor.dice.below(8);
            world.backups.memory.replace(&name, Bytes::from(bytes));
            world.rotten.lock().insert(name);
            world.count(|c| c.rotted += 1);
        }
        Ok(())
    }
}

/// Plans a repair and carries it out, at times with the copies at hand.
pub(super) struct Repairer;

impl Role for Repairer {
    fn operate(&mut self, actor: &mut Actor, repository: &Arc<Repository>) -> Result<()> {
        let world = actor.shared.world.clone();
        if world.mutant == Mutant::CondemnsDamaged {
            return condemn(repository, &rotten(actor));
        }
        let from = if actor.dice.chance(300) { Some(actor.copies()?) } else { None };
        let level = actor.dice.of(&[Level::Full, Level::Full, Level::Stored]);
        let healed = repair(repository, RepairOptions { level, from, threads: 1 })?;
        world.count(|c| c.repaired += u64::from(healed));
        if !actor.is_dead() && actor.dice.chance(300) {
            actor.verify("after a repair");
        }
        Ok(())
    }
}

/// Gives back what can be, and records what cannot; whether that was anything.
pub(super) fn repair(repository: &Arc<Repository>, options: RepairOptions) -> Result<bool> {
    let monitor = Arc::new(Monitor::new());
    let plan = repair::plan(repository, &options, &monitor)?;
    if !plan.changes_something() {
        return Ok(false);
    }
    repair::apply(repository, &options, &plan.hash, &monitor)?;
    Ok(true)
}

/// The packs that have rotted.
fn rotten(actor: &Actor) -> Vec<(ObjectKind, ObjectId)> {
    let rotten = actor.shared.world.rotten.lock();
    let parsed = rotten.iter().filter_map(|name| names::parse(name.as_str()));
    parsed.map(|(kind, session, ordinal)| (kind, ObjectId { session, ordinal })).collect()
}
