//! Restoring over what is there: again, and beside foreign files.

use super::Bench;
use super::bench::inside;
use engine::monitor::Monitor;
use engine::restore::{Overwrite, RestoreOptions, restore};
use std::sync::Arc;
use testkit::noise;
use testkit::rig::restore_options;

#[test]
fn a_large_file_that_is_there_already_is_kept_and_the_restore_ends() {
    let bench = Bench::new();
    bench.write("big", &noise(0, 64_000_000));
    bench.write("small", b"beside it");
    bench.back_up();
    assert_eq!(bench.restore("out").files, 2);
    let again = bench.restore("out");
    assert_eq!((again.files, again.files_unchanged), (0, 2));
    bench.assert_equal_to_source("out");
}

#[test]
fn a_link_is_not_made_to_a_foreign_file_that_was_kept() {
    let bench = Bench::new();
    bench.write("a", b"of the point");
    std::fs::hard_link(bench.source().join("a"), bench.source().join("b")).unwrap();
    bench.back_up();
    let target = bench.folder.path().join("out");
    std::fs::create_dir(&target).unwrap();
    std::fs::write(target.join("a"), b"foreign").unwrap();
    let repository = bench.open();
    let point = repository.find_point("latest").unwrap();
    let options = RestoreOptions { overwrite: Overwrite::Never, ..restore_options() };
    restore(&repository, &point, &inside(&bench.source()), &target, &options, &Arc::new(Monitor::new())).unwrap();
    let read = |name| std::fs::read(target.join(name)).unwrap();
    assert_eq!((read("a"), read("b")), (b"foreign".to_vec(), b"of the point".to_vec()));
}

#[test]
fn a_folder_that_was_there_keeps_its_mode_while_files_are_restored_into_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.write("d/a", b"a");
    bench.back_up();
    let there = bench.folder.path().join("out/d");
    std::fs::create_dir_all(&there).unwrap();
    std::fs::set_permissions(&there, std::fs::Permissions::from_mode(0o751)).unwrap();
    let repository = bench.open();
    let point = repository.find_point("latest").unwrap();
    let options = RestoreOptions { overwrite: Overwrite::Never, ..restore_options() };
    let target = bench.folder.path().join("out");
    restore(&repository, &point, &inside(&bench.source()), &target, &options, &Arc::new(Monitor::new())).unwrap();
    assert_eq!(std::fs::metadata(&there).unwrap().permissions().mode() & 0o7777, 0o751);
}
