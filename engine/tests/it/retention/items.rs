//! Trees without their old items are those that a backup without them would have made, and little is read for it.

use crate::tree::memory::{Memory, build_folder, file_of, folder};
use engine::maintenance::retention::{Leaving, OldItems};
use engine::monitor::Monitor;
use format_spec::Time;
use format_spec::tree::{Content, Entry, Kind, Totals};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Items below this second are old.
const BEFORE: i64 = 1000;

/// A tree in plain words: files by their modification time, folders by their own and what is in them.
#[derive(Debug, Clone)]
enum Plain {
    File(i64),
    Folder(i64, BTreeMap<String, Plain>),
}

fn plain() -> impl Strategy<Value = Plain> {
    let time = || prop_oneof![2 => 0i64..BEFORE, 3 => BEFORE..2000];
    let file = time().prop_map(Plain::File);
    let tree = file.prop_recursive(5, 400, 40, move |inner| {
        (time(), prop::collection::btree_map("[a-z]{1,3}", inner, 0..40)).prop_map(|(t, below)| Plain::Folder(t, below))
    });
    (time(), prop::collection::btree_map("[a-z]{1,2}", tree, 0..12)).prop_map(|(t, below)| Plain::Folder(t, below))
}

/// The entry of a plain tree, built from nothing; with `before`, without what is older.
fn build(nodes: &mut Memory, name: &str, tree: &Plain, before: Option<i64>, left: &mut Leaving) -> Option<Entry> {
    match tree {
        Plain::File(time) => {
            let entry = Entry { mtime: Time::new(*time, 0), ..file_of(name, u64::try_from(*time).unwrap()) };
            if before.is_some_and(|before| *time < before) {
                (left.items, left.bytes) = (left.items + 1, left.bytes + entry.size);
                return None;
            }
            Some(entry)
        }
        Plain::Folder(time, below) => {
            let entries: Vec<Entry> =
                below.iter().filter_map(|(name, tree)| build(nodes, name, tree, before, left)).collect();
            Some(Entry { mtime: Time::new(*time, 0), ..build_folder(nodes, name, &entries) })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_left_is_what_a_backup_would_have_made(trees in prop::collection::vec(plain(), 1..4)) {
        let mut nodes = Memory::default();
        let monitor = Monitor::new();
        let roots: Vec<Entry> =
            trees.iter().map(|t| build(&mut nodes, "", t, None, &mut Leaving::default()).unwrap()).collect();
        let mut sink = Memory::default();
        let mut items = OldItems::new(&nodes, BEFORE, &monitor);
        for (tree, root) in trees.iter().zip(&roots) {
            let mut left = Leaving::default();
            let wanted = build(&mut Memory::default(), "", tree, Some(BEFORE), &mut left).unwrap();
            let found = items.leave(root, &mut sink).unwrap();
            prop_assert_eq!(found.is_some(), left.items > 0);
            if let Some(found) = found {
                prop_assert_eq!((found.content, found.totals), (wanted.content, wanted.totals));
                prop_assert_eq!(found.left, left);
            }
        }
    }
}

/// A folder of files with these times.
fn files(nodes: &mut Memory, name: &str, times: impl IntoIterator<Item = i64>) -> Entry {
    let file = |(n, time): (usize, i64)| Entry { mtime: Time::new(time, 0), ..file_of(format!("{n:06}"), 1) };
    let entries: Vec<Entry> = times.into_iter().enumerate().map(file).collect();
    Entry { mtime: Time::new(2000, 0), ..build_folder(nodes, name, &entries) }
}

#[test]
fn only_nodes_with_something_old_are_read() {
    let mut nodes = Memory::default();
    let young: Vec<Entry> =
        (0..50).map(|n| files(&mut nodes, &format!("young{n:02}"), (0..3000).map(|_| 1500))).collect();
    // One old item in a folder of a hundred thousand.
    let large = files(&mut nodes, "large", (0..100_000).map(|n| if n == 77_777 { 10 } else { 1500 }));
    let root = build_folder(&mut nodes, "", std::iter::once(&large).chain(&young));
    let (all, monitor) = (nodes.nodes.len(), Monitor::new());
    nodes.take_reads();
    let mut sink = Memory::default();
    let found = OldItems::new(&nodes, BEFORE, &monitor).leave(&root, &mut sink).unwrap().unwrap();
    assert_eq!((found.left.items, found.totals.descendants), (1, root.totals.descendants - 1));
    let (reads, written) = (nodes.take_reads(), sink.new_nodes);
    println!("{all} nodes, {reads} reads, {written} written");
    assert!(all > 700 && reads < 30 && written < 8, "{all} nodes, {reads} reads, {written} written");
    // A point without anything old costs nothing at all.
    let root = build_folder(&mut nodes, "", &young);
    nodes.take_reads();
    assert_eq!(OldItems::new(&nodes, BEFORE, &monitor).leave(&root, &mut sink).unwrap(), None);
    assert_eq!(nodes.take_reads(), 0);
}

#[test]
fn a_folder_that_points_share_is_read_and_written_once() {
    let (mut nodes, monitor) = (Memory::default(), Monitor::new());
    let shared = files(&mut nodes, "shared", (0..20_000).map(|n| if n % 2 == 0 { 10 } else { 1500 }));
    let roots: Vec<Entry> = (0..20)
        .map(|n| {
            let own = files(&mut nodes, "own", (0..=n).map(|n| 1500 + n));
            build_folder(&mut nodes, "", [&own, &shared])
        })
        .collect();
    let (mut items, mut sink) = (OldItems::new(&nodes, BEFORE, &monitor), Memory::default());
    items.leave(&roots[0], &mut sink).unwrap().unwrap();
    let (first, written) = (nodes.take_reads(), sink.new_nodes);
    for root in &roots[1..] {
        assert_eq!(items.leave(root, &mut sink).unwrap().unwrap().left.items, 10_000);
    }
    let (others, written_then) = (nodes.take_reads(), sink.new_nodes - written);
    println!("first: {first} reads, {written} written; 19 others: {others} reads, {written_then} written");
    assert!(first > 150 && others <= 19 * 3 && written_then <= 19);
}

#[test]
fn folders_stay_though_they_are_old_and_lose_all() {
    let (mut nodes, monitor) = (Memory::default(), Monitor::new());
    let inner = Entry { mtime: Time::new(5, 0), ..files(&mut nodes, "inner", [10, 20]) };
    let outer = Entry { mtime: Time::new(5, 0), ..build_folder(&mut nodes, "outer", [&inner]) };
    let root = build_folder(&mut nodes, "", [&outer]);
    let mut sink = Memory::default();
    let found = OldItems::new(&nodes, BEFORE, &monitor).leave(&root, &mut sink).unwrap().unwrap();
    assert_eq!((found.left.items, found.totals.descendants, found.totals.oldest), (2, 2, 5));
    // What is left holds nothing that could leave: nothing changes any more.
    nodes.nodes.extend(sink.nodes.clone());
    let root = Entry { content: found.content, totals: found.totals, ..root };
    assert_eq!(OldItems::new(&nodes, BEFORE, &monitor).leave(&root, &mut sink).unwrap(), None);
}

#[test]
fn trees_of_a_hundred_thousand_levels_are_rewritten_without_recursion() {
    let (mut nodes, monitor) = (Memory::default(), Monitor::new());
    let mut below = files(&mut nodes, "d", [10, 1500]);
    for _ in 0..100_000 {
        below = Entry { mtime: Time::new(1500, 0), ..build_folder(&mut nodes, "d", [&below]) };
    }
    let root = Entry { name: Vec::new(), ..below };
    let mut sink = Memory::default();
    let found = OldItems::new(&nodes, BEFORE, &monitor).leave(&root, &mut sink).unwrap().unwrap();
    assert_eq!((found.left.items, found.totals.descendants), (1, 100_001));
}

#[test]
fn sums_that_lie_are_damage() {
    let (mut nodes, monitor) = (Memory::default(), Monitor::new());
    let honest = files(&mut nodes, "", [1500, 1500]);
    let lying = Entry { totals: Totals { oldest: 1, ..honest.totals }, ..honest.clone() };
    let empty = Entry { totals: lying.totals, ..folder("", (Content::None, honest.totals)) };
    for root in [lying, empty] {
        let refused = OldItems::new(&nodes, BEFORE, &monitor).leave(&root, &mut Memory::default());
        assert_eq!(refused.unwrap_err().kind(), engine::Kind::Damaged);
    }
    assert_eq!(honest.kind, Kind::Folder);
}
