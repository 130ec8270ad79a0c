//! What somebody remembers of the log, held against the log: a lost end, another history, what was summed up.

use super::{Place, at_once, log, opening};
use bytes::Bytes;
use engine::log::{Log, Recollection, Witness, hash_in_store};
use engine::store::{ObjectName, Store, StoreExt};
use format_spec::{Time, names};
use parking_lot::Mutex;
use std::sync::Arc;

/// Slot and hash of the newest entry.
fn newest(log: &Log) -> (u32, [u8; 32]) {
    let view = log.refresh().unwrap();
    (view.head, view.head_hash)
}

fn recall(place: &Place, (slot, hash): (u32, [u8; 32])) -> Recollection {
    let log = place.log();
    log.refresh().unwrap();
    log.recall(slot, &hash).unwrap()
}

fn remove(place: &Place, slot: u32) {
    place.store.delete(ObjectName::new(names::log(slot)).unwrap().object()).unwrap();
}

#[test]
fn a_log_that_goes_on_agrees_and_one_that_lost_its_end_does_not() {
    let place = Place::new();
    let writer = place.log();
    assert_eq!(recall(&place, (0, [0; 32])), Recollection::Agrees, "nothing was seen yet");
    place.grow_to(&writer, 5);
    let seen = newest(&writer);
    assert_eq!(recall(&place, seen), Recollection::Agrees);
    place.grow_to(&writer, 9);
    assert_eq!(recall(&place, seen), Recollection::Agrees);
    (5..=9).rev().for_each(|slot| remove(&place, slot));
    assert_eq!(recall(&place, seen), Recollection::Ahead);
}

#[test]
fn another_entry_in_the_remembered_slot_is_another_history() {
    let place = Place::new();
    let writer = place.log();
    place.grow_to(&writer, 6);
    let seen = newest(&writer);
    remove(&place, 6);
    let other = place.log();
    place.append(&other, &opening(None));
    assert!(matches!(recall(&place, seen), Recollection::Differs(_)));
    // Also when that history has gone further since.
    place.grow_to(&other, 12);
    assert!(matches!(recall(&place, seen), Recollection::Differs(_)));
    assert_eq!(recall(&place, newest(&other)), Recollection::Agrees);
}

#[test]
fn of_a_slot_that_was_summed_up_and_deleted_the_checkpoint_tells() {
    let place = Place::new();
    let writer = place.log();
    place.grow_to(&writer, 30);
    let seen = newest(&writer);
    place.truncate_at(&writer, 100);
    assert!(!place.slots("log").contains(&30));
    assert_eq!(recall(&place, seen), Recollection::Agrees);
    assert!(matches!(recall(&place, (30, [5; 32])), Recollection::Differs(_)));
}

/// A checkpoint keeps 2048 hashes. What lies further back and was deleted is known by its number alone.
#[test]
fn where_no_hash_reaches_back_the_position_alone_decides() {
    let place = Place::new();
    let writer = place.log();
    place.grow_to(&writer, 30);
    let seen = newest(&writer);
    place.grow_to(&writer, 2090);
    writer.checkpoint(&*place.env).unwrap().unwrap();
    // The entry is still there: it is asked for by its name.
    assert_eq!(recall(&place, seen), Recollection::Agrees);
    assert!(matches!(recall(&place, (30, [5; 32])), Recollection::Differs(_)));
    place.grow_to(&writer, 2095);
    writer.checkpoint(&*place.env).unwrap().unwrap();
    writer.truncate(&*place.env, &at_once()).unwrap();
    assert!(!place.slots("log").contains(&30));
    assert_eq!(recall(&place, (30, [5; 32])), Recollection::Agrees);
    assert_eq!(recall(&place, (2096, [5; 32])), Recollection::Ahead);
    // A writer that stood still puts its entry into the empty slot: it counts for nobody, and says nothing.
    place.store.put_new(&ObjectName::new(names::log(30)).unwrap(), Bytes::from_static(b"late")).unwrap();
    assert_eq!(recall(&place, seen), Recollection::Agrees);
}

#[derive(Debug, Default)]
struct Told(Mutex<Vec<(u32, [u8; 32], bool)>>);

impl Witness for Told {
    fn appended(&self, slot: u32, hash: [u8; 32], time: Option<Time>) {
        self.0.lock().push((slot, hash, time.is_some()));
    }
}

#[test]
fn a_witness_is_told_of_each_entry_of_its_own_process_and_of_no_other() {
    let place = Place::new();
    let (writer, other) = (place.log(), log(place.store.clone()));
    let told = Arc::new(Told::default());
    writer.tell(told.clone());
    place.append(&writer, &opening(None));
    place.append(&other, &opening(None));
    place.append(&writer, &opening(None));
    let hash = |slot| hash_in_store(&*place.store, slot).unwrap().unwrap();
    assert_eq!(*told.0.lock(), [(1, hash(1), true), (3, hash(3), true)]);
    assert_eq!(hash_in_store(&*place.store, 4).unwrap(), None);
}

#[test]
fn the_time_of_the_newest_entry_is_known_behind_a_checkpoint_too() {
    let place = Place::new();
    let writer = place.log();
    assert_eq!(writer.newest_time().unwrap(), None);
    place.grow_to(&writer, 20);
    writer.checkpoint(&*place.env).unwrap().unwrap();
    let fresh = place.log();
    fresh.refresh().unwrap();
    assert!(fresh.newest_time().unwrap().is_some());
    assert_eq!(fresh.newest_time().unwrap(), writer.newest_time().unwrap());
}
