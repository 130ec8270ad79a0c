//! The files of the PersistentCache. The first byte of an input chooses:
//!
//! - bit 0: checksums, fingerprint and identity are made right, so that a fuzzer gets past them; a segment's input is then
//!   [`FIELDS_BYTES`] of its header's fields (body length, tables, bits) and the body, filled up to whole pages
//! - bit 1: the rest is the catalogue, else a segment that a good catalogue names
//! - bit 2: of a mended segment, the body's length stays as the fields say
//! - bit 3: something is added afterwards, which merges the segment

use engine::Kind;
use engine::index::{BlobLocation, PersistentCache, SegmentBuilder};
use format_spec::container::ObjectKind;
use format_spec::index::{PackRow, Segment};
use format_spec::pack::BlobEntry;
use format_spec::{ChunkId, ObjectId, RepositoryId};
use std::path::Path;
use std::sync::OnceLock;

/// Body length, seven tables and the bits, as they stand in a segment's header.
pub const FIELDS_BYTES: usize = 8 + 7 * 24 + 8;

const REPOSITORY: RepositoryId = RepositoryId([7; 16]);
const HEAD: [u8; 32] = [3; 32];
const PAGE_BYTES: usize = 4096;
/// Where a segment's header has the fields.
const FIELDS_AT: usize = 64;
const SEGMENT: &str = "segment-0000000000000000";
const CATALOGUE: &str = "catalogue";

/// Opens a cache with the input as one of its files and asks it.
pub fn index_cache(bytes: &[u8]) -> bool {
    let Some((choice, rest)) = bytes.split_first() else { return false };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file of the cache");
    match (choice & 2 != 0, choice & 1 != 0) {
        (true, false) => write(CATALOGUE, rest),
        (true, true) => write(CATALOGUE, &mended_catalogue(rest)),
        (false, mend) => {
            let segment = if mend { mended_segment(rest, choice & 4 != 0) } else { rest.to_vec() };
            write(CATALOGUE, &catalogue_of(&segment));
            write(SEGMENT, &segment);
        }
    }
    ask(folder.path(), choice & 8 != 0)
}

/// Whether the cache in `folder` was used and answered everything.
fn ask(folder: &Path, add: bool) -> bool {
    let opened = PersistentCache::open(folder, REPOSITORY).expect("a damaged cache is discarded");
    let cache = opened.cache;
    if opened.discarded.is_some() {
        assert_eq!((cache.position(), cache.contains(&id(0)).expect("an empty cache")), (0, false));
        return false;
    }
    let mut refused = false;
    let mut check = |e: engine::Error| {
        assert_eq!(e.kind(), Kind::Damaged, "{e}");
        refused = true;
    };
    for id in (0..6).map(id).chain([ChunkId([0; 32]), ChunkId([0xFF; 32])]) {
        match (cache.contains(&id), cache.places(&id)) {
            (Ok(found), Ok(places)) => assert_eq!(found, !places.is_empty()),
            (Err(e), places) => {
                assert!(places.is_err(), "a poisoned cache answers");
                check(e);
            }
            (Ok(_), Err(e)) => check(e),
        }
    }
    let mut count = 0;
    let visited = cache.for_each_place(&mut |_: &ChunkId, _: &BlobLocation| {
        count += 1;
        Ok(())
    });
    visited.unwrap_or_else(&mut check);
    assert!(count <= cache.statistics().entries);
    cache.packs().map(drop).unwrap_or_else(&mut check);
    if add {
        cache.add(&[segment(2, 3..9)], 9, HEAD).unwrap_or_else(&mut check);
    }
    assert_eq!(refused, cache.is_poisoned());
    !refused
}

/// The input, with bit 0 set, that stands for a segment's file: its fields, and its body without the zeros at the end.
pub fn input_of_segment(file: &[u8]) -> Vec<u8> {
    let (header, rest) = file.split_at(PAGE_BYTES);
    let body_bytes = u64::from_le_bytes(*header[FIELDS_AT..].first_chunk().expect("a length"));
    let body = &rest[..usize::try_from(body_bytes).expect("a small file")];
    let used = body.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    [&[1], &header[FIELDS_AT..FIELDS_AT + FIELDS_BYTES], &body[..used]].concat()
}

/// The files of a small good cache: catalogue and segment.
pub fn good() -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = PersistentCache::open(folder.path(), REPOSITORY).expect("a new cache").cache;
    cache.add(&[segment(1, 0..20)], 4, HEAD).expect("a good segment");
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("a file of the cache");
    (read(CATALOGUE), read(SEGMENT))
}

/// What this build puts in front of all its files; it changes with the layout, and corpora must outlive that.
fn fingerprint() -> [u8; 32] {
    static FINGERPRINT: OnceLock<[u8; 32]> = OnceLock::new();
    *FINGERPRINT.get_or_init(|| *good().0[16..].first_chunk().expect("a fingerprint"))
}

/// The catalogue that names `segment`.
fn catalogue_of(segment: &[u8]) -> Vec<u8> {
    let crc = segment.get(PAGE_BYTES - 4..PAGE_BYTES).unwrap_or(&[0; 4]);
    let mut out = [&b"CairnIdx\x01\0\0\0\x01\0\0\0"[..], &fingerprint(), &REPOSITORY.0, &HEAD].concat();
    out.extend_from_slice(&4u32.to_le_bytes());
    out.extend_from_slice(&0u64.to_le_bytes());
    out.extend_from_slice(crc);
    with_crc(out)
}

/// A catalogue with the fingerprint of this build and a right checksum at its end.
fn mended_catalogue(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if let Some(place) = out.get_mut(16..48) {
        place.copy_from_slice(&fingerprint());
    }
    out.truncate(out.len().saturating_sub(4));
    with_crc(out)
}

/// A segment's file of fields and body.
fn mended_segment(input: &[u8], keep_length: bool) -> Vec<u8> {
    let mut fields = [0; FIELDS_BYTES];
    let (given, body) = input.split_at(FIELDS_BYTES.min(input.len()));
    fields[..given.len()].copy_from_slice(given);
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(PAGE_BYTES), 0);
    if !keep_length {
        fields[..8].copy_from_slice(&(body.len() as u64).to_le_bytes());
    }
    let checksums: Vec<u8> = body.chunks(PAGE_BYTES).flat_map(|page| crc32fast::hash(page).to_le_bytes()).collect();
    let mut header = [&b"CairnSeg\x01\0\0\0\0\0\0\0"[..], &fingerprint(), &REPOSITORY.0, &fields].concat();
    header.extend_from_slice(&crc32fast::hash(&checksums).to_le_bytes());
    header.resize(PAGE_BYTES - 4, 0);
    [with_crc(header), body, checksums].concat()
}

fn with_crc(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn id(number: u64) -> ChunkId {
    ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

/// A segment of one pack, five blobs a block.
fn segment(session: u32, numbers: std::ops::Range<u64>) -> Segment {
    let blobs: Vec<BlobEntry> = numbers.map(|n| BlobEntry { id: id(n), bytes: 100 }).collect();
    let blocks: Vec<(u32, u32, &[BlobEntry])> =
        (0..).zip(blobs.chunks(5)).map(|(n, b)| (96 + n * 500, 400, b)).collect();
    let count = u32::try_from(blobs.len()).expect("a few");
    let id = ObjectId { session, ordinal: 1 };
    let row = PackRow { id, bytes: 9_000, blobs: count, kind: ObjectKind::DataPack, salt: [5; 32], body_hash: [6; 32] };
    let mut builder = SegmentBuilder::new();
    builder.add_pack(row, &blocks).expect("a good pack");
    builder.finish()
}
