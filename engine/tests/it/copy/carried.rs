//! What a copy carries, and what it costs.

use super::{Pair, Which};
use crate::proofs::rig::{names_of, noise};
use engine::copy::CopyOptions;
use engine::store::{Memory, MeteredStore, RequestKind};
use std::sync::Arc;

/// Half random, half text: blocks of one chunk and blocks of many.
pub(super) fn fill(pair: &Pair) {
    for n in 0..60u32 {
        pair.source
            .write(format!("small/{n}"), format!("the small file number {n}, again and again").repeat(40).as_bytes());
    }
    for n in 0..6u64 {
        pair.source.write(format!("large/{n}"), &noise(n, 2_500_000));
    }
}

#[test]
fn a_copied_point_is_equal_and_its_blocks_are_carried_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    fill(&pair);
    pair.source.expect_healthy();
    let done = pair.copy(Which::Latest).unwrap();
    assert_eq!((done.copied.len(), done.failed.len(), done.present, done.waiting.len()), (1, 0, 0, 0), "{done:?}");
    assert_eq!(done.blobs_regrouped, 0, "{done:?}");
    assert!(done.blocks_carried > 6, "{done:?}");
    // A pack of data and one of nodes, and that of the reference set.
    assert!(done.packs_written <= 3 && done.packs_read > done.packs_written, "{done:?}");
    pair.expect_equal();
    pair.expect_same_points();
    // Once more: nothing to do.
    let again = pair.copy(Which::All).unwrap();
    assert_eq!((again.copied.len(), again.present, again.bytes_read, again.packs_written), (0, 1, 0, 0), "{again:?}");
}

#[test]
fn an_increment_costs_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let counted = MeteredStore::new(Arc::new(Memory::new()));
    let counts = counted.counts();
    let pair = Pair::over(folder.path(), Arc::new(counted), Arc::new(Memory::new()));
    fill(&pair);
    pair.source.expect_healthy();
    let first = pair.copy(Which::Latest).unwrap();
    pair.source.write("large/0", &noise(77, 2_500_000));
    pair.source.write("small/3", b"another text");
    std::fs::remove_file(pair.source.source.join("small/4")).unwrap();
    pair.source.expect_healthy();
    let (gets, bytes) = (counts.requests(RequestKind::Get), counts.bytes_down());
    let done = pair.copy(Which::Latest).unwrap();
    assert_eq!(done.copied.len(), 1, "{done:?}");
    assert!(done.bytes_read < first.bytes_read / 3, "{done:?} {first:?}");
    assert!(counts.requests(RequestKind::Get) - gets < 40 && counts.bytes_down() - bytes < 5_000_000);
    pair.expect_equal();
    pair.expect_same_points();
}

#[test]
fn all_points_come_over_and_equal_their_originals() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    for round in 0..6u64 {
        pair.source.write(format!("file-{}", round % 3), &noise(round, 300_000));
        pair.source.write("text", format!("round {round}").repeat(500).as_bytes());
        pair.source.back_up().unwrap();
    }
    let done = pair.copy(Which::All).unwrap();
    assert_eq!(done.copied.len(), 6, "{done:?}");
    pair.expect_equal();
    pair.expect_same_points();
    assert_eq!(pair.target.open().unwrap().points().unwrap().len(), 6);
}

#[test]
fn named_points_are_copied_and_an_older_one_builds_on_a_newer() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("a", &noise(1, 400_000));
    let old = pair.source.back_up().unwrap().point.unwrap().to_string();
    pair.source.write("b", &noise(2, 400_000));
    pair.source.back_up().unwrap();
    pair.copy(Which::Latest).unwrap();
    let done = pair.copy(Which::Named(vec![old])).unwrap();
    assert_eq!(done.copied.len(), 1, "{done:?}");
    assert!(done.bytes_read < 50_000, "only nodes are new: {done:?}");
    pair.expect_same_points();
}

/// What differs between sets is taken at its new place, however often it moved since.
#[test]
fn what_the_source_packed_anew_is_neither_carried_twice_nor_lost() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    fill(&pair);
    pair.source.back_up().unwrap();
    pair.copy(Which::Latest).unwrap();
    let repository = pair.source.open().unwrap();
    for round in 0..3u64 {
        pair.source.write(format!("large/{round}"), &noise(100 + round, 2_500_000));
        pair.source.back_up().unwrap();
        crate::copy::races::expire_all_but_newest(&pair);
        crate::copy::races::collect_all(&pair.source);
    }
    repository.refresh().unwrap();
    assert!(!repository.log().view().condemned.is_empty(), "the source has packed anew");
    let done = pair.copy(Which::Latest).unwrap();
    assert_eq!(done.copied.len(), 1, "{done:?}");
    pair.expect_equal();
}

#[test]
fn regrouping_and_full_verification_give_the_same_points() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    fill(&pair);
    pair.source.back_up().unwrap();
    let full = CopyOptions { verify_full: true, ..pair.options(Which::Latest) };
    let done = pair.copy_with(&full).unwrap();
    assert_eq!((done.blobs_regrouped, done.copied.len()), (0, 1), "{done:?}");
    pair.expect_equal();
    let regrouped = super::target_of(&pair.source, Arc::new(Memory::new()), Default::default());
    let other = Pair { source: pair.source.clone(), target: regrouped, spool: folder.path().join("other") };
    let done = other.copy_with(&CopyOptions { regroup: Some(9), ..other.options(Which::Latest) }).unwrap();
    assert_eq!((done.blocks_carried, done.copied.len()), (0, 1), "{done:?}");
    other.expect_equal();
    other.expect_same_points();
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    fill(&pair);
    pair.source.back_up().unwrap();
    let before = names_of(&*pair.target.store);
    let done = pair.copy_with(&CopyOptions { dry_run: true, ..pair.options(Which::All) }).unwrap();
    assert_eq!((done.copied.len(), done.waiting.len(), done.packs_written), (0, 1, 0), "{done:?}");
    assert!(done.blobs_wanted > 60 && done.bytes_wanted > 15_000_000, "{done:?}");
    assert_eq!(names_of(&*pair.target.store), before);
}

#[test]
fn several_sources_of_one_dedup_key_share_what_is_equal() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    fill(&pair);
    pair.source.back_up().unwrap();
    pair.copy(Which::Latest).unwrap();
    // Another repository of backups, of the same dedup key and with a source of the same bytes.
    let like = pair.source.open().unwrap();
    let store: Arc<dyn engine::store::Store> = Arc::new(Memory::new());
    let other = crate::copy::refused::backup_like(&pair.source, store, &like);
    let other = crate::proofs::rig::Rig { job: "other".into(), ..other };
    other.back_up().unwrap();
    let second = Pair { source: other, target: pair.target.clone(), spool: pair.spool.clone() };
    let done = second.copy(Which::Latest).unwrap();
    assert_eq!(done.copied.len(), 1, "{done:?}");
    assert!(done.bytes_read < 200_000, "the data is there: {done:?}");
    assert_eq!(pair.target.open().unwrap().points().unwrap().len(), 2);
    second.expect_equal();
}
