//! What the probe finds out about stores that keep their word, and about those that lie.

use engine::Kind;
use engine::env::Seeded;
use engine::store::{Fault, Faulty, ListOptions, Memory, MeteredStore, Probed, RequestKind, Store, probe};
use std::sync::Arc;
use testkit::stores::{Lie, Lying};

fn probe_memory(store: &dyn Store) -> Probed {
    probe(store, &*Seeded::shared(1), &|_| ()).unwrap()
}

fn left(store: &dyn Store) -> usize {
    let mut count = 0;
    store
        .list(&ListOptions::below(""), &mut |_| {
            count += 1;
            true
        })
        .unwrap();
    count
}

#[test]
fn an_honest_store_passes_and_nothing_is_left_in_it() {
    let store = Memory::new();
    let probed = probe_memory(&store);
    assert!(probed.create_is_atomic && probed.ranges && probed.listing_complete && probed.delete, "{probed:?}");
    assert!(!probed.checksum_enforced);
    assert_eq!((probed.versioned, probed.rounds), (None, 3));
    probed.require().unwrap();
    assert_eq!(left(&store), 0);
}

#[test]
fn a_store_that_cannot_be_reached_is_an_error_and_no_verdict() {
    let down = Faulty::new(Arc::new(Memory::new()), |_| Some(Fault::Before(Kind::Denied)));
    assert_eq!(probe(&down, &*Seeded::shared(1), &|_| ()).unwrap_err().kind(), Kind::Denied);
}

#[test]
fn lost_answers_during_the_race_prove_nothing_and_are_no_fault() {
    // Every put of the first rounds loses its answer and is retried at once: nobody wins.
    let counted = Arc::new(MeteredStore::new(Arc::new(Memory::new())));
    let faulty = Faulty::new(counted, |call| {
        (call.verb == RequestKind::Put && call.name.ends_with("/race-0")).then_some(Fault::After(Kind::Exists))
    });
    let probed = probe_memory(&faulty);
    assert!(probed.create_is_atomic, "{probed:?}");
    assert_eq!(probed.rounds, 3);
}

#[test]
fn each_lie_is_found_and_refused_by_name() {
    let cases = [
        (Lie::CreatesAgain, "16 of 16 parallel creates of one object succeeded", "creating an object only if"),
        (Lie::SaysCreatedButKeepsOther, "another one's bytes were kept", "creating an object only if"),
        (Lie::CutsRanges, "came without an error", "ranged reads"),
        (Lie::SendsWhole, "came as 1000 other bytes", "ranged reads"),
        (Lie::RefusesRanges, "(observed: bytes 0..1 did not come (no ranges here))", "ranged reads"),
        (Lie::ForgetsInListings, "a listing showed", "complete listings"),
        (Lie::IgnoresAfter, "start after a name", "complete listings"),
        (Lie::DeletesNothing, "was still there", "deleting"),
    ];
    for (lie, observed, missing) in cases {
        let probed = probe_memory(&Lying::new(Arc::default(), lie));
        let error = probed.require().unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{lie:?}");
        let message = error.to_string();
        assert!(message.contains(observed) && message.contains(missing), "{lie:?}: {message}");
        assert!(!message.contains("probe/"), "nobody knows the probe's objects: {message}");
    }
}
