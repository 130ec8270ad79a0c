//! Repositories whose files were copied, and that both sides went on with: named, and never mixed in a repository of copies.

use super::rekeyed::strange;
use super::{CopyOptions, Pair, Which, target_of};
use crate::proofs::rig::{Rig, contents, copy_of, names_of, noise};
use engine::blob::CachePlace;
use engine::copy::copy;
use engine::maintenance::retention::{ApplyOptions, Request, RetentionPlan, Scope, apply};
use engine::maintenance::{CheckOptions, Level, check};
use engine::monitor::Monitor;
use engine::repository::{Grounds, NameOf, OpenOptions, Repository};
use engine::session::{Opening, WriteSession};
use engine::store::{Fault, Faulty, Memory, RequestKind};
use engine::{Error, Kind};
use format_spec::config::Retention;
use format_spec::log::{PointId, Purpose};
use format_spec::point::Manifest;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A copy of the source's files, with a folder of its own.
fn twin_of(rig: &Rig, folder: &Path) -> Rig {
    let source = folder.join("twin");
    std::fs::create_dir_all(&source).unwrap();
    Rig { source, store: copy_of(&*rig.store), ..rig.clone() }
}

/// A pair with one point, and a twin of the source that both went on with since.
fn forked(folder: &Path) -> (Pair, Pair) {
    let pair = Pair::new(folder);
    pair.source.write("a", &noise(1, 300_000));
    pair.source.back_up().unwrap();
    let twin = twin_of(&pair.source, folder);
    for (rig, seed) in [(&pair.source, 2), (&twin, 3)] {
        rig.write("b", &noise(seed, 300_000));
        rig.back_up().unwrap();
    }
    let other = Pair { source: twin, target: pair.target.clone(), spool: folder.join("spool of the twin") };
    (pair, other)
}

/// Nothing is written, and the error says which slot of whose log it is about.
fn refused(pair: &Pair, options: &CopyOptions, words: &[&str]) -> Error {
    let before = names_of(&*pair.target.store);
    let error = pair.copy_with(options).unwrap_err();
    assert_eq!(error.kind(), Kind::Unrecognised, "{error}");
    let text = format!("{error}");
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    assert!(error.advice().is_some_and(|advice| advice.contains("init --class copy")), "{:?}", error.advice());
    assert_eq!(names_of(&*pair.target.store), before, "something was written");
    error
}

fn newest_hash(rig: &Rig) -> (u32, String) {
    let (slot, hash) = rig.open().unwrap().log().view().newest_entry().unwrap();
    (slot, hash.iter().take(8).map(|b| format!("{b:02x}")).collect())
}

#[test]
fn a_fork_of_the_source_is_named_with_slot_and_hashes_and_nothing_of_it_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (pair, other) = forked(folder.path());
    assert_eq!(pair.copy(Which::All).unwrap().copied.len(), 2);
    let ((slot, ours), (same, theirs)) = (newest_hash(&pair.source), newest_hash(&other.source));
    assert_eq!(slot, same);
    let words = ["two histories", &format!("entry {slot}"), &ours, &theirs];
    let all = other.options(Which::All);
    refused(&other, &all, &words);
    refused(&other, &CopyOptions { dry_run: true, ..all.clone() }, &words);
    refused(&other, &CopyOptions { rekey: true, ..all.clone() }, &words);
    refused(&other, &CopyOptions { regroup: Some(9), ..all.clone() }, &words);
    refused(&other, &other.options(Which::Latest), &words);
    // Also when it has gone further since.
    for n in 0..9 {
        other.source.write("more", &[n]);
        other.source.back_up().unwrap();
    }
    refused(&other, &all, &words);
    // The one that the points came from goes on.
    pair.source.write("c", b"c");
    pair.source.back_up().unwrap();
    assert_eq!(pair.copy(Which::All).unwrap().copied.len(), 1);
    pair.expect_same_points();
    // The other one has a place of its own.
    let own = Pair { target: target_of(&other.source, Arc::new(Memory::new()), Retention::default()), ..other };
    assert_eq!(own.copy(Which::All).unwrap().copied.len(), 11);
    own.expect_same_points();
}

#[test]
fn a_fork_is_named_where_points_are_read_and_cut_anew_too() {
    let folder = tempfile::tempdir().unwrap();
    let (pair, other) = forked(folder.path());
    let target = strange(&pair, folder.path()).target;
    let [pair, other] = [pair, other].map(|p| Pair { target: target.clone(), ..p });
    let rekey = |pair: &Pair| CopyOptions { rekey: true, ..pair.options(Which::All) };
    assert_eq!(pair.copy_with(&rekey(&pair)).unwrap().copied.len(), 2);
    refused(&other, &rekey(&other), &["two histories"]);
    assert_eq!(pair.copy_with(&rekey(&pair)).unwrap().present, 2);
}

