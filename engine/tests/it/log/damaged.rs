//! Checkpoints that cannot be read are as if they were not there ([LOG-23]).

use super::{Place, shown};
use engine::Kind;
use engine::store::{ObjectName, Store, StoreExt};
use format_spec::names;

/// Checkpoints at 20, 40 and 60, head at 65.
fn summed() -> (Place, engine::log::Log) {
    let place = Place::new();
    let writer = place.log();
    place.backup(&writer, 1);
    for slot in [20, 40, 60] {
        place.grow_to(&writer, slot);
        assert_eq!(writer.checkpoint(&*place.env).unwrap(), Some(slot));
    }
    place.grow_to(&writer, 62);
    place.backup(&writer, 2);
    (place, writer)
}

#[test]
fn a_damaged_newest_checkpoint_is_passed_over() {
    let (place, writer) = summed();
    for (damaged, since) in [(60, 40), (40, 20), (20, 0)] {
        place.damage(damaged);
        let view = place.fresh();
        assert_eq!((view.since, shown(&view)), (since, shown(&writer.view())));
    }
}

#[test]
fn the_same_holds_behind_a_truncation_for_the_newest_one() {
    let (place, writer) = summed();
    writer.truncate(&*place.env, &super::at_once()).unwrap();
    assert_eq!((place.slots("checkpoint"), place.slots("log")[0]), (vec![40, 60], 40));
    place.damage(60);
    let view = place.fresh();
    assert_eq!((view.since, shown(&view)), (40, shown(&writer.view())));
    place.damage(40);
    let error = place.log().refresh().unwrap_err();
    assert_eq!((error.kind(), error.object()), (Kind::Damaged, Some(&*names::log(1))));
    // Nothing else is deleted where no two checkpoints can be read.
    assert!(writer.truncate(&*place.env, &super::at_once()).unwrap().entries.is_empty());
}

#[test]
fn checkpoints_cut_short_or_exchanged_are_passed_over() {
    let (place, writer) = summed();
    let name = |slot| ObjectName::new(names::checkpoint(slot)).unwrap();
    let (older, newest) = (place.store.get(&name(40)).unwrap(), place.store.get(&name(60)).unwrap());
    for bytes in [older, newest.slice(..newest.len() - 1), newest.slice(..0), newest.slice(1..)] {
        place.store.replace(&name(60), bytes);
        let view = place.fresh();
        assert_eq!((view.since, shown(&view)), (40, shown(&writer.view())));
    }
}

#[test]
fn a_gap_that_no_checkpoint_covers_is_damage() {
    let place = Place::new();
    let writer = place.log();
    place.grow_to(&writer, 30);
    place.store.delete(ObjectName::new(names::log(17)).unwrap().object()).unwrap();
    let error = place.log().refresh().unwrap_err();
    assert_eq!((error.kind(), error.object()), (Kind::Damaged, Some(&*names::log(17))));
    assert!(error.advice().is_some_and(|a| a.contains("--from COPY")));
    // One that covers it makes it whole.
    writer.checkpoint(&*place.env).unwrap();
    assert_eq!(place.fresh().head, 30);
}

#[test]
fn a_damaged_checkpoint_is_replaced_by_the_next_one_that_is_due() {
    let (place, writer) = summed();
    place.damage(60);
    let reader = place.log();
    reader.refresh().unwrap();
    assert_eq!(reader.checkpoint(&*place.env).unwrap(), Some(65));
    assert_eq!(place.fresh().since, 65);
    assert_eq!(writer.checkpoint(&*place.env).unwrap(), None, "there is one");
}
