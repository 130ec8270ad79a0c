use super::layer::{Fault, Layer};
use crate::immutability;
use crate::proofs::rig::names_of;
use crate::store::conformance::{conform, conform_locks, list, name};
use crate::store::targets::{self, Target};
use crate::store::thaw::Thawing;
use bytes::Bytes;
use engine::Kind;
use engine::env::Machine;
use engine::store::{
    Asked, Availability, ListOptions, Listed, Mode, ObjectLock, ObjectName, PutOptions, RetrievalMode, StorageClass,
    Store, StoreExt, open, open_versioned, probe, probe_lock,
};
use std::sync::Arc;

/// Every version is deleted by its id, everything by its name, and junk put into the next slot of the log.
#[test]
fn a_locked_repository_outlives_who_deletes_it() {
    let Some((_layer, target)) = immutable() else { return };
    let folder = tempfile::tempdir().unwrap();
    let raw = engine::store::open(&target.location, &target.options).unwrap();
    let owner = immutability::place::rig(folder.path(), settled(&target), Machine::shared(), Some(1));
    owner.write("a", b"what must come back");
    owner.expect_healthy();
    let everything = names_of(&*owner.store);
    for name in &everything {
        for version in raw.versions(name).unwrap() {
            let error = raw.delete(name.at(version.id.as_deref())).unwrap_err();
            assert_eq!(error.kind(), Kind::Immutable, "{name}: {error}");
        }
        raw.delete(name.object()).unwrap();
    }
    let next = ObjectName::new(format_spec::names::log(owner.open().unwrap().log().view().head + 1)).unwrap();
    raw.put_new(&next, text("junk")).unwrap();
    owner.expect_equal();
    owner.write("b", b"life goes on");
    owner.expect_healthy();
    assert_eq!(immutability::place::verified(&owner).gaps, []);
}

/// A container with version-level immutability.
fn immutable() -> Option<(Layer, Target)> {
    let mut target = targets::azure()?;
    let setting = |name: &str| target.options.settings.get(name).unwrap().clone();
    let (name, key) = (setting("azure_storage_account_name"), setting("azure_storage_account_key"));
    let layer = Layer::before(&setting("azure_storage_endpoint"), name, key);
    target.options.settings.insert("azure_storage_endpoint".to_owned(), layer.endpoint());
    Some((layer, target))
}

fn settled(target: &Target) -> Arc<dyn Store> {
    open_versioned(&target.location, &target.options).unwrap().store
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn seconds(store: &dyn Store, mode: Mode, seconds: i64) -> ObjectLock {
    let mut until = store.now().unwrap();
    until.seconds += seconds;
    ObjectLock::new(mode, until)
}

#[test]
fn a_container_with_immutability_conforms_by_the_rule_of_the_oldest_version() {
    let Some((_layer, target)) = immutable() else { return };
    let store = settled(&target);
    conform(&*store);
    conform_locks(&*store);
}

#[test]
fn the_probe_believes_policies_that_hold_and_refuses_those_that_do_not() {
    let Some((layer, target)) = immutable() else { return };
    let (store, env) = (settled(&target), Machine::shared());
    probe_lock(&*store, &*env, &|_| ()).unwrap().require().unwrap();
    probe(&*store, &*env, &|_| ()).unwrap().require().unwrap();
    // Elsewhere, as the next trial here would first free what this one left, and meet the fault there.
    let elsewhere = Target { location: target.location.below("elsewhere"), ..target };
    layer.inject(Fault::DeleteLocked);
    let error = probe_lock(&*settled(&elsewhere), &*env, &|_| ()).unwrap().require().unwrap_err();
    assert!(error.to_string().contains("a locked version was deleted"), "{error}");
}

#[test]
fn a_policy_that_was_dropped_at_the_put_is_set_afterwards() {
    let Some((layer, target)) = immutable() else { return };
    let store = settled(&target);
    layer.inject(Fault::DropPolicy);
    let lock = seconds(&*store, Mode::Compliance, 600);
    let version = store.put(&name("packs/1"), text("x"), &PutOptions::locked(&lock)).unwrap().version;
    assert!(layer.is_spent());
    assert_eq!(store.lock_of(name("packs/1").at(version.as_deref())).unwrap(), Some(lock));
    // And one that is dropped for good is an error.
    layer.inject(Fault::DropPolicy);
    layer.inject(Fault::IgnoreExtension);
    let error = store.put(&name("packs/2"), text("x"), &PutOptions::locked(&lock)).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "{error}");
    assert!(error.to_string().contains("shows no lock"), "{error}");
}

#[test]
fn lost_answers_end_in_the_lock_that_was_asked_for() {
    let Some((layer, target)) = immutable() else { return };
    let (store, object) = (settled(&target), name("log/0000000000000001"));
    let lock = seconds(&*store, Mode::Compliance, 600);
    layer.inject(Fault::LoseAnswer);
    // Tried again by itself: it is there, the caller compares, and asks for the lock.
    assert_eq!(store.put(&object, text("x"), &PutOptions::locked(&lock)).unwrap_err().kind(), Kind::Exists);
    assert_eq!(store.get(&object).unwrap(), "x");
    assert_eq!(store.extend_lock(object.object(), &lock).unwrap(), lock);
    layer.inject(Fault::LoseAnswer);
    let longer = seconds(&*store, Mode::Compliance, 1200);
    assert_eq!(store.extend_lock(object.object(), &longer).unwrap(), longer);
    assert!(layer.is_spent());
}

