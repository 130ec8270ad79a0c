//! Faults that the simulation must find: a store or a collector that breaks one rule, only in these tests.

use super::history::run;
use bytes::Bytes;
use engine::Result;
use engine::care::CollectPlan;
use engine::repository::Repository;
use engine::store::{Memory, Name, Receipt, Retention, Store, Terms};
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
}

impl Mutant {
    /// Puts as a store with this fault does.
    pub(super) fn put(self, store: &Memory, name: &Name, bytes: Bytes, terms: &Terms) -> Result<Receipt> {
        let is_slot = name.is_below("log");
        match self {
            Mutant::OverwritesSlots if is_slot => {
                store.replace(name, bytes);
                Ok(Receipt::default())
            }
            Mutant::LosesEntries if is_slot && blake3::hash(&bytes).as_bytes()[0].is_multiple_of(16) => {
                Ok(Receipt { version: None, checksum_enforced: true })
            }
            Mutant::DropsLocks => store.put_new(name, bytes),
            _ => store.put_in(name, bytes, terms),
        }
    }

    /// Locks for longer as a store, or an engine above it, with this fault does.
    pub(super) fn extend(
        self,
        store: &Memory,
        name: &Name,
        version: Option<&str>,
        wanted: &Retention,
    ) -> Result<Retention> {
        match self {
            Mutant::ForgetsExtensions => Ok(*wanted),
            _ => store.extend_retention(name, version, wanted),
        }
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
                Some(old) => condemn(repository, &old),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn delete(repository: &Repository, kind: ObjectKind, id: ObjectId) -> Result<()> {
    repository.vault().store.delete(&Name::new(names::of_session(kind, id))?, None)
}

fn delete_unpublished(repository: &Repository) -> Result<()> {
    let view = repository.log().view();
    let known: Vec<ObjectId> = repository.blobs().catalog().packs()?.iter().map(|p| p.id).collect();
    let mut found = Vec::new();
    for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
        repository.vault().store.list(names::folder(kind), None, &mut |listed| {
            let parsed = names::parse(listed.name.as_str());
            found.extend(parsed.map(|(kind, session, ordinal)| (kind, ObjectId { session, ordinal })));
            true
        })?;
    }
    found.retain(|(_, id)| !known.contains(id) && !view.condemned.has(*id));
    found.into_iter().try_for_each(|(kind, id)| delete(repository, kind, id))
}

fn condemn(repository: &Repository, old: &CollectPlan) -> Result<()> {
    let env = &**repository.env();
    let open = Change::Open { job: String::new(), host: String::new(), base: None, purpose: Purpose::Care };
    let session = repository.log().append(env, &mut |_| Ok(open.clone()))?;
    repository.log().append(env, &mut |view| {
        view.expect_session(session)?;
        let rows = old.dead.iter().filter(|p| !view.condemned.has(p.id));
        let condemned = rows.map(|p| CondemnedPack { kind: p.kind, id: p.id, survivors: None }).collect();
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
    let found = (0..SEEDS).find_map(|seed| run(seed, mutant).violations.first().map(|what| (seed, what.clone())));
    let (seed, what) = found.unwrap_or_else(|| panic!("no history of {SEEDS} shows {mutant:?}"));
    println!("simulation: {mutant:?} is found by seed {seed}: {what}");
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
