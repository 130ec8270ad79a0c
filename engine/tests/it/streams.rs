//! Open files read as a kernel reads them: what is fetched, when, and what it may cost in memory.

use crate::proofs::{Rig, noise};
use bytes::Bytes;
use engine::blob::{CacheBudgets, CachePlace, DISK_CACHE_LEAST};
use engine::env::Machine;
use engine::reader::{FileStream, PrefetchLimits, Prefetcher};
use engine::repository::{OpenOptions, Repository};
use engine::store::{Fault, Faulty, Memory, RequestKind, Store};
use engine::{Kind, Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use testkit::stores::Far;

const MIB: usize = 1 << 20;
const LIMITS: PrefetchLimits = PrefetchLimits { windows: 8 << 20, window: 6 << 20, fetchers: 4, decoders: 2 };

/// What a store a few milliseconds away heard of data packs, and whether it fails to read them.
#[derive(Default)]
struct Line {
    reads: AtomicU64,
    fails: AtomicBool,
}

fn far(store: Arc<dyn Store>, line: &Arc<Line>) -> Far {
    let line = Arc::clone(line);
    Far::new(Arc::new(Faulty::new(store, move |call| {
        if call.verb != RequestKind::Get || !call.name.starts_with("data/") {
            return None;
        }
        line.reads.fetch_add(1, Ordering::SeqCst);
        let fails = line.fails.load(Ordering::SeqCst);
        Some(if fails { Fault::Before(Kind::Transient) } else { Fault::Delay(Duration::from_millis(5)) })
    })))
}

/// A repository with one backed up folder, opened anew over a far store.
struct Opened {
    line: Arc<Line>,
    repository: Arc<Repository>,
    prefetcher: Arc<Prefetcher>,
    inside: Vec<u8>,
}

fn backed_up(files: &[(&str, Vec<u8>)]) -> (tempfile::TempDir, Rig) {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    files.iter().for_each(|(name, bytes)| rig.write(name, bytes));
    rig.back_up().unwrap();
    (folder, rig)
}

fn open(rig: &Rig, ranges: Option<(PathBuf, u64)>) -> Opened {
    let line = Arc::<Line>::default();
    let budgets = CacheBudgets { blocks: 16 << 20, nodes: 1 << 20 };
    let options = OpenOptions { budgets, ranges, ..OpenOptions::new(Machine::shared(), CachePlace::Temporary) };
    let repository =
        Repository::open(Arc::new(far(rig.store.clone(), &line)), rig.password.as_deref(), &options).unwrap();
    let prefetcher = Prefetcher::start(repository.blobs(), LIMITS).expect("threads");
    Opened { line, repository, prefetcher, inside: rig.inside() }
}

impl Opened {
    fn entry(&self, name: &str) -> engine::tree::EntryRef {
        let path = [&self.inside[..], b"/", name.as_bytes()].concat();
        let point = self.repository.find_point("latest").unwrap();
        let names = path.split(|b| *b == b'/').filter(|n| !n.is_empty());
        engine::tree::lookup(&**self.repository.blobs(), &point.manifest.root, names).unwrap().unwrap().entry
    }

    fn file(&self, name: &str) -> FileStream {
        self.prefetcher.open(&self.entry(name)).unwrap()
    }

    fn reads(&self) -> u64 {
        self.line.reads.load(Ordering::SeqCst)
    }
}

/// As the mount does it: from memory if possible, else with patience.
fn read(file: &FileStream, offset: usize, bytes: usize) -> Result<Bytes> {
    match file.read_in_memory(offset as u64, bytes)? {
        Some(found) => Ok(found),
        None => file.read(offset as u64, bytes),
    }
}

fn read_all(file: &FileStream, step: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let part = read(file, out.len(), step).unwrap();
        if part.is_empty() {
            return out;
        }
        out.extend_from_slice(&part);
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_file_read_forward_is_fetched_ahead_in_few_requests_and_within_its_budget() {
    let bytes = noise(1, 24 * MIB);
    let (_folder, rig) = backed_up(&[("large", bytes.clone())]);
    let opened = open(&rig, None);
    let file = opened.file("large");
    let mut from_memory = 0;
    for offset in (0..bytes.len()).step_by(128 * 1024) {
        let part = match file.read_in_memory(offset as u64, 128 * 1024).unwrap() {
            Some(part) => {
                from_memory += 1;
                part
            }
            None => file.read(offset as u64, 128 * 1024).unwrap(),
        };
        assert!(part == bytes[offset..offset + part.len()], "at {offset}");
        assert!(opened.prefetcher.window_bytes() <= LIMITS.windows);
    }
    assert!(from_memory > 96, "{from_memory} of 192 reads were answered without waiting");
    let chunks = bytes.len() / (512 * 1024);
    assert!(opened.reads() < chunks as u64, "{} requests for about {chunks} chunks", opened.reads());
    drop(file);
    until("a closed file gives its window back", || opened.prefetcher.window_bytes() == 0);
}

#[test]
fn who_jumps_about_has_nothing_read_ahead() {
    let bytes = noise(2, 24 * MIB);
    let (_folder, rig) = backed_up(&[("large", bytes.clone())]);
    let opened = open(&rig, None);
    let file = opened.file("large");
    // Cuts are those of a random key, and two bytes may lie on both sides of one.
    for offset in [20 * MIB, 4 * MIB, 16 * MIB, 8 * MIB] {
        assert!(read(&file, offset, 1).unwrap() == bytes[offset..=offset]);
    }
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!((opened.reads(), opened.prefetcher.window_bytes()), (4, 0), "one chunk a read");
    assert!(file.read_in_memory(20 * MIB as u64, 1).unwrap().is_some(), "and what was read is kept");
}

#[test]
fn a_scan_does_not_evict_what_others_read_at_random() {
    let (_folder, rig) = backed_up(&[("scanned", noise(3, 40 * MIB)), ("random", noise(4, 8 * MIB))]);
    let opened = open(&rig, None);
    let random = opened.file("random");
    for offset in (MIB..8 * MIB).step_by(MIB).rev() {
        read(&random, offset, 4096).unwrap();
    }
    // Longer than the shared cache of 16 MiB, which it does not pass through.
    assert_eq!(read_all(&opened.file("scanned"), MIB).len(), 40 * MIB);
    let kept = (MIB..8 * MIB).step_by(MIB).filter(|at| random.read_in_memory(*at as u64, 4096).unwrap().is_some());
    assert!(kept.count() >= 5);
}

#[test]
fn many_who_want_one_chunk_cost_one_request() {
    let bytes = noise(5, 300_000);
    let (_folder, rig) = backed_up(&[("small", bytes.clone())]);
    let opened = open(&rig, None);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert!(read(&opened.file("small"), 1000, 4096).unwrap() == bytes[1000..5096]));
        }
    });
    let chunks = bytes.len().div_ceil(128 * 1024) as u64;
    assert!(opened.reads() <= chunks, "{} requests", opened.reads());
}

