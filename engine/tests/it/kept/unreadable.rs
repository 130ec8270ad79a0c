//! Every way in which an item fails, and what the point has of it then.

use super::{Broken, Fails, back_up, back_up_as, kept, newest, restored, rig, started};
use crate::proofs::gc::{collect_all, expire, options};
use crate::proofs::rig::contents;
use engine::backup::{BackupOptions, backup};
use engine::env::{Env, Machine, SharedEnv};
use engine::monitor::Monitor;
use format_spec::Time;
use std::path::Path;
use std::sync::Arc;

#[test]
fn an_unreadable_file_stays_as_it_was_and_says_since_when() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    let (first, before) = (started(&rig), contents(&rig.source));
    rig.write("b", b"changed, and unreadable");
    for _ in 0..3 {
        let done = back_up(&rig, &[("b", Fails::Reading)]);
        assert_eq!((done.counts.failed, done.counts.kept, done.counts.complete()), (1, 1, false));
        assert_eq!(kept(&rig), [("b".to_owned(), 1, first)], "the time of the last good reading stays");
        assert_eq!(restored(&rig), before);
    }
    // As soon as it can be read, it is read, although the point before has an entry of it.
    let done = back_up(&rig, &[]);
    assert_eq!((done.counts.changed, done.counts.complete()), (1, true));
    assert_eq!(restored(&rig), contents(&rig.source));
    assert!(kept(&rig).is_empty());
}

#[test]
fn a_folder_that_cannot_be_listed_stays_and_counts_its_items() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    let (first, before) = (started(&rig), contents(&rig.source));
    let done = back_up(&rig, &[("a", Fails::Listing)]);
    // one, sub, sub/two, sub/three
    assert_eq!((done.counts.failed, done.counts.kept), (4, 4));
    assert_eq!(kept(&rig), [("a".to_owned(), 4, first)]);
    assert_eq!(restored(&rig), before);
    // A folder in it that failed for itself keeps its own time.
    let done = back_up(&rig, &[("a", Fails::Looking)]);
    assert_eq!((done.counts.kept, kept(&rig)), (5, vec![("a".to_owned(), 5, first)]));
    back_up(&rig, &[]);
    assert_eq!(restored(&rig), contents(&rig.source));
    assert!(newest(&rig).1.manifest.counts.complete());
}

#[test]
fn what_was_kept_before_keeps_its_own_time_inside_a_kept_folder() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    let first = started(&rig);
    rig.write("a/one", b"new");
    rig.write("a/sub/two", b"new and unreadable");
    back_up(&rig, &[("a/sub/two", Fails::Reading)]);
    let second = started(&rig);
    assert_eq!(kept(&rig), [("a/sub/two".to_owned(), 1, first)]);
    back_up(&rig, &[("a", Fails::Listing)]);
    assert_eq!(kept(&rig), [("a".to_owned(), 3, second), ("a/sub/two".to_owned(), 1, first)]);
    back_up(&rig, &[("a/sub", Fails::Listing)]);
    assert_eq!(kept(&rig), [("a/sub".to_owned(), 1, second), ("a/sub/two".to_owned(), 1, first)]);
}

#[test]
fn a_listing_that_breaks_off_keeps_what_it_did_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    let (first, before) = (started(&rig), contents(&rig.source));
    let done = back_up(&rig, &[("a", Fails::ListingAfter("one"))]);
    assert_eq!(kept(&rig), [("a/sub".to_owned(), 3, first)]);
    // The folder itself failed, too.
    assert_eq!((done.counts.failed, done.counts.kept), (4, 3));
    assert_eq!(restored(&rig), before);
}

