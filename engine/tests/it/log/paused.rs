//! Writers that were paused while their slot was summed up and deleted ([LOG-24], I7).

use super::{Place, append_paused, committing, log, opening, point_id, publishing};
use engine::store::{ListOptions, Listed, ObjectName, Store, StoreExt, forward};
use engine::{Kind, Result};
use format_spec::names;
use std::sync::Arc;

#[test]
fn a_paused_writer_whose_slot_was_truncated_commits_again_and_loses_nothing() {
    let place = Place::new();
    let (writer, other) = (place.log(), place.log());
    let session = place.append(&writer, &opening(None));
    place.append(&writer, &publishing(session, 0, 2));
    let id = point_id(1);
    let commit = |view: &engine::log::LogView| view.expect_session(session).map(|()| committing(session, 5, id));
    let (slot, asked) = append_paused(&place, &writer, &commit, || _ = place.truncate_at(&other, 100));
    assert_eq!((slot.unwrap(), asked), (101, 2), "the first entry is void, the second counts");
    assert!(place.slots("log").contains(&3), "the void entry is there, and nobody sees it");
    let view = place.fresh();
    assert_eq!(view.live(&id).map(|c| (c.slot, c.number)), Some((101, 1)));
    assert_eq!((view.head, view.sessions.len()), (101, 0));
    assert_eq!(writer.view().head_hash, view.head_hash);
}

/// The same with a store whose listings hide checkpoints: as if I7 were not kept. The commit is acknowledged and lost.
#[test]
fn without_the_listing_an_acknowledged_commit_would_be_lost() {
    let place = Place::new();
    let (writer, other) = (log(Arc::new(Blind(place.store.clone()))), place.log());
    let session = place.append(&writer, &opening(None));
    let id = point_id(1);
    let commit = |_: &engine::log::LogView| Ok(committing(session, 5, id));
    let (slot, asked) = append_paused(&place, &writer, &commit, || _ = place.truncate_at(&other, 100));
    assert_eq!((slot.unwrap(), asked), (2, 1), "acknowledged at the deleted slot");
    assert!(place.fresh().live(&id).is_none(), "and nobody sees it");
}

#[test]
fn a_writer_that_was_fenced_during_its_pause_learns_it() {
    let place = Place::new();
    let (writer, other) = (place.log(), place.log());
    let session = place.append(&writer, &opening(None));
    let commit =
        |view: &engine::log::LogView| view.expect_session(session).map(|()| committing(session, 5, point_id(1)));
    let (slot, _) = append_paused(&place, &writer, &commit, || {
        place.append(&other, &format_spec::log::Change::Fence { session, reason: "silent".into() });
        place.truncate_at(&other, 60);
    });
    assert_eq!(slot.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(place.fresh().commits, []);
}

#[test]
fn void_entries_do_not_add_up_to_a_second_history() {
    let place = Place::new();
    let other = place.log();
    place.grow_to(&other, 4);
    let writers: Vec<_> = (0..4).map(|_| place.log()).collect();
    let sessions: Vec<u32> = writers.iter().map(|w| place.append(w, &opening(None))).collect();
    writers.iter().for_each(|w| _ = w.refresh().unwrap());
    // Every writer stands at slot 8 and is paused before it puts slot 9, until those behind it in the row have put theirs; before the last one does,
    // all is summed up and deleted.
    fn chain(place: &Place, writers: &[engine::log::Log], sessions: &[u32], slots: &parking_lot::Mutex<Vec<u32>>) {
        let (Some((writer, writers)), Some((session, sessions))) = (writers.split_first(), sessions.split_first())
        else {
            place.truncate_at(&place.log(), 80);
            return;
        };
        let commit = |_: &engine::log::LogView| Ok(committing(*session, 5, point_id(*session)));
        let (slot, _) = append_paused(place, writer, &commit, || chain(place, writers, sessions, slots));
        slots.lock().push(slot.unwrap());
    }
    let slots = parking_lot::Mutex::default();
    chain(&place, &writers, &sessions, &slots);
    assert_eq!(slots.into_inner(), [81, 82, 83, 84]);
    assert_eq!(place.slots("log")[..2], [9, 70], "one void entry, and none behind it");
    let view = place.fresh();
    assert_eq!((view.head, view.commits.len()), (84, 4));
    // All who stood there agree.
    writers.iter().for_each(|w| assert_eq!(w.refresh().unwrap().head_hash, view.head_hash));
}

#[test]
fn a_void_entry_right_before_the_newest_checkpoint_stops_nobody() {
    let place = Place::new();
    let (other, writer, reader) = (place.log(), place.log(), place.log());
    place.grow_to(&other, 60);
    other.checkpoint(&*place.env).unwrap();
    place.grow_to(&other, 68);
    writer.refresh().unwrap();
    reader.refresh().unwrap();
    let change = |_: &engine::log::LogView| Ok(opening(None));
    let (slot, asked) = append_paused(&place, &writer, &change, || {
        place.grow_to(&other, 70);
        other.checkpoint(&*place.env).unwrap();
        place.grow_to(&other, 75);
        other.checkpoint(&*place.env).unwrap();
        other.truncate(&*place.env, &super::at_once()).unwrap();
    });
    assert_eq!((slot.unwrap(), asked), (76, 2));
    assert!(place.slots("log").starts_with(&[69, 70]), "slot 69 is void, slot 70 the checkpoint's own");
    assert_eq!(reader.refresh().unwrap().head_hash, place.fresh().head_hash);
}

#[test]
fn what_cannot_be_told_is_not_acknowledged() {
    let place = Place::new();
    let (writer, other) = (place.log(), place.log());
    let (slot, _) = append_paused(&place, &writer, &|_| Ok(opening(None)), || {
        place.truncate_at(&other, 60);
        place.slots("checkpoint").into_iter().for_each(|slot| place.damage(slot));
    });
    let error = slot.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_string().contains("none can be read"), "{error}");
}

/// A void entry may be swept before its writer has read it back.
#[test]
fn a_void_entry_that_is_swept_at_once_is_no_damage() {
    let place = Place::new();
    let sweeping = engine::store::Faulty::new(place.store.clone(), {
        let (store, env) = (place.store.clone(), place.env.clone());
        move |call| {
            let name = names::log(1);
            if call.verb == engine::store::RequestKind::Get
                && call.name == name
                && store.get(&ObjectName::new(name).unwrap()).is_ok()
            {
                log(store.clone()).truncate(&*env, &super::at_once()).unwrap();
            }
            None
        }
    });
    let (writer, other) = (log(Arc::new(sweeping)), place.log());
    let (slot, asked) = append_paused(&place, &writer, &|_| Ok(opening(None)), || _ = place.truncate_at(&other, 60));
    assert_eq!((slot.unwrap(), asked), (61, 2));
}

/// Hides checkpoints from listings.
#[derive(Debug)]
struct Blind(Arc<dyn Store>);

impl Store for Blind {
    forward!(0: location, put, read, head, versions, delete, extend_lock, retrieve, rest_again, now, capabilities, room, fresh);

    fn list(&self, options: &ListOptions<'_>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        if options.prefix == "checkpoint" { Ok(()) } else { self.0.list(options, visit) }
    }
}
