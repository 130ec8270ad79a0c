//! A source that is damaged: what cannot be read is told and never copied.

use super::carried::fill;
use super::{Pair, Which};
use crate::proofs::rig::{names_of, noise};
use bytes::Bytes;
use engine::backup::{BackupOptions, backup};
use engine::index::Place;
use engine::monitor::Monitor;
use engine::source::folder::FolderSource;
use engine::store::{Memory, Store};
use format_spec::ChunkId;
use format_spec::container::ObjectKind;
use std::sync::Arc;

/// Flips a byte in the middle of the longest data pack.
pub(super) fn rot(memory: &Memory) {
    let packs = names_of(memory).into_iter().filter(|n| n.as_str().starts_with("data/"));
    let pack = packs.max_by_key(|n| memory.head(n).unwrap().bytes).unwrap();
    let mut bytes = memory.get(&pack).unwrap().to_vec();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x40;
    memory.replace(&pack, Bytes::from(bytes));
}

#[test]
fn a_block_that_fails_its_tag_is_not_copied_and_its_point_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let pair = Pair::over(folder.path(), memory.clone(), Arc::new(Memory::new()));
    pair.source.write("first", b"an older point, of which nothing is damaged");
    let sound = pair.source.back_up().unwrap().point.unwrap();
    fill(&pair);
    let damaged = pair.source.back_up().unwrap().point.unwrap();
    rot(&memory);
    let done = pair.copy(Which::All).unwrap();
    assert_eq!(done.copied, [sound], "{done:?}");
    assert_eq!(done.failed.len(), 1, "{done:?}");
    assert_eq!(done.failed[0].point, damaged);
    // How many blobs share the damaged block depends on the repository's random keys.
    assert!(done.blobs_lost > 0, "{done:?}");
    assert_eq!(pair.target.check().unwrap().errors, Vec::new());
}

#[test]
fn a_blob_that_lies_somewhere_else_as_well_is_taken_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let pair = Pair::over(folder.path(), memory.clone(), Arc::new(Memory::new()));
    pair.source.write("a", &noise(5, 2_000_000));
    pair.source.back_up().unwrap();
    rot(&memory);
    // Whoever has met the damage stores it again.
    let repository = pair.source.open().unwrap();
    let (mut ids, blobs) = (Vec::new(), repository.blobs());
    let mut data = |id: &ChunkId, place: &Place| {
        ids.extend((place.pack_kind == ObjectKind::DataPack).then_some(*id));
        Ok(())
    };
    blobs.catalog().cache().for_each_place(&mut data).unwrap();
    assert!(ids.iter().any(|id| blobs.chunk(id).is_err()), "something is damaged");
    let source = FolderSource::new(std::slice::from_ref(&pair.source.source), Default::default()).unwrap();
    let full = BackupOptions { full: true, ..pair.source.options() };
    backup(&repository, &source, &full, &Arc::new(Monitor::new())).unwrap();
    let done = pair.copy(Which::All).unwrap();
    assert_eq!((done.copied.len(), done.failed.len(), done.blobs_lost), (2, 0, 0), "{done:?}");
    pair.expect_same_points();
}
