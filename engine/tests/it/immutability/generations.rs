use super::place::{in_memory, verified};
use crate::proofs::rig::{Rig, names_of, noise};
use bytes::Bytes;
use engine::Kind;
use engine::immutability::{Securing, name_of, secure};
use engine::maintenance::{ClockVerdict, CollectOptions, collect, plan_collection};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::store::{Memory, MeteredStore, ObjectLock, OldestVersionLayer, RequestKind, Store, StoreExt};
use format_spec::ObjectId;
use format_spec::Time;
use format_spec::container::ObjectKind;
use format_spec::log::{Change, ObjectRow};
use std::sync::Arc;

fn days(time: Time, rig: &Rig) -> i64 {
    (time.seconds - rig.env.now().seconds).div_euclid(86_400)
}

/// Each object of the store is locked, and for how many days at least.
fn least_days(rig: &Rig) -> i64 {
    let lock = |name: &engine::store::ObjectName| rig.store.lock_of(name).unwrap().expect("it is locked").until;
    names_of(&*rig.store).iter().map(|name| days(lock(name), rig)).min().unwrap()
}

#[test]
fn everything_is_locked_in_the_put_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, _) = in_memory(folder.path(), None);
    rig.write("a", &noise(1, 3_000_000));
    let summary = rig.expect_healthy();
    assert_eq!(summary.locks.extended, 0, "all of it is new");
    assert!(least_days(&rig) >= 40, "the period and a generation");
    let repository = rig.open().unwrap();
    let commit = repository.log().view().commits[0];
    assert!(days(repository.locked_until(&commit).unwrap(), &rig) >= 40);
    let found = verified(&rig);
    assert_eq!((found.points, found.gaps.len()), (1, 0), "{found:?}");
    assert!(found.objects >= 7, "{found:?}");
    for name in names_of(&*rig.store) {
        assert_eq!(rig.store.delete(name.object()).unwrap_err().kind(), Kind::Immutable, "{name}");
    }
    rig.expect_equal();
}

#[test]
fn what_is_used_again_is_extended_once_in_a_generation() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, clock) = in_memory(folder.path(), Some(5));
    rig.write("old", &noise(1, 3_000_000));
    rig.expect_healthy();
    let mut extended = Vec::new();
    for day in 1..=24 {
        clock.turn_days(1);
        rig.write("new", format!("day {day}").as_bytes());
        let summary = rig.back_up().unwrap();
        extended.push(summary.locks.extended > 0);
        assert_eq!(verified(&rig).gaps, [], "day {day}");
    }
    let days: Vec<_> = (1..).zip(&extended).filter(|(_, e)| **e).map(|(day, _)| day).collect();
    // What was made on the first day is extended on the eleventh or twelfth, and what it was extended with as much later.
    assert!((10..=12).contains(&days[0]), "{days:?}");
    rig.expect_equal();
}

#[test]
fn a_lock_that_is_missing_is_a_gap_with_what_was_wanted_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, clock) = in_memory(folder.path(), Some(5));
    rig.write("a", &noise(1, 2_000_000));
    rig.expect_healthy();
    // Another store, whose objects somebody put there without locks.
    let bare = Arc::new(Memory::locking(clock));
    for name in names_of(&OldestVersionLayer::new(memory)) {
        bare.put_new(&name, rig.store.get(&name).unwrap()).unwrap();
    }
    let other = rig.over(Arc::new(OldestVersionLayer::new(bare)));
    let found = verified(&other);
    assert_eq!(found.gaps.len() as u64, found.objects);
    assert!(found.gaps.iter().all(|gap| gap.found.is_none() && !gap.is_absent));
    let has = |prefix: &str| found.gaps.iter().any(|gap| gap.object.as_str().starts_with(prefix));
    assert!(["config", "keys/", "log/", "index/", "data/", "meta/", "points/"].into_iter().all(has), "{found:?}");
}

#[test]
fn clocks_that_differ_by_more_than_five_minutes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, _) = in_memory(folder.path(), Some(5));
    rig.write("a", b"a");
    rig.back_up().unwrap();
    let off = super::place::Clock::new();
    off.turn_seconds(301);
    let wrong = Rig { env: off.clone(), ..rig.over(Arc::new(OldestVersionLayer::new(memory))) };
    let error = wrong.back_up().unwrap_err();
    assert_eq!(error.kind(), Kind::Input);
    assert!(error.to_string().contains("clock"), "{error}");
    off.turn_seconds(-10);
    wrong.back_up().unwrap();
}

#[test]
fn days_are_raised_for_live_points_and_for_everybody_and_never_lowered() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, clock) = in_memory(folder.path(), Some(5));
    rig.write("a", &noise(1, 2_000_000));
    rig.expect_healthy();
    let before = rig.open().unwrap();
    let raised = rig.open().unwrap().raise_immutable_days(20, &Monitor::new()).unwrap();
    assert!(raised.extended > 3, "{raised:?}");
    assert_eq!(verified(&rig).gaps, []);
    let days_of = |repository: &Repository| repository.policy().unwrap().field().days.unwrap().get();
    assert_eq!(days_of(&rig.open().unwrap()), 20);
    // Who had it open already follows when it reads on.
    before.refresh().unwrap();
    assert_eq!(days_of(&before), 20);
    for (days, kind) in [(19, Kind::Immutable), (31, Kind::Input), (20, Kind::Input)] {
        let error = rig.open().unwrap().raise_immutable_days(days, &Monitor::new()).unwrap_err();
        assert_eq!(error.kind(), kind, "{days}: {error}");
    }
    clock.turn_days(1);
    rig.expect_healthy();
    assert!(least_days(&rig) >= 19);
}

