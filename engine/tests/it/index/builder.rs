//! What a publish writes down obeys spec/index.md.

use super::*;
use engine::Kind;
use format_spec::container::Header;
use format_spec::keys::{Secret, Secrets};

fn blobs(numbers: std::ops::Range<u64>) -> Vec<BlobEntry> {
    numbers.map(|n| BlobEntry { id: id(n), bytes: 10 }).collect()
}

#[test]
fn packs_added_in_any_order_come_out_sorted() {
    let (first, second) = (blobs(0..5), blobs(3..9));
    let mut builder = SegmentBuilder::new();
    builder.add_pack(pack_row(ObjectId { session: 9, ordinal: 4 }, 6), &[(64, 50, &second)]).unwrap();
    builder
        .add_pack(pack_row(ObjectId { session: 9, ordinal: 1 }, 5), &[(64, 20, &first[..2]), (99, 30, &first[2..])])
        .unwrap();
    assert_eq!(builder.len(), 11);
    let segment = builder.finish();
    assert!(segment.packs.is_sorted_by_key(|p| p.id));
    assert!(segment.blocks.is_sorted());
    let rows: Vec<_> = segment.ids.iter().zip(&segment.places).collect();
    assert!(rows.is_sorted());
    let model = model_of([&segment]);
    let twice = &model[&id(3)];
    assert_eq!(twice.iter().map(|p| (p.pack.ordinal, p.blob, p.offset)).collect::<Vec<_>>(), [(1, 3, 10), (4, 0, 0)]);
}

#[test]
fn what_is_built_survives_the_published_format() {
    let segment = segment(3, 0..500);
    let secrets = Secrets { master: None, dedup: Secret::new([5; 32]) };
    let header = Header::new(ObjectKind::IndexSegment, secrets.suite(), REPOSITORY, 3, 77, [1; 32]);
    let (bytes, _) = segment.encode(header.clone(), &secrets);
    assert_eq!(Segment::decode(&bytes, &header, &secrets).unwrap(), segment);
}

#[test]
fn packs_that_contradict_themselves_are_refused_and_leave_no_trace() {
    let blobs = blobs(0..4);
    let pack = pack_row(ObjectId { session: 1, ordinal: 1 }, 4);
    let mut builder = SegmentBuilder::new();
    let wrong_count = builder.add_pack(PackRow { blobs: 5, ..pack.clone() }, &[(64, 10, &blobs)]);
    let wrong_order = builder.add_pack(pack.clone(), &[(90, 10, &blobs[..1]), (64, 10, &blobs[1..])]);
    assert_eq!(wrong_count.unwrap_err().kind(), Kind::Bug);
    assert_eq!(wrong_order.unwrap_err().kind(), Kind::Bug);
    assert!(builder.is_empty());
    builder.add_pack(pack.clone(), &[(64, 10, &blobs)]).unwrap();
    assert_eq!(builder.add_pack(pack, &[(64, 10, &blobs)]).unwrap_err().kind(), Kind::Bug);
    assert_eq!(builder.finish().ids.len(), 4);
}
