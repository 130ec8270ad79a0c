//! What checkpoints cost and spare, in requests.

use super::{Place, log};
use engine::limits::CHECKPOINT_ENTRIES;
use engine::store::{MeteredStore, RequestKind};
use std::sync::Arc;
use std::time::Instant;

/// Puts, gets and lists of opening the log.
fn open(place: &Place) -> [u64; 3] {
    let store = Arc::new(MeteredStore::new(place.store.clone()));
    let counts = store.counts();
    log(store).refresh().unwrap();
    [RequestKind::Put, RequestKind::Get, RequestKind::List].map(|v| counts.requests(v))
}

#[test]
fn opening_needs_the_same_few_requests_however_long_the_log_is() {
    let place = Place::new();
    let writer = place.log();
    for slots in [200, 500, 1000] {
        place.grow_to(&writer, slots);
        writer.checkpoint(&*place.env).unwrap();
        assert_eq!(open(&place), [0, 2, 2], "checkpoint and the slot after it; two listings");
    }
}

#[test]
fn checkpoints_are_written_when_due_and_bound_what_an_open_reads() {
    let place = Place::new();
    let writer = place.log();
    while writer.view().head < 3 * CHECKPOINT_ENTRIES + 50 {
        place.backup(&writer, writer.view().head);
        writer.checkpoint_if_due(&*place.env);
    }
    let written = place.slots("checkpoint");
    assert_eq!(written.len(), 3, "{written:?}");
    assert!(
        written.iter().zip(1..).all(|(slot, n)| (0..4 * n).contains(&(slot - n * CHECKPOINT_ENTRIES))),
        "{written:?}"
    );
    let [_, gets, _] = open(&place);
    assert!(gets <= u64::from(CHECKPOINT_ENTRIES) + 2, "{gets}");
}

#[test]
fn an_append_asks_for_one_listing_more() {
    let place = Place::new();
    let store = Arc::new(MeteredStore::new(place.store.clone()));
    let counts = store.counts();
    let writer = log(store);
    place.append(&writer, &super::opening(None));
    let before = [RequestKind::Put, RequestKind::Get, RequestKind::List].map(|v| counts.requests(v));
    place.append(&writer, &super::opening(None));
    let after = [RequestKind::Put, RequestKind::Get, RequestKind::List].map(|v| counts.requests(v));
    // Read on: a listing and the free slot. Put, read back. The listing of checkpoints.
    assert_eq!([0, 1, 2].map(|n: usize| after[n] - before[n]), [1, 2, 2]);
}

#[test]
#[ignore = "a measurement: a thousand points, opened from all entries and from a checkpoint"]
fn a_thousand_points() {
    let place = Place::new();
    let writer = place.log();
    (0..1000).for_each(|n| _ = place.backup(&writer, n));
    let measure = |what: &str| {
        let start = Instant::now();
        let view = place.fresh();
        println!(
            "{what}: {:?}, {} points, head {}, requests {:?}",
            start.elapsed(),
            view.commits.len(),
            view.head,
            open(&place)
        );
    };
    measure("all entries");
    let start = Instant::now();
    writer.checkpoint(&*place.env).unwrap();
    println!("writing the checkpoint: {:?}", start.elapsed());
    measure("from the checkpoint");
    let name = engine::store::ObjectName::new(format_spec::names::checkpoint(3000)).unwrap();
    println!("{} bytes", engine::store::StoreExt::get(&*place.store, &name).unwrap().len());
}