#[test]
fn what_fails_ahead_is_told_to_who_needs_it_and_to_nobody_else() {
    let bytes = noise(6, 16 * MIB);
    let (_folder, rig) = backed_up(&[("large", bytes.clone())]);
    let opened = open(&rig, None);
    let file = opened.file("large");
    assert!(read(&file, 0, 4096).unwrap() == bytes[..4096]);
    opened.line.fails.store(true, Ordering::SeqCst);
    let failed = (0..16).map(|n| read(&file, n * MIB, MIB)).find_map(Result::err).expect("the store fails");
    assert_eq!(failed.kind(), Kind::Transient);
    opened.line.fails.store(false, Ordering::SeqCst);
    assert!(read_all(&file, MIB) == bytes, "all of it, as soon as the store is back");
}

#[test]
fn two_forward_readers_of_one_file_and_more_files_share_the_budget() {
    let bytes = noise(7, 16 * MIB);
    let (_folder, rig) = backed_up(&[("a", bytes.clone()), ("b", noise(8, 16 * MIB))]);
    let opened = open(&rig, None);
    let (a, b) = (opened.file("a"), opened.file("b"));
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(read_all(&a, 256 * 1024) == bytes));
        scope.spawn(|| {
            for offset in (8 * MIB..16 * MIB).step_by(256 * 1024) {
                assert!(read(&a, offset, 256 * 1024).unwrap() == bytes[offset..offset + 256 * 1024]);
            }
        });
        scope.spawn(|| assert_eq!(read_all(&b, 256 * 1024).len(), 16 * MIB));
        for _ in 0..50 {
            assert!(opened.prefetcher.window_bytes() <= LIMITS.windows);
            std::thread::sleep(Duration::from_millis(2));
        }
    });
}

