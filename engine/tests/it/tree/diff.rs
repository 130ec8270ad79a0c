//! Comparing: exactly the differences, in order, at the price of the differences.

use super::memory::{Memory, build_folder, build_map, file_of, folder};
use engine::tree::{Change, Flow, diff, map_diff};
use format_spec::tree::Entry;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Seen = Vec<(String, char)>;

fn changes(nodes: &Memory, old: Option<&Entry>, new: Option<&Entry>) -> Seen {
    let mut seen = Vec::new();
    diff(nodes, old, new, &mut |path, change| {
        let sign = match change {
            Change::Added(_) => '+',
            Change::Removed(_) => '-',
            Change::Changed(..) => '~',
        };
        seen.push((String::from_utf8_lossy(path).into_owned(), sign));
        Ok(Flow::Continue)
    })
    .unwrap();
    seen
}

/// Two levels of folders over files: name of folder, name of file, content.
type Plain = BTreeMap<(u8, u16), u64>;

fn build(nodes: &mut Memory, plain: &Plain) -> Entry {
    let folders: BTreeSet<u8> = plain.keys().map(|k| k.0).collect();
    let top: Vec<Entry> = folders
        .into_iter()
        .map(|f| {
            let files: Vec<Entry> =
                plain.range((f, 0)..=(f, u16::MAX)).map(|(k, c)| file_of(format!("{:05}", k.1), *c)).collect();
            build_folder(nodes, format!("{f:03}"), &files)
        })
        .collect();
    build_folder(nodes, "", &top)
}

/// What a diff must show: by comparing all paths.
fn naive(old: &Plain, new: &Plain) -> Seen {
    let mut seen: BTreeMap<String, char> = BTreeMap::new();
    let has = |plain: &Plain, f| plain.range((f, 0)..=(f, u16::MAX)).next().is_some();
    for key in old.keys().chain(new.keys()) {
        let sign = match (old.get(key), new.get(key)) {
            (Some(a), Some(b)) if a == b => continue,
            (Some(_), Some(_)) => '~',
            (Some(_), None) => '-',
            _ => '+',
        };
        seen.insert(format!("{:03}/{:05}", key.0, key.1), sign);
        let folder = if !has(old, key.0) {
            '+'
        } else if has(new, key.0) {
            '~'
        } else {
            '-'
        };
        seen.insert(format!("{:03}", key.0), folder);
        seen.insert(String::new(), '~');
    }
    seen.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn folders_differ_where_their_paths_do(
        base in prop::collection::btree_map((0u8..3, 0u16..1500), 0u64..3, 0..1200),
        edits in prop::collection::vec(((0u8..4, 0u16..1500), prop::option::of(0u64..3)), 0..40),
    ) {
        let mut other = base.clone();
        for (key, content) in edits {
            match content {
                Some(content) => _ = other.insert(key, content),
                None => _ = other.remove(&key),
            }
        }
        let mut nodes = Memory::default();
        let (old, new) = (build(&mut nodes, &base), build(&mut nodes, &other));
        prop_assert_eq!(changes(&nodes, Some(&old), Some(&new)), naive(&base, &other));
        prop_assert_eq!(changes(&nodes, Some(&new), Some(&old)), naive(&other, &base));
    }

    #[test]
    fn maps_differ_where_their_values_do(
        base in prop::collection::btree_map(0u16..3000, 0u8..3, 0..1500),
        edits in prop::collection::vec((0u16..3000, prop::option::of(0u8..3)), 0..40),
    ) {
        let mut other = base.clone();
        for (key, value) in edits {
            match value {
                Some(value) => _ = other.insert(key, value),
                None => _ = other.remove(&key),
            }
        }
        let mut nodes = Memory::default();
        let bytes = |map: &BTreeMap<u16, u8>| -> BTreeMap<Vec<u8>, Vec<u8>> {
            map.iter().map(|(k, v)| (k.to_be_bytes().to_vec(), vec![*v; 50])).collect()
        };
        let (old, new) = (build_map(&mut nodes, &bytes(&base)), build_map(&mut nodes, &bytes(&other)));
        let mut seen = Vec::new();
        map_diff(&nodes, old, new, &mut |old, new| {
            let key = old.as_ref().or(new.as_ref()).unwrap().key.clone();
            seen.push((key, old.map(|p| p.value[0]), new.map(|p| p.value[0])));
            Ok(())
        }).unwrap();
        let keys: BTreeSet<u16> = base.keys().chain(other.keys()).copied().collect();
        let expected: Vec<_> = keys.into_iter()
            .map(|k| (k.to_be_bytes().to_vec(), base.get(&k).copied(), other.get(&k).copied()))
            .filter(|(_, a, b)| a != b).collect();
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn what_became_a_folder_shows_what_is_in_it() {
    let mut nodes = Memory::default();
    let inner = build_folder(&mut nodes, "x", &[file_of("y", 1)]);
    let (old, new) = (build_folder(&mut nodes, "", &[file_of("x", 1)]), build_folder(&mut nodes, "", &[inner]));
    let sign = |path: &str, sign| (path.to_owned(), sign);
    assert_eq!(changes(&nodes, Some(&old), Some(&new)), [sign("", '~'), sign("x", '~'), sign("x/y", '+')]);
    assert_eq!(changes(&nodes, Some(&new), Some(&old)), [sign("", '~'), sign("x", '~'), sign("x/y", '-')]);
    assert_eq!(changes(&nodes, None, Some(&new)), [sign("", '+'), sign("x", '+'), sign("x/y", '+')]);
    assert_eq!(changes(&nodes, Some(&new), None), [sign("", '-'), sign("x", '-'), sign("x/y", '-')]);
    assert_eq!(changes(&nodes, Some(&new), Some(&new)), []);
    assert_eq!(changes(&nodes, None, None), []);
}

#[test]
fn visitors_can_skip_and_stop() {
    let mut nodes = Memory::default();
    let a = build_folder(&mut nodes, "a", &[file_of("1", 1)]);
    let b = build_folder(&mut nodes, "b", &[file_of("2", 1)]);
    let new = build_folder(&mut nodes, "", &[a, b, file_of("c", 1)]);
    let mut seen = Vec::new();
    diff(&nodes, None, Some(&new), &mut |path, _| {
        seen.push(String::from_utf8_lossy(path).into_owned());
        Ok(match path {
            b"a" => Flow::Skip,
            b"b/2" => Flow::Stop,
            _ => Flow::Continue,
        })
    })
    .unwrap();
    assert_eq!(seen, ["", "a", "b", "b/2"]);
}

#[test]
fn equal_subtrees_are_not_read() {
    let mut nodes = Memory::default();
    let files: Vec<Entry> = (0..20_000u64).map(|n| file_of(format!("{n:06}"), n)).collect();
    let big = build_folder(&mut nodes, "big", &files);
    let old = build_folder(&mut nodes, "", &[big.clone(), file_of("small", 1)]);
    let new = build_folder(&mut nodes, "", &[big.clone(), file_of("small", 2)]);
    nodes.take_reads();
    assert_eq!(changes(&nodes, Some(&old), Some(&new)).len(), 2);
    assert_eq!(nodes.take_reads(), 2);
    // A folder whose own attributes alone changed is shown, but not entered.
    let chmod = folder("big", (big.content, big.totals));
    let new = build_folder(&mut nodes, "", &[Entry { mode: 0o700, ..chmod }, file_of("small", 1)]);
    assert_eq!(changes(&nodes, Some(&old), Some(&new)).len(), 2);
    assert_eq!(nodes.take_reads(), 2);
}
