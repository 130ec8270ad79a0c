//! Building: canonical form, exact cuts, limits, refused pushes.

use super::memory::{Memory, build_content, build_folder, build_map, file, file_of, folder, id};
use engine::Kind;
use engine::tree::{ContentBuilder, FolderBuilder, MapBuilder, NOTHING, names_of};
use format_spec::ChunkId;
use format_spec::tree::{Child, Content, Entry, Extent, Node, Piece, Totals, TreeKind, encode_child, encode_node};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Key, what the mark is taken from, bytes, sums.
type Row = (Vec<u8>, [u8; 32], Vec<u8>, Totals);

/// [TREE-11] and [TREE-12] once more, from the text: all rows of a level at once instead of one open node a level.
fn plain_root(tree: TreeKind, rows: Vec<Row>) -> Option<ChunkId> {
    let (mut rows, mut level) = (rows, 0u8);
    loop {
        let mut row_of_nodes: Vec<(Vec<u8>, ChunkId, Totals)> = Vec::new();
        let mut open: Vec<&Row> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            open.push(row);
            let m = u64::from_le_bytes(row.1[..8].try_into().unwrap());
            let marked = if level == 0 { m.trailing_zeros() >= 7 } else { (m >> (5 * level + 2)) % 32 == 0 };
            let length = 8 + open.iter().map(|r| r.2.len()).sum::<usize>();
            if marked || length >= 65_536 || at + 1 == rows.len() {
                let bytes: Vec<u8> = open.iter().flat_map(|r| r.2.clone()).collect();
                let node = encode_node(tree, level, u32::try_from(open.len()).unwrap(), &bytes);
                let totals = open.iter().fold(NOTHING, |sum, row| Totals {
                    entries: sum.entries + row.3.entries,
                    descendants: sum.descendants + row.3.descendants,
                    bytes: sum.bytes + row.3.bytes,
                    oldest: sum.oldest.min(row.3.oldest),
                    newest: sum.newest.max(row.3.newest),
                });
                row_of_nodes.push((open[0].0.clone(), ChunkId(*blake3::hash(&node).as_bytes()), totals));
                open.clear();
            }
        }
        match &row_of_nodes[..] {
            [] => return None,
            [(_, root, _)] => return Some(*root),
            _ => {}
        }
        rows = row_of_nodes
            .into_iter()
            .map(|(key, id, totals)| {
                let mut bytes = Vec::new();
                encode_child(&Child { id, totals, key: key.clone() }, &mut bytes);
                let hash = if tree == TreeKind::Content { id.0 } else { *blake3::hash(&key).as_bytes() };
                (key, hash, bytes, totals)
            })
            .collect();
        level += 1;
    }
}

fn plain_folder(entries: &[Entry]) -> Option<ChunkId> {
    let row = |e: &Entry| {
        let mut bytes = Vec::new();
        e.encode(&mut bytes);
        let mtime = e.mtime.seconds;
        let sums = Totals { entries: 1, descendants: 1, bytes: e.size, oldest: mtime, newest: mtime };
        (e.name.clone(), *blake3::hash(&e.name).as_bytes(), bytes, sums)
    };
    plain_root(TreeKind::Folder, entries.iter().map(row).collect())
}

#[test]
fn cuts_are_those_of_the_specification() {
    for count in [0u64, 1, 2, 127, 128, 129, 5_000, 30_000] {
        let entries: Vec<Entry> = (0..count).map(|n| file_of(format!("{n:06}"), n)).collect();
        let built = build_folder(&mut Memory::default(), "", &entries);
        assert_eq!(built.content, plain_folder(&entries).map_or(Content::None, Content::Tree), "{count} entries");
    }
}

#[test]
fn long_entries_end_nodes_at_their_length() {
    let entries: Vec<Entry> = (0..200u64)
        .map(|n| Entry { xattrs: vec![(b"user.x".to_vec(), vec![7; 30_000])], ..file_of(format!("{n:06}"), n) })
        .collect();
    let built = build_folder(&mut Memory::default(), "", &entries);
    assert_eq!(built.content, plain_folder(&entries).map_or(Content::None, Content::Tree));
}