#[test]
fn what_will_be_opened_next_is_there_when_it_is() {
    let (_folder, rig) = backed_up(&[("a", noise(9, 50_000)), ("b", noise(10, 90_000))]);
    let opened = open(&rig, None);
    let ids = ["a", "b"].map(|name| match opened.entry(name).content {
        format_spec::tree::Content::Chunk(id) => id,
        other => panic!("{other:?}"),
    });
    opened.prefetcher.warm_chunks(ids.to_vec());
    until("both are decoded", || ids.iter().all(|id| opened.repository.blobs().chunk_in_memory(id).is_some()));
    let before = opened.reads();
    assert!(opened.file("b").read_in_memory(0, 90_000).unwrap().is_some_and(|b| b == noise(10, 90_000)));
    assert_eq!(opened.reads(), before);
}

#[test]
fn folders_that_will_be_listed_next_are_there_when_they_are() {
    let (_folder, rig) =
        backed_up(&[("a/one", noise(12, 1000)), ("b/two", noise(13, 1000)), ("c/three", noise(14, 1000))]);
    let opened = open(&rig, None);
    let ids = ["a", "b", "c"].map(|name| match opened.entry(name).content {
        format_spec::tree::Content::Tree(id) => id,
        other => panic!("{other:?}"),
    });
    // Opened anew: what was just looked up is in the memory of the other one alone.
    let opened = open(&rig, None);
    let known = |id| opened.repository.blobs().node_in_memory(id).is_some();
    assert!(!ids.iter().any(known));
    opened.prefetcher.warm_nodes(ids.to_vec());
    until("all are decoded", || ids.iter().all(known));
}

#[test]
fn records_on_disk_spare_the_store_and_damaged_ones_are_fetched_again() {
    let bytes = noise(11, 12 * MIB);
    let (folder, rig) = backed_up(&[("large", bytes.clone())]);
    let ranges = || Some((folder.path().join("ranges"), DISK_CACHE_LEAST));
    let opened = open(&rig, ranges());
    assert!(read_all(&opened.file("large"), MIB) == bytes);
    assert!(opened.reads() > 0);
    let id = opened.repository.id().to_string();
    drop(opened);
    let opened = open_when_free(&rig, ranges());
    assert!(read_all(&opened.file("large"), MIB) == bytes);
    assert_eq!(opened.reads(), 0, "all of it came from this machine's disk");
    drop(opened);
    let slab = std::fs::read_dir(folder.path().join("ranges").join(id)).unwrap().map(|e| e.unwrap().path());
    let slab = slab.filter(|p| p.metadata().unwrap().len() > 1_000_000).min().expect("a slab");
    let mut stored = std::fs::read(&slab).unwrap();
    for at in (100_000..stored.len()).step_by(400_000) {
        stored[at] ^= 1;
    }
    std::fs::write(&slab, stored).unwrap();
    let opened = open_when_free(&rig, ranges());
    assert!(read_all(&opened.file("large"), MIB) == bytes, "verified, whatever lay on the disk");
    assert!(opened.reads() > 0);
}

/// The threads of the one before hold the cache until they have ended.
fn open_when_free(rig: &Rig, ranges: Option<(PathBuf, u64)>) -> Opened {
    let lock = ranges.as_ref().unwrap().0.clone();
    let begin = Instant::now();
    loop {
        let opened = open(rig, ranges.clone());
        if opened.repository.sealed_store().ranges.is_some() {
            return opened;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{} stays locked", lock.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}
