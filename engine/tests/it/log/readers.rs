//! Readers that hold an old view while the log is summed up and deleted below them ([LOG-23]).

use super::{Place, append_paused, at_once, log, opening};
use engine::store::{Faulty, RequestKind};
use format_spec::log::Change;
use format_spec::names;
use std::sync::Arc;

#[test]
fn a_reader_at_slot_5_goes_on_when_the_log_was_truncated_to_100() {
    let place = Place::new();
    let (reader, writer) = (place.log(), place.log());
    let first = place.backup(&writer, 1);
    place.grow_to(&writer, 5);
    assert_eq!(reader.refresh().unwrap().head, 5);
    let second = place.backup(&writer, 2);
    let truncated = place.truncate_at(&writer, 110);
    assert_eq!(truncated.entries, (1..100).collect::<Vec<_>>());
    let view = reader.refresh().unwrap();
    assert_eq!((view.head, view.since), (110, 110));
    assert!(view.live(&first).is_some() && view.live(&second).is_some());
    place.backup(&writer, 3);
    assert_eq!(super::shown(&reader.refresh().unwrap()), super::shown(&writer.view()));
}

/// Truncated between the reader's listing and its reading.
#[test]
fn entries_that_vanish_while_they_are_read_are_read_from_the_checkpoint() {
    for at in [2, 3, 9, 30] {
        let place = Place::new();
        let writer = place.log();
        place.backup(&writer, 1);
        place.grow_to(&writer, 40);
        let (other, env) = (log(place.store.clone()), place.env.clone());
        other.refresh().unwrap();
        let swept = std::sync::atomic::AtomicBool::new(false);
        let racing = Faulty::new(place.store.clone(), move |call| {
            if call.name == names::log(at) && !swept.swap(true, std::sync::atomic::Ordering::SeqCst) {
                other.checkpoint(&*env).unwrap();
                let one = Change::Unknown { kind: 99, readable: true, writable: true };
                (0..20).for_each(|_| _ = other.append(&*env, &mut |_| Ok(one.clone())).unwrap());
                other.checkpoint(&*env).unwrap();
                other.truncate(&*env, &at_once()).unwrap();
            }
            None
        });
        let view = log(Arc::new(racing)).refresh().unwrap();
        assert_eq!((view.head, view.commits.len()), (60, 1), "at {at}");
    }
}

/// The reader has listed nothing new; then the log grows, is truncated, and a paused writer puts the very slot that the reader asks for.
#[test]
fn a_void_entry_that_no_listing_had_shown_is_not_believed() {
    let place = Arc::new(Place::new());
    let (writer, paused) = (place.log(), place.log());
    place.grow_to(&writer, 4);
    paused.refresh().unwrap();
    let inner = (log(place.store.clone()), place.clone());
    let raced = std::sync::atomic::AtomicBool::new(false);
    let racing = Arc::new(Faulty::new(place.store.clone(), move |call| {
        let (other, place) = &inner;
        if call.verb == RequestKind::Get
            && call.name == names::log(5)
            && !raced.swap(true, std::sync::atomic::Ordering::SeqCst)
        {
            let (slot, asked) =
                append_paused(place, &paused, &|_| Ok(opening(None)), || _ = place.truncate_at(other, 90));
            assert_eq!((slot.unwrap(), asked), (91, 2));
            assert_eq!(place.slots("log")[0], 5, "the void entry");
        }
        None
    }));
    let reader = log(racing);
    let view = reader.refresh().unwrap();
    assert_eq!((view.head, view.sessions.keys().copied().collect::<Vec<_>>()), (91, vec![91]));
}

#[test]
fn reading_all_entries_begins_at_the_first_that_is_there() {
    let place = Place::new();
    let writer = place.log();
    place.backup(&writer, 1);
    let slots_of = |log: &engine::log::Log| {
        let mut slots = Vec::new();
        let mut visit = |entry: &format_spec::log::LogEntry| {
            slots.push(entry.slot);
            Ok(())
        };
        (log.for_each(&mut visit).unwrap(), slots)
    };
    assert_eq!(slots_of(&writer), (1, vec![1, 2, 3]));
    let (paused, other) = (place.log(), place.log());
    // A void entry among what is left is not visited.
    append_paused(&place, &paused, &|_| Ok(opening(None)), || _ = place.truncate_at(&other, 60)).0.unwrap();
    writer.refresh().unwrap();
    assert_eq!(place.slots("log")[..2], [4, 50]);
    assert_eq!(slots_of(&writer), (50, (50..=61).collect()));
}
