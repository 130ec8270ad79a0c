//! Faults that the simulation must find: a store or a collector that breaks one rule, only in these tests.

use super::history::{EXPIRER, run};
use super::locks::Locking;
use super::world::World;
use bytes::Bytes;
use engine::Result;
use engine::maintenance::CollectPlan;
use engine::repository::Repository;
use engine::store::{ListOptions, Memory, ObjectLock, ObjectName, ObjectRef, PutOptions, Receipt, Store};
use format_spec::container::ObjectKind;
use format_spec::log::{Change, CondemnedPack, Purpose};
use format_spec::{ObjectId, names};

/// The rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    /// None.
    Sound,
    /// A slot of the log that is taken is overwritten (I1).
    OverwritesSlots,
    /// Now and then an entry of the log is acknowledged and lost.
    LosesEntries,
    /// The collector deletes dead packs, and condemns them afterwards (I4).
    DeletesBeforeCondemning,
    /// The collector deletes packs that no entry names though their session is open (I4).
    DeletesUnpublished,
    /// The collector condemns by its plan of last time (I3).
    CondemnsByOldPlan,
    /// What is used again is not locked for longer (I8).
    ForgetsExtensions,
    /// What is put is not locked (I8).
    DropsLocks,
    /// The collector asks for packs that it knows to be locked.
    DeletesLocked,
    /// Whoever lets points and items go believes a store's clock that is weeks ahead, so nothing is locked (I8).
    ExpiresByFalseTime,
    /// Of a copy that was overwritten its owner takes the newest version (I8).
    BelievesNewestCopies,
    /// Rules count points by what clocks said and not by the order of commits.
    KeepsByClock,
    /// A repair condemns damaged packs, and says nowhere where their blobs are now.
    CondemnsDamaged,
    /// A cure of the log's end deletes the entry that is damaged, so that its slot is given again.
    DeletesDamagedEntries,
    /// One leaves the restore point lost that the entry had committed.
    ForgetsToCommitAgain,
}

impl Mutant {
    /// Puts as a store with this fault does.
    pub(super) fn put(self, store: &Memory, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        let is_slot = name.is_below("log");
        match self {
            Mutant::OverwritesSlots if is_slot => {
                store.replace(name, bytes);
                Ok(Receipt::default())
            }
            Mutant::LosesEntries if is_slot && blake3::hash(&bytes).as_bytes()[0].is_multiple_of(16) => {
                Ok(Receipt { version: None, checksum_enforced: true })
            }
            Mutant::DropsLocks => store.put(name, bytes, &PutOptions { lock: None, ..*options }),
            _ => store.put(name, bytes, options),
        }
    }

    /// Locks for longer as a store, or an engine above it, with this fault does.
    pub(super) fn extend(self, store: &Memory, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        match self {
            Mutant::ForgetsExtensions => Ok(*wanted),
            _ => store.extend_lock(object, wanted),
        }
    }

    /// By how much this actor believes the time to be later, by its own clock and by the store's.
    pub(super) fn ahead_seconds(self, actor: usize) -> i64 {
        if self == Mutant::ExpiresByFalseTime && actor == EXPIRER { 40 * 86_400 } else { 0 }
    }

