//! Reading: cursors, seeks, finds and numbers against plain vectors.

use super::memory::{Memory, build_content, build_folder, build_map, file_of, id};
use engine::tree::{
    ContentCursor, Flow, FolderCursor, MapCursor, Step, Walk, entry_at_preorder, find, lookup, map_get, pieces, walk,
};
use format_spec::tree::{Content, Entry, Kind as ItemKind};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn names(cursor: FolderCursor<'_>, at_most: usize) -> Vec<Vec<u8>> {
    cursor.take(at_most).map(|found| found.unwrap().entry.name.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn folder_cursor_is_a_sorted_vector(
        numbers in prop::collection::btree_set(0u32..4000, 0..1500),
        probes in prop::collection::vec(0u32..4200, 1..20),
    ) {
        let mut nodes = Memory::default();
        let all: Vec<Entry> = numbers.iter().map(|n| file_of(format!("{n:05}"), u64::from(*n))).collect();
        let folder = build_folder(&mut nodes, "", &all);
        let expected: Vec<Vec<u8>> = all.iter().map(|e| e.name.clone()).collect();
        prop_assert_eq!(names(FolderCursor::open(&nodes, &folder).unwrap(), usize::MAX), expected.clone());
        for probe in probes {
            let name = format!("{probe:05}").into_bytes();
            let at = expected.partition_point(|e| *e < name);
            let mut cursor = FolderCursor::open(&nodes, &folder).unwrap();
            cursor.seek(&name).unwrap();
            prop_assert_eq!(names(cursor, 200), expected.iter().skip(at).take(200).cloned().collect::<Vec<_>>());
            let mut cursor = FolderCursor::open(&nodes, &folder).unwrap();
            cursor.seek_index(u64::from(probe)).unwrap();
            cursor.park();
            prop_assert_eq!(names(cursor, 5), expected.iter().skip(probe as usize).take(5).cloned().collect::<Vec<_>>());
            let found = find(&nodes, &folder, &name).unwrap();
            prop_assert_eq!(found.as_ref().map(|f| f.position), expected.binary_search(&name).ok().map(|at| at as u64));
            prop_assert!(found.is_none_or(|f| f.entry.name == name && f.offset == f.position + 1));
        }
    }

    #[test]
    fn map_cursor_is_a_btree_map(
        pairs in prop::collection::btree_map(
            prop::collection::vec(0u8..4, 0..6), prop::collection::vec(any::<u8>(), 0..9), 0..800),
        probes in prop::collection::vec(prop::collection::vec(0u8..5, 0..7), 1..20),
    ) {
        let mut nodes = Memory::default();
        let root = build_map(&mut nodes, &pairs);
        let read = |cursor: MapCursor<'_>| -> BTreeMap<_, _> {
            cursor.map(|pair| pair.map(|p| (p.key.clone(), p.value.clone())).unwrap()).collect()
        };
        prop_assert_eq!(&read(MapCursor::open(&nodes, root)), &pairs);
        for probe in probes {
            let mut cursor = MapCursor::open(&nodes, root);
            cursor.seek(&probe).unwrap();
            let rest = pairs.range(probe.clone()..).map(|(k, v)| (k.clone(), v.clone())).collect();
            prop_assert_eq!(read(cursor), rest);
            let value = map_get(&nodes, root, &probe).unwrap().map(|pair| pair.value.clone());
            prop_assert_eq!(value.as_ref(), pairs.get(&probe));
        }
    }

    #[test]
    fn pieces_are_those_that_touch_the_range(
        lengths in prop::collection::vec(1u32..5000, 0..900),
        ranges in prop::collection::vec((0u64..2_000_000, 0u64..30_000), 1..20),
    ) {
        let mut nodes = Memory::default();
        let chunks: Vec<_> = lengths.iter().zip(0..).map(|(bytes, n)| (id(n), *bytes)).collect();
        let (content, size) = build_content(&mut nodes, &chunks);
        let mut offset = 0;
        let all: Vec<_> = chunks.iter().map(|(id, bytes)| { offset += u64::from(*bytes); (*id, *bytes, offset - u64::from(*bytes)) }).collect();
        let cursor = ContentCursor::open(&nodes, content, size).unwrap();
        prop_assert_eq!(cursor.map(|p| p.map(|p| (p.id, p.bytes, p.offset)).unwrap()).collect::<Vec<_>>(), all.clone());
        for (start, bytes) in ranges {
            let range = start..start + bytes;
            let expected: Vec<_> = all.iter().filter(|p| !range.is_empty() && p.2 < range.end && p.2 + u64::from(p.1) > range.start).copied().collect();
            let found = pieces(&nodes, content, size, range).unwrap();
            prop_assert_eq!(found.map(|p| p.map(|p| (p.id, p.bytes, p.offset)).unwrap()).collect::<Vec<_>>(), expected);
        }
    }

    /// Preorder by walking, by path and by descending the sums: all three agree with a naive recursion.
    #[test]
    fn preorder_is_one_numbering(shape in prop::collection::vec((0u8..40, 0u8..40, 0u8..40), 0..500)) {
        let mut paths: BTreeMap<String, BTreeMap<String, std::collections::BTreeSet<String>>> = BTreeMap::new();
        for (a, b, c) in shape {
            paths.entry(format!("{a:02}")).or_default().entry(format!("{b:02}")).or_default().insert(format!("{c:02}"));
        }
        let mut nodes = Memory::default();
        let (mut expected, mut top) = (vec![Vec::new()], Vec::new());
        for (a, below) in &paths {
            expected.push(a.clone().into_bytes());
            let mut middle = Vec::new();
            for (b, leaves) in below {
                expected.push(format!("{a}/{b}").into_bytes());
                expected.extend(leaves.iter().map(|c| format!("{a}/{b}/{c}").into_bytes()));
                let files: Vec<Entry> = leaves.iter().map(|c| file_of(c, 1)).collect();
                middle.push(build_folder(&mut nodes, b, &files));
            }
            top.push(build_folder(&mut nodes, a, &middle));
        }
        let root = build_folder(&mut nodes, "", &top);
        let mut walked = Vec::new();
        walk(&nodes, &root, &mut |visit| {
            assert_eq!(visit.index, walked.len() as u64);
            walked.push(visit.path.to_vec());
            Ok(Flow::Continue)
        }).unwrap();
        prop_assert_eq!(&walked, &expected);
        prop_assert_eq!(root.totals.descendants + 1, expected.len() as u64);
        for (index, path) in expected.iter().enumerate().step_by(7) {
            let way = entry_at_preorder(&nodes, &root, index as u64).unwrap().unwrap();
            let joined = way.iter().map(|p| p.entry.name.clone()).collect::<Vec<_>>().join(&b'/');
            prop_assert_eq!(&joined, path);
            let components = path.split(|b| *b == b'/').filter(|c| !c.is_empty());
            prop_assert_eq!(lookup(&nodes, &root, components).unwrap().unwrap().index, index as u64);
        }
        prop_assert!(entry_at_preorder(&nodes, &root, expected.len() as u64).unwrap().is_none());
        prop_assert!(entry_at_preorder(&nodes, &root, u64::MAX).unwrap().is_none());
    }
}

