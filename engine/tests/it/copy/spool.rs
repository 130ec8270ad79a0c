//! The spool: whoever finds something there believes only what holds, and nobody waits for what will not come.

use super::carried::fill;
use super::{Pair, Which};
use crate::immutability::place::Clock;
use crate::proofs::gc::{collect_all, expire, options};
use crate::proofs::rig::noise;
use engine::Kind;
use engine::blob::Spool;
use engine::copy::{CopyOptions, copy};
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, Memory, RequestKind, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The files of packs that wait in a spool, by how their names end.
fn files(spool: &Path, end: &str) -> Vec<PathBuf> {
    let parts = std::fs::read_dir(spool).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir());
    let all = parts.flat_map(|part| std::fs::read_dir(part).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>());
    let mut found: Vec<PathBuf> = all.filter(|p| p.extension().is_some_and(|e| e == end)).collect();
    found.sort();
    found
}

fn expect_empty(spool: &Path) {
    let left: Vec<_> = std::fs::read_dir(spool).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["door"]);
}

fn patient(pair: &Pair) -> CopyOptions {
    CopyOptions { flush_after_seconds: 86_400, ..pair.options(Which::All) }
}

fn each(spool: &Path, end: &str, harm: fn(&mut Vec<u8>)) {
    for path in files(spool, end) {
        let mut bytes = std::fs::read(&path).unwrap();
        harm(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
    }
}

fn flip(bytes: &mut [u8]) {
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
}

/// Gives the first blob of the first row another id, and the row its checksum.
fn rename(bytes: &mut [u8]) {
    let first = 24;
    let count = u32::from_le_bytes(bytes[first + 8..first + 12].try_into().unwrap()) as usize;
    let end = first + 12 + count * 36;
    bytes[first + 12] ^= 1;
    let crc = crc32fast::hash(&bytes[first..end]);
    bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
}

fn cut(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() * 2 / 3);
}

fn blank(bytes: &mut [u8]) {
    let at = bytes.len() / 3;
    bytes[at..].fill(0);
}

#[test]
fn what_is_wrong_in_the_spool_is_read_from_the_source_again() {
    type Harm = (&'static str, fn(&Path));
    let harms: [Harm; 8] = [
        ("a flipped bit in a record", |spool| each(spool, "body", |b| flip(b))),
        ("a flipped bit in a row", |spool| each(spool, "rows", |b| flip(b))),
        ("a row that names another blob", |spool| each(spool, "rows", |b| rename(b))),
        ("records cut short", |spool| each(spool, "body", cut)),
        ("rows cut short", |spool| each(spool, "rows", cut)),
        ("records lost to zeros", |spool| each(spool, "body", |b| blank(b))),
        ("two packs exchanged", |spool| {
            let bodies = files(spool, "body");
            let first = std::fs::read(&bodies[0]).unwrap();
            std::fs::copy(&bodies[1], &bodies[0]).unwrap();
            std::fs::write(&bodies[1], first).unwrap();
        }),
        ("a file that is gone", |spool| std::fs::remove_file(&files(spool, "body")[0]).unwrap()),
    ];
    for (what, harm) in harms {
        let folder = tempfile::tempdir().unwrap();
        let pair = Pair::new(folder.path());
        fill(&pair);
        pair.source.back_up().unwrap();
        let first = pair.copy_with(&patient(&pair)).unwrap();
        assert_eq!(first.waiting.len(), 1, "{what}");
        harm(&pair.spool);
        let done = pair.copy(Which::All).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!((done.copied.len(), done.failed.len()), (1, 0), "{what}: {done:?}");
        assert!(done.bytes_read > 0, "{what}: what was harmed was believed: {done:?}");
        pair.expect_equal();
        pair.expect_same_points();
        expect_empty(&pair.spool);
    }
}

/// A copy was killed when all was published and nothing committed: nothing waits for a full pack, so the points do not wait either.
#[test]
fn a_point_all_of_which_is_stored_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("file", &noise(1, 300_000));
    pair.source.back_up().unwrap();
    let dying = Faulty::new(pair.target.store.clone(), |call| {
        let is_late = call.verb == RequestKind::Put && call.name.starts_with("points/");
        is_late.then_some(Fault::Before(Kind::Denied))
    });
    let over =
        Pair { source: pair.source.clone(), target: pair.target.over(Arc::new(dying)), spool: pair.spool.clone() };
    over.copy(Which::All).unwrap_err();
    let done = pair.copy_with(&patient(&pair)).unwrap();
    assert_eq!((done.copied.len(), done.waiting.len()), (1, 0), "{done:?}");
    pair.expect_equal();
    expect_empty(&pair.spool);
}