#[test]
fn contents_are_cut_by_the_ids_of_their_chunks() {
    for count in [2u64, 500, 40_000] {
        let pieces: Vec<(ChunkId, u32)> = (0..count).map(|n| (id(n), 1000 + u32::try_from(n).unwrap())).collect();
        let row = |(id, bytes): &(ChunkId, u32)| {
            let mut out = Vec::new();
            format_spec::tree::encode_piece(&Piece { id: *id, bytes: *bytes }, &mut out);
            (Vec::new(), id.0, out, Totals { entries: 1, bytes: u64::from(*bytes), ..NOTHING })
        };
        let (content, bytes) = build_content(&mut Memory::default(), &pieces);
        assert_eq!(content, Content::Tree(plain_root(TreeKind::Content, pieces.iter().map(row).collect()).unwrap()));
        assert_eq!(bytes, pieces.iter().map(|p| u64::from(p.1)).sum::<u64>());
    }
}

#[test]
fn small_sequences_need_no_tree() {
    let mut nodes = Memory::default();
    assert_eq!(FolderBuilder::new().finish(&mut nodes).unwrap(), (Content::None, NOTHING));
    assert_eq!(MapBuilder::new().finish(&mut nodes).unwrap(), None);
    assert_eq!(build_content(&mut nodes, &[]), (Content::None, 0));
    assert_eq!(build_content(&mut nodes, &[(id(1), 5)]), (Content::Chunk(id(1)), 5));
    assert!(nodes.nodes.is_empty());
}

#[test]
fn sums_count_what_is_below() {
    let mut nodes = Memory::default();
    let inner = build_folder(&mut nodes, "in", &[file_of("a", 3), file_of("b", 900)]);
    let link = Entry {
        kind: format_spec::tree::Kind::Symlink,
        target: b"away".to_vec(),
        size: 4,
        mtime: format_spec::Time::new(-9, 1),
        ..file("link")
    };
    let root = build_folder(&mut nodes, "", &[file_of("f", 50), inner, link]);
    let expected = Totals { entries: 3, descendants: 5, bytes: 103 + 1000 + 150, oldest: -9, newest: 1_700_000_000 };
    assert_eq!(root.totals, expected);
}

#[test]
fn nodes_are_put_with_what_they_name() {
    let mut nodes = Memory::default();
    let (content, size) = build_content(&mut nodes, &(0..3000).map(|n| (id(n % 100), 10)).collect::<Vec<_>>());
    let big = Entry { content, size, ..file("big") };
    let sub = build_folder(&mut nodes, "sub", &[file_of("x", 1), file_of("y", 1)]);
    build_folder(&mut nodes, "", &[big, sub]);
    for (id, bytes) in &nodes.nodes {
        let names = names_of(&Node::decode(bytes).unwrap());
        assert_eq!(&names, &nodes.names[id]);
        assert!(names.nodes.is_sorted_by(|a, b| a < b) && names.chunks.is_sorted_by(|a, b| a < b));
        assert!(names.nodes.iter().all(|child| nodes.nodes.contains_key(child)));
    }
}

#[test]
fn refused_entries_leave_the_builder_as_it_was() {
    let mut nodes = Memory::default();
    let mut builder = FolderBuilder::new();
    builder.push(&file_of("b", 1), &mut nodes).unwrap();
    let many_runs = (0..80_000u64).map(|n| Extent { offset: n * 8, bytes: 4 }).collect();
    let refused = [
        (Kind::Bug, file_of("b", 2)),
        (Kind::Bug, file_of("a", 2)),
        (Kind::Input, file("")),
        (Kind::Input, file("c/d")),
        (Kind::Input, file([b'c'; 4096])),
        (Kind::Input, file(vec![b'c'; 70_000])),
        (Kind::Input, Entry { nlink: 0, ..file("c") }),
        (Kind::Input, Entry { size: 5, ..file("c") }),
        (Kind::Input, Entry { xattrs: vec![(b"user.x".to_vec(), vec![0; 1 << 20])], ..file("c") }),
        (Kind::Input, Entry { xattrs: vec![(vec![b'x'; 70_000], vec![])], ..file("c") }),
        (Kind::Input, Entry { xattrs: vec![(b"b".to_vec(), vec![]), (b"a".to_vec(), vec![])], ..file("c") }),
        (Kind::Input, Entry { extents: Some(many_runs), size: 640_000, ..file_of("c", 1) }),
        (Kind::Input, folder("c", (Content::None, Totals { entries: 1, ..NOTHING }))),
    ];
    for (kind, entry) in &refused {
        let error = builder.push(entry, &mut nodes).unwrap_err();
        assert_eq!(error.kind(), *kind, "{error}");
    }
    builder.push(&file_of("c", 3), &mut nodes).unwrap();
    let (content, totals) = builder.finish(&mut nodes).unwrap();
    let clean = build_folder(&mut nodes, "", &[file_of("b", 1), file_of("c", 3)]);
    assert_eq!((content, totals), (clean.content, clean.totals));
}

