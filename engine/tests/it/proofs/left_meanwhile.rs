//! A point that expires, and is collected, under whoever reads it: that is told, and is no damage.

use super::gc::{collect_all, expire, options};
use super::rig::{Rig, noise, restore_options};
use engine::error::Kind;
use engine::maintenance::{CheckOptions, Level, check, compare};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::restore::restore;
use engine::restore_point::Point;
use engine::retrieval::Needs;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::Memory;
use std::sync::Arc;

/// A reader that knows a point which is gone by now, with all that it alone needed.
fn overtaken(folder: &std::path::Path) -> (Rig, Arc<Repository>, Arc<Point>) {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    rig.write("big", &noise(1, 3_000_000));
    rig.write("d/small", b"small");
    let first = rig.back_up().unwrap().point.unwrap();
    std::fs::remove_dir_all(rig.source.join("d")).unwrap();
    rig.write("big", b"small by now");
    rig.back_up().unwrap();
    let reader = rig.open().unwrap();
    let point = reader.find_point(&first.to_string()).unwrap();
    let other = rig.open().unwrap();
    expire(&other, vec![first]);
    assert!(collect_all(&other, &options()).unwrap().objects_deleted > 0);
    (rig, reader, point)
}

#[test]
fn a_restore_says_that_the_point_has_expired_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, reader, point) = overtaken(folder.path());
    let target = tempfile::tempdir().unwrap();
    let monitor = Arc::new(Monitor::new());
    let refused = restore(&reader, &point, b"", target.path(), &restore_options(), &monitor).unwrap_err();
    assert_eq!(refused.kind(), Kind::Absent, "{refused}");
    assert!(refused.to_string().contains("the restore point has expired meanwhile"), "{refused}");
    assert_eq!(monitor.warnings_total(), 0, "no raw ids are told");
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}

#[test]
fn verify_a_check_of_the_point_and_what_it_needs_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, reader, point) = overtaken(folder.path());
    let live = FolderSource::new(std::slice::from_ref(&rig.source), Rules::default()).unwrap();
    let options = CheckOptions { point: Some(point.clone()), ..CheckOptions::new(Level::Full) };
    let refused = [
        compare(&reader, &point, b"", &live, &Monitor::new()).map(|_| ()).unwrap_err(),
        check(&reader, &options, &Monitor::new()).map(|_| ()).unwrap_err(),
        Needs::default().add(&reader, &point, b"", &|_, _| true, &Monitor::new()).unwrap_err(),
    ];
    for refused in refused {
        assert_eq!(refused.kind(), Kind::Absent, "{refused}");
        assert!(refused.to_string().contains("has expired meanwhile"), "{refused}");
    }
}
