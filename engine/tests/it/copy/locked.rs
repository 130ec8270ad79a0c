//! A copy under Object Lock: all of it is locked for the whole period, and what is used again is extended only where its lock falls short.

use super::{Pair, Which, target_locked};
use crate::immutability::place::{Clock, verified};
use crate::proofs::rig::{Rig, names_of, noise};
use crate::store::targets;
use engine::Kind;
use engine::env::{Machine, SharedEnv};
use engine::store::{Memory, ObjectName, OldestVersionLayer, Store, StoreExt, open, open_versioned};
use format_spec::Time;
use format_spec::config::{Immutability, LockMode, Retention, RetentionKind};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const PERIOD_DAYS: i64 = 60;
const GENERATION_DAYS: u32 = 30;

/// A target that is immutable for the whole period, and a source that is not.
fn pair(folder: &Path, target: Arc<dyn Store>, env: SharedEnv) -> Pair {
    let source = Rig { env, ..Rig::new(folder, Arc::new(Memory::new())) };
    let retention = Retention { kind: RetentionKind::Snapshot, period: format!("{PERIOD_DAYS}d").parse().unwrap() };
    let locks = Immutability { mode: LockMode::Compliance, days: None, generation_days: GENERATION_DAYS };
    let target = target_locked(&source, target, retention, Some(locks));
    Pair { source, target, spool: folder.join("spool") }
}

fn locks_of(rig: &Rig) -> BTreeMap<ObjectName, Time> {
    let until = |name: &ObjectName| rig.store.lock_of(name).unwrap().expect("each object is locked").until;
    names_of(&*rig.store).into_iter().map(|name| (name.clone(), until(&name))).collect()
}

fn fill(pair: &Pair, seed: u64) {
    pair.source.write(format!("large-{seed}"), &noise(seed, 700_000));
    pair.source.write("text", format!("round {seed}").repeat(99).as_bytes());
    pair.source.back_up().unwrap();
}

/// Copies twice, and looks at every version.
fn expect_locked(pair: &Pair, raw: &dyn Store) {
    fill(pair, 1);
    let now = pair.target.env.now().seconds;
    assert_eq!(pair.copy(Which::Latest).unwrap().copied.len(), 1);
    let first = locks_of(&pair.target);
    let has = |prefix: &str| first.keys().any(|n| n.as_str().starts_with(prefix));
    assert!(["config", "keys/", "log/", "data/", "meta/", "index/", "points/"].into_iter().all(has), "{first:?}");
    for (name, until) in &first {
        assert!(until.seconds >= now + PERIOD_DAYS * 86_400, "{name} is locked until {until:?} only");
        for version in raw.versions(name).unwrap() {
            let error = raw.delete(name.at(version.id.as_deref())).expect_err("a locked version was deleted");
            assert_eq!(error.kind(), Kind::Immutable, "{name}: {error}");
        }
    }
    // The next point uses packs again whose locks reach far enough.
    fill(pair, 2);
    assert_eq!(pair.copy(Which::Latest).unwrap().copied.len(), 1);
    let second = locks_of(&pair.target);
    for (name, until) in &first {
        assert_eq!(second[name], *until, "{name} was extended without need");
    }
    assert!(second.len() > first.len() && second.values().all(|u| u.seconds >= now + PERIOD_DAYS * 86_400));
    assert_eq!(verified(&pair.target).gaps, []);
    pair.expect_equal();
    pair.expect_same_points();
}

#[test]
fn a_copy_on_seaweedfs_is_locked_for_the_whole_period_and_cannot_be_deleted() {
    let Some(target) = targets::s3_locked() else { return };
    let folder = tempfile::tempdir().unwrap();
    let settled = open_versioned(&target.location, &target.options).unwrap().store;
    let raw = open(&target.location, &target.options).unwrap();
    expect_locked(&pair(folder.path(), settled, Machine::shared()), &*raw);
}

#[test]
fn packs_that_are_used_again_are_extended_once_in_a_generation() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let memory = Arc::new(Memory::locking(clock.clone()));
    let pair = pair(folder.path(), Arc::new(OldestVersionLayer::new(memory.clone())), clock.clone());
    expect_locked(&pair, &*memory);
    let data = |rig: &Rig| -> BTreeMap<ObjectName, Time> {
        locks_of(rig).into_iter().filter(|(name, _)| name.as_str().starts_with("data/")).collect()
    };
    let mut extended = Vec::new();
    for week in 1..=6 {
        clock.turn_days(7);
        let before = data(&pair.target);
        fill(&pair, 10 + week);
        assert_eq!(pair.copy(Which::Latest).unwrap().copied.len(), 1, "week {week}");
        let after = data(&pair.target);
        extended.push(before.iter().any(|(name, until)| after[name] > *until));
        assert_eq!(verified(&pair.target).gaps, [], "week {week}");
        let needed = clock_now(&clock) + PERIOD_DAYS * 86_400;
        assert!(after.values().all(|until| until.seconds >= needed - 3600), "week {week}: {after:?}");
    }
    // A generation of 30 days: in the fifth week those of the first copies fall short.
    assert_eq!(extended, [false, false, false, false, true, true], "by week");
    pair.expect_equal();
}

fn clock_now(clock: &Clock) -> i64 {
    engine::env::Env::now(clock).seconds
}
