//! Copies into repositories of another dedup key.

use super::carried::fill;
use super::damage::rot;
use super::{CopyOptions, Pair, Which, target_of};
use crate::proofs::rig::{CHEAP, Rig};
use engine::repository::{NewRepository, Repository};
use engine::store::Memory;
use format_spec::config::{Class, Retention, RetentionKind};
use format_spec::period::{Period, Unit};
use std::path::Path;
use std::sync::Arc;

/// The same source, and a target that shares nothing with it.
pub(crate) fn strange(pair: &Pair, folder: &Path) -> Pair {
    let stranger = Rig::new(&folder.join("stranger"), Arc::new(Memory::new()));
    let target = Rig {
        source: pair.source.source.clone(),
        ..target_of(&stranger, Arc::new(Memory::new()), Retention::default())
    };
    Pair { source: pair.source.clone(), target, spool: pair.spool.clone() }
}

fn rekeyed(pair: &Pair) -> CopyOptions {
    CopyOptions { rekey: true, ..pair.options(Which::All) }
}

/// Another dedup key: nothing of the source means anything there, so every point is read and cut anew, and is the same point all the same.
#[test]
fn what_has_another_dedup_key_is_copied_by_reading_it() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    fill(&pair);
    std::os::unix::fs::symlink("large/0", pair.source.source.join("link")).unwrap();
    std::fs::hard_link(pair.source.source.join("large/1"), pair.source.source.join("twin")).unwrap();
    let file = std::fs::File::create(pair.source.source.join("sparse")).unwrap();
    file.set_len(9_000_000).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", 4_000_000).unwrap();
    pair.source.back_up().unwrap();
    pair.source.write("small/1", b"changed");
    std::fs::remove_file(pair.source.source.join("small/2")).unwrap();
    pair.source.back_up().unwrap();
    let other = strange(&pair, folder.path());
    let rekey = rekeyed(&other);
    let done = other.copy_with(&rekey).unwrap();
    assert_eq!((done.copied.len(), done.present), (2, 0), "{done:?}");
    let (source, target) = (other.source.open().unwrap(), other.target.open().unwrap());
    for (copied, original) in target.points().unwrap().iter().zip(source.points().unwrap()) {
        let (a, b) = (&copied.manifest, &original.manifest);
        assert_eq!(
            (a.id, a.started, &a.job, &a.host, a.root.totals),
            (b.id, b.started, &b.job, &b.host, b.root.totals)
        );
        assert_ne!(a.root.content, b.root.content, "other ids");
    }
    other.expect_equal();
    let again = other.copy_with(&rekey).unwrap();
    assert_eq!((again.copied.len(), again.present), (0, 2), "{again:?}");
}

/// A point that lacks what its original has would pass for it.
#[test]
fn a_point_of_which_something_cannot_be_read_stays_out_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let pair = Pair::over(folder.path(), memory.clone(), Arc::new(Memory::new()));
    pair.source.write("first", b"an older point, of which nothing is damaged");
    let sound = pair.source.back_up().unwrap().point.unwrap();
    fill(&pair);
    let damaged = pair.source.back_up().unwrap().point.unwrap();
    rot(&memory);
    let other = strange(&pair, folder.path());
    let done = other.copy_with(&rekeyed(&other)).unwrap();
    assert_eq!((&done.copied[..], done.failed.len()), (&[sound][..], 1), "{done:?}");
    assert_eq!(done.failed[0].point, damaged);
    assert!(done.failed[0].reason.contains("cannot be read"), "{done:?}");
    let points: Vec<_> = other.target.open().unwrap().points().unwrap().iter().map(|p| p.manifest.id).collect();
    assert_eq!(points, [sound]);
    assert_eq!(other.target.check().unwrap().errors, Vec::new());
}

#[test]
fn of_two_at_once_one_brings_each_point_and_the_other_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    fill(&pair);
    pair.source.back_up().unwrap();
    let other = strange(&pair, folder.path());
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| other.copy_with(&rekeyed(&other)).unwrap())).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let counts = (done.iter().map(|d| d.copied.len()).sum(), done.iter().map(|d| d.present).sum::<u64>());
    assert_eq!(counts, (1usize, 2), "{done:?}");
    other.expect_equal();
}

/// What the target's own period leaves out is counted and named, beside what the original left out.
#[test]
fn what_leaves_by_the_targets_period_is_counted_as_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let items = |years| Retention { kind: RetentionKind::Item, period: Period::new(years, Unit::Years).unwrap() };
    let repository = |class, years| {
        let store = Arc::new(Memory::new());
        let new =
            NewRepository { cost: CHEAP, label: "test".into(), retention: items(years), ..NewRepository::new(class) };
        Repository::create(&*store, &new, &engine::env::Machine::shared()).unwrap();
        store
    };
    let rig = Rig { password: None, ..Rig::new(folder.path(), Arc::new(Memory::new())) };
    let (source, target) = (rig.over(repository(Class::Backup, 10)), rig.over(repository(Class::Copy, 1)));
    source.write("young", b"young");
    source.write("old", b"old");
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 366 * 86_400);
    std::fs::File::options().write(true).open(source.source.join("old")).unwrap().set_modified(then).unwrap();
    source.back_up().unwrap();
    let pair = Pair { source, target, spool: folder.path().join("spool") };
    pair.copy_with(&rekeyed(&pair)).unwrap();
    let [original, copied] = [&pair.source, &pair.target].map(|rig| rig.open().unwrap().points().unwrap()[0].clone());
    assert_eq!((original.manifest.counts.skipped, original.manifest.unnamed), (0, Some(0)));
    assert_eq!((copied.manifest.counts.skipped, copied.manifest.unnamed), (1, Some(0)));
    assert_eq!(pair.target.check().unwrap().errors, Vec::new());
}