    /// What a collector with this fault does before it collects.
    pub(super) fn collect(
        self,
        repository: &Repository,
        plan: &CollectPlan,
        stale: &mut Option<CollectPlan>,
    ) -> Result<()> {
        match self {
            Mutant::DeletesBeforeCondemning => plan.dead.iter().try_for_each(|p| delete(repository, p.kind, p.id)),
            Mutant::DeletesUnpublished => delete_unpublished(repository),
            Mutant::DeletesLocked => {
                plan.locked.iter().for_each(|p| _ = delete(repository, p.kind, p.id));
                Ok(())
            }
            Mutant::CondemnsByOldPlan => match stale.replace(plan.clone()) {
                Some(old) => condemn(repository, &old.dead.iter().map(|pack| (pack.kind, pack.id)).collect::<Vec<_>>()),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn delete(repository: &Repository, kind: ObjectKind, id: ObjectId) -> Result<()> {
    repository.sealed_store().store.delete(ObjectName::new(names::of_session(kind, id))?.object())
}

fn delete_unpublished(repository: &Repository) -> Result<()> {
    let view = repository.log().view();
    let known: Vec<ObjectId> = repository.blobs().live_index().packs()?.iter().map(|p| p.id).collect();
    let mut found = Vec::new();
    for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
        repository.sealed_store().store.list(&ListOptions::below(names::folder(kind)), &mut |listed| {
            let parsed = names::parse(listed.name.as_str());
            found.extend(parsed.map(|(kind, session, ordinal)| (kind, ObjectId { session, ordinal })));
            true
        })?;
    }
    found.retain(|(_, id)| !known.contains(id) && !view.condemned.has(*id));
    found.into_iter().try_for_each(|(kind, id)| delete(repository, kind, id))
}

/// Condemns packs as if nobody needed them.
pub(super) fn condemn(repository: &Repository, packs: &[(ObjectKind, ObjectId)]) -> Result<()> {
    let env = &**repository.env();
    let open = Change::Open { job: String::new(), host: String::new(), base: None, purpose: Purpose::Care };
    let session = repository.log().append(env, &mut |_| Ok(open.clone()))?;
    repository.log().append(env, &mut |view| {
        view.expect_session(session)?;
        let rows = packs.iter().filter(|(_, id)| !view.condemned.has(*id));
        let condemned = rows.map(|(kind, id)| CondemnedPack { kind: *kind, id: *id, survivors: None }).collect();
        Ok(Change::Condemn { session, condemned, packs: Vec::new(), segment: None, plan: [0; 32] })
    })?;
    repository.log().append(env, &mut |view| {
        view.expect_session(session)?;
        Ok(Change::Fence { session, reason: "done".to_owned() })
    })?;
    repository.refresh()?;
    Ok(())
}

/// Looks for a violation in these seeds, and says which has the first.
fn expect_found(mutant: Mutant) {
    expect_found_among(mutant, 0..SEEDS);
}

fn expect_found_among(mutant: Mutant, seeds: impl IntoIterator<Item = u64>) {
    let mut tried = 0;
    let mut first = |seed| {
        tried += 1;
        run(seed, mutant).violations.first().map(|what| (seed, what.clone()))
    };
    let found = seeds.into_iter().find_map(&mut first);
    let (seed, what) = found.unwrap_or_else(|| panic!("no history of {tried} shows {mutant:?}"));
    println!("simulation: {mutant:?} is found by seed {seed}, the {tried}. of its kind: {what}");
}

/// Each mutant is found within so many seeds.
const SEEDS: u64 = 200;

#[test]
fn a_store_that_overwrites_slots_is_found() {
    expect_found(Mutant::OverwritesSlots);
}

#[test]
fn a_store_that_loses_what_it_acknowledged_is_found() {
    expect_found(Mutant::LosesEntries);
}

#[test]
fn a_collector_that_deletes_before_it_condemns_is_found() {
    expect_found(Mutant::DeletesBeforeCondemning);
}

#[test]
fn a_collector_that_deletes_what_an_open_session_stored_is_found() {
    expect_found(Mutant::DeletesUnpublished);
}

#[test]
fn a_collector_that_condemns_by_an_old_plan_is_found() {
    expect_found(Mutant::CondemnsByOldPlan);
}

#[test]
fn an_engine_that_forgets_to_extend_locks_is_found() {
    expect_found(Mutant::ForgetsExtensions);
}

#[test]
fn a_store_that_drops_locks_is_found() {
    expect_found(Mutant::DropsLocks);
}

#[test]
fn a_collector_that_asks_for_what_it_knows_to_be_locked_is_found() {
    expect_found(Mutant::DeletesLocked);
}

/// Among histories in which items leave by their own age.
#[test]
fn an_expirer_that_takes_items_out_of_locked_points_is_found() {
    let by_items = |seed: &u64| Locking::of(*seed).is_some_and(|locking| locking.items().is_some());
    expect_found_among(Mutant::ExpiresByFalseTime, (0..10 * SEEDS).filter(by_items).take(40));
}

/// Nobody but the attacker puts a second version of what is there.
#[test]
fn an_owner_of_copies_who_believes_the_newest_version_is_found() {
    let is_attacked = |seed: &u64| Locking::of(*seed).is_some_and(|locking| locking.is_attacked);
    expect_found_among(Mutant::BelievesNewestCopies, (0..10 * SEEDS).filter(is_attacked).take(40));
}

#[test]
fn keep_rules_that_believe_clocks_are_found() {
    expect_found(Mutant::KeepsByClock);
}

#[test]
fn a_repair_that_condemns_what_it_cannot_read_is_found() {
    expect_found_among(Mutant::CondemnsDamaged, (0..10 * SEEDS).filter(|seed| World::rots(*seed)).take(40));
}

fn wrecked() -> impl Iterator<Item = u64> {
    (0..10 * SEEDS).filter(|seed| World::wrecks(*seed)).take(60)
}

#[test]
fn a_cure_that_gives_the_slot_of_a_damaged_entry_again_is_found() {
    expect_found_among(Mutant::DeletesDamagedEntries, wrecked());
}

#[test]
fn a_cure_that_leaves_a_committed_point_lost_is_found() {
    expect_found_among(Mutant::ForgetsToCommitAgain, wrecked());
}
