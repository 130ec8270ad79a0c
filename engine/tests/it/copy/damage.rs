//! A source that is damaged: what cannot be read is told and never copied.

use super::carried::fill;
use super::{CopyOptions, Pair, Which};
use crate::proofs::rig::{Rig, names_of, noise};
use bytes::Bytes;
use engine::Kind;
use engine::backup::{BackupOptions, backup};
use engine::index::BlobLocation;
use engine::monitor::Monitor;
use engine::source::folder::FolderSource;
use engine::store::{Memory, StoreExt};
use format_spec::ChunkId;
use format_spec::config::Retention;
use format_spec::container::ObjectKind;
use std::sync::Arc;

/// Flips a byte in the middle of the longest data pack.
pub(super) fn rot(memory: &Memory) {
    let packs = names_of(memory).into_iter().filter(|n| n.as_str().starts_with("data/"));
    let pack = packs.max_by_key(|n| memory.head_of(n).unwrap().bytes).unwrap();
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
    let mut data = |id: &ChunkId, place: &BlobLocation| {
        ids.extend((place.pack_kind == ObjectKind::DataPack).then_some(*id));
        Ok(())
    };
    blobs.live_index().cache().for_each_place(&mut data).unwrap();
    assert!(ids.iter().any(|id| blobs.chunk(id).is_err()), "something is damaged");
    let source = FolderSource::new(std::slice::from_ref(&pair.source.source), Default::default()).unwrap();
    let full = BackupOptions { full: true, ..pair.source.options() };
    backup(&repository, &source, &full, &Arc::new(Monitor::new())).unwrap();
    let done = pair.copy(Which::All).unwrap();
    assert_eq!((done.copied.len(), done.failed.len(), done.blobs_lost), (2, 0, 0), "{done:?}");
    pair.expect_same_points();
}

/// An older copy has what rotted in the source since: the next one, elsewhere, is whole all the same.
#[test]
fn what_the_source_cannot_read_is_taken_from_another_copy() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let older = Pair::over(folder.path(), memory.clone(), Arc::new(Memory::new()));
    fill(&older);
    older.source.back_up().unwrap();
    older.copy(Which::All).unwrap();
    rot(&memory);
    let target = super::target_of(&older.source, Arc::new(Memory::new()), Retention::default());
    let newer = Pair { source: older.source.clone(), target, spool: folder.path().join("spool of the newer") };
    let healing = |from: &Rig| CopyOptions { heal_from: Some(from.open().unwrap()), ..newer.options(Which::All) };
    let stranger = Rig::new(&folder.path().join("stranger"), Arc::new(Memory::new()));
    assert_eq!(newer.copy_with(&healing(&stranger)).unwrap_err().kind(), Kind::Input);
    let done = newer.copy_with(&healing(&older.target)).unwrap();
    assert_eq!((done.copied.len(), done.failed.len(), done.blobs_lost), (1, 0, 0), "{done:?}");
    assert!(done.blobs_healed > 0, "{done:?}");
    newer.expect_same_points();
    newer.expect_equal();
}
