//! The life of a retrieval: begun, seen by others, here, extended, over.

use super::shelf::{Shelf, THAW_SECONDS, wish};
use engine::Kind;
use engine::monitor::Monitor;
use engine::retrieval::{Keeper, Rests, RetrievalState, extend, tidy};
use engine::store::{Availability, RetrievalMode, StorageClass, StoreExt};
use std::sync::Arc;
use std::time::Duration;

const DAY: i64 = 86_400;

#[test]
fn a_retrieval_is_seen_by_another_machine_and_ends_by_itself() {
    let shelf = Shelf::new(StorageClass::Glacier);
    let (here, there) = (shelf.open(), shelf.open());
    let started = shelf.start(&here, "a", &wish(RetrievalMode::Standard, 2));
    assert_eq!((started.packs_asked, started.resumed), (2, false));
    let seen = shelf.statuses(&there);
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].retrieval, seen[0].state), (started.retrieval.unwrap(), RetrievalState::Retrieving));
    assert_eq!((seen[0].packs.packs, seen[0].readable.packs, seen[0].retrieving.packs), (2, 0, 2));
    assert_eq!((&*seen[0].told.about, seen[0].mode(), seen[0].told.days), ("a test", RetrievalMode::Standard, 2));
    shelf.clock.turn_seconds(i64::from(THAW_SECONDS));
    let seen = shelf.statuses(&there);
    assert_eq!((seen[0].state, seen[0].readable.packs), (RetrievalState::Retrieved, 2));
    // What was not asked for rests on.
    assert_eq!(shelf.packs().iter().filter(|name| shelf.read(name).is_ok()).count(), 2);
    shelf.clock.turn_days(2);
    assert!(shelf.packs().iter().all(|name| shelf.read(name).is_err()), "the store's copies are gone");
    assert_eq!(tidy(&there, &Monitor::new()).unwrap().ended, Vec::<u32>::new(), "its packs might have come later");
    shelf.clock.turn_days(1);
    assert_eq!(shelf.states(&there), [RetrievalState::Expired]);
    assert_eq!(tidy(&there, &Monitor::new()).unwrap().ended, [started.retrieval.unwrap()]);
    assert_eq!(shelf.states(&here), []);
}

#[test]
fn the_same_start_again_goes_on_and_asks_for_nothing_twice() {
    let shelf = Shelf::new(StorageClass::Glacier);
    let repository = shelf.open();
    let first = shelf.start(&repository, "a/one", &wish(RetrievalMode::Bulk, 1));
    let again = shelf.start(&shelf.open(), "a/one", &wish(RetrievalMode::Bulk, 1));
    assert_eq!(
        (again.retrieval, again.resumed, again.packs_asked, again.packs_underway),
        (first.retrieval, true, 0, 1)
    );
    // More than it has is another one, and asks only for what is new.
    let more = shelf.start(&repository, "a", &wish(RetrievalMode::Bulk, 1));
    assert!(more.retrieval > first.retrieval);
    assert_eq!((more.packs_asked, more.packs_underway), (1, 1));
    shelf.clock.turn_seconds(i64::from(THAW_SECONDS));
    let here = shelf.start(&repository, "a", &wish(RetrievalMode::Bulk, 1));
    assert_eq!((here.retrieval, here.packs_asked, here.packs_underway), (more.retrieval, 0, 0));
    // For longer than it stays is asked for again.
    let longer = shelf.start(&repository, "a", &wish(RetrievalMode::Bulk, 9));
    assert_eq!(longer.packs_asked, 2);
    shelf.clock.turn_days(8);
    assert_eq!(shelf.packs().iter().filter(|name| shelf.read(name).is_ok()).count(), 2);
}

#[test]
fn an_extension_moves_the_end() {
    let shelf = Shelf::new(StorageClass::Glacier);
    let repository = shelf.open();
    let retrieval = shelf.start(&repository, "", &wish(RetrievalMode::Standard, 1)).retrieval.unwrap();
    shelf.clock.turn_seconds(i64::from(THAW_SECONDS));
    let before = shelf.statuses(&repository)[0].until;
    let done = extend(&shelf.open(), retrieval, 10, &Monitor::new()).unwrap();
    assert_eq!(done.packs_asked, 3);
    let after = &shelf.statuses(&repository)[0];
    assert_eq!(after.state, RetrievalState::Retrieved);
    assert!(after.until.seconds - before.seconds > 8 * DAY, "{before:?} {after:?}");
    shelf.clock.turn_days(9);
    assert_eq!(shelf.states(&repository), [RetrievalState::Retrieved]);
    shelf.clock.turn_days(2);
    assert_eq!(tidy(&repository, &Monitor::new()).unwrap().ended, [retrieval]);
    assert_eq!(extend(&repository, retrieval, 1, &Monitor::new()).unwrap_err().kind(), Kind::Absent);
    assert_eq!(extend(&repository, 999, 1, &Monitor::new()).unwrap_err().kind(), Kind::Absent);
}

