//! Erased paths are gone, everything beside them is as it was.

use crate::tree::memory::{Memory, build_folder, file_of};
use engine::Kind;
use engine::maintenance::retention::Erasure;
use engine::monitor::Monitor;
use engine::tree::{Flow, walk};
use format_spec::tree::Entry;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Builds the tree of these file paths.
fn build(nodes: &mut Memory, name: &[u8], files: &BTreeSet<Vec<u8>>) -> Entry {
    let mut below: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for path in files {
        let cut = path.iter().position(|b| *b == b'/');
        let (name, rest) = cut.map_or((&path[..], None), |at| (&path[..at], Some(path[at + 1..].to_vec())));
        below.entry(name.to_vec()).or_default().extend(rest);
    }
    let entries: Vec<Entry> = below
        .iter()
        .map(|(name, files)| if files.is_empty() { file_of(name, 1) } else { build(nodes, name, files) })
        .collect();
    build_folder(nodes, name, &entries)
}

fn paths(nodes: &Memory, root: &Entry) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    walk(nodes, root, &mut |seen| {
        found.insert(seen.path.to_vec());
        Ok(Flow::Continue)
    })
    .unwrap();
    found
}

fn is_erased(path: &[u8], erased: &BTreeSet<Vec<u8>>) -> bool {
    erased.iter().any(|e| path == e || path.strip_prefix(&e[..]).is_some_and(|rest| rest.starts_with(b"/")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rest_is_as_it_was(
        files in prop::collection::btree_set("f[a-c](/g[a-c]){0,4}/[a-z]{1,2}", 0..120),
        erased in prop::collection::btree_set("f[a-c](/g[a-c]){0,3}(/[a-z])?", 1..6),
    ) {
        let (mut nodes, monitor) = (Memory::default(), Monitor::new());
        let files: BTreeSet<Vec<u8>> = files.into_iter().map(String::into_bytes).collect();
        // A name is a file or a folder.
        let is_folder = |path: &[u8]| files.iter().any(|f| f.strip_prefix(path).is_some_and(|r| r.starts_with(b"/")));
        let files: BTreeSet<Vec<u8>> = files.iter().filter(|f| !is_folder(f)).cloned().collect();
        let erased: BTreeSet<Vec<u8>> = erased.into_iter().map(String::into_bytes).collect();
        let root = build(&mut nodes, b"", &files);
        let before = paths(&nodes, &root);
        let mut sink = Memory::default();
        let found = Erasure::new(&nodes, &erased, &monitor).unwrap().erase(&root, &mut sink).unwrap();
        let wanted: BTreeSet<Vec<u8>> = before.iter().filter(|p| !is_erased(p, &erased)).cloned().collect();
        prop_assert_eq!(found.is_some(), wanted != before);
        if let Some((new, left)) = found {
            nodes.nodes.extend(sink.nodes);
            prop_assert_eq!(paths(&nodes, &new), wanted.clone());
            prop_assert_eq!(left.items + left.folders, (before.len() - wanted.len()) as u64);
        }
    }
}

#[test]
fn everything_is_no_path() {
    let (nodes, monitor) = (Memory::default(), Monitor::new());
    let refused = Erasure::new(&nodes, &[Vec::new()].into(), &monitor).map(|_| ()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Input);
}