#[test]
fn walk_leaves_what_it_entered_and_skips_what_it_was_told() {
    let mut nodes = Memory::default();
    let a = build_folder(&mut nodes, "a", &[file_of("1", 1), file_of("2", 2)]);
    let b = build_folder(&mut nodes, "b", &[]);
    let c = build_folder(&mut nodes, "c", &[file_of("3", 3)]);
    let root = build_folder(&mut nodes, "", &[a, b, c, file_of("d", 4)]);
    let (mut seen, mut walk) = (Vec::new(), Walk::start(&nodes, &root));
    while let Some(step) = walk.step().unwrap() {
        let (sign, visit) = match step {
            Step::Enter(visit) => ('+', visit),
            Step::Leave(visit) => ('-', visit),
        };
        let skip = visit.path == b"a";
        seen.push(format!("{sign}{}:{}@{}", String::from_utf8_lossy(visit.path), visit.index, visit.depth));
        if skip {
            walk.skip();
        }
    }
    assert_eq!(seen, ["+:0@0", "+a:1@1", "+b:4@1", "-b:4@1", "+c:5@1", "+c/3:6@2", "-c:5@1", "+d:7@1", "-:0@0"]);
    assert!(walk.step().unwrap().is_none());
}

#[test]
fn walk_stops_when_told() {
    let mut nodes = Memory::default();
    let root = build_folder(&mut nodes, "", &[file_of("a", 1), file_of("b", 2), file_of("c", 3)]);
    let mut seen = 0;
    engine::tree::walk(&nodes, &root, &mut |visit| {
        seen += 1;
        Ok(if visit.path == b"b" { Flow::Stop } else { Flow::Continue })
    })
    .unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn a_point_of_one_file_is_walked_too() {
    let nodes = Memory::default();
    let mut seen = Vec::new();
    walk(&nodes, &file_of("stdin", 1), &mut |visit| {
        seen.push((visit.index, visit.entry.kind));
        Ok(Flow::Continue)
    })
    .unwrap();
    assert_eq!(seen, [(0, ItemKind::File)]);
    assert!(FolderCursor::open(&nodes, &file_of("stdin", 1)).is_err());
    assert!(ContentCursor::open(&nodes, Content::None, 0).unwrap().next().is_none());
    assert!(lookup(&nodes, &file_of("stdin", 1), [&b"x"[..]]).unwrap().is_none());
}