#[test]
fn a_collection_passes_over_what_is_locked_and_says_until_when() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, clock) = in_memory(folder.path(), Some(5));
    rig.write("a", &noise(1, 2_000_000));
    rig.back_up().unwrap();
    rig.write("a", &noise(2, 2_000_000));
    rig.back_up().unwrap();
    let options = CollectOptions { grace_seconds: 0, ..CollectOptions::new("test") };
    let (monitor, repository) = (Monitor::new(), rig.open().unwrap());
    let first = repository.log().view().commits[0].id;
    let expire =
        |_: &engine::log::LogView| Ok(Change::Expire { points: vec![first], reason: "test".into(), plan: [0; 32] });
    repository.log().append(&*rig.env, &mut { expire }).unwrap();
    let plan = plan_collection(&repository, &options, &monitor).unwrap();
    assert_eq!((plan.dead.len(), plan.sparse.len()), (0, 0), "{plan:?}");
    assert!(!plan.locked.is_empty() && plan.locked.iter().all(|p| days(p.until, &rig) >= 14), "{plan:?}");
    let report = collect(&repository, &options, &plan.hash, &ClockVerdict::trusted(), &monitor).unwrap();
    assert_eq!((report.packs_condemned, report.bytes_freed), (0, 0), "{report:?}");
    // The manifest is due, and the store keeps it.
    assert_eq!(report.objects_locked, 1, "{report:?}");
    rig.expect_equal();
    // When the locks are over all goes, by its versions.
    clock.turn_days(20);
    rig.write("b", b"b");
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    let plan = plan_collection(&repository, &options, &monitor).unwrap();
    assert!(!plan.dead.is_empty() && plan.locked.is_empty(), "{plan:?}");
    let report = collect(&repository, &options, &plan.hash, &ClockVerdict::trusted(), &monitor).unwrap();
    assert!(report.bytes_freed > 2_000_000 && report.objects_locked == 0, "{report:?}");
    rig.expect_equal();
}

#[test]
fn a_store_that_does_not_lock_is_refused_and_nothing_is_left_there() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let env = super::place::Clock::new();
    let new = super::place::new(Some(5));
    let error = Repository::create(&*store, &new, &(env as engine::env::SharedEnv)).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert_eq!(names_of(&*store), []);
    drop(folder);
}

/// What a thousand packs cost that every commit needs: nothing, but once in a generation.
#[test]
fn a_thousand_packs_are_extended_once_in_eleven_days_and_not_asked_about_between() {
    const PACKS: u32 = 1000;
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, clock) = in_memory(folder.path(), None);
    let counted = MeteredStore::new(Arc::new(OldestVersionLayer::new(memory)));
    let counts = counted.counts();
    let rig = rig.over(Arc::new(counted));
    let row = |ordinal| ObjectRow { kind: ObjectKind::DataPack, id: ObjectId { session: 1, ordinal } };
    let rows: Vec<_> = (0..PACKS).map(row).collect();
    let put = rig.open().unwrap();
    for row in &rows {
        put.sealed_store().store.put_new(&name_of(row).unwrap(), Bytes::from_static(b"a pack")).unwrap();
    }
    assert_eq!(counts.requests(RequestKind::Lock), 0, "the lock goes with the put");
    let mut spent = Vec::new();
    for day in 0..=33 {
        // The process that put them knows their locks; later ones have only the log.
        let repository = if day == 0 { put.clone() } else { rig.open().unwrap() };
        let locks = repository.locks().unwrap();
        let (policy, commit) = (locks.policy(), locks.ask_now(&*repository.sealed_store().store).unwrap());
        let needed = ObjectLock::new(policy.wish().mode, policy.needed_until(commit).unwrap());
        let wanted = policy.retain_until(commit).unwrap();
        let (store, log, env) = (&*repository.sealed_store().store, repository.log(), repository.env());
        let securing = Securing { locks, store, log, env, monitor: &Monitor::new() };
        let before = (counts.requests(RequestKind::Head), counts.requests(RequestKind::Lock));
        let done = secure(&securing, rows.iter().map(|row| (*row, needed, wanted))).unwrap();
        let asked = (counts.requests(RequestKind::Head) - before.0, counts.requests(RequestKind::Lock) - before.1);
        assert_eq!((done.objects, done.extended, done.extended), (u64::from(PACKS), done.asked, asked.1), "day {day}");
        assert!(asked.0 <= 1 && done.until >= needed.until, "day {day}: {asked:?}");
        if done.extended > 0 {
            spent.push((day, done.extended));
        }
        clock.turn_days(1);
    }
    assert_eq!(spent, [(11, 1000), (22, 1000), (33, 1000)]);
}