/// A clock that went wrong for a day must not hide points until that day comes.
#[test]
fn what_was_spooled_in_the_future_does_not_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let mut pair = Pair::new(folder.path());
    (pair.source.env, pair.target.env) = (clock.clone(), clock.clone());
    pair.source.write("file", &noise(1, 300_000));
    pair.source.back_up().unwrap();
    clock.turn_days(20 * 365);
    assert_eq!(pair.copy_with(&patient(&pair)).unwrap().copied.len(), 0);
    clock.turn_days(-20 * 365);
    let done = pair.copy_with(&patient(&pair)).unwrap();
    assert_eq!((done.copied.len(), done.waiting.len()), (1, 0), "{done:?}");
    pair.expect_equal();
}

#[test]
fn a_copy_with_nothing_to_do_clears_what_ended_ones_left() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    pair.source.write("file", &noise(1, 300_000));
    pair.source.back_up().unwrap();
    // One waits, and meanwhile another machine, with a spool of its own, brings everything.
    pair.copy_with(&patient(&pair)).unwrap();
    let other = Pair { spool: folder.path().join("other"), source: pair.source.clone(), target: pair.target.clone() };
    assert_eq!(other.copy(Which::All).unwrap().copied.len(), 1);
    std::fs::create_dir(pair.spool.join("part-empty")).unwrap();
    let idle = pair.copy(Which::All).unwrap();
    assert_eq!((idle.copied.len(), idle.present, idle.blocks_recovered), (0, 1, 0), "{idle:?}");
    expect_empty(&pair.spool);
    // What nobody has yet stays.
    pair.source.write("file", &noise(2, 300_000));
    pair.source.back_up().unwrap();
    pair.copy_with(&patient(&pair)).unwrap();
    // A copy that is killed leaves no word of what it was about.
    let parts = std::fs::read_dir(&pair.spool).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir());
    parts.for_each(|part| std::fs::remove_file(part.join("waiting")).unwrap());
    let oldest = pair.source.open().unwrap().points().unwrap()[0].manifest.id.to_string();
    pair.copy(Which::Named(vec![oldest])).unwrap();
    assert_eq!(files(&pair.spool, "rows").len(), 2);
    let done = pair.copy(Which::All).unwrap();
    assert_eq!((done.copied.len(), done.bytes_read), (1, 0), "{done:?}");
    expect_empty(&pair.spool);
}

#[test]
fn folders_that_are_no_part_of_a_spool_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new(folder.path());
    let mine = pair.spool.join("mine");
    std::fs::create_dir_all(&mine).unwrap();
    std::fs::write(mine.join("letter"), b"not yours").unwrap();
    pair.source.write("file", b"file");
    pair.source.back_up().unwrap();
    pair.copy(Which::All).unwrap();
    assert_eq!(std::fs::read(mine.join("letter")).unwrap(), b"not yours");
    assert!(!mine.join("lock").exists());
}

/// Parts come and go while others look for those that nobody has.
#[test]
fn a_spool_is_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..150).for_each(|_| drop(Spool::open(folder.path()).unwrap())));
        }
    });
    drop(Spool::open(folder.path()).unwrap());
}

