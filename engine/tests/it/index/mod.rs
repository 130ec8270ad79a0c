//! The index: segments that are built, and the PersistentCache over them.

mod builder;
mod cache;
mod damage;
mod model;
mod sharing;

use engine::index::{BlobLocation, PersistentCache, SegmentBuilder};
use format_spec::container::ObjectKind;
use format_spec::index::{PackRow, Segment};
use format_spec::pack::BlobEntry;
use format_spec::{ChunkId, ObjectId, RepositoryId};
use std::collections::BTreeMap;

const REPOSITORY: RepositoryId = RepositoryId([7; 16]);
const HEAD: [u8; 32] = [3; 32];

/// What the cache must answer.
type Model = BTreeMap<ChunkId, Vec<BlobLocation>>;

fn id(number: u64) -> ChunkId {
    ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn pack_row(pack: ObjectId, blobs: u32) -> PackRow {
    let mut salt = [0; 32];
    salt[..4].copy_from_slice(&pack.session.to_le_bytes());
    salt[4..8].copy_from_slice(&pack.ordinal.to_le_bytes());
    let kind = if pack.ordinal.is_multiple_of(3) { ObjectKind::MetaPack } else { ObjectKind::DataPack };
    PackRow { id: pack, bytes: 1_000_000 + u64::from(pack.ordinal), blobs, kind, salt, body_hash: [3; 32] }
}

/// A segment of `session` that holds `numbers`, a hundred a pack and seven a block.
fn segment(session: u32, numbers: impl IntoIterator<Item = u64>) -> Segment {
    let mut builder = SegmentBuilder::new();
    let numbers: Vec<u64> = numbers.into_iter().collect();
    for (ordinal, pack) in (0..).zip(numbers.chunks(100)) {
        let blobs: Vec<BlobEntry> =
            pack.iter().map(|n| BlobEntry { id: id(*n), bytes: 1 + u32::try_from(n % 1000).unwrap() }).collect();
        let blocks: Vec<(u32, u32, &[BlobEntry])> =
            (0..).zip(blobs.chunks(7)).map(|(n, blobs)| (64 + n * 5000, 4000 + n, blobs)).collect();
        let row = pack_row(ObjectId { session, ordinal }, u32::try_from(pack.len()).unwrap());
        builder.add_pack(row, &blocks).unwrap();
    }
    builder.finish()
}

/// Every (id, place) of a segment, worked out without the code under test.
fn places_of(segment: &Segment) -> impl Iterator<Item = (ChunkId, BlobLocation)> {
    segment.ids.iter().zip(&segment.places).map(|(id, place)| {
        let block = segment.blocks[place.block as usize];
        let pack = &segment.packs[block.pack as usize];
        let place = BlobLocation {
            pack: pack.id,
            pack_kind: pack.kind,
            pack_bytes: pack.bytes,
            pack_blobs: pack.blobs,
            salt: pack.salt,
            block_offset: block.offset,
            block_stored: block.stored,
            blob: place.blob,
            offset: place.offset,
            bytes: place.bytes,
        };
        (*id, place)
    })
}

fn model_of<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Model {
    let mut model = Model::new();
    for (id, place) in segments.into_iter().flat_map(places_of) {
        let places = model.entry(id).or_default();
        if !places.contains(&place) {
            places.push(place);
            places.sort_by_key(|p| (p.pack, p.blob));
        }
    }
    model
}

/// Asks everything that the model knows, and asserts that the cache says the same.
fn assert_equal(cache: &PersistentCache, model: &Model) {
    for (id, places) in model {
        assert_eq!(&cache.places(id).unwrap(), places);
        assert!(cache.contains(id).unwrap());
    }
    let mut all = Vec::new();
    cache
        .for_each_place(&mut |id, place| {
            all.push((*id, *place));
            Ok(())
        })
        .unwrap();
    let expected: Vec<_> = model.iter().flat_map(|(id, places)| places.iter().map(|p| (*id, *p))).collect();
    assert_eq!(all, expected);
    let mut packs: Vec<PackRow> = expected.iter().map(|(_, place)| pack_row(place.pack, place.pack_blobs)).collect();
    packs.sort_by_key(|p| p.id);
    packs.dedup();
    assert_eq!(cache.packs().unwrap(), packs);
}
