//! Copies beside each other, and beside a source and a target that lose points.

use super::carried::fill;
use super::{Pair, Which};
use crate::proofs::gc::{collect_all as collect_with, expire, options};
use crate::proofs::rig::{Rig, noise};
use engine::copy::copy;
use engine::maintenance::CollectReport;
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, Memory, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) fn collect_all(rig: &Rig) -> CollectReport {
    collect_with(&rig.open().unwrap(), &options()).unwrap()
}

pub(super) fn expire_oldest(rig: &Rig) {
    let repository = rig.open().unwrap();
    let oldest = repository.points().unwrap()[0].manifest.id;
    expire(&repository, vec![oldest]);
}

/// In the source: all but the newest and those that the target has, so that a copy finds its base.
pub(super) fn expire_all_but_newest(pair: &Pair) {
    let (source, target) = (pair.source.open().unwrap(), pair.target.open().unwrap());
    let mut points: Vec<_> = source.points().unwrap().iter().map(|p| p.manifest.id).collect();
    points.pop();
    points.retain(|id| target.log().view().live(id).is_none());
    if !points.is_empty() {
        expire(&source, points);
    }
}

#[test]
fn two_copies_at_once_into_one_target_lose_nothing_and_commit_each_point_once() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    for round in 0..4u64 {
        pair.source.write(format!("file-{round}"), &noise(round, 700_000));
        pair.source.back_up().unwrap();
    }
    let summaries: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| pair.copy(Which::All).unwrap())).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let copied: usize = summaries.iter().map(|s| s.copied.len()).sum();
    assert_eq!(copied, 4, "{summaries:?}");
    assert_eq!(pair.target.open().unwrap().points().unwrap().len(), 4);
    pair.expect_equal();
    pair.expect_same_points();
}

/// A point expires and its packs are swept while they are read: the copy drops that point and brings the others.
#[test]
fn a_source_that_is_pruned_while_it_is_copied_gives_whole_points_or_none() {
    for at in [3, 6, 9, 12, 20] {
        let folder = tempfile::tempdir().unwrap();
        let memory: Arc<dyn Store> = Arc::new(Memory::new());
        let pair = Pair::over(folder.path(), memory.clone(), Arc::new(Memory::new()));
        fill(&pair);
        pair.source.back_up().unwrap();
        for n in 0..6u64 {
            pair.source.write(format!("large/{n}"), &noise(50 + n, 2_500_000));
        }
        pair.source.back_up().unwrap();
        let (calls, plain) = (AtomicU64::new(0), pair.source.clone());
        let pruning = Faulty::new(memory, move |_| {
            if calls.fetch_add(1, Ordering::SeqCst) == at {
                let repository = plain.open().unwrap();
                let oldest = repository.points().unwrap()[0].manifest.id;
                expire(&repository, vec![oldest]);
                collect_with(&repository, &options()).unwrap();
            }
            None::<Fault>
        });
        let over = Pair {
            source: pair.source.over(Arc::new(pruning)),
            target: pair.target.clone(),
            spool: pair.spool.clone(),
        };
        let monitor = Arc::new(Monitor::new());
        let (source, target) = (over.source.open().unwrap(), over.target.open().unwrap());
        let done = copy(&source, &target, &over.options(Which::All), &monitor).unwrap();
        assert!(!done.copied.is_empty(), "at call {at}: {done:?}");
        assert_eq!(monitor.take_warnings(), [], "at call {at}: what expired is no damage");
        let live = source.log().view();
        assert!(done.expired.iter().all(|id| live.live(id).is_none() && !done.copied.contains(id)), "{done:?}");
        assert!((1..=2).contains(&(done.copied.len() + done.expired.len())), "at call {at}: {done:?}");
        assert_eq!(done.failed.len(), 0, "at call {at}: {done:?}");
        pair.expect_equal();
    }
}

/// The target's collector takes away what an ended copy had published, just before the next one relies on it.
#[test]
fn what_the_target_collected_is_carried_again() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    fill(&pair);
    pair.source.back_up().unwrap();
    pair.copy(Which::All).unwrap();
    expire_oldest(&pair.target);
    pair.source.write("new", b"new");
    pair.source.back_up().unwrap();
    let (calls, plain) = (AtomicU64::new(0), pair.target.clone());
    let collecting = Faulty::new(pair.target.store.clone(), move |call| {
        if call.verb == engine::store::RequestKind::Put && calls.fetch_add(1, Ordering::SeqCst) == 2 {
            collect_with(&plain.open().unwrap(), &options()).unwrap();
        }
        None::<Fault>
    });
    let over =
        Pair { source: pair.source.clone(), target: pair.target.over(Arc::new(collecting)), spool: pair.spool.clone() };
    let done = over.copy(Which::Latest).unwrap();
    assert_eq!(done.copied.len(), 1, "{done:?}");
    pair.expect_equal();
    pair.expect_same_points();
}
