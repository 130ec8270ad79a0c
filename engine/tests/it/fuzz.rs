//! The corpora of the engine's fuzz targets, replayed without libFuzzer, each input also changed at random.

#[path = "../../../fuzz/src/engine/mod.rs"]
#[expect(unreachable_pub, reason = "the fuzz crate's library; here its functions are replayed")]
mod engine_targets;
#[path = "../../../fuzz/src/format.rs"]
#[expect(unreachable_pub, dead_code, reason = "the fuzz crate's library; here it only mends objects")]
mod format;
#[path = "../../../fuzz/src/replay.rs"]
#[expect(unreachable_pub, dead_code, reason = "the fuzz crate's library; here its functions replay")]
pub(crate) mod replay;

use engine_targets::{TARGETS, cache};
use replay::archive::{self, Members};

#[test]
fn corpora_replay_without_a_panic() {
    for target in TARGETS {
        let verdict = replay::replay(target, 3000);
        println!("{verdict}");
    }
}

#[test]
fn every_target_is_built_by_the_fuzzer() {
    replay::assert_built(&TARGETS);
}

#[test]
fn a_cache_of_this_build_is_accepted_by_its_target() {
    for (name, seed, accepted) in cache_seeds() {
        assert_eq!(cache::index_cache(&seed), accepted, "{name}");
    }
}

/// For a changed layout of the cache: run with `--ignored`, and commit what it wrote.
#[test]
#[ignore = "writes the seeds of the index cache into its corpus"]
fn write_cache_seeds() {
    let corpus = replay::corpus("index_cache");
    let mut members = if corpus.exists() { archive::read(&corpus).unwrap() } else { Members::new() };
    members.extend(cache_seeds().into_iter().map(|(name, seed, _)| (name.to_owned(), seed)));
    archive::write(&corpus, &members).unwrap();
}

/// Name, input, and whether it is accepted. Whole files without mending hold the fingerprint of one layout, so there are only bad ones.
fn cache_seeds() -> Vec<(&'static str, Vec<u8>, bool)> {
    let (catalogue, segment) = cache::good();
    let good = cache::input_of_segment(&segment);
    let choose = |choice: u8, bytes: &[u8]| [&[choice], bytes].concat();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    // Starts of the tables in the input: choice, body length, then start, length and rows of each of the seven.
    let table = |number: usize| 1 + 8 + number * 24;
    let start = good[table(2)..].first_chunk().map_or(0, |start| u64::from_le_bytes(*start));
    let first_id = 1 + cache::FIELDS_BYTES + usize::try_from(start).unwrap();
    let mut empty = catalogue[..catalogue.len() - 16].to_vec();
    empty[12] = 0;
    empty.extend_from_slice(&[0; 4]);
    vec![
        ("segment-good", good.clone(), true),
        ("segment-good-added-to", choose(9, &good[1..]), true),
        ("segment-length-kept", choose(5, &good[1..]), true),
        ("segment-length-wrong", choose(5, &changed(1, 1)[1..]), false),
        ("segment-without-body", good[..=cache::FIELDS_BYTES].to_vec(), false),
        ("segment-cut", good[..good.len() / 2].to_vec(), false),
        ("segment-packs-elsewhere", changed(table(0), 8), false),
        ("segment-too-many-ids", changed(table(2) + 16, 200), false),
        ("segment-ids-out-of-order", choose(9, &changed(first_id, 0xEE)[1..]), false),
        ("segment-filter-too-long", changed(table(5) + 16, 1), false),
        ("segment-fan-out-bits", changed(table(7), 33), false),
        ("segment-shard-bits", changed(table(7) + 1, 1), false),
        ("segment-raw-cut", choose(0, &segment[..300]), false),
        ("catalogue-empty", choose(3, &empty), true),
        ("catalogue-names-nothing-there", choose(3, &catalogue), false),
        ("catalogue-raw-cut", choose(2, &catalogue[..100]), false),
        ("nothing", Vec::new(), false),
    ]
}
