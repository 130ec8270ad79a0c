//! What the life of a large repository costs: opening, the cold rebuild of the cache, the plan of a collection; and many writers at once.
//!
//!     cargo run --release -p engine --example life [points chunks]
//!
//! For benches/LIFE.md. The repository is synthetic where nothing is measured: its data packs are not stored, only published (a plan reads none of
//! them), and every restore point has an empty root folder. Its log, its segments, its reference sets and its manifests are real: 200 chunks a pack; each point
//! names all packs of a window that moves on, so that neighbours share nearly all of their reference sets.

#![expect(clippy::print_stdout, reason = "a table is what it makes")]

use engine::backup::{BackupOptions, backup};
use engine::blob::{CachePlace, WriterOptions, put_durable, store_segment};
use engine::env::{Machine, SharedEnv};
use engine::index::SegmentBuilder;
use engine::maintenance::{CollectOptions, plan_collection};
use engine::monitor::Monitor;
use engine::repository::{NewRepository, OpenOptions, Repository};
use engine::restore_point::PointSink;
use engine::session::{Opening, WriteSession};
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Location, ObjectName, Options, Store};
use engine::tree::edit_map;
use format_spec::config::Class;
use format_spec::container::{Header, ObjectKind};
use format_spec::index::PackRow;
use format_spec::key_slot::Cost;
use format_spec::log::{Change, ObjectRef, PointId, PublishedPack, Purpose};
use format_spec::pack::BlobEntry;
use format_spec::point::{LedgerCounts, Manifest, Maps, PackReferences, PointKind, Workload, reference_key};
use format_spec::tree::{Entry, Kind};
use format_spec::{ChunkId, ObjectId, Time, names};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

const CHUNKS_A_PACK: u32 = 200;
const PACKS_A_SEGMENT: u32 = 1_000;
/// Packs that a point drops and gains against the one before.
const STEP: u32 = 20;
const PASSWORD: &[u8] = b"bench";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse::<u32>().ok());
    let (points, chunks) = (numbers.next().unwrap_or(1_000), numbers.next().unwrap_or(10_000_000));
    let folder = tempfile::tempdir()?;
    let store = local(&folder.path().join("repository"))?;
    let env = Machine::shared();
    create(&*store, &env)?;
    let cache = CachePlace::Folder(folder.path().join("cache"));
    let packs = chunks / CHUNKS_A_PACK;
    let ids = build(&store, &env, &cache, points, packs)?;
    println!("| {points} restore points, {chunks} chunks in {packs} packs | |\n|---|---|");

    let begin = Instant::now();
    let repository = open(&store, &env, &cache)?;
    println!("| open with a warm cache, ms | {:.0} |", begin.elapsed().as_secs_f64() * 1e3);
    drop(repository);

    let begin = Instant::now();
    let fresh = open(&store, &env, &CachePlace::Folder(folder.path().join("cold")))?;
    let seconds = begin.elapsed().as_secs_f64();
    println!("| open with no cache, s | {seconds:.1} |");
    println!("| ... chunks a second | {:.0} |", f64::from(chunks) / seconds);
    drop(fresh);

    let repository = open(&store, &env, &cache)?;
    let (seconds, peak) = watched(|| plan(&repository))?;
    println!("| plan with nothing to collect, s | {seconds:.2} |\n| ... anonymous memory at most, MB | {peak} |");
    // Every second point goes, and the oldest third altogether.
    let third = ids.len() / 3;
    let mut gone: Vec<PointId> =
        ids.iter().enumerate().filter(|(at, _)| *at < third || at % 2 == 0).map(|(_, id)| *id).collect();
    gone.sort_unstable();
    let (seconds, peak) = watched(|| {
        repository.log().append(&*env, &mut |_| {
            Ok(Change::Expire { points: gone.clone(), reason: "bench".into(), plan: [0; 32] })
        })?;
        plan(&repository)
    })?;
    println!(
        "| expire {} points and plan, s | {seconds:.2} |\n| ... anonymous memory at most, MB | {peak} |",
        gone.len()
    );
    many_writers(folder.path(), &env)
}

fn plan(repository: &Repository) -> Result<()> {
    let options = CollectOptions::new("bench");
    let plan = plan_collection(repository, &options, &Monitor::new())?;
    println!("|   (dead {}, sparse {}, kept {}) | |", plan.dead.len(), plan.sparse.len(), plan.kept);
    Ok(())
}

fn local(folder: &Path) -> Result<Arc<dyn Store>> {
    let options = Options { create: true, ..Options::default() };
    Ok(engine::store::open(&Location::Folder(folder.to_owned()), &options)?)
}