#[test]
fn what_vanished_or_was_never_read_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    rig.write("new", b"never read");
    let fails = [("new", Fails::Reading), ("b", Fails::Vanishing), ("a/sub", Fails::Vanishing)];
    let done = back_up(&rig, &fails);
    assert_eq!((done.counts.failed, done.counts.vanished, done.counts.kept), (1, 2, 0));
    assert_eq!(restored(&rig).into_keys().collect::<Vec<_>>(), [Path::new("a"), Path::new("a/one")]);
    // A folder that is a file now is another item.
    std::fs::remove_dir_all(rig.source.join("a")).unwrap();
    rig.write("a", b"a file");
    let done = back_up(&rig, &[("a", Fails::Reading)]);
    assert_eq!((done.counts.failed, done.counts.kept), (1, 0));
}

#[test]
fn a_full_backup_reads_everything_and_keeps_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("large", &crate::proofs::rig::noise(1, 9_000_000));
    back_up(&rig, &[]);
    let (first, before) = (started(&rig), contents(&rig.source));
    let full = BackupOptions { full: true, ..rig.options() };
    let fails = [("a", Fails::Listing), ("b", Fails::Reading), ("large", Fails::Reading)];
    let done = back_up_as(&rig, &fails, &full);
    assert_eq!((done.counts.kept, done.bytes_new), (6, 0));
    assert!(kept(&rig).iter().all(|line| line.2 == first));
    assert_eq!(restored(&rig), before);
    // The set of a full point names what it keeps: when the first point goes, nothing is missed.
    let (repository, _) = newest(&rig);
    let oldest = repository.points().unwrap()[0].manifest.id;
    expire(&repository, vec![oldest]);
    collect_all(&repository, &options()).unwrap();
    assert_eq!(rig.check().unwrap().errors, Vec::new());
    assert_eq!(restored(&rig), before);
}

#[test]
fn without_wanting_it_unreadable_items_leave_the_point() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    back_up(&rig, &[]);
    for full in [false, true] {
        rig.write("b", b"changed, and unreadable");
        let dropping = BackupOptions { drop_unreadable: true, full, ..rig.options() };
        let done = back_up_as(&rig, &[("a", Fails::Listing), ("b", Fails::Reading)], &dropping);
        assert_eq!((done.counts.failed, done.counts.kept), (2, 0));
        assert_eq!(restored(&rig).into_keys().collect::<Vec<_>>(), [Path::new("a")]);
    }
}

/// A clock that is off by so many seconds.
struct Off(SharedEnv, i64);

impl Env for Off {
    fn now(&self) -> Time {
        let Time { seconds, nanos } = self.0.now();
        Time { seconds: seconds + self.1, nanos }
    }

    fn elapsed(&self) -> f64 {
        self.0.elapsed()
    }

    fn random(&self, bytes: &mut [u8]) -> engine::Result<()> {
        self.0.random(bytes)
    }
}

#[test]
fn what_is_readable_again_is_trusted_only_as_of_its_last_good_reading() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = rig(folder.path());
    let mut at = |seconds: i64, fails: &[(&str, Fails)]| {
        rig.env = Arc::new(Off(Machine::shared(), seconds));
        back_up(&rig, fails)
    };
    // As the first point has it, the files changed after it had begun; as the second has it, long before.
    at(-86_400, &[]);
    at(86_400, &[("a", Fails::Listing)]);
    let done = at(2 * 86_400, &[]);
    assert_eq!((done.counts.changed, done.counts.unchanged), (3, 1), "only `b` was read by the second point");
}

/// What lacks an attribute is stored: it fails, and is not called "not stored".
#[test]
fn an_item_without_one_of_its_attributes_is_stored_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let monitor = Arc::new(Monitor::new());
    let source = Broken::new(&rig, &[("b", Fails::Attributes)]);
    let done = backup(&rig.open().unwrap(), &source, &rig.options(), &monitor).unwrap();
    let warned: Vec<String> = monitor.take_warnings().into_iter().map(|warning| warning.reason).collect();
    assert_eq!(warned, ["stored without all of its attributes: user.note: Permission denied"]);
    assert_eq!((done.counts.failed, done.counts.kept), (1, 0));
    assert_eq!(restored(&rig)[std::path::Path::new("b")], b"4444");
}
