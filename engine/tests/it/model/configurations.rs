//! What is explored: each time, and exhaustively.

use super::protocol::Protocol;
use super::search::explore;

/// One writer and one collector: a source of both chunks over a point that has the first.
pub(super) const PAIR: Protocol = Protocol {
    name: "1 writer, 1 collector",
    runs: &[&[3]],
    collectors: 1,
    reader: false,
    truncation: false,
    locks: false,
    sweeps: false,
    start: &[1],
    packs_max: 4,
    plan_max: 2,
    orphans_max: 1,
    log_max: 3,
    mutant: None,
};

pub(super) const WRITERS: Protocol =
    Protocol { name: "2 writers, 1 collector", runs: &[&[3], &[3]], plan_max: 1, ..PAIR };

pub(super) const COLLECTORS: Protocol = Protocol { name: "1 writer, 2 collectors", collectors: 2, ..PAIR };

pub(super) const TRUNCATION: Protocol = Protocol {
    name: "1 writer, 1 collector, truncation",
    truncation: true,
    sweeps: true,
    packs_max: 3,
    plan_max: 1,
    log_max: 2,
    ..PAIR
};

/// Two writers with nothing to store: the log alone, where one may read what the other wrote too late.
pub(super) const LOG: Protocol = Protocol {
    name: "2 appenders, truncation",
    runs: &[&[0], &[0]],
    collectors: 0,
    truncation: true,
    packs_max: 2,
    log_max: 5,
    ..PAIR
};

/// Repacks in a row, as many as there may be, while a reader holds an old view.
pub(super) const READER: Protocol =
    Protocol { name: "1 writer, 1 collector, 1 reader", reader: true, sweeps: true, ..PAIR };

/// Locks that end, on packs alone.
pub(super) const LOCKS: Protocol =
    Protocol { name: "1 writer, 1 collector, locks", locks: true, packs_max: 3, plan_max: 1, ..PAIR };

#[test]
fn one_writer_and_one_collector_lose_nothing() {
    holds(&PAIR, 79_194, 430_869);
}

#[test]
fn two_writers_and_one_collector_lose_nothing() {
    holds(&WRITERS, 5_886_257, 44_064_082);
}

#[test]
fn one_writer_and_two_collectors_lose_nothing() {
    holds(&COLLECTORS, 517_708, 3_671_029);
}

#[test]
fn a_truncated_log_acknowledges_nothing_that_is_not_in_it() {
    holds(&TRUNCATION, 1_501_146, 8_542_710);
}

#[test]
fn a_truncated_log_keeps_its_chain_under_two_late_appenders() {
    holds(&LOG, 273_086, 1_704_936);
}

#[test]
fn a_reader_with_an_old_view_finds_what_was_repacked_twice() {
    holds(&READER, 850_810, 5_378_848);
}

#[test]
fn what_a_locked_point_needs_survives_who_deletes_whatever_is_not_locked() {
    holds(&LOCKS, 332_323, 2_207_420);
}

/// Explores all of it and finds no fault.
fn holds(protocol: &Protocol, states: usize, transitions: usize) {
    let explored = explore(protocol);
    println!(
        "{}: {} states, {} transitions; {} states with a chunk moved twice, {} with a void entry",
        protocol.name, explored.states, explored.transitions, explored.moved_twice, explored.voids
    );
    if let Some(found) = explored.counterexample {
        panic!("{}: {:?} after\n{:#?}\n{:?}", protocol.name, found.fault, found.steps, found.last);
    }
    // What it is about does happen.
    assert!(explored.moved_twice > 0 || protocol.collectors == 0, "{}: nothing was repacked twice", protocol.name);
    assert!(explored.voids > 0 || !protocol.truncation, "{}: nobody was too late", protocol.name);
    assert_eq!(
        (explored.states, explored.transitions),
        (states, transitions),
        "{}: the model was changed",
        protocol.name
    );
}
