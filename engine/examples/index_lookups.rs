//! Measures the PersistentCache: `cargo run --release --example index_lookups -- [ENTRIES] [ADDITIONS]`.
//!
//! Prints bytes an entry on disk, seconds to add and to open, lookups a second of known and unknown ids, and the anonymous
//! memory of the process. Entries are made from a counter, so runs repeat themselves.
#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]

use engine::Result;
use engine::index::{PersistentCache, SegmentBuilder};
use format_spec::container::ObjectKind;
use format_spec::index::{PackRow, Segment};
use format_spec::pack::BlobEntry;
use format_spec::{ChunkId, ObjectId, RepositoryId};
use std::time::Instant;

const BLOBS_A_PACK: u64 = 640;
const BLOBS_A_BLOCK: usize = 32;
const REPOSITORY: RepositoryId = RepositoryId([1; 16]);

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<u64>().ok());
    let entries = numbers.next().unwrap_or(1_000_000);
    let additions = numbers.next().unwrap_or(4).max(1);
    let folder = tempfile::tempdir()?;
    let cache = PersistentCache::open(folder.path(), REPOSITORY)?.cache;
    let mut seconds = 0.0;
    for addition in 0..additions {
        let segment = segment(addition, entries / additions)?;
        let start = Instant::now();
        cache.add(&[segment], u32::try_from(addition).unwrap_or(u32::MAX), [0; 32])?;
        seconds += start.elapsed().as_secs_f64();
    }
    let s = cache.statistics();
    println!("entries {} blocks {} packs {} segments {}", s.entries, s.blocks, s.packs, s.segments);
    println!("add {seconds:.2} s, {:.0} entries/s", ratio(s.entries, seconds));
    drop(cache);
    let start = Instant::now();
    let cache = PersistentCache::open(folder.path(), REPOSITORY)?.cache;
    println!("open {:.2} ms", start.elapsed().as_secs_f64() * 1000.0);
    let bytes = ratio(s.bytes_on_disk, 1.0);
    println!("disk {} bytes, {:.2} an entry", s.bytes_on_disk, bytes / ratio(s.entries, 1.0));
    println!("anonymous memory before lookups {}", anonymous());

    // Scattered over all segments; two rounds, since the first one checks pages and loads filters.
    let known: Vec<ChunkId> =
        (0..1_000_000).map(|n: u64| id(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % s.entries)).collect();
    let unknown: Vec<ChunkId> = (0..1_000_000).map(|n: u64| id(s.entries + n)).collect();
    for round in ["cold", "warm"] {
        report(round, "contains, known", &known, &mut |id| Ok(usize::from(cache.contains(id)?)))?;
        report(round, "places, known", &known, &mut |id| Ok(cache.places(id)?.len()))?;
        report(round, "contains, unknown", &unknown, &mut |id| Ok(usize::from(cache.contains(id)?)))?;
    }
    println!("anonymous memory after lookups {}", anonymous());
    Ok(())
}

fn report(round: &str, what: &str, ids: &[ChunkId], ask: &mut dyn FnMut(&ChunkId) -> Result<usize>) -> Result<()> {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut found = 0;
    for id in ids {
        found += ask(id)?;
    }
    let rate = |seconds: f64| ratio(ids.len() as u64, seconds) / 1e6;
    let (wall, cpu) = (rate(start.elapsed().as_secs_f64()), rate(cpu_seconds() - cpu));
    println!("{round}: {what}: {wall:.2} M a second, {cpu:.2} M a CPU second ({found} found)");
    Ok(())
}

/// Entry `n` of all, spread over packs and blocks as group compression of small files would.
fn segment(addition: u64, entries: u64) -> Result<Segment> {
    let mut builder = SegmentBuilder::new();
    let session = u32::try_from(addition).unwrap_or(u32::MAX);
    let (mut next, end) = (addition * entries, (addition + 1) * entries);
    let mut ordinal = 0;
    while next < end {
        let last = (next + BLOBS_A_PACK).min(end);
        let blobs: Vec<BlobEntry> = (next..last).map(|n| BlobEntry { id: id(n), bytes: 8192 }).collect();
        let blocks: Vec<(u32, u32, &[BlobEntry])> =
            (0..).zip(blobs.chunks(BLOBS_A_BLOCK)).map(|(n, blobs)| (96 + n * 100_000, 99_000, blobs)).collect();
        let id = ObjectId { session, ordinal };
        let count = u32::try_from(blobs.len()).unwrap_or(u32::MAX);
        let pack = PackRow {
            id,
            bytes: 4_900_000,
            blobs: count,
            kind: ObjectKind::DataPack,
            salt: [9; 32],
            body_hash: [8; 32],
        };
        builder.add_pack(pack, &blocks)?;
        (next, ordinal) = (last, ordinal + 1);
    }
    Ok(builder.finish())
}

fn id(number: u64) -> ChunkId {
    ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

#[expect(clippy::cast_precision_loss, reason = "a measurement is printed with three digits")]
fn ratio(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// What this thread used; beside other work it says more than the clock on the wall.
fn cpu_seconds() -> f64 {
    std::time::Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime))
        .unwrap_or_default()
        .as_secs_f64()
}

fn anonymous() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"));
    line.map_or_else(|| "unknown".to_owned(), |l| l.trim().to_owned())
}
