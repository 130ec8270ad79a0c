//! The log's end that nobody can read is set aside ([LOG-28]), and nobody goes on from what stood there.

use super::{Place, at_once, committing, log, opening, point_id, publishing, shown};
use bytes::Bytes;
use engine::Kind;
use engine::log::Log;
use engine::store::{Faulty, ObjectName, Store, StoreExt};
use format_spec::log::Change;
use format_spec::names;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A log of a point and an open session, whose Commit in slot 6 is damaged.
fn damaged(place: &Place) -> (Log, u32) {
    let writer = place.log();
    place.backup(&writer, 1);
    let session = place.append(&writer, &opening(None));
    place.append(&writer, &publishing(session, 0, 2));
    place.append(&writer, &committing(session, 5, point_id(2)));
    rot(place, 6);
    (writer, session)
}

/// Flips a bit in the middle of an entry.
fn rot(place: &Place, slot: u32) {
    let name = ObjectName::new(names::log(slot)).unwrap();
    let mut bytes = place.store.get(&name).unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    place.store.replace(&name, bytes.into());
}

fn set_aside(place: &Place, first: u32) -> engine::Result<u32> {
    let end = place.log().end_from(first)?;
    place.log().set_aside(&*place.env, &end)
}

#[test]
fn a_damaged_newest_entry_is_named_with_what_helps() {
    let place = Place::new();
    damaged(&place);
    let (slot, error) = place.log().stops_at().unwrap().unwrap();
    assert_eq!((slot, error.kind(), error.object()), (6, Kind::Damaged, Some("log/0000000000000006")));
    let advice = error.advice().unwrap();
    assert!(advice.contains("`--as-of 5`") && advice.contains("`cairn repair plan`"), "{advice}");
    assert_eq!(place.log().until(5).refresh().unwrap().head, 5);
}

#[test]
fn what_is_set_aside_counts_for_nothing_and_all_go_on_behind_it() {
    let place = Place::new();
    let (writer, session) = damaged(&place);
    assert_eq!(set_aside(&place, 6).unwrap(), 7);
    let view = place.fresh();
    assert_eq!((view.head, view.commits.len(), view.sessions.len()), (7, 1, 0));
    assert_eq!(
        (view.voids.as_slice(), view.next_number),
        (&[6][..], 3),
        "the number of a point that is gone is not given again"
    );
    assert_eq!(place.slots("checkpoint"), [7], "for those who do not know such entries");
    // Who had read the entry when it was sound comes to the same, and its session has ended.
    assert!(writer.view().live(&point_id(2)).is_some());
    assert_eq!(shown(&writer.refresh().unwrap()), shown(&view));
    assert!(writer.view().expect_session(session).is_err());
    // Without the checkpoint everybody reads the same from the entries.
    place.store.delete(ObjectName::new(names::checkpoint(7)).unwrap().object()).unwrap();
    assert_eq!(shown(&place.fresh()), shown(&view));
    let id = place.backup(&place.log(), 3);
    assert_eq!(place.fresh().live(&id).map(|c| c.number), Some(3));
    assert_eq!(place.log().until(6).refresh().unwrap().commits.len(), 1, "as of a slot that is set aside");
    assert_eq!(place.log().until(7).refresh().unwrap().head, 7);
}

/// Its bytes are whole again, or were only read wrong: everybody takes the same view all the same.
#[test]
fn an_entry_that_is_set_aside_counts_for_nothing_though_it_can_be_read() {
    let place = Place::new();
    damaged(&place);
    set_aside(&place, 6).unwrap();
    let view = place.fresh();
    rot(&place, 6);
    place.store.delete(ObjectName::new(names::checkpoint(7)).unwrap().object()).unwrap();
    assert_eq!(shown(&place.fresh()), shown(&view));
    place.store.delete(ObjectName::new(names::log(6)).unwrap().object()).unwrap();
    assert_eq!(shown(&place.fresh()), shown(&view), "nor is it missed");
}

#[test]
fn several_entries_at_the_end_are_set_aside_together() {
    let place = Place::new();
    damaged(&place);
    for slot in [4, 5] {
        place.store.replace(&ObjectName::new(names::log(slot)).unwrap(), Bytes::new());
    }
    assert_eq!(set_aside(&place, 4).unwrap(), 7);
    assert_eq!((place.fresh().voids.as_slice(), place.fresh().head), (&[4, 5, 6][..], 7));
    // And the entry that says so is damaged in turn.
    place.store.delete(ObjectName::new(names::checkpoint(7)).unwrap().object()).unwrap();
    rot(&place, 7);
    assert_eq!(place.log().stops_at().unwrap().map(|(slot, _)| slot), Some(4));
    assert_eq!(set_aside(&place, 4).unwrap(), 8);
    assert_eq!((place.fresh().head, place.fresh().commits.len()), (8, 1));
}

#[test]
fn what_can_be_read_is_not_set_aside() {
    let place = Place::new();
    let writer = place.log();
    place.backup(&writer, 1);
    rot(&place, 2);
    let end = place.log().end_from(2).unwrap();
    assert_eq!((end.readable, end.stated.map(|(slot, _)| slot)), (Some(3), Some(2)));
    assert_eq!(place.log().set_aside(&*place.env, &end).unwrap_err().kind(), Kind::Input);
    let error = place.fresh_error();
    assert!(error.advice().unwrap().contains("--from COPY"), "{error:?}");
    // The hash that the entry behind states is that of the right bytes.
    rot(&place, 2);
    let right = place.store.get(&ObjectName::new(names::log(2)).unwrap()).unwrap();
    assert_eq!(end.stated, Some((2, *blake3::hash(&right).as_bytes())));
}

