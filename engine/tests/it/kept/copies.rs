//! Copies tell of kept items what their original tells.

use super::{Fails, back_up, kept, newest, restored};
use crate::copy::{Pair, Which, strange};
use crate::proofs::rig::contents;
use engine::copy::CopyOptions;

fn with_kept_items(folder: &std::path::Path) -> Pair {
    let pair = Pair::new(folder);
    for (name, bytes) in [("a/one", &b"1"[..]), ("a/two", b"22"), ("b", b"333")] {
        pair.source.write(name, bytes);
    }
    std::fs::hard_link(pair.source.source.join("a/one"), pair.source.source.join("a/three")).unwrap();
    back_up(&pair.source, &[]);
    back_up(&pair.source, &[("a", Fails::Listing)]);
    pair
}

#[test]
fn a_copy_of_a_point_that_keeps_items_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let pair = with_kept_items(folder.path());
    pair.copy(Which::All).unwrap();
    pair.expect_same_points();
    assert_eq!(kept(&pair.target), kept(&pair.source));
    assert_eq!(newest(&pair.target).1.manifest.counts, newest(&pair.source).1.manifest.counts);
    assert_eq!(restored(&pair.target), contents(&pair.source.source));
}

#[test]
fn so_does_a_copy_under_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let pair = with_kept_items(folder.path());
    let pair = strange(&pair, folder.path());
    pair.copy_with(&CopyOptions { rekey: true, ..pair.options(Which::All) }).unwrap();
    assert_eq!(kept(&pair.target), kept(&pair.source));
    assert_eq!(newest(&pair.target).1.manifest.counts, newest(&pair.source).1.manifest.counts);
    assert_eq!(restored(&pair.target), contents(&pair.source.source));
    assert_eq!(pair.target.check().unwrap().errors, Vec::new());
}
