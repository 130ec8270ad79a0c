//! What truncation deletes, what it leaves, and where it may be killed ([LOG-22]).

use super::{Place, at_once, log, shown};
use engine::Kind;
use engine::log::Truncation;
use engine::store::{Fault, Faulty, Memory, StoreExt};
use format_spec::ObjectId;
use format_spec::container::ObjectKind;
use format_spec::log::{Change, ObjectRange};
use format_spec::{Time, names};
use std::sync::Arc;

/// Checkpoints at 20, 40 and 60, nothing deleted.
fn grown() -> (Place, engine::log::Log) {
    let place = Place::new();
    let writer = place.log();
    place.backup(&writer, 1);
    for slot in [20, 40, 60] {
        place.grow_to(&writer, slot);
        writer.checkpoint(&*place.env).unwrap();
    }
    (place, writer)
}

#[test]
fn what_the_older_of_the_two_newest_checkpoints_covers_goes() {
    let (place, writer) = grown();
    let done = writer.truncate(&*place.env, &at_once()).unwrap();
    assert_eq!((done.entries, done.checkpoints, done.stopped), ((1..40).collect(), vec![20], None));
    assert_eq!((place.slots("log"), place.slots("checkpoint")), ((40..=60).collect(), vec![40, 60]));
    assert_eq!(shown(&place.fresh()), shown(&writer.view()));
    let again = writer.truncate(&*place.env, &at_once()).unwrap();
    assert_eq!((again.entries, again.checkpoints), (vec![], vec![]));
}

#[test]
fn one_checkpoint_alone_lets_nothing_go() {
    let place = Place::new();
    let writer = place.log();
    place.grow_to(&writer, 30);
    writer.checkpoint(&*place.env).unwrap();
    let done = writer.truncate(&*place.env, &at_once()).unwrap();
    assert!(done.entries.is_empty() && done.stopped.is_some());
}

#[test]
fn nothing_goes_before_the_grace_is_over_or_where_listings_are_not_trusted() {
    let (place, writer) = grown();
    let young = Truncation { grace_seconds: 3600, ..at_once() };
    let unproven = Truncation { listings_complete: false, ..at_once() };
    for how in [young, unproven] {
        let done = writer.truncate(&*place.env, &how).unwrap();
        assert!(done.entries.is_empty() && done.checkpoints.is_empty() && done.stopped.is_some(), "{done:?}");
    }
    assert_eq!(place.slots("log").len(), 60);
}

#[test]
fn locked_entries_stay_until_their_lock_has_ended() {
    let (place, writer) = grown();
    let lock = |seconds, kind, first, count| Change::Lock {
        until: Time::new(seconds, 0),
        objects: vec![ObjectRange { kind, first: ObjectId { session: 0, ordinal: first }, count }],
    };
    place.append(&writer, &lock(1_900_000_000, ObjectKind::LogEntry, 10, 5));
    place.append(&writer, &lock(1_900_000_000, ObjectKind::Checkpoint, 20, 1));
    place.append(&writer, &lock(1_600_000_000, ObjectKind::LogEntry, 1, 30));
    writer.truncate(&*place.env, &at_once()).unwrap();
    assert_eq!(place.slots("log")[..6], [10, 11, 12, 13, 14, 40]);
    assert_eq!(place.slots("checkpoint"), [20, 40, 60]);
    assert_eq!(shown(&place.fresh()), shown(&writer.view()));
}

#[test]
fn the_limit_of_requests_stops_it_cleanly_and_the_next_one_goes_on() {
    let (place, writer) = grown();
    let (mut rounds, how) = (0, Truncation { requests_max: 12, ..at_once() });
    loop {
        let counted = Arc::new(engine::store::MeteredStore::new(place.store.clone()));
        let other = log(counted.clone());
        other.refresh().unwrap();
        let sum = |c: &engine::store::Counts| {
            use engine::store::RequestKind::{Delete, Get, Head, List, Put};
            [Put, Get, List, Delete, Head].iter().map(|v| c.requests(*v)).sum::<u64>()
        };
        let before = sum(&counted.counts());
        let done = other.truncate(&*place.env, &how).unwrap();
        // Two more read the log to its head.
        assert!(sum(&counted.counts()) - before <= 12 + 2, "{}", sum(&counted.counts()) - before);
        assert_eq!(shown(&place.fresh()), shown(&writer.view()));
        rounds += 1;
        if done.stopped.is_none() {
            break;
        }
        assert!(rounds < 20, "{done:?}");
    }
    assert_eq!((place.slots("log")[0], place.slots("checkpoint")), (40, vec![40, 60]));
    assert!(rounds > 3);
}

#[test]
fn truncation_killed_at_any_call_leaves_a_whole_log() {
    for fault in [Fault::Before(Kind::Denied), Fault::After(Kind::Denied)] {
        let mut killed = 0;
        for k in 1.. {
            let (place, writer) = grown();
            let dying = Arc::new(Faulty::new(place.store.clone(), move |call| match call.number {
                n if n < k => None,
                n if n == k => Some(fault),
                _ => Some(Fault::Before(Kind::Denied)),
            }));
            let other = log(dying.clone());
            let done = other.refresh().and_then(|_| other.truncate(&*place.env, &at_once()));
            assert_eq!(shown(&place.fresh()), shown(&writer.view()), "call {k}");
            place.backup(&writer, 7);
            assert_eq!(shown(&place.fresh()), shown(&writer.view()), "call {k}");
            writer.truncate(&*place.env, &at_once()).unwrap();
            assert_eq!(place.slots("log")[0], 40);
            if dying.calls() < k {
                done.unwrap();
                break;
            }
            killed += 1;
        }
        assert!(killed > 40, "{killed}");
    }
}

#[test]
fn two_who_truncate_at_once_do_not_disturb_each_other() {
    let (place, writer) = grown();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| place.log().truncate(&*place.env, &at_once()).unwrap());
        }
        scope.spawn(|| place.backup(&writer, 9));
    });
    assert_eq!(shown(&place.fresh()), shown(&writer.view()));
    assert_eq!(place.slots("log")[0], 40);
}

#[test]
fn a_checkpoint_of_another_history_stops_it() {
    let (place, _) = grown();
    // The same repository went on elsewhere from an older copy.
    let elsewhere = Place { store: Arc::new(Memory::new()), env: engine::env::Seeded::shared(2) };
    let other = elsewhere.log();
    elsewhere.grow_to(&other, 50);
    other.checkpoint(&*elsewhere.env).unwrap();
    let name = engine::store::ObjectName::new(names::checkpoint(50)).unwrap();
    let reader = place.log();
    reader.refresh().unwrap();
    place.store.put_new(&name, elsewhere.store.get(&name).unwrap()).unwrap();
    let error = reader.truncate(&*place.env, &at_once()).unwrap_err();
    assert_eq!((error.kind(), error.object()), (Kind::Damaged, Some(name.as_str())));
    assert_eq!(place.slots("log").len(), 60);
}