/// Azure moves what it gives back, and keeps it until it is told otherwise.
#[test]
fn where_the_store_ends_nothing_the_next_look_brings_it_back_to_rest() {
    let shelf = Shelf::new(StorageClass::Archive);
    let repository = shelf.open();
    let both = shelf.start(&repository, "a", &wish(RetrievalMode::High, 1)).retrieval.unwrap();
    shelf.clock.turn_seconds(i64::from(THAW_SECONDS));
    assert_eq!(shelf.states(&repository), [RetrievalState::Retrieved]);
    let one = shelf.start(&repository, "a/one", &wish(RetrievalMode::Standard, 5));
    assert_eq!((one.retrieval, one.packs_asked), (None, 0), "it can be read: nothing is begun");
    // Another one that wants one of both packs for longer.
    shelf.start(&repository, "", &wish(RetrievalMode::Standard, 5));
    shelf.clock.turn_days(1);
    shelf.clock.turn_seconds(3600);
    let states = shelf.states(&repository);
    assert_eq!(states, [RetrievalState::Removing, RetrievalState::Retrieved]);
    let done = tidy(&repository, &Monitor::new()).unwrap();
    assert_eq!(done.ended, [both]);
    let readable = || shelf.packs().iter().filter(|name| shelf.read(name).is_ok()).count();
    // The second names only what was not online when it began, and so lets the others go.
    assert_eq!((done.packs_rested, readable()), (2, 1));
    shelf.clock.turn_days(6);
    let done = tidy(&repository, &Monitor::new()).unwrap();
    assert_eq!((done.ended.len(), done.packs_rested, readable()), (1, 1, 0));
    assert!(shelf.packs().iter().all(|name| shelf.store.tier_of(name).unwrap().availability == Availability::Archived));
    assert_eq!(tidy(&repository, &Monitor::new()).unwrap(), Default::default());
}

#[test]
fn what_is_read_for_long_is_kept_readable() {
    let shelf = Shelf::new(StorageClass::Glacier);
    let repository = shelf.open();
    let retrieval = shelf.start(&repository, "a", &wish(RetrievalMode::Standard, 1)).retrieval.unwrap();
    shelf.clock.turn_seconds(i64::from(THAW_SECONDS));
    let monitor = Arc::new(Monitor::new());
    let keeper = Keeper::start(&repository, vec![retrieval], Duration::from_millis(5), &monitor);
    for _ in 0..5 {
        // Each turn brings the end within the margin, and the keeper has time to notice.
        shelf.clock.turn_seconds(DAY * 4 / 5);
        let before = std::time::Instant::now();
        while shelf.statuses(&repository)[0].told.changed.seconds + DAY / 2 < shelf.rig.env.now().seconds {
            assert!(before.elapsed() < Duration::from_secs(20), "nobody extends it");
            std::thread::sleep(Duration::from_millis(5));
        }
        // The log says so before the store was asked.
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(shelf.states(&repository), [RetrievalState::Retrieved]);
    }
    drop(keeper);
    assert_eq!(monitor.take_warnings(), Vec::new());
    shelf.clock.turn_days(2);
    assert_ne!(shelf.states(&repository), [RetrievalState::Retrieved], "nobody keeps it any more");
}

#[test]
fn who_looks_for_long_sees_packs_come_and_go() {
    let shelf = Shelf::new(StorageClass::Glacier);
    let repository = shelf.open();
    let point = repository.find_point("latest").unwrap();
    let path = [shelf.rig.inside(), b"/a/two".to_vec()].concat();
    let names = path.split(|b| *b == b'/').filter(|name| !name.is_empty());
    let entry = engine::tree::lookup(repository.nodes(), &point.manifest.root, names).unwrap().unwrap().entry;
    let rests = Rests::of(&repository, 10.0).unwrap();
    let look = || rests.of_file(&repository, &entry).unwrap();
    let rest = look();
    assert_eq!((rest.packs, rest.readable, rest.retrieving), (1, 0, 0));
    assert_eq!(rest.tiers.iter().copied().collect::<Vec<_>>(), ["GLACIER"]);
    shelf.start(&repository, "a", &wish(RetrievalMode::Standard, 1));
    assert_eq!(look().retrieving, 0, "an answer counts for ten seconds");
    shelf.clock.turn_seconds(10);
    assert_eq!(look().retrieving, 1);
    shelf.clock.turn_seconds(i64::from(THAW_SECONDS));
    let rest = look();
    assert!(rest.is_readable() && rest.retrieved == 1 && rest.until.is_some(), "{rest:?}");
    shelf.clock.turn_days(2);
    assert!(!look().is_readable());
}
