//! Somebody who may put and delete, and knows no key: he hides, overwrites, tries to destroy what is locked, and fills the next slots of the log, of
//! backups and of copies.
//!
//! What no lock holds he could destroy; the model promises nothing of that, so he leaves it alone.

use super::actor::Actor;
use super::roles::Role;
use super::world::Fate;
use bytes::Bytes;
use engine::Result;
use engine::error::Kind;
use engine::repository::Repository;
use engine::store::{ListOptions, Memory, ObjectName, RequestKind, Store, StoreExt};
use format_spec::container::ObjectKind;
use format_spec::names;
use std::sync::Arc;

pub(super) struct Attacker;

impl Role for Attacker {
    fn operate(&mut self, actor: &mut Actor, _: &Arc<Repository>) -> Result<()> {
        let world = actor.shared.world.clone();
        let bucket = if actor.dice.chance(500) { &world.copies.memory } else { &world.backups.memory };
        let Some(names) = may(actor, RequestKind::List, "").then(|| names_in(bucket)) else { return Ok(()) };
        for _ in 0..1 + actor.dice.below(4) {
            let name = names[actor.dice.index(names.len())].clone();
            match actor.dice.below(4) {
                0 if may(actor, RequestKind::Delete, name.as_str()) => bucket.delete(name.object())?,
                1 if may(actor, RequestKind::Put, name.as_str()) => {
                    bucket.replace(&name, Bytes::from_static(b"robbed"));
                }
                2 => {
                    let slot = names.iter().filter_map(slot_of).max().unwrap_or(0) + 1;
                    let slot = ObjectName::new(names::log(slot + u32::from(actor.dice.chance(300))))?;
                    if may(actor, RequestKind::Put, slot.as_str()) {
                        bucket.replace(&slot, Bytes::from_static(b"junk"));
                    }
                }
                _ => destroy(actor, bucket, &name)?,
            }
        }
        Ok(())
    }
}

/// Deletes each locked version of an object by its id: he must not succeed.
fn destroy(actor: &Actor, bucket: &Memory, name: &ObjectName) -> Result<()> {
    for version in bucket.versions(name)? {
        if !may(actor, RequestKind::Delete, name.as_str()) {
            continue;
        }
        let lock = match bucket.lock_of(name.at(version.id.as_deref())) {
            // A marker, or gone meanwhile.
            Err(e) if e.kind() == Kind::Absent => None,
            other => other?,
        };
        if lock.is_some_and(|lock| lock.until > actor.shared.world.time()) {
            match bucket.delete(name.at(version.id.as_deref())) {
                Err(e) if e.kind() == Kind::Immutable => {}
                _ => actor.violation(&format!("{name} was deleted, and was locked")),
            }
        }
    }
    Ok(())
}

/// Waits for the turn; whether what he wants comes through.
fn may(actor: &Actor, verb: RequestKind, name: &str) -> bool {
    actor.shared.world.count(|c| c.attacks += 1);
    matches!(actor.shared.world.turn(actor.number, verb, name), Fate::Go | Fate::Lost)
}

fn names_in(bucket: &Memory) -> Vec<ObjectName> {
    let mut names = Vec::new();
    let listed = bucket.list(&ListOptions::below("").oldest(), &mut |listed| {
        names.push(listed.name);
        true
    });
    listed.expect("memory lists");
    names
}

fn slot_of(name: &ObjectName) -> Option<u32> {
    names::parse(name.as_str()).filter(|(kind, ..)| *kind == ObjectKind::LogEntry).map(|(_, _, slot)| slot)
}