#[test]
fn huge_claims_of_size_do_not_overflow() {
    let size = i64::MAX as u64;
    let sparse = |name: &str| Entry { size, extents: Some(vec![Extent { offset: 0, bytes: 101 }]), ..file_of(name, 1) };
    let mut nodes = Memory::default();
    let folder = build_folder(&mut nodes, "", &[sparse("a"), sparse("b"), sparse("c")]);
    assert_eq!((folder.totals.bytes, folder.totals.entries), (u64::MAX, 3));
}

#[test]
fn maps_and_contents_refuse_what_they_cannot_hold() {
    let mut nodes = Memory::default();
    let mut map = MapBuilder::new();
    map.push(b"k", b"1", &mut nodes).unwrap();
    assert_eq!(map.push(b"k", b"2", &mut nodes).unwrap_err().kind(), Kind::Bug);
    assert_eq!(map.push(&[b'z'; 65_536], b"", &mut nodes).unwrap_err().kind(), Kind::Input);
    assert_eq!(map.push(b"z", &vec![0; 1 << 20], &mut nodes).unwrap_err().kind(), Kind::Input);
    map.push(b"z", &vec![0; (1 << 20) - 7], &mut nodes).unwrap();
    map.finish(&mut nodes).unwrap();
    assert_eq!(ContentBuilder::new().push(id(1), 0, &mut nodes).unwrap_err().kind(), Kind::Bug);
}

#[test]
fn keys_too_long_to_share_a_node_are_an_error_and_no_endless_tower() {
    let mut nodes = Memory::default();
    let mut map = MapBuilder::new();
    let pushed = (0..4u8).try_for_each(|n| map.push(&[n; 65_535], b"", &mut nodes));
    let error = pushed.and_then(|()| map.finish(&mut nodes).map(|_| ())).unwrap_err();
    assert_eq!(error.kind(), Kind::Input, "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was inserted, changed and taken out before, equal folders have equal roots.
    #[test]
    fn form_is_independent_of_history(
        steps in prop::collection::vec((0u16..2000, prop::option::weighted(0.8, 0u64..5)), 0..600),
    ) {
        let mut nodes = Memory::default();
        let mut entries: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
        for (name, content) in &steps {
            let name = name.to_string().into_bytes();
            match content {
                Some(content) => _ = entries.insert(name.clone(), file_of(&name, *content)),
                None => _ = entries.remove(&name),
            }
        }
        let built = build_folder(&mut nodes, "", entries.values());
        let all: Vec<Entry> = entries.into_values().collect();
        prop_assert_eq!(built.content, plain_folder(&all).map_or(Content::None, Content::Tree));
    }

    #[test]
    fn maps_hold_their_pairs(
        pairs in prop::collection::btree_map(
            prop::collection::vec(any::<u8>(), 0..40), prop::collection::vec(any::<u8>(), 0..2000), 0..300),
    ) {
        let mut nodes = Memory::default();
        let root = build_map(&mut nodes, &pairs);
        let rows = pairs.iter().map(|(key, value)| {
            let mut bytes = Vec::new();
            let pair = format_spec::tree::Pair { key: key.clone(), value: value.clone() };
            format_spec::tree::encode_pair(&pair, &mut bytes);
            (key.clone(), *blake3::hash(key).as_bytes(), bytes, Totals { entries: 1, ..NOTHING })
        });
        prop_assert_eq!(root, plain_root(TreeKind::Map, rows.collect()));
    }
}
