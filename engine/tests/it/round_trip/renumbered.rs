//! The same file system under another device number, as after a reboot, on a snapshot, or on another path to the disk.

use super::Bench;
use engine::monitor::Monitor;
use engine::restore_point::Point;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::source::{About, Found, Source, Step, Walk};
use format_spec::tree::{Entry, Kind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

/// A source whose device numbers all differ by so much from those of the machine. A file of it cannot be opened: it is not what
/// the walk says that it is. So whatever is read again fails.
struct Renumbered(FolderSource, u64);

struct Renumbering<'w>(Box<dyn Walk + 'w>, u64);

impl Source for Renumbered {
    fn about(&self) -> About {
        self.0.about()
    }

    fn walk(&self) -> engine::Result<Box<dyn Walk + '_>> {
        Ok(Box::new(Renumbering(self.0.walk()?, self.1)))
    }
}

impl Walk for Renumbering<'_> {
    fn next(&mut self) -> Option<Step> {
        let renumber = |found: Found| {
            let mut entry = found.entry;
            entry.device += self.1;
            let group = entry.link_group.map(|_| [entry.device.to_le_bytes(), entry.inode.to_le_bytes()].concat());
            entry.link_group = group.map(|group| group.try_into().expect("16 bytes"));
            Found { entry, ..found }
        };
        Some(match self.0.next()? {
            Step::Enter(found) => Step::Enter(renumber(found)),
            Step::Item(found) => Step::Item(renumber(found)),
            other => other,
        })
    }
}

impl Bench {
    fn back_up_renumbered(&self, by: u64) -> engine::backup::BackupSummary {
        let source = FolderSource::new(&[self.source()], Rules::default()).expect("a source");
        let monitor = Arc::new(Monitor::new());
        let done = self.back_up_of(&Renumbered(source, by), &monitor).expect("backs up");
        assert_eq!(monitor.take_warnings(), Vec::new());
        done
    }

    fn entry(&self, point: &Point, below: &str) -> Entry {
        let path = self.source().join(below);
        let names = path.as_os_str().as_bytes().split(|b| *b == b'/').filter(|name| !name.is_empty());
        let placed = engine::tree::lookup(self.open().nodes(), &point.manifest.root, names).expect("a tree");
        Entry::clone(&placed.expect("an item").entry)
    }
}

#[test]
fn another_device_number_reads_nothing_again() {
    let bench = Bench::new();
    for n in 0..300 {
        bench.write(&format!("{}/{n}.txt", n % 7), format!("file number {n}").as_bytes());
    }
    bench.write("many names/one", b"of two names");
    std::fs::hard_link(bench.source().join("many names/one"), bench.source().join("many names/two")).expect("a link");
    std::thread::sleep(Duration::from_millis(120));
    bench.back_up();
    for by in [1, 1, 77, 0] {
        let done = bench.back_up_renumbered(by);
        assert_eq!((done.counts.unchanged, done.counts.changed, done.counts.new), (302, 0, 0), "{by}");
        assert_eq!((done.chunks_new, done.data_packs_written), (0, 0), "{by}: nothing is read");
        assert!(done.counts.complete());
    }
    bench.restore("out");
    bench.assert_equal_to_source("out");
    assert_eq!(bench.check().errors, Vec::new());
}

/// A number that one file system had is the number of another one tomorrow. Names that are one file are so by device and inode:
/// what is stored of them must follow, or files of two file systems become one at a restore.
#[test]
fn names_of_one_file_follow_the_device_number() {
    let bench = Bench::new();
    bench.write("one", b"of two names");
    std::fs::hard_link(bench.source().join("one"), bench.source().join("two")).expect("a link");
    std::thread::sleep(Duration::from_millis(120));
    bench.back_up();
    let device = std::fs::metadata(bench.source()).expect("a source").dev();
    bench.back_up_renumbered(9);
    let point = bench.open().find_point("latest").expect("a point");
    for name in ["one", "two"] {
        let entry = bench.entry(&point, name);
        assert_eq!((entry.kind, entry.device), (Kind::File, device + 9));
        let group = entry.link_group.expect("a group");
        assert_eq!(group[..8], (device + 9).to_le_bytes());
    }
    bench.restore("out");
    let at = |name: &str| std::fs::metadata(bench.folder.path().join("out").join(name)).expect("a file").ino();
    assert_eq!(at("one"), at("two"));
}

/// What was changed is read under the new number, beside what was not.
#[test]
fn a_changed_file_is_read_whatever_the_number() {
    let bench = Bench::new();
    bench.write("still", b"the same");
    bench.write("moving", b"before");
    std::thread::sleep(Duration::from_millis(120));
    bench.back_up();
    bench.back_up_renumbered(5);
    bench.write("moving", b"after!");
    let done = bench.back_up();
    assert_eq!((done.counts.unchanged, done.counts.changed), (1, 1));
    bench.restore("out");
    bench.assert_equal_to_source("out");
}
