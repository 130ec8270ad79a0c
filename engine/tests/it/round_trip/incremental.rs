//! What a second backup reads, stores and keeps.

use super::Bench;
use format_spec::point::PointKind;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use testkit::noise;

#[test]
fn a_folder_comes_back_equal_and_checks_clean() {
    let bench = Bench::new();
    bench.write("a.txt", b"some words");
    bench.write("empty", b"");
    bench.write("deep/er/b.bin", &noise(1, 3_000_000));
    for n in 0..300 {
        bench.write(&format!("many/{n}.txt"), format!("file number {n}").as_bytes());
    }
    std::os::unix::fs::symlink("a.txt", bench.source().join("link")).expect("symlink");
    std::fs::hard_link(bench.source().join("a.txt"), bench.source().join("deep/hard")).expect("link");
    let summary = bench.back_up();
    assert_eq!(summary.kind, PointKind::Full);
    assert!(summary.counts.complete());
    bench.restore("out");
    bench.assert_equal_to_source("out");
    let report = bench.check();
    assert_eq!(report.errors, Vec::new());
    assert!(report.chunks > 300 && report.packs_read >= 2, "{report:?}");
}

#[test]
fn a_second_backup_of_nothing_new_writes_no_data_pack_and_keeps_the_root() {
    let bench = Bench::new();
    for n in 0..2000 {
        bench.write(&format!("{}/{n}.txt", n % 7), format!("file number {n}").as_bytes());
    }
    bench.back_up();
    std::thread::sleep(Duration::from_millis(120));
    bench.back_up();
    let second = bench.back_up();
    assert_eq!(second.kind, PointKind::Incremental);
    assert_eq!((second.counts.unchanged, second.counts.changed, second.counts.new), (2000, 0, 0));
    assert_eq!((second.chunks_new, second.data_packs_written), (0, 0));
    // Of the folder itself: the folders above it, which points have too, belong to the machine.
    let repository = bench.open();
    let source = bench.source();
    let roots: Vec<_> = repository
        .points()
        .expect("points")
        .iter()
        .map(|point| {
            let names = source.as_os_str().as_bytes().split(|b| *b == b'/').filter(|name| !name.is_empty());
            let placed = engine::tree::lookup(repository.nodes(), &point.manifest.root, names)
                .expect("a tree")
                .expect("a source");
            (placed.entry.content, placed.entry.totals)
        })
        .collect();
    assert_eq!(roots[1], roots[2]);
    assert_eq!(bench.check().errors, Vec::new());
}

#[test]
fn changes_of_every_kind_are_seen_by_the_next_backup() {
    let bench = Bench::new();
    for n in 0..500 {
        bench.write(&format!("d{}/{n}.txt", n % 5), format!("file number {n}").as_bytes());
    }
    bench.write("big", &noise(2, 5_000_000));
    bench.write("kind", b"was a file");
    bench.back_up();
    std::thread::sleep(Duration::from_millis(120));
    bench.write("d1/new.txt", b"new");
    bench.write("d2/2.txt", b"changed");
    std::fs::remove_file(bench.source().join("d3/3.txt")).expect("removes");
    std::fs::remove_dir_all(bench.source().join("d4")).expect("removes");
    std::fs::remove_file(bench.source().join("kind")).expect("removes");
    bench.write("kind/now", b"a folder");
    let mut big = noise(2, 5_000_000);
    big.splice(1000..1000, *b"inserted");
    bench.write("big", &big);
    let second = bench.back_up();
    assert!(second.bytes_new < 3_000_000, "{second:?}");
    bench.restore("out");
    bench.assert_equal_to_source("out");
    assert_eq!(bench.check().errors, Vec::new());
}

#[test]
fn a_same_size_edit_with_its_mtime_put_back_is_stored() {
    let bench = Bench::new();
    bench.write("a", b"before");
    bench.back_up();
    std::thread::sleep(Duration::from_millis(120));
    bench.back_up();
    let path = bench.source().join("a");
    let mtime = std::fs::metadata(&path).and_then(|m| m.modified()).expect("mtime");
    std::fs::write(&path, b"after!").expect("writes");
    std::fs::File::options().write(true).open(&path).and_then(|f| f.set_modified(mtime)).expect("sets");
    assert_eq!(bench.back_up().counts.changed, 1);
    bench.restore("out");
    bench.assert_equal_to_source("out");
}

#[test]
fn an_edit_within_the_same_clock_tick_as_the_backup_is_stored() {
    let bench = Bench::new();
    for round in 0..20u8 {
        bench.write("a", &[round; 6]);
        bench.back_up();
        bench.write("a", &[round + 100; 6]);
        bench.back_up();
        bench.restore(&format!("out{round}"));
        bench.assert_equal_to_source(&format!("out{round}"));
    }
}