/// It may be the beginning of the same history; what is committed there next is not.
#[test]
fn an_older_copy_of_the_source_is_refused_and_one_that_only_moved_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("a", b"a");
    pair.source.back_up().unwrap();
    let old =
        Pair { source: twin_of(&pair.source, folder.path()), target: pair.target.clone(), spool: pair.spool.clone() };
    pair.source.write("a", b"aa");
    pair.source.back_up().unwrap();
    assert_eq!(pair.copy(Which::All).unwrap().copied.len(), 2);
    refused(&old, &old.options(Which::All), &["older copy"]);
    old.source.write("x", b"x");
    old.source.back_up().unwrap();
    old.source.write("x", b"xx");
    old.source.back_up().unwrap();
    refused(&old, &old.options(Which::All), &["two histories"]);
    let moved = Pair { source: pair.source.over(copy_of(&*pair.source.store)), ..old };
    moved.source.write("a", b"aaa");
    moved.source.back_up().unwrap();
    assert_eq!(moved.copy(Which::All).unwrap().copied.len(), 1);
}

/// A listing that is behind hides the newest entries; asked for by name they are there.
#[test]
fn a_source_whose_listing_is_behind_is_not_taken_for_an_older_copy() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("a", b"a");
    pair.source.back_up().unwrap();
    pair.copy(Which::All).unwrap();
    let (source, target) = (pair.source.open().unwrap(), pair.target.open().unwrap());
    // Read before it went on, so that this view is behind.
    pair.source.write("a", b"aa");
    pair.source.back_up().unwrap();
    pair.copy(Which::All).unwrap();
    target.refresh().unwrap();
    target.expect_history_of(&source, &target.log().view()).unwrap();
}

#[test]
fn a_copy_of_a_copy_keeps_what_it_saw_of_the_first_source() {
    let folder = tempfile::tempdir().unwrap();
    let (pair, other) = forked(folder.path());
    pair.copy(Which::All).unwrap();
    let last = target_of(&pair.target, Arc::new(Memory::new()), Retention::default());
    let on = Pair { source: pair.target.clone(), target: last.clone(), spool: folder.path().join("on") };
    assert_eq!(on.copy(Which::All).unwrap().copied.len(), 2);
    let (first, second) = (pair.source.open().unwrap().id(), pair.target.open().unwrap().id());
    for point in last.open().unwrap().points().unwrap() {
        let of: Vec<_> = point.manifest.seen.iter().map(|row| row.repository).collect();
        assert!(of.contains(&first) && of.contains(&second), "{of:?}");
    }
    refused(&Pair { target: last, ..other }, &on.options(Which::All), &["two histories"]);
}

/// What came through a copy says little of the first source: those that came from there directly say more.
#[test]
fn points_that_came_another_way_do_not_hide_what_the_others_saw() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("a", b"a");
    pair.source.back_up().unwrap();
    // A second copy has the first point alone.
    let second = Pair {
        source: pair.source.clone(),
        target: target_of(&pair.source, Arc::new(Memory::new()), Retention::default()),
        spool: folder.path().join("second"),
    };
    second.copy(Which::All).unwrap();
    let twin = twin_of(&pair.source, folder.path());
    for rig in [&pair.source, &twin] {
        rig.write("b", b"b");
        rig.back_up().unwrap();
    }
    pair.copy(Which::Latest).unwrap();
    let on = Pair { source: second.target, target: pair.target.clone(), spool: folder.path().join("on") };
    assert_eq!(on.copy(Which::All).unwrap().copied.len(), 1);
    let other = Pair { source: twin, target: pair.target.clone(), spool: folder.path().join("other") };
    refused(&other, &other.options(Which::All), &["two histories"]);
}

/// Copies of two histories do not meet in a copy of both, either.
#[test]
fn copies_of_two_histories_are_not_brought_together() {
    let folder = tempfile::tempdir().unwrap();
    let (pair, other) = forked(folder.path());
    pair.copy(Which::All).unwrap();
    let own = Pair { target: target_of(&other.source, Arc::new(Memory::new()), Retention::default()), ..other };
    own.copy(Which::All).unwrap();
    for rekey in [false, true] {
        let target = if rekey {
            strange(&pair, folder.path()).target
        } else {
            target_of(&pair.target, Arc::new(Memory::new()), Retention::default())
        };
        let on =
            |source: &Rig| Pair { source: source.clone(), target: target.clone(), spool: folder.path().join("on") };
        let (first, second) = (on(&pair.target), on(&own.target));
        let options = |pair: &Pair| CopyOptions { rekey, ..pair.options(Which::All) };
        assert_eq!(first.copy_with(&options(&first)).unwrap().copied.len(), 2);
        refused(&second, &options(&second), &["two histories"]);
    }
}

