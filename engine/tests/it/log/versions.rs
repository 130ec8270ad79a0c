//! Truncation where the store keeps versions ([LOG-22]): on a real server no version of what was truncated is left, and what is locked waits.

use super::{at_once, log};
use crate::store::targets::{self, Target};
use engine::env::{Machine, SharedEnv};
use engine::log::{Log, Truncation};
use engine::store::{Mode, ObjectLock, ObjectName, Store, StoreExt, open, open_versioned};
use format_spec::log::Change;
use format_spec::names;
use std::sync::Arc;
use std::time::Duration;

fn by_version() -> Truncation {
    Truncation { versioned: true, ..at_once() }
}

fn slot(n: u32) -> ObjectName {
    ObjectName::new(names::log(n)).unwrap()
}

/// A log with checkpoints at 8 and 14, seen by the rule that a repository would see it by; and the bucket as it is.
fn grown(target: &Target) -> (Log, Arc<dyn Store>, SharedEnv) {
    let (store, env) = (open_versioned(&target.location, &target.options).unwrap().store, Machine::shared());
    let log = log(store);
    for last in [8, 14] {
        while log.refresh().unwrap().head < last {
            log.append(&*env, &mut |_| Ok(Change::Unknown { kind: 99, readable: true, writable: true })).unwrap();
        }
        assert_eq!(log.checkpoint(&*env).unwrap(), Some(last));
    }
    (log, open(&target.location, &target.options).unwrap(), env)
}

/// Slots of entries that have any version, markers included.
fn with_versions(bucket: &dyn Store) -> Vec<u32> {
    (1..=14).filter(|n| !bucket.versions(&slot(*n)).unwrap().is_empty()).collect()
}

#[test]
fn no_version_of_a_truncated_entry_is_left_in_a_bucket_that_keeps_versions() {
    let Some(target) = targets::s3_versioned() else { return };
    let (log, bucket, env) = grown(&target);
    // Hidden by a marker, and put over: more than one version each.
    bucket.delete(slot(2).object()).unwrap();
    assert!(targets::put_raw(&target, slot(3).as_str(), b"junk"));
    assert_eq!((bucket.versions(&slot(2)).unwrap().len(), bucket.versions(&slot(3)).unwrap().len()), (2, 2));
    let done = log.truncate(&*env, &by_version()).unwrap();
    assert_eq!((done.entries, done.checkpoints), ((1..8).collect(), vec![]));
    assert_eq!(with_versions(&*bucket), (8..=14).collect::<Vec<_>>());
    assert_eq!(log.truncate(&*env, &by_version()).unwrap().entries, Vec::<u32>::new());
    let fresh = super::log(bucket);
    assert_eq!((fresh.refresh().unwrap().head, fresh.view().since), (14, 14));
}

#[test]
fn locked_entries_in_a_real_bucket_are_passed_over_until_their_date() {
    let Some(target) = targets::s3_locked() else { return };
    let (log, bucket, env) = grown(&target);
    let mut until = bucket.now().unwrap();
    until.seconds += SECONDS;
    let lock = ObjectLock::new(Mode::Compliance, until);
    for n in [3, 4, 5] {
        bucket.extend_lock(slot(n).object(), &lock).unwrap();
    }
    // Hidden, and put over.
    bucket.delete(slot(2).object()).unwrap();
    bucket.delete(slot(4).object()).unwrap();
    assert!(targets::put_raw(&target, slot(5).as_str(), b"junk"));
    let done = log.truncate(&*env, &by_version()).unwrap();
    assert!(bucket.now().unwrap() < until, "the server was too slow for this test");
    assert_eq!(done.entries, [1, 2, 6, 7]);
    assert_eq!(with_versions(&*bucket), [3, 4, 5, 8, 9, 10, 11, 12, 13, 14]);
    for n in [3, 4, 5] {
        // Only what Cairn put is left of them, and it is locked.
        let versions = bucket.versions(&slot(n)).unwrap();
        assert_eq!((versions.len(), versions[0].marker), (1, false), "{n}");
        assert_eq!(bucket.lock_of(slot(n).at(versions[0].id.as_deref())).unwrap(), Some(lock), "{n}");
    }
    while bucket.now().unwrap() <= until {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(log.truncate(&*env, &by_version()).unwrap().entries, [3, 4, 5]);
    assert_eq!(with_versions(&*bucket), [8, 9, 10, 11, 12, 13, 14]);
    assert_eq!(
        super::log(open_versioned(&target.location, &target.options).unwrap().store).refresh().unwrap().head,
        14
    );
}

/// A lock that outlives the first truncation, and not the test.
const SECONDS: i64 = 10;
