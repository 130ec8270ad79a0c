//! The cache against a map in memory, over random segments, merges and openings.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// One addition of segments, each a session and a set of numbers.
    Add(Vec<(u32, Vec<u64>)>),
    Reopen,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = prop_oneof![
        4 => prop::collection::vec(0u64..400, 1..60),
        1 => prop::collection::vec(0u64..3000, 200..900),
    ];
    let segments = prop::collection::vec((0u32..6, numbers), 0..4);
    prop_oneof![8 => segments.prop_map(Step::Add), 2 => Just(Step::Reopen), 1 => Just(Step::Clear)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_cache_answers_like_a_map(steps in prop::collection::vec(step(), 1..25)) {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = PersistentCache::open(folder.path(), REPOSITORY).unwrap().cache;
        let mut known: Vec<Segment> = Vec::new();
        let mut position = 0;
        for step in steps {
            match step {
                Step::Add(segments) => {
                    position += 1;
                    // The same pack in different segments must be the same pack, so the session names its contents.
                    let segments: Vec<Segment> = segments
                        .into_iter()
                        .enumerate()
                        .map(|(n, (session, numbers))| {
                            let session = if session == 0 { 0 } else { session + position * 100 + u32::try_from(n).unwrap() * 10 };
                            segment(session, if session == 0 { (0..120).collect() } else { numbers })
                        })
                        .collect();
                    cache.add(&segments, position, HEAD).unwrap();
                    known.extend(segments);
                }
                Step::Reopen => {
                    drop(cache);
                    let opened = PersistentCache::open(folder.path(), REPOSITORY).unwrap();
                    prop_assert_eq!(opened.discarded, None);
                    cache = opened.cache;
                }
                Step::Clear => {
                    cache.clear().unwrap();
                    known.clear();
                    position = 0;
                }
            }
            prop_assert_eq!(cache.position(), position);
            prop_assert!(cache.statistics().segments <= engine::index::SEGMENTS_MAX);
        }
        let model = model_of(&known);
        assert_equal(&cache, &model);
        for number in 0..3000 {
            prop_assert_eq!(cache.contains(&id(number)).unwrap(), model.contains_key(&id(number)));
        }
    }
}
