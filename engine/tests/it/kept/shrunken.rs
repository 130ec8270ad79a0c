//! A point that is much smaller than the last whole one says so, until somebody says that it was meant.

use super::{Fails, back_up_as, newest, rig};
use crate::proofs::Rig;
use engine::backup::{BackupOptions, SHRINK_MAX_DEFAULT};

fn with(rig: &Rig, shrink_max: Option<f64>) -> BackupOptions {
    BackupOptions { shrink_max, ..rig.options() }
}

#[test]
fn a_point_that_lost_more_than_half_is_marked_until_it_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let asks = with(&rig, Some(SHRINK_MAX_DEFAULT));
    assert_eq!(back_up_as(&rig, &[], &asks).shrunken, None);
    let whole = newest(&rig).1.manifest.clone();
    std::fs::remove_dir_all(rig.source.join("a")).unwrap();
    std::fs::write(rig.source.join("b"), b"4").unwrap();
    for _ in 0..2 {
        let than = back_up_as(&rig, &[], &asks).shrunken.expect("is told each time");
        assert_eq!(
            (than.than, than.bytes, than.items),
            (whole.id, whole.root.totals.bytes, whole.root.totals.descendants)
        );
        let manifest = &newest(&rig).1.manifest;
        assert_eq!(manifest.shrunken, Some(than));
        assert!(manifest.counts.complete() && !manifest.fills_a_slot());
    }
    // Accepted once, it is what later ones are held against.
    assert_eq!(back_up_as(&rig, &[], &with(&rig, None)).shrunken, None);
    assert_eq!(back_up_as(&rig, &[], &asks).shrunken, None);
    assert!(newest(&rig).1.manifest.fills_a_slot());
}

#[test]
fn the_threshold_can_be_set_and_an_incomplete_point_is_nothing_to_be_held_against() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("c", &[7; 90]);
    back_up_as(&rig, &[], &with(&rig, Some(0.5)));
    std::fs::write(rig.source.join("c"), [7; 60]).unwrap();
    assert!(back_up_as(&rig, &[], &with(&rig, Some(0.2))).shrunken.is_some());
    assert_eq!(back_up_as(&rig, &[], &with(&rig, Some(0.4))).shrunken, None);
    let dropping = BackupOptions { drop_unreadable: true, ..with(&rig, None) };
    back_up_as(&rig, &[("a", Fails::Listing), ("c", Fails::Reading)], &dropping);
    std::fs::remove_file(rig.source.join("c")).unwrap();
    assert!(back_up_as(&rig, &[], &with(&rig, Some(0.5))).shrunken.is_some(), "held against the last whole one");
}