#[test]
fn an_answer_that_changes_sets_nothing_aside() {
    let place = Place::new();
    damaged(&place);
    let end = place.log().end_from(6).unwrap();
    rot(&place, 6);
    assert_eq!(place.log().set_aside(&*place.env, &end).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(place.slots("log").last(), Some(&6), "nothing was written");
    assert_eq!(place.fresh().commits.len(), 2);
}

/// The writer that read the entry when it was sound is first: nothing is set aside, and its entry proves what is missing.
#[test]
fn a_writer_that_goes_on_from_the_sound_entry_wins_or_ends() {
    let place = Place::new();
    let (writer, _) = damaged(&place);
    let end = place.log().end_from(6).unwrap();
    place.append(&writer, &opening(None));
    assert_eq!(place.log().set_aside(&*place.env, &end).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(place.log().end_from(6).unwrap().readable, Some(7));

    let place = Place::new();
    let (writer, session) = damaged(&place);
    set_aside(&place, 6).unwrap();
    let commit = Change::Publish { session, packs: Vec::new(), segment: None };
    let done = writer.append(&*place.env, &mut |view| view.expect_session(session).map(|()| commit.clone()));
    assert_eq!(done.unwrap_err().kind(), Kind::Conflict);
}

/// A writer read the entry when it was sound, stood still, and sums it up only now.
#[test]
fn a_late_checkpoint_of_a_slot_that_is_set_aside_counts_for_nothing() {
    let place = Place::new();
    let (late, _) = damaged(&place);
    set_aside(&place, 6).unwrap();
    let view = place.fresh();
    place.store.delete(ObjectName::new(names::checkpoint(7)).unwrap().object()).unwrap();
    assert_eq!(late.checkpoint(&*place.env).unwrap(), Some(6));
    assert_eq!(shown(&place.fresh()), shown(&view), "whoever begins with it goes back");
    assert_eq!(shown(&late.refresh().unwrap()), shown(&view));
    for log in [&late, &place.log()] {
        log.refresh().unwrap();
        assert_eq!(log.newest_checkpoint().unwrap(), 0);
        log.for_each_summed_up(true, &mut |name, error, _| panic!("{name} is told: {error}")).unwrap();
        assert_eq!(log.truncate(&*place.env, &at_once()).unwrap().stopped, Some("no two checkpoints are old enough"));
    }
    // It goes with the others, and vouches for none of them.
    place.grow_to(&late, 20);
    late.checkpoint(&*place.env).unwrap().unwrap();
    assert_eq!(late.truncate(&*place.env, &at_once()).unwrap().stopped, Some("no two checkpoints are old enough"));
    let done = place.truncate_at(&late, 40);
    assert_eq!((done.stopped, place.slots("checkpoint")), (None, vec![30, 40]));
    assert_eq!(place.fresh().commits.len(), 1);
}

/// It had read the damaged entry when it was sound, met the SetAside, and then could not read on: the next reading forgets the entry all the same.
#[test]
fn a_reading_that_fails_behind_the_setaside_does_not_go_on_from_before_it() {
    let place = Place::new();
    let (writer, _) = damaged(&place);
    set_aside(&place, 6).unwrap();
    place.store.delete(ObjectName::new(names::checkpoint(7)).unwrap().object()).unwrap();
    let last = place.append(&place.log(), &opening(None));
    let view = place.fresh();
    rot(&place, last);
    for _ in 0..2 {
        assert_eq!(writer.refresh().unwrap_err().object(), Some(&*names::log(last)), "each time");
    }
    rot(&place, last);
    assert_eq!(shown(&writer.refresh().unwrap()), shown(&view));
}

/// The entry is summed up and deleted between a look that shows it damaged and the second look.
#[test]
fn a_damaged_entry_that_is_gone_at_the_second_look_is_read_from_the_checkpoint() {
    let place = Place::new();
    let writer = place.log();
    place.backup(&writer, 1);
    let (entry, view) = (ObjectName::new(names::log(2)).unwrap(), writer.refresh().unwrap());
    let (memory, looks, is_summed) = (place.store.clone(), AtomicU32::new(0), AtomicBool::new(false));
    rot(&place, 2);
    let env = place.env.clone();
    let store = Faulty::new(place.store.clone(), move |call| {
        let looks_again = call.name == names::log(2) && looks.fetch_add(1, Ordering::SeqCst) == 1;
        if looks_again && !is_summed.swap(true, Ordering::SeqCst) {
            writer.checkpoint(&*env).unwrap().unwrap();
            memory.delete(entry.object()).unwrap();
        }
        None
    });
    let reader = log(Arc::new(store));
    assert_eq!(shown(&reader.refresh().unwrap()), shown(&view));
}

#[test]
fn what_is_summed_up_meanwhile_is_not_set_aside() {
    let place = Place::new();
    let (writer, _) = damaged(&place);
    let end = place.log().end_from(6).unwrap();
    assert_eq!(writer.checkpoint(&*place.env).unwrap(), Some(6));
    let error = place.log().set_aside(&*place.env, &end).unwrap_err();
    assert_eq!((error.kind(), error.object()), (Kind::Conflict, Some("log/0000000000000006")), "{error}");
    assert_eq!((place.slots("log").last(), place.fresh().commits.len()), (Some(&6), 2), "nothing is lost");
}

impl Place {
    fn fresh_error(&self) -> engine::Error {
        self.log().refresh().unwrap_err()
    }
}
