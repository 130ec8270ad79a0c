//! The k-th store call fails, for every k of a backup: the error keeps its kind, nothing is half-made, the next backup heals.

use super::rig::{contents, copy_of, names_of, shown};
use super::{Rig, noise, parallel};
use engine::Kind;
use engine::store::fault::Call;
use engine::store::{Fault, Faulty, Memory, ObjectName, RequestKind};
use parking_lot::Mutex;
use std::sync::Arc;

/// A repository with one point, and a source that has changed since.
fn changed_since(folder: &std::path::Path) -> Rig {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    for n in 0..60 {
        rig.write(format!("d{}/{n}.txt", n % 6), format!("file number {n}").as_bytes());
    }
    rig.write("big", &noise(1, 3_000_000));
    rig.back_up().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(70));
    rig.write("d1/new", b"new");
    rig.write("d2/2.txt", b"changed");
    rig.write("more", &noise(2, 6_000_000));
    std::fs::remove_file(rig.source.join("d3/3.txt")).unwrap();
    rig
}

/// Fails each call in turn; returns how many calls failed.
fn fail_each(fault: Fault, injected: Kind) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let base = changed_since(folder.path());
    let before = contents(&base.source);
    let tried = parallel(|k| {
        let memory = copy_of(&*base.store);
        let failed: Arc<Mutex<Option<Call>>> = Arc::default();
        let seen = failed.clone();
        let store = Faulty::new(memory.clone(), move |call| {
            (call.number == k).then(|| {
                *seen.lock() = Some(call.clone());
                fault
            })
        });
        let done = base.over(Arc::new(store)).back_up();
        let Some(call) = failed.lock().clone() else { return false };
        let healthy = base.over(memory.clone());
        let points = healthy.open().unwrap().points().unwrap().len();
        match &done {
            Ok(_) => assert_eq!(points, 2, "{call:?}"),
            Err(e) => {
                assert_eq!(e.kind(), injected, "{call:?} gives {}", shown(e));
                assert!(e.object().is_some(), "{call:?} gives {}", shown(e));
                // Only a lost response may leave a point behind an error, or a listing without which it is not known whether the commit counts (LOG-24).
                let lost = matches!(fault, Fault::After(_)) && call.name.starts_with("log/");
                let unsure = call.name == "checkpoint";
                assert!(points == 1 || (lost || unsure) && points == 2, "{call:?}: {points} points");
            }
        }
        if injected == Kind::Transient && call.verb == RequestKind::Put {
            done.unwrap_or_else(|e| panic!("{call:?} was not tried again: {}", shown(&e)));
        }
        healthy.expect_healthy();
        let slots = names_of(&*memory).iter().filter(|n| n.as_str().starts_with("log/")).count();
        assert_eq!(healthy.open().unwrap().log().view().head as usize, slots, "the log is dense");
        true
    });
    assert_eq!(contents(&base.source), before);
    println!("{fault:?}: {tried} calls failed in turn");
    tried
}

#[test]
fn a_transient_failure_of_any_call_loses_nothing() {
    assert!(fail_each(Fault::Before(Kind::Transient), Kind::Transient) > 30);
}

#[test]
fn a_lost_response_of_any_call_loses_nothing_and_commits_once() {
    assert!(fail_each(Fault::After(Kind::Transient), Kind::Transient) > 30);
}

#[test]
fn a_refusal_of_any_call_is_told_as_a_refusal() {
    assert!(fail_each(Fault::Before(Kind::Denied), Kind::Denied) > 30);
}

#[test]
fn a_refusal_after_the_effect_of_any_call_loses_nothing() {
    assert!(fail_each(Fault::After(Kind::NoSpace), Kind::NoSpace) > 30);
}

/// Corrupts what is put, from the k-th object on so many times; `None` when there is no k-th object.
fn corrupt(base: &Rig, k: u64, times: u64) -> Option<(Arc<Memory>, String, engine::Result<()>, u64)> {
    let memory = copy_of(&*base.store);
    let puts = Arc::new(Mutex::new((0, None)));
    let seen = puts.clone();
    let store = Faulty::new(memory.clone(), move |call| {
        let mut puts = seen.lock();
        puts.0 += u64::from(call.verb == RequestKind::Put);
        (call.verb == RequestKind::Put && (k..k + times).contains(&puts.0)).then(|| {
            puts.1.get_or_insert_with(|| call.name.clone());
            Fault::Corrupt(k)
        })
    });
    let monitor = Arc::new(engine::monitor::Monitor::new());
    let done = base.over(Arc::new(store)).back_up_with(&monitor).map(|_| ());
    let name = puts.lock().1.clone()?;
    Some((memory, name, done, monitor.warnings_total()))
}

#[test]
fn an_object_that_the_store_corrupts_once_is_stored_again_before_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let base = changed_since(folder.path());
    let tried = parallel(|k| {
        let Some((memory, name, done, warnings)) = corrupt(&base, k, 1) else { return false };
        let healthy = base.over(memory);
        if name.starts_with("log/") {
            // A corrupt log entry stops everybody: each is told which one it is, and without it all is as before.
            let error = done.expect_err(&name);
            assert_eq!((error.kind(), error.object()), (Kind::Damaged, Some(&name[..])), "{}", shown(&error));
            let error = healthy.open().map(|_| ()).expect_err(&name);
            assert_eq!((error.kind(), error.object()), (Kind::Damaged, Some(&name[..])), "{}", shown(&error));
            healthy.store.delete(ObjectName::new(name.clone()).unwrap().object()).unwrap();
            assert_eq!(healthy.open().unwrap().points().unwrap().len(), 1, "{name}");
            healthy.expect_healthy();
        } else {
            done.unwrap_or_else(|e| panic!("{name} was not stored again: {}", shown(&e)));
            assert_eq!(warnings, 1, "{name}");
            assert_eq!(healthy.open().unwrap().points().unwrap().len(), 2, "{name}");
            healthy.expect_equal();
        }
        true
    });
    println!("{tried} objects corrupted in turn");
    assert!(tried > 8);
}

#[test]
fn a_store_that_goes_on_corrupting_fails_the_backup_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let base = changed_since(folder.path());
    let tried = parallel(|k| {
        let Some((memory, _, done, _)) = corrupt(&base, k, 1000) else { return false };
        let error = done.expect_err("a store that keeps nothing");
        assert_eq!(error.kind(), Kind::Damaged, "{}", shown(&error));
        let name = error.object().expect("a name").to_owned();
        let healthy = base.over(memory);
        if name.starts_with("log/") {
            healthy.store.delete(ObjectName::new(name).unwrap().object()).unwrap();
        }
        assert_eq!(healthy.open().unwrap().points().unwrap().len(), 1);
        healthy.expect_healthy();
        true
    });
    assert!(tried > 8, "{tried}");
}
