//! The PersistentCache answers what was added to it, across merges and openings.

use super::*;
use engine::index::SEGMENTS_MAX;

#[test]
fn known_ids_are_found_and_unknown_ones_are_not() {
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    let segment = segment(1, 0..5000);
    cache.add(std::slice::from_ref(&segment), 4, HEAD).unwrap();
    assert_equal(&cache, &model_of([&segment]));
    for number in 5000..15_000 {
        assert!(cache.places(&id(number)).unwrap().is_empty());
        assert!(!cache.contains(&id(number)).unwrap());
    }
    assert!(cache.places(&ChunkId([0; 32])).unwrap().is_empty());
    assert!(cache.places(&ChunkId([255; 32])).unwrap().is_empty());
}

#[test]
fn an_empty_cache_knows_nothing_at_position_zero() {
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    assert_eq!((cache.position(), cache.head_hash()), (0, [0; 32]));
    assert!(!cache.contains(&id(1)).unwrap());
    assert_equal(&cache, &Model::new());
    assert_eq!(cache.statistics().bytes_on_disk, 0);
}

#[test]
fn several_places_of_an_id_all_stay_and_equal_ones_collapse() {
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    let segments = [segment(1, 0..300), segment(2, 200..600), segment(1, 0..300), segment(5, (0..50).chain(0..50))];
    for (slot, segment) in (1..).zip(&segments) {
        cache.add(std::slice::from_ref(segment), slot, HEAD).unwrap();
    }
    let model = model_of(&segments);
    assert_eq!(model[&id(20)].len(), 3);
    assert_equal(&cache, &model);
}

#[test]
fn merges_lose_nothing_and_keep_at_most_eight_segments() {
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    let mut segments = Vec::new();
    // Each is less than half of the one before, so that only the bound on their number makes them merge.
    let mut from = 0;
    for (session, len) in (1..).zip([6000u64, 2500, 1200, 590, 290, 140, 69, 34, 16, 7, 3, 1, 700, 1]) {
        let next = segment(session, from..from + len);
        from += len / 2;
        cache.add(std::slice::from_ref(&next), session, HEAD).unwrap();
        segments.push(next);
        assert!(cache.statistics().segments <= SEGMENTS_MAX);
    }
    assert!(cache.statistics().segments > 1);
    assert_equal(&cache, &model_of(&segments));
}

#[test]
fn one_addition_of_many_segments_makes_one_file() {
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    let segments: Vec<Segment> = (0..40).map(|s| segment(s, u64::from(s) * 40..u64::from(s) * 40 + 60)).collect();
    cache.add(&segments, 40, HEAD).unwrap();
    assert_eq!(cache.statistics().segments, 1);
    assert_equal(&cache, &model_of(&segments));
}

#[test]
fn a_cache_opened_again_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let segments = [segment(1, 0..4000), segment(2, 4000..4100)];
    {
        let opened = PersistentCache::open(folder.path(), REPOSITORY).unwrap();
        assert_eq!(opened.discarded, None);
        opened.cache.add(&segments[..1], 11, [1; 32]).unwrap();
        opened.cache.add(&segments[1..], 12, [2; 32]).unwrap();
        opened.cache.add(&[], 13, HEAD).unwrap();
    }
    let opened = PersistentCache::open(folder.path(), REPOSITORY).unwrap();
    assert_eq!(opened.discarded, None);
    assert_eq!((opened.cache.position(), opened.cache.head_hash()), (13, HEAD));
    assert_eq!(opened.cache.statistics().segments, 2);
    assert_equal(&opened.cache, &model_of(&segments));
}

#[test]
fn ids_with_equal_beginnings_are_told_apart() {
    // No hash looks like this, but the cache must not fail or crawl if ids do.
    let number = |n: u64| {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&n.to_be_bytes());
        ChunkId(bytes)
    };
    let entries: Vec<BlobEntry> = (0..20_000).map(|n| BlobEntry { id: number(n * 2), bytes: 1 }).collect();
    let mut builder = SegmentBuilder::new();
    builder.add_pack(pack_row(ObjectId { session: 1, ordinal: 0 }, 20_000), &[(64, 20_000, &entries)]).unwrap();
    let segment = builder.finish();
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    cache.add(std::slice::from_ref(&segment), 1, HEAD).unwrap();
    assert_equal(&cache, &model_of([&segment]));
    assert!((0..20_000).all(|n| cache.places(&number(n * 2 + 1)).unwrap().is_empty()));
}

#[test]
fn a_cleared_cache_starts_again_at_position_zero() {
    let folder = tempfile::tempdir().unwrap();
    let cache = PersistentCache::open(folder.path(), REPOSITORY).unwrap().cache;
    cache.add(&[segment(1, 0..100)], 5, HEAD).unwrap();
    cache.clear().unwrap();
    assert_eq!(cache.position(), 0);
    assert_equal(&cache, &Model::new());
    let other = segment(2, 50..90);
    cache.add(std::slice::from_ref(&other), 6, HEAD).unwrap();
    assert_equal(&cache, &model_of([&other]));
}

#[test]
fn a_temporary_cache_leaves_no_files() {
    let before = PersistentCache::temporary(REPOSITORY).unwrap();
    before.add(&[segment(1, 0..10)], 1, HEAD).unwrap();
    let shown = format!("{before:?}");
    let path = shown.split('"').nth(1).unwrap().to_owned();
    assert!(std::path::Path::new(&path).join("catalogue").exists());
    drop(before);
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn a_segment_out_of_order_is_refused_and_changes_nothing() {
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    let good = segment(1, 0..100);
    cache.add(std::slice::from_ref(&good), 1, HEAD).unwrap();
    let mut bad = segment(2, 100..200);
    bad.ids.swap(3, 4);
    assert_eq!(cache.add(&[bad], 2, [9; 32]).unwrap_err().kind(), engine::Kind::Bug);
    assert_eq!((cache.position(), cache.head_hash()), (1, HEAD));
    assert_equal(&cache, &model_of([&good]));
}

#[test]
fn an_error_of_the_visitor_ends_the_visit() {
    let cache = PersistentCache::temporary(REPOSITORY).unwrap();
    cache.add(&[segment(1, 0..100)], 1, HEAD).unwrap();
    let mut seen = 0;
    let ended = cache.for_each_place(&mut |_, _| {
        seen += 1;
        if seen == 10 { Err(engine::Error::new(engine::Kind::Interrupted, "enough")) } else { Ok(()) }
    });
    assert_eq!((ended.unwrap_err().kind(), seen), (engine::Kind::Interrupted, 10));
    assert!(!cache.is_poisoned());
}
