//! Clocks that cannot be right: whoever applies an expiry or a collection hands over a verdict, and by a refused clock nothing goes.

use crate::incidents::clocks::{YEARS, skewed};
use crate::proofs::gc::{expire, options};
use crate::proofs::rig::names_of;
use crate::proofs::{CHEAP, Rig};
use crate::store::targets::{self, Target};
use engine::Kind;
use engine::blob::CachePlace;
use engine::env::Machine;
use engine::maintenance::retention::{ApplyOptions, Request, RetentionPlan, Scope, apply};
use engine::maintenance::{
    ClockVerdict, CollectOptions, CollectReport, Contradiction, Doubt, Remembered, collect, plan_collection,
};
use engine::monitor::Monitor;
use engine::repository::{NewRepository, Repository};
use engine::store::probe::LISTING_COMPLETE;
use engine::store::{Location, Options, Store, open};
use format_spec::config::Class;
use std::path::Path;
use std::sync::Arc;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A clear repository whose listings are known to be complete, so that its log may be truncated.
fn rig(folder: &Path, store: Arc<dyn Store>) -> Rig {
    let new = NewRepository {
        cost: CHEAP,
        label: "test".into(),
        probed: format!("{LISTING_COMPLETE}\n"),
        ..NewRepository::new(Class::Backup)
    };
    let env = Machine::shared();
    Repository::create(&*store, &new, &env).unwrap();
    let source = folder.join("source");
    std::fs::create_dir_all(&source).unwrap();
    let rig = Rig { source, store, cache: CachePlace::Temporary, env, password: None, job: "test".into() };
    rig.write("a", b"1");
    rig.back_up().unwrap();
    rig
}

/// The same in a folder, whose store has no clock.
fn in_folder(folder: &Path) -> Rig {
    let options = Options { create: true, ..Options::default() };
    rig(folder, open(&Location::Folder(folder.join("repo")), &options).unwrap())
}

fn judged(rig: &Rig) -> Option<Contradiction> {
    judged_with(rig, &Remembered::default())
}

fn judged_with(rig: &Rig, remembered: &Remembered) -> Option<Contradiction> {
    ClockVerdict::of(&rig.open().unwrap(), remembered).unwrap().contradiction()
}

fn head(rig: &Rig) -> u32 {
    rig.open().unwrap().log().view().head
}

#[test]
fn a_machine_that_is_years_ahead_does_not_vouch_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let rig = in_folder(folder.path());
    let ahead = skewed(&rig, YEARS);
    let before = judged(&ahead);
    assert!(matches!(before, Some(Contradiction::AheadOfAll(_))), "{before:?}");
    for _ in 0..2 {
        ahead.back_up().unwrap();
        assert_eq!(judged(&ahead), before, "its own entry vouches for it");
    }
    // What this machine saw by a clock that was believed vouches all the same.
    let seen = Remembered { seen: Some(ahead.env.now().seconds - DAY), doubt: None };
    assert_eq!(judged_with(&ahead, &seen), None);
}

#[test]
fn what_this_machine_appended_in_doubt_says_nothing_though_a_checkpoint_hides_the_jump() {
    let folder = tempfile::tempdir().unwrap();
    let rig = in_folder(folder.path());
    let last = rig.env.now().seconds;
    let ahead = skewed(&rig, YEARS);
    ahead.back_up().unwrap();
    ahead.open().unwrap().log().checkpoint(&*ahead.env).unwrap().unwrap();
    let doubted = |slot| Remembered { seen: None, doubt: Some(Doubt { slot, last }) };
    assert_eq!(judged_with(&ahead, &doubted(head(&ahead))), Some(Contradiction::AheadOfAll(last)));
    // What another machine has appended since is no word of this one.
    let slot = head(&ahead);
    skewed(&rig, YEARS).back_up().unwrap();
    assert_eq!(judged_with(&ahead, &doubted(slot)), None);
}

#[test]
fn a_clock_that_was_behind_and_has_appended_is_behind_still() {
    let folder = tempfile::tempdir().unwrap();
    let rig = in_folder(folder.path());
    let (last, behind) = (rig.env.now().seconds, skewed(&rig, -YEARS));
    behind.back_up().unwrap();
    let doubt = Remembered { seen: None, doubt: Some(Doubt { slot: head(&behind), last }) };
    assert_eq!(judged_with(&behind, &doubt), Some(Contradiction::BehindNewest(last)));
}

