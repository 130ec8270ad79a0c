//! Folders in folders, ten thousand deep: no recursion, and no more open nodes than the limit.

use super::memory::{Memory, build_folder, file_of};
use engine::tree::{Flow, diff, entry_at_preorder, lookup, walk};
use format_spec::tree::Entry;

const DEPTH: usize = 10_000;

/// `d/d/d/...`, each with a file before and one behind the next folder.
fn tower(nodes: &mut Memory, bottom: u64) -> Entry {
    let mut below = file_of("d", bottom);
    for level in 0..DEPTH {
        let name = if level + 1 == DEPTH { "" } else { "d" };
        below = build_folder(nodes, name, &[file_of("a", 1), below, file_of("z", 2)]);
    }
    below
}

#[test]
fn ten_thousand_levels_are_walked_found_and_compared() {
    let mut nodes = Memory::default();
    let (old, new) = (tower(&mut nodes, 7), tower(&mut nodes, 8));
    assert_eq!(old.totals.descendants, 3 * DEPTH as u64);

    let (mut count, mut deepest) = (0u64, 0);
    walk(&nodes, &old, &mut |visit| {
        assert_eq!(visit.index, count);
        (count, deepest) = (count + 1, deepest.max(visit.depth));
        Ok(Flow::Continue)
    })
    .unwrap();
    assert_eq!((count, deepest), (3 * DEPTH as u64 + 1, DEPTH));

    let bottom = lookup(&nodes, &old, std::iter::repeat_n(&b"d"[..], DEPTH)).unwrap().unwrap();
    assert_eq!((bottom.index, bottom.entry.size), (2 * DEPTH as u64, 107));
    let way = entry_at_preorder(&nodes, &old, bottom.index).unwrap().unwrap();
    assert_eq!(way.len(), DEPTH);

    nodes.take_reads();
    let (mut changed, mut longest) = (0, 0);
    diff(&nodes, Some(&old), Some(&new), &mut |path, _| {
        (changed, longest) = (changed + 1, longest.max(path.len()));
        Ok(Flow::Continue)
    })
    .unwrap();
    assert_eq!((changed, longest), (DEPTH + 1, 2 * DEPTH - 1));
    assert!(nodes.take_reads() <= 4 * DEPTH as u64);
}