/// What moves in the source while a set is made must not fall out of it: neither where log and index were read on (a reader that misses a pack does
/// so), nor where the log alone was.
#[test]
fn what_moves_in_the_source_while_a_set_is_made_stays_in_the_set() {
    type When = fn(&engine::store::fault::Call) -> bool;
    let in_the_set: When = |call| call.verb == RequestKind::Get && call.name.starts_with("meta/");
    let before_the_set: When = |call| call.verb == RequestKind::Put && call.name.starts_with("index/");
    for (when, with_index) in [(in_the_set, true), (before_the_set, true), (before_the_set, false)] {
        let folder = tempfile::tempdir().unwrap();
        let pair = Pair::new(folder.path());
        pair.source.write("goes", &noise(1, 1_500_000));
        pair.source.write("stays", &noise(2, 1_500_000));
        pair.source.back_up().unwrap();
        pair.source.write("goes", &noise(3, 1_500_000));
        pair.source.back_up().unwrap();
        pair.copy(Which::All).unwrap();
        // The target's base is older than a condemnation there, so its set is looked at before it is changed.
        super::races::expire_oldest(&pair.target);
        super::races::collect_all(&pair.target);
        pair.source.write("keep", &noise(4, 1_200_000));
        pair.source.write("drop", &noise(5, 1_800_000));
        let sparse = pair.source.back_up().unwrap().point.unwrap();
        std::fs::remove_file(pair.source.source.join("drop")).unwrap();
        pair.source.back_up().unwrap();
        let source = pair.source.open().unwrap();
        let (reading, plain, has_moved) = (source.clone(), pair.source.clone(), Arc::new(AtomicBool::new(false)));
        let moved = has_moved.clone();
        let watched = Faulty::new(pair.target.store.clone(), move |call| {
            if when(call) && !moved.swap(true, Ordering::SeqCst) {
                let repository = plain.open().unwrap();
                expire(&repository, vec![sparse]);
                let report = collect_all(&repository, &options()).unwrap();
                assert!(report.packs_repacked > 0, "nothing moved: {report:?}");
                match with_index {
                    true => drop(reading.refresh().unwrap()),
                    false => drop(reading.log().refresh().unwrap()),
                }
            }
            None::<Fault>
        });
        let target = pair.target.over(Arc::new(watched)).open().unwrap();
        let done = copy(&source, &target, &pair.options(Which::Latest), &Arc::new(Monitor::new())).unwrap();
        assert!(has_moved.load(Ordering::SeqCst), "nothing happened meanwhile");
        assert_eq!((done.copied.len(), done.failed.len()), (1, 0), "{done:?}");
        pair.expect_equal();
        pair.expect_same_points();
    }
}

/// A point whose reference set is lost cannot be copied, and is no reason not to copy the others.
#[test]
fn a_point_whose_set_cannot_be_read_stays_out_and_the_others_come_over() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let pair = Pair::over(folder.path(), memory.clone(), Arc::new(Memory::new()));
    pair.source.write("file", &noise(1, 300_000));
    let sound = pair.source.back_up().unwrap().point.unwrap();
    let packs = || crate::proofs::rig::names_of(&*memory).into_iter().filter(|n| n.as_str().starts_with("meta/"));
    let before: Vec<_> = packs().collect();
    pair.source.write("more", &noise(2, 300_000));
    let damaged = pair.source.back_up().unwrap().point.unwrap();
    for name in packs().filter(|name| !before.contains(name)) {
        memory.delete(name.object()).unwrap();
    }
    let done = pair.copy(Which::All).unwrap();
    assert_eq!(done.copied, [sound], "{done:?}");
    assert_eq!(done.failed.iter().map(|f| f.point).collect::<Vec<_>>(), [damaged], "{done:?}");
    assert_eq!(pair.target.check().unwrap().errors, Vec::new());
}
