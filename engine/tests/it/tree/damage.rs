//! Nodes that decode, but are not what they must be where they hang: every reader says so and ends.

use super::memory::{Memory, build_content, build_folder, build_map, file, file_of, folder, id};
use engine::tree::{
    ContentCursor, Flow, FolderCursor, MapCursor, NOTHING, check_child, diff, entry_at_preorder, find, map_get, pieces,
    walk,
};
use engine::{Kind, Result};
use format_spec::ChunkId;
use format_spec::tree::{Child, Content, Entry, Node, Totals, TreeKind, encode_child, encode_node};
use proptest::prelude::*;

const ENTRIES: u64 = 20_000;

fn sound() -> (Memory, Entry) {
    let mut nodes = Memory::default();
    let entries: Vec<Entry> = (0..ENTRIES).map(|n| file_of(format!("{n:06}"), n)).collect();
    let root = build_folder(&mut nodes, "", &entries);
    (nodes, root)
}

/// Every way of reading a folder, each to its end.
fn read_all(nodes: &Memory, root: &Entry) -> Vec<Result<u64>> {
    let all = |cursor: Result<FolderCursor<'_>>| cursor?.map(|f| f.map(|_| 1)).sum::<Result<u64>>();
    let seek_each = |step: &dyn Fn(u64) -> Result<bool>| {
        (0..ENTRIES).step_by(37).try_fold(0, |sum, n| step(n).map(|found| sum + u64::from(found)))
    };
    let mut seen = 0;
    let walked = walk(nodes, root, &mut |_| {
        seen += 1;
        Ok(Flow::Continue)
    });
    let differs = diff(nodes, None, Some(root), &mut |_, _| Ok(Flow::Continue));
    vec![
        all(FolderCursor::open(nodes, root)),
        walked.map(|()| seen),
        differs.map(|()| 0),
        seek_each(&|n| find(nodes, root, format!("{n:06}").as_bytes()).map(|f| f.is_some())),
        seek_each(&|n| entry_at_preorder(nodes, root, n + 1).map(|f| f.is_some())),
    ]
}

fn children(nodes: &Memory, id: &ChunkId) -> (u8, Vec<Child>) {
    match Node::decode(&nodes.nodes[id]).unwrap() {
        Node::Inner { level, children, .. } => (level, children),
        _ => panic!("a leaf"),
    }
}

fn leaf(nodes: &Memory, id: &ChunkId) -> Vec<Entry> {
    match Node::decode(&nodes.nodes[id]).unwrap() {
        Node::Folder(entries) => entries,
        _ => panic!("no folder leaf"),
    }
}

fn leaf_bytes(entries: &[Entry]) -> Vec<u8> {
    let mut rows = Vec::new();
    entries.iter().for_each(|e| e.encode(&mut rows));
    encode_node(TreeKind::Folder, 0, u32::try_from(entries.len()).unwrap(), &rows)
}

fn inner_bytes(tree: TreeKind, level: u8, children: &[Child]) -> Vec<u8> {
    let mut rows = Vec::new();
    children.iter().for_each(|c| encode_child(c, &mut rows));
    encode_node(tree, level, u32::try_from(children.len()).unwrap(), &rows)
}

fn root_id(root: &Entry) -> ChunkId {
    let Content::Tree(id) = root.content else { panic!("no tree") };
    id
}

/// The second node of level 1 and its second leaf: neither first nor last, so that searches pass on both sides.
fn a_leaf(nodes: &Memory, root: &Entry) -> (ChunkId, ChunkId) {
    let (level, mut row) = children(nodes, &root_id(root));
    let mut inner = root_id(root);
    for _ in 1..level {
        inner = row[1].id;
        row = children(nodes, &inner).1;
    }
    (inner, row[1].id)
}

fn assert_damaged(nodes: &Memory, root: &Entry, what: &str) {
    for (reader, result) in read_all(nodes, root).into_iter().enumerate() {
        let error = result.expect_err(&format!("{what}: reader {reader} saw nothing"));
        assert_eq!(error.kind(), Kind::Damaged, "{what}: {error}");
        assert!(error.advice().is_some(), "{what}: no advice");
    }
}

