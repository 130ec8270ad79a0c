//! Locks on a real server: SeaweedFS with object lock, through the whole stack that a repository uses.

use super::conformance::{conform, conform_locks, list, name};
use super::targets::{self, Target};
use bytes::Bytes;
use engine::Kind;
use engine::env::Machine;
use engine::store::{
    Mode, ObjectLock, OldestVersionLayer, PutOptions, Store, StoreExt, open, open_versioned, probe, probe_lock,
};
use std::sync::Arc;

/// What the attacker has: the same rights, and no rule.
fn plain(target: &Target) -> Arc<dyn Store> {
    open(&target.location, &target.options).unwrap()
}

fn settled(target: &Target) -> Arc<dyn Store> {
    open_versioned(&target.location, &target.options).unwrap().store
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// A lock that outlives the test, which somebody with special rights could lift.
fn for_minutes(store: &dyn Store, minutes: i64) -> ObjectLock {
    let mut until = store.now().unwrap();
    until.seconds += minutes * 60;
    ObjectLock::new(Mode::Governance, until)
}

#[test]
fn a_bucket_with_object_lock_conforms_by_the_rule_of_the_oldest_version() {
    let Some(target) = targets::s3_locked() else { return };
    conform(&*settled(&target));
    conform_locks(&*settled(&target));
}

#[test]
fn only_a_bucket_with_object_lock_is_seen_by_the_rule() {
    let Some(target) = targets::s3_locked() else { return };
    assert!(settled(&target).capabilities().unwrap().locks);
    let Some(plain) = targets::s3() else { return };
    let capabilities = settled(&plain).capabilities().unwrap();
    assert!(!capabilities.locks && !capabilities.versions);
    let Some(versioned) = targets::s3_versioned() else { return };
    let capabilities = settled(&versioned).capabilities().unwrap();
    assert!(!capabilities.locks && capabilities.versions);
}

#[test]
fn the_probe_believes_locks_that_hold_and_both_probes_fit_together() {
    let Some(target) = targets::s3_locked() else { return };
    let (store, env) = (settled(&target), Machine::shared());
    let probed = probe_lock(&*store, &*env, &|_| ()).unwrap();
    probed.require().unwrap();
    assert!(probed.lines().iter().all(|line| line.ends_with("=yes")), "{probed:?}");
    let probed = probe(&*store, &*env, &|_| ()).unwrap();
    probed.require().unwrap();
    assert_eq!(probed.versioned, Some(true));
}

#[test]
fn a_server_that_ignores_locks_is_refused_by_name() {
    let env = Machine::shared();
    for target in [targets::s3(), targets::s3_versioned(), targets::liar(), targets::azure()].into_iter().flatten() {
        let error = match probe_lock(&*plain(&target), &*env, &|_| ()) {
            Ok(probed) => probed.require().unwrap_err(),
            Err(e) => e,
        };
        assert_eq!(error.kind(), Kind::Unsupported, "{}: {error}", target.location);
        assert!(error.to_string().contains("locks on new objects"), "{}: {error}", target.location);
    }
}

#[test]
fn a_locked_version_is_refused_to_be_deleted_and_says_until_when() {
    let Some(target) = targets::s3_locked() else { return };
    let store = plain(&target);
    let object = name("packs/1");
    let lock = for_minutes(&*store, 10);
    let version = store.put(&object, text("genuine"), &PutOptions::locked(&lock)).unwrap().version.unwrap();
    let refused = store.delete(object.at(Some(&version))).unwrap_err();
    assert_eq!(refused.kind(), Kind::Immutable, "{refused}");
    assert!(refused.to_string().contains(&lock.to_string()), "{refused}");
    // A permission that lacks stays one.
    let mut stranger = target;
    stranger.options.settings.insert("aws_secret_access_key".to_owned(), "wrong".to_owned());
    let refused = plain(&stranger).delete(object.at(Some(&version))).unwrap_err();
    assert_eq!(refused.kind(), Kind::Denied, "{refused}");
}

#[test]
fn a_lock_is_extended_and_never_shortened_nor_weakened() {
    let Some(target) = targets::s3_locked() else { return };
    let (store, object) = (plain(&target), name("packs/1"));
    let (short, long) = (for_minutes(&*store, 10), for_minutes(&*store, 20));
    let version = store.put(&object, text("x"), &PutOptions::locked(&short)).unwrap().version;
    let version = version.as_deref();
    assert_eq!(store.lock_of(object.at(version)).unwrap(), Some(short));
    assert_eq!(store.extend_lock(object.at(version), &long).unwrap(), long);
    assert_eq!(store.extend_lock(object.at(version), &short).unwrap(), long);
    assert_eq!(store.lock_of(object.at(version)).unwrap(), Some(long));
    // Servers differ in whether the mode may be made harder later; none may end up with less.
    let harder = ObjectLock { mode: Mode::Compliance, ..short };
    if let Ok(hard) = store.extend_lock(object.at(version), &harder) {
        assert_eq!(hard, ObjectLock { mode: Mode::Compliance, ..long });
    }
    assert!(store.lock_of(object.at(version)).unwrap().unwrap().covers(&long));
}

#[test]
fn an_object_put_without_a_lock_gets_one_later() {
    let Some(target) = targets::s3_locked() else { return };
    let (store, object) = (settled(&target), name("config"));
    let version = store.put_new(&object, text("x")).unwrap().version;
    assert_eq!(store.lock_of(&object).unwrap(), None);
    let lock = for_minutes(&*store, 10);
    assert_eq!(store.extend_lock(object.object(), &lock).unwrap(), lock);
    assert_eq!(store.delete(object.at(version.as_deref())).unwrap_err().kind(), Kind::Immutable);
}

#[test]
fn an_attacker_with_all_plain_rights_changes_nothing_that_is_read() {
    let Some(target) = targets::s3_locked() else { return };
    let (store, attacker) = (settled(&target), plain(&target));
    let objects = ["config", "keys/0011", "log/0000000000000001", "packs/0/1"].map(name);
    let lock = for_minutes(&*store, 10);
    for object in &objects {
        store.put(object, text("genuine"), &PutOptions::locked(&lock)).unwrap();
    }
    for object in &objects {
        attacker.delete(object.object()).unwrap();
        assert_eq!(attacker.get(object).unwrap_err().kind(), Kind::Absent, "the plain view is fooled");
        attacker.put_new(object, text("forged")).unwrap();
        assert_eq!(attacker.get(object).unwrap(), "forged");
        attacker.delete(object.object()).unwrap();
    }
    // Junk beside the names of ours: the next slot, and names that no listing of text can show.
    attacker.put_new(&name("log/0000000000000002"), text("junk")).unwrap();
    let odd = ["log/%01-%3Cjunk%3E", "log/%FF%FE", "log/UPPER%20%26%20more", "log/0000000000000001%2B"];
    let taken: Vec<_> = odd.iter().filter(|key| targets::put_raw(&target, key, b"x")).collect();
    assert!(taken.contains(&&odd[0]), "the server took only {taken:?}");
    // A reader that knew, and one that did not.
    for reader in [Arc::clone(&store), settled(&target)] {
        for object in &objects {
            assert_eq!(reader.get(object).unwrap(), "genuine", "{object}");
            assert_eq!(reader.get_range(object, 3..7).unwrap(), "uine");
            assert_eq!(reader.get_tail(object, 2).unwrap(), (text("ne"), 7));
            assert_eq!(reader.put_new(object, text("again")).unwrap_err().kind(), Kind::Exists);
            assert_eq!(reader.delete(object.object()).unwrap_err().kind(), Kind::Immutable);
            assert_eq!(reader.get(object).unwrap(), "genuine", "{object}");
        }
        let listed: Vec<_> = list(&*reader, "", None).into_iter().collect();
        let mut expected: Vec<_> = objects.iter().map(|n| (n.to_string(), 7)).collect();
        expected.insert(3, ("log/0000000000000002".to_owned(), 4));
        assert_eq!(listed, expected);
    }
}

#[test]
fn versions_are_told_oldest_first() {
    let Some(target) = targets::s3_locked() else { return };
    let (store, object) = (plain(&target), name("log/1"));
    let put = |bytes| store.put_new(&object, bytes).unwrap().version;
    let first = put(text("1"));
    store.delete(object.object()).unwrap();
    let second = put(text("22"));
    // A name that begins like ours, and one below it.
    store.put_new(&name("log/10"), text("other")).unwrap();
    let versions = store.versions(&object).unwrap();
    let told: Vec<_> = versions.iter().filter(|v| !v.marker).map(|v| (v.id.clone(), v.bytes)).collect();
    assert_eq!(told, [(first.clone(), 1), (second, 2)]);
    assert_eq!(versions.iter().filter(|v| v.marker).count(), 1);
    assert_eq!(store.get_range(object.at(Some(&first.unwrap())), 0..1).unwrap(), "1");
    assert_eq!(store.get_range(object.at(Some("no-such-version")), 0..1).unwrap_err().kind(), Kind::Absent);
    OldestVersionLayer::new(Arc::clone(&store)).delete(object.object()).unwrap();
    assert!(store.versions(&object).unwrap().is_empty());
    assert_eq!(store.versions(&name("log/10")).unwrap().len(), 1);
}

#[test]
fn a_long_history_of_one_name_does_not_hide_its_beginning() {
    let Some(target) = targets::s3_locked() else { return };
    let (store, attacker) = (settled(&target), plain(&target));
    let object = name("log/0000000000000007");
    store.put_new(&object, text("genuine")).unwrap();
    // More than one page of a listing.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..130).for_each(|_| attacker.delete(object.object()).unwrap()));
        }
    });
    assert_eq!(settled(&target).get(&object).unwrap(), "genuine");
    assert_eq!(list(&*store, "log", None).len(), 1);
}