fn create(store: &dyn Store, env: &SharedEnv) -> Result<()> {
    let new = NewRepository {
        password: Some(PASSWORD.to_vec()),
        cost: Cost { memory_kib: 64, passes: 1, lanes: 1 },
        label: "bench".into(),
        ..NewRepository::new(Class::Backup)
    };
    Repository::create(store, &new, env)?;
    Ok(())
}

fn open(store: &Arc<dyn Store>, env: &SharedEnv, cache: &CachePlace) -> Result<Arc<Repository>> {
    let options = OpenOptions::new(env.clone(), cache.clone());
    Ok(Repository::open(store.clone(), Some(PASSWORD), &options)?)
}

/// Publishes all packs, then commits points over windows of them.
fn build(store: &Arc<dyn Store>, env: &SharedEnv, cache: &CachePlace, points: u32, packs: u32) -> Result<Vec<PointId>> {
    let repository = open(store, env, cache)?;
    let published = publish(&repository, packs)?;
    let window = (packs - (points * STEP).min(packs / 2)) as usize;
    let mut root = None;
    let mut ids = Vec::new();
    for point in 0..points {
        let from = (point * STEP) as usize;
        let mut edits: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
        let row = |pack: &ObjectId| {
            let bitmap = vec![0xFF; CHUNKS_A_PACK.div_ceil(8) as usize];
            let row = PackReferences { bitmap, blobs: CHUNKS_A_PACK, counts: Vec::new() };
            (reference_key(*pack).to_vec(), Some(row.encode()))
        };
        if root.is_none() {
            edits.extend(published[..window].iter().map(row));
        } else {
            let gone = published[from - STEP as usize..from].iter().map(|p| (reference_key(*p).to_vec(), None));
            let until = (from + window).min(published.len());
            edits.extend(gone.chain(published[until.saturating_sub(STEP as usize)..until].iter().map(row)));
        }
        edits.sort();
        let (id, set) = commit(&repository, root, edits)?;
        root = Some(set);
        ids.push(id);
    }
    Ok(ids)
}

fn publish(repository: &Arc<Repository>, packs: u32) -> Result<Vec<ObjectId>> {
    let (log, env) = (repository.log(), repository.env());
    let session = WriteSession::open(repository, OPENING)?.number();
    let mut all = Vec::new();
    let mut ordinal = 0;
    while all.len() < packs as usize {
        let mut builder = SegmentBuilder::new();
        let mut rows = Vec::new();
        for _ in 0..PACKS_A_SEGMENT.min(packs - u32::try_from(all.len())?) {
            let id = ObjectId { session, ordinal };
            ordinal += 1;
            let blob = |n: u32| {
                let name = [ordinal.to_le_bytes(), n.to_le_bytes()].concat();
                BlobEntry { id: ChunkId(*blake3::hash(&name).as_bytes()), bytes: 24_000 }
            };
            let blobs: Vec<BlobEntry> = (0..CHUNKS_A_PACK).map(blob).collect();
            let blocks: Vec<(u32, u32, &[BlobEntry])> =
                (0u32..).zip(blobs.chunks(20)).map(|(n, blobs)| (96 + n * 480_032, 480_000, blobs)).collect();
            let body_hash = [ordinal.to_le_bytes().as_slice(), &[0; 28]].concat().try_into().unwrap_or([0; 32]);
            let (kind, blobs) = (ObjectKind::DataPack, CHUNKS_A_PACK);
            builder.add_pack(PackRow { id, bytes: 4_900_000, blobs, kind, salt: [9; 32], body_hash }, &blocks)?;
            rows.push(PublishedPack {
                kind,
                object: ObjectRef { ordinal: id.ordinal, bytes: 4_900_000, body_hash },
                blobs,
            });
            all.push(id);
        }
        let mut take = || Ok(ObjectId { session, ordinal });
        let (_, segment) =
            store_segment(repository.sealed_store(), &**env, &Monitor::new(), &mut take, &builder.finish())?;
        ordinal += 1;
        log.append(&**env, &mut |_| Ok(Change::Publish { session, packs: rows.clone(), segment: Some(segment) }))?;
        repository.blobs().live_index().sync()?;
    }
    Ok(all)
}

const OPENING: Opening<'_> = Opening { job: "bench", host: "bench", purpose: Purpose::Backup, base: None };

