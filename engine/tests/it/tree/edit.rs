//! Editing gives the tree that building gives, at the price of the edits.

use super::memory::{Memory, build_folder, build_map, file_of};
use engine::Kind;
use engine::tree::{edit_folder, edit_map};
use format_spec::tree::Entry;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Plain = BTreeMap<Vec<u8>, Entry>;

fn name(n: u16) -> Vec<u8> {
    format!("{n:05}").into_bytes()
}

fn plain(numbers: &BTreeMap<u16, u64>) -> Plain {
    numbers.iter().map(|(n, content)| (name(*n), file_of(name(*n), *content))).collect()
}

fn edited(base: &Plain, edits: &BTreeMap<Vec<u8>, Option<Entry>>) -> Plain {
    let mut all = base.clone();
    for (name, entry) in edits {
        match entry {
            Some(entry) => _ = all.insert(name.clone(), entry.clone()),
            None => _ = all.remove(name),
        }
    }
    all
}

fn assert_same_as_built(base: &Plain, edits: BTreeMap<Vec<u8>, Option<Entry>>) {
    let mut nodes = Memory::default();
    let old = build_folder(&mut nodes, "", base.values());
    let mut sink = Memory::default();
    let found = edit_folder(&nodes, &old, edits.clone(), &mut sink).unwrap();
    let built = build_folder(&mut Memory::default(), "", edited(base, &edits).values());
    assert_eq!(found, (built.content, built.totals));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn edited_folders_are_those_that_building_gives(
        base in prop::collection::btree_map(0u16..6000, 0u64..3, 0..3000),
        edits in prop::collection::btree_map(0u16..6000, prop::option::of(3u64..5), 0..30),
    ) {
        let edits = edits.into_iter().map(|(n, c)| (name(n), c.map(|c| file_of(name(n), c)))).collect();
        assert_same_as_built(&plain(&base), edits);
    }

    /// Taking out long ranges makes trees shrink, down to roots that were once children.
    #[test]
    fn shrunken_folders_are_those_that_building_gives(
        count in 0u16..9000, cut in prop::collection::vec(0u16..9000, 0..6),
    ) {
        let base = plain(&(0..count).map(|n| (n, 1)).collect());
        let mut cut = cut;
        cut.sort_unstable();
        let gone = |n: &u16| cut.partition_point(|c| c <= n) % 2 == 0;
        let edits = (0..count).filter(gone).map(|n| (name(n), None)).collect();
        assert_same_as_built(&base, edits);
    }

    #[test]
    fn edited_maps_are_those_that_building_gives(
        base in prop::collection::btree_map(0u16..4000, 0u8..3, 0..2500),
        edits in prop::collection::btree_map(0u16..4000, prop::option::of(0u8..3), 0..30),
    ) {
        let bytes = |map: &BTreeMap<u16, u8>| -> BTreeMap<Vec<u8>, Vec<u8>> {
            map.iter().map(|(k, v)| (k.to_be_bytes().to_vec(), vec![*v; 200])).collect()
        };
        let mut other = base.clone();
        for (key, value) in &edits {
            match value {
                Some(value) => _ = other.insert(*key, *value),
                None => _ = other.remove(key),
            }
        }
        let mut nodes = Memory::default();
        let (old, expected) = (build_map(&mut nodes, &bytes(&base)), build_map(&mut Memory::default(), &bytes(&other)));
        let edits = edits.into_iter().map(|(k, v)| (k.to_be_bytes().to_vec(), v.map(|v| vec![v; 200])));
        prop_assert_eq!(edit_map(&nodes, old, edits, &mut Memory::default()).unwrap(), expected);
    }
}

/// Tall enough that nodes of level 1 are taken over before the first leaf is made.
#[test]
fn tall_folders_are_edited_anywhere() {
    let base = plain(&(0..20_000).map(|n| (n, 1)).collect());
    for n in [0, 1, 9_999, 19_998, 19_999, 20_000] {
        assert_same_as_built(&base, [(name(n), Some(file_of(name(n), 4)))].into());
        assert_same_as_built(&base, [(name(n), None)].into());
    }
}

/// A name whose mark has these bits zero, and ends no node of level 2.
fn name_with(prefix: &str, zero: u64) -> Vec<u8> {
    let mark = |name: &[u8]| u64::from_le_bytes(blake3::hash(name).as_bytes()[..8].try_into().unwrap());
    let fits = |name: &Vec<u8>| mark(name) & zero == 0 && mark(name) >> 12 & 0x1f != 0;
    (0u32..).map(|n| format!("{prefix}{n}").into_bytes()).find(fits).unwrap()
}

/// Leaves `[a] [k e] [z]`, each alone in its node of level 1. When `a` and `z` go, the middle node of level 1 is
/// taken over whole, but the tree that building gives has no level 1.
#[test]
fn a_node_left_alone_with_one_child_gives_way_to_it() {
    let (a, k) = (name_with("a", 0xfff), name_with("k", 0xf80));
    let (e, z) = (name_with("l", 0x7f), name_with("z", 0xfff));
    let base: Plain = [&a, &k, &e, &z].into_iter().map(|name| (name.clone(), file_of(name, 1))).collect();
    let mut nodes = Memory::default();
    build_folder(&mut nodes, "", base.values());
    assert_eq!(nodes.new_nodes, 7, "three leaves, three nodes of level 1, a root");
    assert_same_as_built(&base, [(a, None), (z.clone(), None)].into());
    // And the other way round: a lone leaf behind nodes of level 1 that were taken over is not the root.
    assert_same_as_built(&base, [(z.clone(), Some(file_of(z, 2)))].into());
}

#[test]
fn edits_out_of_order_or_of_other_names_are_refused() {
    let mut nodes = Memory::default();
    let base = build_folder(&mut nodes, "", &[file_of("a", 1), file_of("c", 1)]);
    let edit = |edits: Vec<(&str, Option<Entry>)>| {
        let edits = edits.into_iter().map(|(name, entry)| (name.as_bytes().to_vec(), entry));
        edit_folder(&nodes, &base, edits, &mut Memory::default()).unwrap_err().kind()
    };
    assert_eq!(edit(vec![("c", None), ("b", None)]), Kind::Bug);
    assert_eq!(edit(vec![("b", None), ("b", None)]), Kind::Bug);
    assert_eq!(edit(vec![("b", Some(file_of("x", 1)))]), Kind::Bug);
    assert_eq!(edit(vec![("b/", Some(file_of("b/", 1)))]), Kind::Input);
    let file = edit_folder(&nodes, &file_of("f", 1), [], &mut Memory::default());
    assert_eq!(file.unwrap_err().kind(), Kind::Input);
}