/// Plans and carries out, by what is found out about the clock.
fn collected(rig: &Rig, accepted: bool) -> engine::Result<CollectReport> {
    let (repository, options) = (rig.open()?, CollectOptions { grace_seconds: DAY, ..options() });
    let plan = plan_collection(&repository, &options, &Monitor::new())?;
    let clock = ClockVerdict::of(&repository, &Remembered::default())?;
    let clock = if accepted { clock.accepted() } else { clock };
    collect(&repository, &options, &plan.hash, &clock, &Monitor::new())
}

#[test]
fn a_collection_of_nothing_by_a_clock_that_cannot_be_right_does_nothing_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let rig = in_folder(folder.path());
    for _ in 0..2 {
        rig.back_up().unwrap();
        rig.open().unwrap().log().checkpoint(&*rig.env).unwrap().unwrap();
    }
    let ahead = skewed(&rig, YEARS);
    let before = names_of(&*rig.store);
    assert_eq!(collected(&ahead, false).unwrap().log_entries_deleted, 0);
    assert_eq!(names_of(&*rig.store), before);
    // The same plan by a clock that a person accepts truncates the log: there was something to do by age.
    assert!(collected(&ahead, true).unwrap().log_entries_deleted > 0);
}

#[test]
fn a_collection_by_a_clock_that_cannot_be_right_is_refused_where_it_would_take_something() {
    let folder = tempfile::tempdir().unwrap();
    let rig = in_folder(folder.path());
    let first = rig.open().unwrap().points().unwrap()[0].manifest.id;
    rig.write("a", b"2");
    rig.back_up().unwrap();
    expire(&rig.open().unwrap(), vec![first]);
    let (ahead, before) = (skewed(&rig, YEARS), names_of(&*rig.store));
    let refused = collected(&ahead, false).unwrap_err();
    assert_eq!(refused.kind(), Kind::Unrecognised, "{refused}");
    assert_eq!(names_of(&*rig.store), before);
    collected(&ahead, true).unwrap();
    assert_ne!(names_of(&*rig.store), before);
}

/// Lets all points but one go, by what is found out about the clock; how many there are then.
fn expired(rig: &Rig) -> engine::Result<usize> {
    let (repository, monitor) = (rig.open()?, Arc::new(Monitor::new()));
    let oldest = repository.points()?[0].manifest.id;
    let scope = Scope { may_empty: Default::default(), ..Scope::of(Request::Points([oldest].into())) };
    let plan = RetentionPlan::make(&repository, &scope, &monitor)?;
    let options = ApplyOptions { hash: plan.hash, threads: 1 };
    let clock = ClockVerdict::of(&repository, &Remembered::default())?;
    apply(&repository, &scope, &options, &clock, &monitor)?;
    Ok(repository.points()?.len())
}

/// The store's own clock is held against this machine's, which is moved; the requests are signed by the real one.
fn held_against_the_store(target: &Target) {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path(), open(&target.location, &target.options).unwrap());
    rig.back_up().unwrap();
    for seconds in [0, HOUR / 2, -HOUR / 2] {
        assert_eq!(judged(&skewed(&rig, seconds)), None, "{seconds}");
    }
    let (ahead, now) = (skewed(&rig, 3 * HOUR / 2), rig.env.now().seconds);
    let near = |time: i64| (time - now).abs() < 60;
    let found = judged(&ahead);
    assert!(matches!(found, Some(Contradiction::AheadOfStore(time)) if near(time)), "{found:?}");
    let behind = judged(&skewed(&rig, -2 * HOUR));
    assert!(matches!(behind, Some(Contradiction::BehindNewest(time)) if near(time)), "{behind:?}");
    // Neither what it remembers nor its own backup vouches for a clock that the store contradicts.
    ahead.back_up().unwrap();
    let seen = Remembered { seen: Some(ahead.env.now().seconds), doubt: None };
    assert!(matches!(judged_with(&ahead, &seen), Some(Contradiction::AheadOfStore(_))));
    let before = names_of(&*rig.store);
    assert_eq!(expired(&ahead).unwrap_err().kind(), Kind::Unrecognised);
    assert_eq!(names_of(&*rig.store), before);
    // The entry of the machine that was ahead lies too far ahead of a clock that is right, but not of one that is a little fast.
    assert_eq!(expired(&skewed(&rig, 3 * HOUR / 4)).unwrap(), 2);
    assert_eq!(collected(&ahead, false).unwrap_err().kind(), Kind::Unrecognised);
}

#[test]
fn an_s3_store_tells_its_time() {
    let Some(target) = targets::s3() else { return };
    held_against_the_store(&target);
}

#[test]
fn an_azure_store_tells_its_time() {
    let Some(target) = targets::azure() else { return };
    held_against_the_store(&target);
}