type Edits = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// One session that writes a reference set and commits it.
fn commit(repository: &Arc<Repository>, base: Option<ChunkId>, edits: Edits) -> Result<(PointId, ChunkId)> {
    let (log, env, sealed_store) = (repository.log(), repository.env(), repository.sealed_store());
    let session = WriteSession::open(repository, OPENING)?;
    let writer = session.writer(WriterOptions { threads: 1, ..WriterOptions::default() }, &Arc::new(Monitor::new()))?;
    let mut sink = PointSink::unaccounted(&writer, &sealed_store.ids);
    let references = edit_map(repository.nodes(), base, edits, &mut sink)?.ok_or("an empty set")?;
    writer.flush()?;
    let mut id = [0; 16];
    env.random(&mut id)?;
    let (id, now) = (PointId(id), env.now());
    let manifest = Manifest {
        id,
        started: now,
        finished: now,
        job: "bench".into(),
        host: "bench".into(),
        organisation: String::new(),
        paths: Vec::new(),
        tags: Vec::new(),
        kind: PointKind::Full,
        kind_reason: String::new(),
        workload: Workload::Folders,
        root: empty_folder(now),
        maps: Maps::default(),
        counts: LedgerCounts::default(),
        base: None,
        references,
        bytes: [0; 3],
        first: None,
        rules: Vec::new(),
        cut: None,
        unnamed: Some(0),
        shrunken: None,
        naming: None,
        source: None,
        seen: Vec::new(),
    };
    let object = session.take()?;
    let session = session.number();
    let mut salt = [0; 32];
    env.random(&mut salt)?;
    let (kind, suite) = (ObjectKind::RestorePoint, sealed_store.secrets.suite());
    let header = Header::new(kind, suite, sealed_store.repository, session, object.ordinal, salt);
    let (bytes, body_hash) = manifest.encode(header, &sealed_store.secrets);
    let length = bytes.len() as u64;
    put_durable(&*sealed_store.store, &ObjectName::new(names::of_session(kind, object))?, &bytes.into())?;
    let point = ObjectRef { ordinal: object.ordinal, bytes: length, body_hash };
    log.append(&**env, &mut |_| Ok(Change::Commit { session, point, id, references }))?;
    // As a backup does.
    log.checkpoint_if_due(&**env);
    Ok((id, references))
}

fn empty_folder(time: Time) -> Entry {
    Entry { mode: 0o40755, mtime: time, ctime: time, ..Entry::new(Vec::new(), Kind::Folder) }
}

/// Runs something; its seconds, and the most anonymous memory of the process meanwhile in MB.
fn watched(run: impl FnOnce() -> Result<()>) -> Result<(f64, u64)> {
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous_megabytes(), Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        let begin = Instant::now();
        let outcome = run();
        let seconds = begin.elapsed().as_secs_f64();
        done.store(true, Ordering::Relaxed);
        outcome.map(|()| (seconds, peak.load(Ordering::Relaxed)))
    })
}

fn anonymous_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Eight processes' worth of writers on one repository: each its own handle and cache, each five small backups.
fn many_writers(folder: &Path, env: &SharedEnv) -> Result<()> {
    const WRITERS: u32 = 8;
    const ROUNDS: u32 = 5;
    let store = local(&folder.join("shared"))?;
    create(&*store, env)?;
    let begin = Instant::now();
    let outcomes: Vec<std::result::Result<(), String>> = std::thread::scope(|scope| {
        let run = |writer: u32| -> Result<()> {
            let source = folder.join(format!("source-{writer}"));
            std::fs::create_dir_all(&source)?;
            let repository = open(&store, env, &CachePlace::Temporary)?;
            for round in 0..ROUNDS {
                std::fs::write(source.join(format!("file-{round}")), [writer, round].map(u32::to_le_bytes).concat())?;
                let options = BackupOptions { threads: 1, ..BackupOptions::new(format!("job-{writer}")) };
                let source = FolderSource::new(std::slice::from_ref(&source), Rules::default())?;
                backup(&repository, &source, &options, &Arc::new(Monitor::new()))?;
            }
            Ok(())
        };
        let threads: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || run(writer).map_err(|e| e.to_string()))).collect();
        threads.into_iter().map(|t| t.join().map_err(|_| "a writer died".to_owned())?).collect()
    });
    let seconds = begin.elapsed().as_secs_f64();
    outcomes.into_iter().collect::<std::result::Result<Vec<()>, String>>()?;
    let points = open(&store, env, &CachePlace::Temporary)?.points()?.len();
    assert_eq!(points, (WRITERS * ROUNDS) as usize, "no work is lost");
    println!(
        "| {WRITERS} writers at once, {points} points: commits a second | {:.1} |",
        f64::from(WRITERS * ROUNDS) / seconds
    );
    Ok(())
}
