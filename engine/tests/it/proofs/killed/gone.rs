//! The store goes away at the k-th call, for every k.

use super::super::rig::{copy_of, parallel};
use super::{CALLS_MAX, Operation, Scenario};
use engine::Kind;
use engine::store::{Fault, Faulty};
use std::cmp::Ordering;
use std::sync::Arc;

fn go_away_at_each_call(operation: Operation, last: fn(Kind) -> Fault, kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let scenario = Scenario::new(folder.path(), operation);
    let tried = parallel(|k| {
        let memory = copy_of(&*scenario.rig.store);
        let going = Arc::new(Faulty::new(memory.clone(), move |call| match call.number.cmp(&k) {
            Ordering::Less => None,
            Ordering::Equal => Some(last(kind)),
            Ordering::Greater => Some(Fault::Before(kind)),
        }));
        let done = operation.run(&scenario.rig.over(going.clone()));
        if going.calls() < k {
            done.unwrap();
            return false;
        }
        let place = format!("{operation:?}, call {k}, {:?}", last(kind));
        scenario.expect_whole(&scenario.rig.over(memory), &place);
        true
    });
    println!("{operation:?}: the store went away at each of {tried} calls");
    assert!((5..=CALLS_MAX).contains(&tried), "{tried} calls");
}

#[test]
fn a_backup_whose_store_goes_away_loses_nothing() {
    go_away_at_each_call(Operation::Backup, Fault::Before, Kind::Denied);
}

#[test]
fn a_backup_whose_store_goes_away_after_an_effect_loses_nothing() {
    go_away_at_each_call(Operation::Backup, Fault::After, Kind::Transient);
}

#[test]
fn an_expiry_whose_store_goes_away_loses_nothing() {
    go_away_at_each_call(Operation::Expire, Fault::Before, Kind::Denied);
}

#[test]
fn an_expiry_whose_store_goes_away_after_an_effect_loses_nothing() {
    go_away_at_each_call(Operation::Expire, Fault::After, Kind::Transient);
}

#[test]
fn an_erasure_whose_store_goes_away_loses_nothing() {
    go_away_at_each_call(Operation::Erase, Fault::Before, Kind::Denied);
}

#[test]
fn an_erasure_whose_store_goes_away_after_an_effect_loses_nothing() {
    go_away_at_each_call(Operation::Erase, Fault::After, Kind::Transient);
}

#[test]
fn a_collection_whose_store_goes_away_loses_nothing() {
    go_away_at_each_call(Operation::Collect, Fault::Before, Kind::Denied);
}

#[test]
fn a_collection_whose_store_goes_away_after_an_effect_loses_nothing() {
    go_away_at_each_call(Operation::Collect, Fault::After, Kind::Transient);
}

#[test]
fn a_truncation_whose_store_goes_away_loses_nothing() {
    go_away_at_each_call(Operation::Truncate, Fault::Before, Kind::Denied);
}

#[test]
fn a_truncation_whose_store_goes_away_after_an_effect_loses_nothing() {
    go_away_at_each_call(Operation::Truncate, Fault::After, Kind::Transient);
}