/// Versions and policies of the one layer, a slow archive of the other: a pack is locked and rests, and only its newest version comes back.
#[test]
fn a_locked_blob_rests_and_comes_back_unless_somebody_hid_it() {
    let Some((_layer, mut target)) = immutable() else { return };
    let thawing = Thawing::before(target.options.settings.get("azure_storage_endpoint").unwrap(), 60);
    target.options.settings.insert("azure_storage_endpoint".to_owned(), thawing.endpoint());
    let (store, attacker) = (settled(&target), open(&target.location, &target.options).unwrap());
    let lock = seconds(&*store, Mode::Compliance, 600);
    let terms = PutOptions { class: Some(StorageClass::Archive), lock: Some(lock), ..PutOptions::default() };
    let [pack, hidden] = ["data/00000001/00000001", "data/00000001/00000002"].map(name);
    for object in [&pack, &hidden] {
        let receipt = store.put(object, text("cold"), &terms).unwrap();
        assert_eq!(store.put(object, text("cold"), &terms).unwrap(), receipt, "an answer may have been lost");
        assert_eq!(store.lock_of(object).unwrap(), Some(lock));
        assert_eq!(store.get(object).unwrap_err().kind(), Kind::Archived);
    }
    attacker.delete(hidden.object()).unwrap();
    let reach = |object: &ObjectName| {
        let (told, mut listed) = (store.tier_of(object).unwrap(), None);
        let mut visit = |shown: Listed| {
            listed = (shown.name == *object).then(|| shown.tier()).or(listed);
            true
        };
        store.list(&ListOptions::below("data").with_tiers(), &mut visit).unwrap();
        assert_eq!(listed, Some(told), "{object}");
        told.availability
    };
    assert_eq!((reach(&pack), reach(&hidden)), (Availability::Archived, Availability::Archived));
    assert_eq!(store.retrieve(pack.object(), RetrievalMode::High, 1).unwrap(), Asked::Accepted);
    let refused = store.retrieve(hidden.object(), RetrievalMode::High, 1).unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported, "{refused}");
    assert_eq!((reach(&pack), reach(&hidden)), (Availability::Retrieving, Availability::Archived));
    thawing.turn(60);
    assert_eq!(reach(&pack), Availability::Online);
    assert_eq!(store.get(&pack).unwrap(), "cold");
    store.rest_again(pack.object(), StorageClass::Archive).unwrap();
    assert_eq!(reach(&pack), Availability::Archived);
    assert_eq!(store.delete(pack.object()).unwrap_err().kind(), Kind::Immutable);
}

#[test]
fn a_locked_policy_is_only_raised_and_ends_with_its_time() {
    let Some((_layer, target)) = immutable() else { return };
    let (store, object) = (settled(&target), name("packs/1"));
    let lock = seconds(&*store, Mode::Compliance, 3);
    let version = store.put(&object, text("x"), &PutOptions::locked(&lock)).unwrap().version;
    let version = version.as_deref();
    let weaker = ObjectLock { mode: Mode::Governance, ..lock };
    assert_eq!(store.extend_lock(object.at(version), &weaker).unwrap(), lock);
    let refused = store.delete(object.at(version)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Immutable);
    assert!(refused.to_string().contains(&lock.to_string()), "{refused}");
    while store.now().unwrap() <= lock.until {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    store.delete(object.at(version)).unwrap();
    assert_eq!(store.get(&object).unwrap_err().kind(), Kind::Absent);
}

#[test]
fn an_attacker_with_all_plain_rights_changes_nothing_that_is_read_from_azure() {
    let Some((_layer, target)) = immutable() else { return };
    let (store, attacker) = (settled(&target), open(&target.location, &target.options).unwrap());
    let lock = seconds(&*store, Mode::Compliance, 600);
    let objects: Vec<_> = (0..30).map(|n| name(&format!("log/{n:016}"))).collect();
    for object in &objects {
        store.put(object, text("genuine"), &PutOptions::locked(&lock)).unwrap();
        attacker.delete(object.object()).unwrap();
        assert_eq!(attacker.get(object).unwrap_err().kind(), Kind::Absent);
        attacker.put_new(object, text("forged")).unwrap();
    }
    for reader in [Arc::clone(&store), settled(&target)] {
        for object in &objects {
            assert_eq!(reader.get(object).unwrap(), "genuine");
            assert_eq!(reader.delete(object.object()).unwrap_err().kind(), Kind::Immutable);
        }
        let listed = list(&*reader, "log", None);
        assert!(listed.len() == 30 && listed.values().all(|bytes| *bytes == 7), "{listed:?}");
    }
}