/// A point that was rewritten in the target is the newest there, and says little of the source.
#[test]
fn a_rewritten_point_does_not_hide_what_the_others_saw() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("a", b"a");
    let first = pair.source.back_up().unwrap().point.unwrap();
    pair.copy(Which::All).unwrap();
    let twin = twin_of(&pair.source, folder.path());
    let other = Pair { source: twin, target: pair.target.clone(), spool: pair.spool.clone() };
    for rig in [&pair.source, &other.source] {
        rig.write("b", b"b");
        rig.back_up().unwrap();
    }
    pair.copy(Which::All).unwrap();
    tag(&pair.target, first);
    let newest = pair.target.open().unwrap().log().view().commits.last().copied().unwrap();
    assert_eq!(newest.id, first, "the rewritten point has the newest number");
    refused(&other, &other.options(Which::All), &["two histories"]);
}

fn tag(rig: &Rig, point: PointId) {
    let tags = Request::Tags { points: [point].into(), add: ["kept".to_owned()].into(), remove: [].into() };
    let (scope, repository) = (Scope::of(tags), rig.open().unwrap());
    let plan = RetentionPlan::make(&repository, &scope, &Monitor::new()).unwrap();
    let options = ApplyOptions { hash: plan.hash, threads: 1 };
    apply(&repository, &scope, &options, &engine::maintenance::ClockVerdict::trusted(), &Arc::new(Monitor::new()))
        .unwrap();
}

/// Neither copy sees a point of the other when it begins.
#[test]
fn two_copies_in_the_same_moment_do_not_mix_two_histories() {
    for rekey in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (pair, other) = forked(folder.path());
        let target = if rekey { strange(&pair, folder.path()).target } else { pair.target.clone() };
        let [pair, other] = [pair, other].map(|p| Pair { target: target.clone(), ..p });
        let options = |pair: &Pair| CopyOptions { rekey, ..pair.options(Which::All) };
        let (first, theirs) = (AtomicBool::new(true), options(&pair));
        let (from, to) = (pair.source.clone(), target.clone());
        let racing = Faulty::new(target.store.clone(), move |call| {
            if call.verb == RequestKind::Put && call.name.starts_with("points/") && first.swap(false, Ordering::SeqCst)
            {
                copy(&from.open().unwrap(), &to.open().unwrap(), &theirs, &Arc::new(Monitor::new())).unwrap();
            }
            None::<Fault>
        });
        let late = Pair { target: target.over(Arc::new(racing)), ..other };
        let error = late.copy_with(&options(&late)).unwrap_err();
        assert_eq!(error.kind(), Kind::Unrecognised, "{error}");
        let copied = target.open().unwrap().points().unwrap();
        assert_eq!(copied.len(), 2, "only those that came first");
        let source = pair.source.open().unwrap();
        assert!(copied.iter().all(|point| source.find_point(&point.manifest.id.to_string()).is_ok()));
        assert_eq!(target.check().unwrap().errors, Vec::new());
    }
}

/// Commits a point as a program would that does not know of histories.
fn commit(repository: &Arc<Repository>, manifest: &Manifest) {
    let opening = Opening { job: "copy", host: "test", purpose: Purpose::Copy, base: None };
    let session = WriteSession::open(repository, opening).unwrap();
    let name = NameOf::Copied(None, repository.before());
    let grounds = Grounds::new(repository.log().view().head, name);
    session.commit(manifest, grounds, &Monitor::new()).unwrap();
}

#[test]
fn a_check_names_points_of_two_histories_once() {
    let folder = tempfile::tempdir().unwrap();
    let (pair, other) = forked(folder.path());
    pair.copy(Which::All).unwrap();
    assert_eq!(pair.target.check().unwrap().errors, Vec::new());
    let target = pair.target.open().unwrap();
    let twin = other.source.open().unwrap();
    let seen = twin.seen_with(twin.points().unwrap().last().unwrap());
    for n in 0..2 {
        let old = target.points().unwrap().last().unwrap().manifest.clone();
        commit(&target, &Manifest { id: PointId([n; 16]), seen: seen.clone(), ..old });
    }
    let found = pair.target.check().unwrap().errors;
    assert_eq!(found.len(), 1, "{found:?}");
    let (slot, _) = newest_hash(&pair.source);
    let source = pair.source.open().unwrap().id().to_string();
    assert!(found[0].what.contains("two histories") && found[0].what.contains(&source), "{found:?}");
    assert!(found[0].what.contains(&format!("entry {slot} ")) && found[0].object.starts_with("points/"), "{found:?}");
    // Who asks about one point is not told of others.
    let point = Some(target.points().unwrap()[0].clone());
    let options = CheckOptions { point, threads: 1, ..CheckOptions::new(Level::List) };
    assert_eq!(check(&target, &options, &Monitor::new()).unwrap().errors, Vec::new());
}

