//! Restoring out of an archive: files as their packs arrive, a run that goes on, patience that ends.

use super::shelf::{Shelf, THAW_SECONDS, wish};
use crate::proofs::rig::{contents, restore_options};
use engine::monitor::Monitor;
use engine::price::Budget;
use engine::repository::Repository;
use engine::restore::{Arrived, Arriving, Overwrite, Part, Patience, RestoreOptions, restore_arriving};
use engine::store::{RetrievalMode, StorageClass};
use engine::{Kind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn patience(most: Option<Duration>) -> Patience {
    Patience {
        wish: wish(RetrievalMode::Standard, 1),
        prices: None,
        budget: Budget::default(),
        every: Duration::from_millis(5),
        most,
    }
}

/// Restores the source; `looked` is called at each look.
fn run(
    shelf: &Shelf,
    repository: &Arc<Repository>,
    target: &Path,
    patience: &Patience,
    mut looked: impl FnMut(u64),
) -> Result<Arrived> {
    let point = repository.find_point("latest").unwrap();
    // Always: what was restored in an earlier round must not be restored again.
    let options = RestoreOptions { overwrite: Overwrite::Always, ..restore_options() };
    let parts = [Part { point, inside: shelf.rig.inside(), options }];
    let mut tell = |event: &Arriving<'_>| {
        if let Arriving::Looked(progress) = event {
            looked(progress.here.packs);
        }
        Ok(())
    };
    restore_arriving(repository, &parts, target, patience, &mut tell, &Arc::new(Monitor::new()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    // Nothing is made before the first look.
    let all = if folder.exists() { contents(folder) } else { Default::default() };
    all.into_iter().filter(|(_, bytes)| bytes != b"<folder>").map(|(path, _)| path).collect()
}

#[test]
fn files_are_restored_once_each_as_their_packs_arrive() {
    let shelf = Shelf::new(StorageClass::Glacier);
    let repository = shelf.open();
    // One of three packs is on its way already.
    shelf.start(&repository, "a/one", &wish(RetrievalMode::Standard, 1));
    shelf.clock.turn_seconds(i64::from(THAW_SECONDS / 2));
    let target = shelf.folder.path().join("out");
    let mut seen = Vec::new();
    let done = run(&shelf, &repository, &target, &patience(None), |here| {
        if seen.last().is_none_or(|(n, _)| *n != here) {
            seen.push((here, files(&target).len()));
        }
        shelf.clock.turn_seconds(i64::from(THAW_SECONDS / 4));
    });
    let done = done.unwrap();
    // At the look that found them, the files of the look before are there: what needs nothing first, then as packs came.
    assert_eq!(seen.iter().map(|(here, _)| *here).collect::<Vec<_>>(), [0, 1, 3]);
    assert_eq!(seen[1].1, 2, "the empty file and the link");
    assert_eq!(seen[2].1, 3, "and the file whose pack came first");
    assert!(done.progress.is_complete() && done.started.packs_asked == 2 && done.started.packs_underway == 1);
    assert_eq!((done.restored.files, done.restored.bytes, done.restored.others), (4, 600_000, 1));
    assert_eq!(contents(&target), contents(&shelf.rig.source));
}

#[test]
fn patience_that_ends_leaves_what_was_asked_for_to_the_next_run() {
    let shelf = Shelf::new(StorageClass::Archive);
    let repository = shelf.open();
    let target = shelf.folder.path().join("out");
    let first = run(&shelf, &repository, &target, &patience(Some(Duration::ZERO)), |_| ()).unwrap();
    assert!(!first.progress.is_complete());
    assert_eq!((first.started.packs_asked, first.restored.files, first.progress.here.packs), (3, 1, 0));
    shelf.clock.turn_seconds(i64::from(THAW_SECONDS));
    let next = run(&shelf, &shelf.open(), &target, &patience(Some(Duration::ZERO)), |_| ()).unwrap();
    assert!(next.progress.is_complete());
    assert_eq!((next.started.packs_asked, next.restored.files), (0, 4));
    assert_eq!(contents(&target), contents(&shelf.rig.source));
}

#[test]
fn a_stop_is_noticed_while_it_waits_and_nothing_is_spent_beyond_the_budget() {
    let shelf = Shelf::new(StorageClass::Glacier);
    let repository = shelf.open();
    let target = shelf.folder.path().join("out");
    let mean = Patience { budget: Budget { max_requests: Some(2), max_cost: None }, ..patience(None) };
    assert_eq!(run(&shelf, &repository, &target, &mean, |_| ()).unwrap_err().kind(), Kind::Input);
    assert!(!target.exists() && repository.log().refresh().unwrap().retrievals.is_empty());
    let point = repository.find_point("latest").unwrap();
    let parts = [Part { point, inside: shelf.rig.inside(), options: restore_options() }];
    let monitor = Arc::new(Monitor::new());
    let stop = monitor.clone();
    let mut tell = |event: &Arriving<'_>| {
        if matches!(event, Arriving::Looked(_)) {
            stop.stop();
        }
        Ok(())
    };
    let slow = Patience { every: Duration::from_secs(3600), ..patience(None) };
    let stopped = restore_arriving(&repository, &parts, &target, &slow, &mut tell, &monitor).unwrap_err();
    assert_eq!(stopped.kind(), Kind::Interrupted);
}