#[test]
fn every_reader_refuses_a_node_that_its_parent_does_not_describe() {
    let (sound_nodes, root) = sound();
    assert!(read_all(&sound_nodes, &root).iter().all(Result::is_ok));
    let (inner, leaf_id) = a_leaf(&sound_nodes, &root);
    let entries = leaf(&sound_nodes, &leaf_id);
    let other = |edit: &dyn Fn(&mut Vec<Entry>)| {
        let mut entries = entries.clone();
        edit(&mut entries);
        leaf_bytes(&entries)
    };
    let mut map_leaf = Memory::default();
    let map = build_map(&mut map_leaf, [(&b"k".to_vec(), &b"v".to_vec())]).unwrap();
    let cases: Vec<(&str, ChunkId, Vec<u8>)> = vec![
        ("the root again: a loop", leaf_id, sound_nodes.nodes[&root_id(&root)].clone()),
        ("its own parent: a loop", leaf_id, sound_nodes.nodes[&inner].clone()),
        ("a node of a map", leaf_id, map_leaf.nodes[&map].clone()),
        ("a leaf where children belong", inner, sound_nodes.nodes[&leaf_id].clone()),
        ("one entry less", leaf_id, other(&|e| _ = e.pop())),
        ("another first key", leaf_id, other(&|e| e[0].name.push(b'!'))),
        ("another size", leaf_id, other(&|e| e[1].size += 1)),
        ("another time", leaf_id, other(&|e| e[1].mtime.seconds = i64::MAX - 1)),
        ("a last key beyond the next node", leaf_id, other(&|e| e.last_mut().unwrap().name = b"zz".to_vec())),
    ];
    // The last leaf of its parent: what follows it stands one level higher.
    let last_id = children(&sound_nodes, &inner).1.last().unwrap().id;
    let mut last = leaf(&sound_nodes, &last_id);
    last.last_mut().unwrap().name = b"zz".to_vec();
    let beyond = ("a last key beyond the next node of the parent", last_id, leaf_bytes(&last));
    for (what, id, bytes) in cases.into_iter().chain([beyond]) {
        let mut nodes = Memory { nodes: sound_nodes.nodes.clone(), ..Memory::default() };
        nodes.replace(id, bytes);
        assert_damaged(&nodes, &root, what);
    }
}

#[test]
fn every_reader_refuses_a_root_that_its_folder_does_not_describe() {
    let (mut nodes, root) = sound();
    let totals = root.totals;
    let wrong = [
        Totals { entries: totals.entries + 1, ..totals },
        Totals { descendants: u64::MAX, ..totals },
        Totals { bytes: 0, ..totals },
        Totals { newest: 0, ..totals },
    ];
    for totals in wrong {
        assert_damaged(&nodes, &folder("", (root.content, totals)), "sums");
    }
    assert_damaged(&nodes, &folder("", (Content::None, totals)), "no tree");
    // A root of one child, which TREE-2 forbids: towers of such nodes would make readers climb for nothing.
    let child = Child { id: root_id(&root), totals, key: b"000000".to_vec() };
    let (level, _) = children(&nodes, &root_id(&root));
    nodes.replace(id(1), inner_bytes(TreeKind::Folder, level + 1, &[child]));
    assert_damaged(&nodes, &folder("", (Content::Tree(id(1)), totals)), "root of one child");
}

#[test]
fn counts_that_overflow_are_damage() {
    let mut nodes = Memory::default();
    let half = Totals { entries: 1 << 63, descendants: 1 << 63, ..NOTHING };
    let child = |n: u64| Child { id: id(n), totals: half, key: vec![u8::try_from(n).unwrap()] };
    nodes.replace(id(9), inner_bytes(TreeKind::Folder, 1, &[child(1), child(2)]));
    assert_damaged(&nodes, &folder("", (Content::Tree(id(9)), half)), "overflow in a root");
    let deep = |name: &str| Entry { content: Content::Tree(id(9)), ..folder(name, (Content::Tree(id(9)), half)) };
    nodes.replace(id(8), leaf_bytes(&[deep("a"), deep("b")]));
    assert_damaged(&nodes, &folder("", (Content::Tree(id(8)), half)), "overflow in a leaf");
}

