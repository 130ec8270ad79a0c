//! What leaves together lies together; a chain of small increments reaches full packs.

use super::{Pair, Which, target_of};
use crate::proofs::rig::{names_of, noise};
use engine::copy::CopyOptions;
use engine::store::Memory;
use std::sync::Arc;

fn data_packs(pair: &Pair) -> usize {
    names_of(&*pair.target.store).iter().filter(|n| n.as_str().starts_with("data/")).count()
}

#[test]
fn points_wait_in_the_spool_and_share_one_pack() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    let waiting = |seconds| CopyOptions { flush_after_seconds: seconds, ..pair.options(Which::Latest) };
    for round in 0..5u64 {
        pair.source.write(format!("file-{round}"), &noise(round, 400_000));
        pair.source.back_up().unwrap();
        let done = pair.copy_with(&CopyOptions { which: Which::All, ..waiting(86_400) }).unwrap();
        assert_eq!((done.copied.len(), done.waiting.len()), (0, usize::try_from(round).unwrap() + 1), "{done:?}");
        // What waits is not read again.
        assert!(done.bytes_read < 900_000, "{done:?}");
        assert_eq!(done.blocks_recovered > 0, round > 0, "{done:?}");
    }
    assert_eq!((data_packs(&pair), pair.target.open().unwrap().points().unwrap().len()), (0, 0));
    let done = pair.copy_with(&CopyOptions { which: Which::All, ..waiting(0) }).unwrap();
    assert_eq!((done.copied.len(), done.waiting.len(), data_packs(&pair)), (5, 0, 1), "{done:?}");
    pair.expect_equal();
    pair.expect_same_points();
    // The spool is empty then.
    let left: Vec<_> = std::fs::read_dir(&pair.spool).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["door"]);
}

/// Only the newest is asked for each day; those of the days before are not forgotten.
#[test]
fn points_that_wait_are_copied_though_newer_ones_came() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    for round in 0..3u64 {
        pair.source.write(format!("file-{round}"), &noise(round, 100_000));
        pair.source.back_up().unwrap();
        let options = CopyOptions { flush_after_seconds: 86_400, ..pair.options(Which::Latest) };
        let done = pair.copy_with(&options).unwrap();
        assert_eq!(done.waiting.len(), usize::try_from(round).unwrap() + 1, "{done:?}");
        // One that is not allowed to go on changes nothing of that.
        let budget = engine::price::Budget { max_requests: Some(0), max_cost: None };
        let refused = pair.copy_with(&CopyOptions { budget, ..pair.options(Which::Latest) }).unwrap_err();
        assert_eq!(refused.kind(), engine::Kind::Input, "{refused}");
        // Nor are full packs of theirs collected meanwhile.
        crate::copy::races::collect_all(&pair.target);
    }
    let done = pair.copy(Which::Latest).unwrap();
    assert_eq!((done.copied.len(), done.waiting.len()), (3, 0), "{done:?}");
    pair.expect_same_points();
}

#[test]
fn the_oldest_that_waits_ends_the_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let clock = crate::immutability::place::Clock::new();
    let source: Arc<dyn engine::store::Store> = Arc::new(Memory::new());
    let mut pair = Pair::over(folder.path(), source, Arc::new(Memory::new()));
    (pair.source.env, pair.target.env) = (clock.clone(), clock.clone());
    let options = CopyOptions { flush_after_seconds: 3 * 86_400, ..pair.options(Which::All) };
    for day in 0..3u64 {
        pair.source.write("file", &noise(day, 100_000));
        pair.source.back_up().unwrap();
        assert_eq!(pair.copy_with(&options).unwrap().copied.len(), 0, "day {day}");
        clock.turn_days(1);
    }
    // Without anything new: the deadline of the first is over.
    let done = pair.copy_with(&options).unwrap();
    assert_eq!((done.copied.len(), done.waiting.len()), (3, 0), "{done:?}");
    pair.expect_same_points();
}

#[test]
fn what_only_older_points_need_lies_apart() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("stays", &noise(1, 1_500_000));
    pair.source.write("goes", &noise(2, 1_500_000));
    pair.source.back_up().unwrap();
    pair.source.write("goes", &noise(3, 1_500_000));
    pair.source.back_up().unwrap();
    pair.copy(Which::All).unwrap();
    assert_eq!(data_packs(&pair), 2);
    pair.expect_same_points();
    // When the older point goes, a whole pack dies, and nothing has to be packed anew.
    crate::copy::races::expire_oldest(&pair.target);
    let report = crate::copy::races::collect_all(&pair.target);
    assert_eq!((report.packs_condemned - report.packs_repacked >= 1, data_packs(&pair)), (true, 1), "{report:?}");
    pair.expect_equal();
    let fresh = target_of(&pair.source, Arc::new(Memory::new()), Default::default());
    assert!(names_of(&*fresh.store).len() >= 2);
}
