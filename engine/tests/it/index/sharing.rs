//! Threads and processes that use one cache folder at once do not harm each other.

use super::*;
use std::path::Path;
use std::process::Command;

const FOLDER: &str = "CAIRN_TEST_INDEX_FOLDER";
const SESSION: &str = "CAIRN_TEST_INDEX_SESSION";

fn files(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|n| n.starts_with("segment-")).count()
}

#[test]
fn readers_go_on_while_one_thread_adds() {
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    let first = segment(1, 0..1000);
    let model = model_of([&first]);
    cache.add(std::slice::from_ref(&first), 1, HEAD).unwrap();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..5 {
                        model.iter().for_each(|(id, places)| assert!(cache.places(id).unwrap().ends_with(places)));
                    }
                })
            })
            .collect();
        for session in 2..20 {
            let from = 1000 + u64::from(session) * 50;
            cache.add(&[segment(session, from..from + 50)], session, HEAD).unwrap();
        }
        readers.into_iter().for_each(|r| r.join().unwrap());
    });
    assert_eq!(cache.position(), 19);
    assert_eq!(cache.statistics().entries, 1900);
}

#[test]
fn additions_of_several_threads_are_all_kept() {
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    let segments: Vec<Segment> = (0..16).map(|s| segment(s, u64::from(s) * 30..u64::from(s) * 30 + 60)).collect();
    std::thread::scope(|scope| {
        for part in segments.chunks(4) {
            scope.spawn(|| part.iter().for_each(|s| cache.add(std::slice::from_ref(s), 1, HEAD).unwrap()));
        }
    });
    assert_equal(&cache, &model_of(&segments));
}

#[test]
fn a_second_cache_on_the_folder_takes_nothing_from_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = PersistentCache::open(folder.path(), REPOSITORY).unwrap().cache;
    let base = segment(1, 0..500);
    first.add(std::slice::from_ref(&base), 1, HEAD).unwrap();
    let second = PersistentCache::open(folder.path(), REPOSITORY).unwrap().cache;
    let (left, right) = (segment(2, 500..900), segment(3, 900..1500));
    first.add(std::slice::from_ref(&left), 2, HEAD).unwrap();
    second.add(std::slice::from_ref(&right), 3, HEAD).unwrap();
    assert_equal(&first, &model_of([&base, &left]));
    assert_equal(&second, &model_of([&base, &right]));
    // The last writer's view is what the next opening sees, whole.
    let third = PersistentCache::open(folder.path(), REPOSITORY).unwrap();
    assert_eq!((third.discarded.as_ref(), third.cache.position()), (None, 3));
    assert_equal(&third.cache, &model_of([&base, &right]));
    // The first one publishes again, with files that the second one's catalogue did not name.
    first.add(&[], 4, HEAD).unwrap();
    let fourth = PersistentCache::open(folder.path(), REPOSITORY).unwrap();
    assert_eq!((fourth.discarded.as_ref(), fourth.cache.position()), (None, 4));
    assert_equal(&fourth.cache, &model_of([&base, &left]));
    // Once nobody uses the others' files, they go.
    drop((first, second, third));
    fourth.cache.add(&[], 5, HEAD).unwrap();
    assert_eq!(files(folder.path()), fourth.cache.statistics().segments);
}

#[test]
fn files_that_were_dropped_under_a_running_cache_are_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = PersistentCache::open(folder.path(), REPOSITORY).unwrap().cache;
    let (base, next) = (segment(1, 0..500), segment(2, 500..520));
    cache.add(std::slice::from_ref(&base), 1, HEAD).unwrap();
    PersistentCache::drop_all(folder.path()).unwrap();
    assert_eq!(files(folder.path()), 0);
    assert_equal(&cache, &model_of([&base]));
    cache.add(std::slice::from_ref(&next), 2, HEAD).unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    cache.add(&[], 3, HEAD).unwrap();
    drop(cache);
    let opened = PersistentCache::open(folder.path(), REPOSITORY).unwrap();
    assert_eq!((opened.discarded, opened.cache.position()), (None, 3));
    assert_equal(&opened.cache, &model_of([&base, &next]));
}

#[test]
fn dropping_a_cache_that_does_not_exist_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    PersistentCache::drop_all(&folder.path().join("absent")).unwrap();
    PersistentCache::drop_all(folder.path()).unwrap();
}

#[test]
fn two_processes_that_add_leave_a_whole_cache() {
    let folder = tempfile::tempdir().unwrap();
    let start = |session: u32| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "index::sharing::process_that_adds", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(SESSION, session.to_string())
            .spawn()
            .unwrap()
    };
    let children = [start(1), start(2)];
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let opened = PersistentCache::open(folder.path(), REPOSITORY).unwrap();
    assert_eq!(opened.discarded, None);
    // Whoever wrote last has at least all of its own.
    let all = |session: u32| model_of(&(0..12).map(|n| child_segment(session, n)).collect::<Vec<_>>());
    let holds = |model: &Model| model.iter().all(|(id, places)| &opened.cache.places(id).unwrap() == places);
    assert!(holds(&all(1)) || holds(&all(2)));
    opened.cache.add(&[], 99, HEAD).unwrap();
    assert_eq!(files(folder.path()), opened.cache.statistics().segments);
}

#[test]
#[ignore = "the other half of two_processes_that_add_leave_a_whole_cache, which runs it"]
fn process_that_adds() {
    let (Some(folder), Ok(session)) = (std::env::var_os(FOLDER), std::env::var(SESSION)) else { return };
    let session: u32 = session.parse().unwrap();
    let opened = PersistentCache::open(Path::new(&folder), REPOSITORY).unwrap();
    assert_eq!(opened.discarded, None);
    let mut known = Vec::new();
    for n in 0..12 {
        let next = child_segment(session, n);
        opened.cache.add(std::slice::from_ref(&next), n + 1, HEAD).unwrap();
        known.push(next);
        let model = model_of(&known);
        assert!(model.iter().all(|(id, places)| &opened.cache.places(id).unwrap() == places));
    }
}

/// Ids and packs that no other process has.
fn child_segment(session: u32, n: u32) -> Segment {
    let from = u64::from(session) * 100_000 + u64::from(n) * 200;
    segment(session * 100 + n, from..from + 80 + u64::from(n) * 9)
}
