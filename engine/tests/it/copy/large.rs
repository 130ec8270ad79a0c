//! Packs of hundreds of megabytes: what a small file costs to read out of one, and what memory filling one takes.

use super::{OTHER, Pair, Which, target_of};
use crate::proofs::rig::{PASSWORD, Rig, contents, noise, restore_options};
use engine::blob::CachePlace;
use engine::copy::CopyOptions;
use engine::env::Machine;
use engine::monitor::Monitor;
use engine::restore::restore;
use engine::store::{Fault, Faulty, Location, Memory, MeteredStore, Options, RequestKind, Store, open};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Bytes of files that do not compress: a few large ones, and small ones in folders between them.
fn fill(source: &Rig, bytes: u64) {
    const LARGE: u64 = 6_000_000;
    for n in 0..bytes / LARGE {
        source.write(format!("large/{n}"), &noise(n, usize::try_from(LARGE).unwrap()));
    }
    for n in 0..600u64 {
        source.write(format!("mail/{}/{n}", n % 20), &noise(10_000 + n, 3_000 + 20 * usize::try_from(n).unwrap()));
    }
}

/// A pair in memory whose target has one pack of more than 200 MB.
fn pair(folder: &Path, target: Arc<dyn Store>) -> Pair {
    let mut pair = Pair::over(folder, Arc::new(Memory::new()), target);
    pair.target.cache = CachePlace::Folder(folder.join("cache"));
    fill(&pair.source, 232_000_000);
    pair.source.back_up().unwrap();
    assert_eq!(pair.copy(Which::Latest).unwrap().copied.len(), 1);
    let packs = pair.target.open().unwrap().blobs().live_index().packs().unwrap();
    assert!(packs.iter().any(|p| p.bytes > 200_000_000), "{packs:?}");
    pair
}

#[test]
fn one_small_file_out_of_a_large_pack_costs_three_ranged_reads() {
    let folder = tempfile::tempdir().unwrap();
    let memory: Arc<dyn Store> = Arc::new(Memory::new());
    let pair = pair(folder.path(), memory.clone());
    let counted = MeteredStore::new(memory);
    let counts = counted.counts();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = asked.clone();
    let watched = Faulty::new(Arc::new(counted), move |call| {
        told.lock().push(format!("{:?} {}", call.verb, call.name));
        None::<Fault>
    });
    let watched: Arc<dyn Store> = Arc::new(watched);
    for mail in ["mail/7/267", "mail/0/0", "mail/19/599"] {
        let wanted = std::fs::read(pair.source.source.join(mail)).unwrap();
        // Another process, whose index is on the disk.
        let repository = pair.target.over(watched.clone()).open().unwrap();
        let point = repository.find_point("latest").unwrap();
        asked.lock().clear();
        let before = counts.bytes_down();
        let inside = [&pair.source.inside()[..], b"/", mail.as_bytes()].concat();
        let target = tempfile::tempdir().unwrap();
        let monitor = Arc::new(Monitor::new());
        restore(&repository, &point, &inside, target.path(), &restore_options(), &monitor).unwrap();
        let found: Vec<_> = contents(target.path()).into_values().filter(|b| *b != b"<folder>").collect();
        assert_eq!(found, [wanted]);
        let (asked, bytes) = (asked.lock().clone(), counts.bytes_down() - before);
        println!("{mail}: {bytes} bytes in {asked:?}");
        let of_packs = asked.iter().filter(|a| a.contains(" data/") || a.contains(" meta/")).count();
        assert!(of_packs <= 3 && bytes < 1_000_000, "{mail}: {bytes} bytes in {asked:?}");
    }
    assert_eq!(counts.requests(RequestKind::Put), 0);
}

/// Measures in a process of its own, in whose memory nothing else is.
#[test]
#[ignore = "two gigabytes on the disk: in the night"]
fn copying_into_packs_of_256_mb_takes_less_than_400_mb_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let source = Rig::new(folder.path(), store(folder.path(), "from"));
    fill(&source, 540_000_000);
    source.back_up().unwrap();
    // However many processors there are.
    for threads in [2, 16] {
        let to = format!("to-{threads}");
        let target = target_of(&source, store(folder.path(), &to), Default::default());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "copy::large::the_process_that_copies", "--ignored", "--nocapture"]);
        command.env(FOLDER, folder.path()).env(TO, &to).env(THREADS, threads.to_string());
        let out = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let most: u64 = text.lines().find_map(|line| line.strip_prefix(MOST)).expect(&text).parse().unwrap();
        let packs = target.open().unwrap().blobs().live_index().packs().unwrap();
        let longest = packs.iter().map(|p| p.bytes).max().unwrap();
        println!("{threads} threads: {most} bytes of anonymous memory at most; the longest pack has {longest}");
        // Full to within one block.
        assert!((248_000_000..=249_000_000).contains(&longest), "{longest}");
        assert!(most < 400_000_000, "{most} bytes with {threads} threads");
    }
}

#[test]
#[ignore = "the other process of the test above"]
fn the_process_that_copies() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let threads = std::env::var(THREADS).unwrap().parse().unwrap();
    let rig = |name: &str, password: &[u8]| Rig {
        source: folder.join("source"),
        store: store(&folder, name),
        cache: CachePlace::Temporary,
        env: Machine::shared(),
        password: Some(password.to_vec()),
        job: "test".into(),
    };
    let target = rig(&std::env::var(TO).unwrap(), OTHER);
    let pair = Pair { source: rig("from", PASSWORD), target, spool: folder.join("spool") };
    let options = CopyOptions { threads, ..pair.options(Which::Latest) };
    let (is_over, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                most.fetch_max(anonymous_bytes(), Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let done = pair.copy_with(&options);
        is_over.store(true, Ordering::SeqCst);
        done.unwrap()
    });
    assert_eq!(done.copied.len(), 1, "{done:?}");
    println!("\n{MOST}{}", most.into_inner());
}

fn store(folder: &Path, name: &str) -> Arc<dyn Store> {
    let path = folder.join(name);
    std::fs::create_dir_all(&path).unwrap();
    open(&Location::Folder(path), &Options::default()).unwrap()
}

fn anonymous_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

const MOST: &str = "most anonymous memory: ";
const FOLDER: &str = "CAIRN_LARGE_FOLDER";
const TO: &str = "CAIRN_LARGE_TO";
const THREADS: &str = "CAIRN_LARGE_THREADS";