#[test]
fn a_folder_that_holds_itself_ends_with_an_error() {
    let mut nodes = Memory::default();
    let totals = Totals { entries: 1, descendants: 1000, bytes: 0, oldest: 0, newest: 0 };
    let mut itself = folder("again", (Content::Tree(id(5)), totals));
    itself.mtime.seconds = 0;
    nodes.replace(id(5), leaf_bytes(&[itself]));
    assert_damaged(&nodes, &folder("", (Content::Tree(id(5)), totals)), "itself");
}

#[test]
fn missing_nodes_keep_their_kind_of_error() {
    let (mut nodes, root) = sound();
    let (_, leaf_id) = a_leaf(&nodes, &root);
    nodes.nodes.remove(&leaf_id);
    for error in read_all(&nodes, &root).into_iter().map(Result::unwrap_err) {
        assert_eq!(error.kind(), Kind::Absent);
    }
    let mut cursor = FolderCursor::open(&nodes, &root).unwrap();
    assert!(cursor.any(|found| found.is_err()) && cursor.next().is_none());
}

#[test]
fn contents_that_are_not_as_long_as_their_file_are_damage() {
    let mut nodes = Memory::default();
    let chunks: Vec<_> = (0..5000).map(|n| (id(n), 100)).collect();
    let (content, bytes) = build_content(&mut nodes, &chunks);
    for wrong in [bytes - 1, bytes + 1, 0] {
        let first = ContentCursor::open(&nodes, content, wrong).unwrap().next().unwrap();
        assert_eq!(first.unwrap_err().kind(), Kind::Damaged);
        let error = pieces(&nodes, content, wrong, 0..1).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged);
    }
    assert_eq!(
        ContentCursor::open(&nodes, Content::Chunk(id(1)), 1 << 32).map(|_| ()).unwrap_err().kind(),
        Kind::Damaged
    );
    let (map, folder) =
        (build_map(&mut nodes, [(&b"k".to_vec(), &b"v".to_vec())]), build_folder(&mut nodes, "", &[file("a")]));
    let as_content = ContentCursor::open(&nodes, Content::Tree(map.unwrap()), 0).unwrap().next().unwrap();
    assert_eq!(as_content.unwrap_err().kind(), Kind::Damaged);
    let as_map = MapCursor::open(&nodes, Some(root_id(&folder))).next().unwrap();
    assert_eq!(as_map.unwrap_err().kind(), Kind::Damaged);
    assert_eq!(map_get(&nodes, Some(root_id(&folder)), b"a").unwrap_err().kind(), Kind::Damaged);
}

#[test]
fn check_child_proves_every_node_of_a_sound_tree() {
    let (nodes, root) = sound();
    let (mut todo, mut proved) = (vec![root_id(&root)], 1);
    while let Some(id) = todo.pop() {
        let parent = Node::decode(&nodes.nodes[&id]).unwrap();
        let Node::Inner { children, .. } = &parent else { continue };
        for (at, child) in children.iter().enumerate() {
            check_child(&parent, at, &Node::decode(&nodes.nodes[&child.id]).unwrap()).unwrap();
            todo.push(child.id);
            proved += 1;
        }
    }
    assert_eq!(proved, nodes.nodes.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A flipped bit in any node: readers end, with an error or (in bytes that carry no sum) with as many entries as before.
    #[test]
    fn readers_end_whatever_a_node_says(node in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut nodes = Memory::default();
        let entries: Vec<Entry> = (0..2_000u64).map(|n| file_of(format!("{n:06}"), n)).collect();
        let root = build_folder(&mut nodes, "", &entries);
        let mut ids: Vec<ChunkId> = nodes.nodes.keys().copied().collect();
        ids.sort_unstable();
        let id = ids[node.index(ids.len())];
        let mut bytes = nodes.nodes[&id].clone();
        let at = byte.index(bytes.len());
        bytes[at] ^= 1 << bit;
        nodes.replace(id, bytes);
        for (reader, result) in read_all(&nodes, &root).into_iter().enumerate() {
            if let (Ok(count), 0) = (result, reader) {
                prop_assert_eq!(count, 2_000);
            }
        }
    }
}
