//! Stores that do not do what they say, and what is never rested upon them.

use super::{change, rig};
use crate::proofs::gc::{collect_all, expire, options};
use crate::proofs::rig::{copy_of, names_of};
use bytes::Bytes;
use engine::Kind;
use engine::env::Machine;
use engine::log::Truncation;
use engine::maintenance::CollectOptions;
use engine::store::{
    Fault, Faulty, Memory, Mode, ObjectLock, ObjectName, PutOptions, RequestKind, Store, StoreExt, probe, probe_lock,
};
use format_spec::Time;
use std::sync::Arc;
use testkit::stores::{Lie, Lying};

#[test]
fn incident_03_pbs_5982_what_a_store_does_not_do_is_refused_and_not_relied_upon() {
    let lying = |lie| Lying::new(Arc::default(), lie);
    for (lie, named) in [(Lie::CreatesAgain, "if it is absent"), (Lie::ListsHalf, "complete listings")] {
        let refused = probe(&lying(lie), &*Machine::shared(), &|_| ()).unwrap().require().unwrap_err();
        assert_eq!(refused.kind(), Kind::Unsupported);
        assert!(refused.to_string().contains(named), "{refused}");
    }
    // Where listings were not proven to be complete, no entry of the log is deleted on their word.
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    repository.log().checkpoint(&*rig.env).unwrap();
    rig.back_up().unwrap();
    repository.refresh().unwrap();
    repository.log().checkpoint(&*rig.env).unwrap();
    let before = names_of(&*rig.store);
    let how = Truncation { grace_seconds: 0, requests_max: u64::MAX, listings_complete: false, versioned: false };
    assert!(repository.log().truncate(&*rig.env, &how).unwrap().stopped.is_some());
    assert_eq!(names_of(&*rig.store), before);
    let proven = Truncation { listings_complete: true, ..how };
    assert!(!repository.log().truncate(&*rig.env, &proven).unwrap().entries.is_empty());
    rig.expect_equal();
}

#[test]
fn incident_05_restic_4612_a_listing_that_fails_or_shows_nothing_deletes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let first = rig.back_up().unwrap().point.unwrap();
    change(&rig, 500);
    rig.back_up().unwrap();
    let impatient = CollectOptions { lease_seconds: -1, ..options() };
    for has_garbage in [false, true] {
        if has_garbage {
            expire(&rig.open().unwrap(), vec![first]);
        }
        for lie in [Lie::ListsNothing, Lie::ListsHalf] {
            let copy = copy_of(&*rig.store);
            let before = names_of(&*copy);
            let lying = rig.over(Arc::new(Lying::new(copy.clone(), lie)));
            let report = collect_all(&lying.open().unwrap(), &impatient).unwrap();
            assert_eq!(
                report.objects_deleted > 0,
                has_garbage,
                "{lie:?}: what the log gives up, and nothing else: {report:?}"
            );
            let honest = rig.over(copy.clone());
            honest.expect_equal();
            if !has_garbage {
                let left = names_of(&*copy);
                assert!(before.iter().all(|name| left.contains(name)), "{lie:?}");
            }
        }
        let copy = copy_of(&*rig.store);
        let before = names_of(&*copy);
        for kind in [Kind::Denied, Kind::Absent, Kind::Damaged] {
            let failing =
                Faulty::new(copy.clone(), move |call| (call.verb == RequestKind::List).then_some(Fault::Before(kind)));
            let failing = rig.over(Arc::new(failing));
            let failed = failing.open().and_then(|repository| collect_all(&repository, &impatient));
            assert_eq!(failed.map(|_| ()).unwrap_err().kind(), kind, "an error stays one");
        }
        assert_eq!(names_of(&*copy), before);
    }
}

#[test]
fn incident_15_kopia_1067_a_lock_that_is_not_kept_is_an_error() {
    let clock = Machine::shared();
    let until = Time { seconds: clock.now().seconds + 3600, nanos: 0 };
    let (name, lock) = (ObjectName::new("data/locked").unwrap(), ObjectLock::new(Mode::Governance, until));
    // A place without locks: refused by name, and a put with a lock is no put without one.
    let plain = Memory::new();
    let refused = probe_lock(&plain, &*clock, &|_| ()).unwrap().require().unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported);
    assert_eq!(
        plain.put(&name, Bytes::from_static(b"x"), &PutOptions::locked(&lock)).unwrap_err().kind(),
        Kind::Unsupported
    );
    assert_eq!(plain.extend_lock(name.object(), &lock).unwrap_err().kind(), Kind::Unsupported);
    // A place that takes locks and forgets them.
    let forgetful = Lying::new(Arc::new(Memory::locking(clock.clone())), Lie::DropsTheLock);
    let refused = probe_lock(&forgetful, &*clock, &|_| ()).unwrap().require().unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported);
    assert!(refused.to_string().contains("locks on new objects"), "{refused}");
    // One that keeps them: read back, and enforced.
    let keeping = Memory::locking(clock.clone());
    probe_lock(&keeping, &*clock, &|_| ()).unwrap().require().unwrap();
    let version = keeping.put(&name, Bytes::from_static(b"x"), &PutOptions::locked(&lock)).unwrap().version;
    assert_eq!(keeping.lock_of(name.at(version.as_deref())).unwrap(), Some(lock));
    assert_eq!(keeping.delete(name.at(version.as_deref())).unwrap_err().kind(), Kind::Immutable);
}
