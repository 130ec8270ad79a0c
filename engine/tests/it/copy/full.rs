//! Packs become full over many small increments, and none becomes too long.

use super::{Pair, Which};
use crate::proofs::rig::noise;
use bytes::Bytes;
use engine::copy::CopyOptions;
use engine::store::{ListOptions, Memory, ObjectName, Store};
use format_spec::container::ObjectKind;
use format_spec::names;
use std::sync::Arc;

/// Sets the target's pack limit, which is 256 MB otherwise.
fn limit_packs(pair: &Pair, memory: &Memory, bytes: u32) {
    let repository = pair.target.open().unwrap();
    let mut config = repository.config().clone();
    config.pack_bytes_max = bytes;
    let object = config.encode(&repository.sealed_store().secrets, [7; 32]);
    memory.replace(&ObjectName::new(names::CONFIG).unwrap(), Bytes::from(object));
}

#[test]
fn many_small_increments_fill_packs_to_within_one_block() {
    const LIMIT: u32 = 2_000_000;
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let pair = Pair::over(folder.path(), Arc::new(Memory::new()), memory.clone());
    limit_packs(&pair, &memory, LIMIT);
    let waiting = CopyOptions { flush_after_seconds: 86_400, ..pair.options(Which::All) };
    let mut waited = 0;
    for round in 0..14u64 {
        // Files of several lengths: blocks of one chunk, and blocks of many.
        pair.source
            .write(format!("large/{round}"), &noise(round, 330_000 + 41_000 * usize::try_from(round % 5).unwrap()));
        for n in 0..8 {
            pair.source.write(format!("small/{round}-{n}"), &noise(1000 + 10 * round + n, 4_000));
        }
        pair.source.back_up().unwrap();
        let done = pair.copy_with(&waiting).unwrap();
        assert_eq!(done.copied.len(), 0, "{done:?}");
        waited = done.waiting.len();
    }
    assert_eq!(waited, 14);
    // What is stored by now is full, and what is not is in the spool.
    let block = pair.target.open().unwrap().config().block_target;
    let lengths = |kind| -> Vec<u64> {
        let packs = pair.target.open().unwrap().blobs().live_index().packs().unwrap();
        packs.into_iter().filter(|p| p.kind == kind).map(|p| p.bytes).collect()
    };
    let full = lengths(ObjectKind::DataPack);
    assert!(full.len() >= 2, "{full:?}");
    // A block is at most its target and one chunk more; then there are the chunks' rows.
    let least = u64::from(LIMIT) - u64::from(block) - LARGEST_CHUNK;
    assert!(full.iter().all(|bytes| (least..=u64::from(LIMIT)).contains(bytes)), "{full:?} of {LIMIT}");
    let done = pair.copy(Which::All).unwrap();
    assert_eq!((done.copied.len(), done.waiting.len()), (14, 0), "{done:?}");
    let all = lengths(ObjectKind::DataPack);
    let short: Vec<_> = all.iter().filter(|bytes| **bytes < least).collect();
    assert!(short.len() <= 1 && all.iter().all(|bytes| *bytes <= u64::from(LIMIT)), "{all:?}");
    // No object of any kind is longer.
    let mut longest = 0;
    let mut look = |listed: engine::store::Listed| {
        longest = longest.max(listed.bytes);
        true
    };
    memory.list(&ListOptions::below(""), &mut look).unwrap();
    assert!(longest <= u64::from(LIMIT), "{longest}");
    pair.expect_equal();
    pair.expect_same_points();
}

/// Incompressible files of this length are one chunk.
const LARGEST_CHUNK: u64 = 500_000;

#[test]
fn a_pack_of_copies_is_below_the_longest_object() {
    const { assert!(engine::limits::COPY_PACK_FILL < 249_000_001) };
    assert_eq!(format_spec::config::Class::Copy.pack_bytes_max(), 256_000_000);
}