/// Copies that were made at different times have a slot in common: every sixteenth is named until the next.
#[test]
fn histories_that_were_copied_at_different_times_are_told_apart_by_their_marks() {
    let folder = tempfile::tempdir().unwrap();
    let (pair, other) = forked(folder.path());
    for (n, rig) in [&pair.source, &other.source, &other.source].into_iter().enumerate() {
        while newest_hash(rig).0 < 18 + 2 * u32::try_from(n).unwrap() {
            rig.write("more", &noise(n as u64 + u64::from(newest_hash(rig).0), 1000));
            rig.back_up().unwrap();
        }
    }
    let seen = |rig: &Rig| {
        let repository = rig.open().unwrap();
        repository.seen_with(repository.points().unwrap().last().unwrap())
    };
    let (ours, theirs) = (seen(&pair.source), seen(&other.source));
    assert_ne!(ours[1].slot, theirs[1].slot, "the newest entries");
    assert_eq!((ours[0].slot, theirs[0].slot), (16, 16));
    assert_ne!(ours[0].hash, theirs[0].hash);
}

/// One cache folder serves both sides: the index is made anew, and a record that the disk cache kept of one is not taken for the other's.
#[test]
fn one_cache_that_both_histories_use_gives_no_wrong_answer() {
    for password in [None, Some(b"horse".to_vec())] {
        let folder = tempfile::tempdir().unwrap();
        let cache = CachePlace::Folder(folder.path().join("cache"));
        let source = folder.path().join("source");
        std::fs::create_dir_all(&source).unwrap();
        let plain = Rig::new(&folder.path().join("unused"), Arc::new(Memory::new()));
        let rig = Rig { source, store: Arc::new(Memory::new()), cache, password, ..plain };
        rig.create(None);
        rig.write("a", &noise(1, 400_000));
        rig.back_up().unwrap();
        let twin = twin_of(&rig, folder.path());
        for round in 2..5 {
            for (side, rig) in [&rig, &twin].into_iter().enumerate() {
                rig.write(format!("file-{round}"), &noise(round * 2 + side as u64, 400_000));
                rig.back_up().unwrap();
                read_through_the_disk_cache(rig, &folder.path().join("ranges"));
            }
        }
        for _ in 0..2 {
            rig.expect_equal();
            twin.expect_equal();
            read_through_the_disk_cache(&rig, &folder.path().join("ranges"));
            read_through_the_disk_cache(&twin, &folder.path().join("ranges"));
        }
    }
}

fn read_through_the_disk_cache(rig: &Rig, ranges: &Path) {
    let options = OpenOptions {
        ranges: Some((ranges.to_owned(), u64::MAX)),
        ..OpenOptions::new(rig.env.clone(), rig.cache.clone())
    };
    let repository = Repository::open(rig.store.clone(), rig.password.as_deref(), &options).unwrap();
    let spoiled = engine::store::spoiled();
    for _ in 0..2 {
        let target = tempfile::tempdir().unwrap();
        let point = repository.find_point("latest").unwrap();
        let monitor = Arc::new(Monitor::new());
        let options = crate::proofs::rig::restore_options();
        engine::restore::restore(&repository, &point, &rig.inside(), target.path(), &options, &monitor).unwrap();
        assert_eq!(monitor.warnings_total(), 0);
        assert_eq!(contents(target.path()), contents(&rig.source));
    }
    assert_eq!(repository.blobs().live_index().distrust().count(), 0, "a sound pack was called damaged");
    assert_eq!(engine::store::spoiled(), spoiled, "a sound connection was called bad");
}

/// A healer of the same id is compared as a whole: where the two differ first.
#[test]
fn a_fork_is_found_at_its_first_slot_and_a_beginning_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("a", b"a");
    pair.source.back_up().unwrap();
    let twin = twin_of(&pair.source, folder.path());
    let between = |one: &Rig, other: &Rig| {
        let (one, other) = (one.open().unwrap(), other.open().unwrap());
        one.log().fork_from(other.log()).unwrap()
    };
    let shared = newest_hash(&twin).0;
    assert_eq!(between(&pair.source, &twin), None);
    for n in 0..3 {
        pair.source.write("a", &[n]);
        pair.source.back_up().unwrap();
    }
    assert_eq!(between(&pair.source, &twin), None, "the beginning of the same history");
    assert_eq!(between(&twin, &pair.source), None);
    twin.write("x", b"x");
    twin.back_up().unwrap();
    let (here, there) = (between(&pair.source, &twin).unwrap(), between(&twin, &pair.source).unwrap());
    assert_eq!((here.slot, there.slot), (shared + 1, shared + 1));
    assert_eq!((here.expected, here.found), (there.found, there.expected));
}
