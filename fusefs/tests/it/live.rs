//! Points that come and go while mounted.

use crate::place::{Place, START, eventually, one_of_everything, shell, within};
use fusefs::MountOptions;
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::time::Duration;

const FIRST: &str = "2026-11-22T00-37-49Z";
const SECOND: &str = "2026-11-22T01-37-49Z";

impl Place {
    /// One point of one file, mounted and asked for others all the time.
    fn live() -> Option<Self> {
        let mut place = Place::new()?;
        fs::write(place.source.join("file"), b"one").unwrap();
        place.catalog.back_up(&place.source, "host", "job", START);
        place.mount_live();
        Some(place)
    }

    fn mount_live(&mut self) {
        self.mount_with(&MountOptions { refresh_every: Duration::from_millis(50), ..self.options() });
    }

    fn second(&self) -> Arc<engine::restore_point::Point> {
        fs::write(self.source.join("file"), b"second").unwrap();
        self.catalog.back_up(&self.source, "host", "job", START + 3600)
    }
}

/// SEMANTICS: Live. "New points, `latest` and expired points show without a remount, within 10 seconds (an option), although the
/// kernel had cached the listing, the old target, or that there was no such name."
#[test]
fn a_new_point_shows_without_remount_though_its_absence_was_cached() {
    let Some(place) = Place::live() else { return };
    let job = place.mountpoint.join("by-job/host/job");
    let (new, by_id) = (job.join(SECOND), place.mountpoint.join("by-id").join("02".repeat(16)));
    let other_host = place.mountpoint.join("by-job/other");
    let absent = [new.clone(), by_id, other_host, place.mountpoint.join("by-time/2026/11/23")];
    let (asked, listed) = (absent.clone(), job.clone());
    within(move || {
        asked.iter().for_each(|path| assert!(!path.exists(), "{path:?}"));
        assert_eq!(fs::read_dir(&listed).unwrap().count(), 2);
        assert_eq!(fs::read_link(listed.join("latest")).unwrap().to_str(), Some(FIRST));
    });
    place.second();
    place.catalog.back_up(&place.source, "other", "job", START + 86_400);
    eventually("all new names are there", move || absent.iter().all(|path| path.exists()));
    let (latest, point) = (place.latest(), place.point(&format!("by-job/host/job/{SECOND}")));
    within(move || {
        assert_eq!(fs::read_dir(&job).unwrap().count(), 3);
        assert_eq!(fs::read_link(job.join("latest")).unwrap().to_str(), Some(SECOND));
        assert_eq!(fs::read(latest.join("file")).unwrap(), b"second");
        assert_eq!(fs::read(point.join("file")).unwrap(), b"second");
        assert_eq!(fs::metadata(&job).unwrap().mtime(), START + 3600);
    });
}

/// SEMANTICS: Live. "New points, `latest` and expired points show without a remount"
#[test]
fn latest_follows_the_newest_point_forth_and_back() {
    let Some(place) = Place::live() else { return };
    let latest = place.mountpoint.join("by-job/host/job/latest");
    for (second, target) in [(false, FIRST), (true, SECOND), (false, FIRST)] {
        let point = second.then(|| place.second());
        let link = latest.clone();
        eventually(target, move || fs::read_link(&link).unwrap().to_str() == Some(target));
        if let Some(point) = point {
            place.catalog.expire(&point);
        }
    }
}

/// SEMANTICS: Expired points. "its names vanish with the next look at the log; open files go on reading while their bytes are
/// there; everything else that was held on to says ESTALE."
#[test]
fn an_expired_points_names_vanish_and_open_files_read_on() {
    let Some(mut place) = Place::new() else { return };
    one_of_everything(&place.source);
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    place.catalog.back_up(&place.source, "host", "other", START);
    place.mount_live();
    let folder = place.latest();
    let (host, id) = (place.mountpoint.join("by-job/host"), place.mountpoint.join("by-id").join("01".repeat(16)));
    let at = folder.clone();
    let (open, held) = within(move || {
        fs::metadata(at.join("plain/small")).unwrap();
        assert_eq!(fs::read_dir(at.join("wide")).unwrap().count(), 60);
        (File::open(at.join("plain/chunks")).unwrap(), File::open(&at).unwrap())
    });
    place.catalog.expire(&point);
    let job = host.join("job");
    eventually("the job's folder is gone", move || !job.exists());
    within(move || {
        let names: Vec<_> = fs::read_dir(host).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["other"]);
        assert_eq!(fs::symlink_metadata(id).unwrap_err().raw_os_error(), Some(Errno::NOENT.raw_os_error()));
        assert_eq!(fs::metadata(folder).unwrap_err().raw_os_error(), Some(Errno::NOENT.raw_os_error()));
        let mut bytes = vec![0; 300_001];
        open.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes == crate::place::noise(300_001));
        for path in ["plain/small", "wide", "links/dangling"] {
            let error = openat(&held, path, OFlags::RDONLY, Mode::empty()).unwrap_err();
            assert_eq!(error, Errno::STALE, "{path}");
        }
    });
}

/// SEMANTICS: Live. "A look that fails, because the store is out of reach, changes nothing and is made again."
#[test]
fn a_look_that_fails_changes_nothing_and_is_made_again() {
    let Some(place) = Place::live() else { return };
    place.catalog.set_offline(true);
    place.second();
    let (old, new) = (place.latest().join("file"), place.mountpoint.join("by-job/host/job").join(SECOND));
    let is_there = new.clone();
    within(move || {
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(fs::read(old).unwrap(), b"one");
        assert!(!is_there.exists());
    });
    place.catalog.set_offline(false);
    eventually("the new point is there", move || new.exists());
}

/// SEMANTICS: Space. "constant until points come or go".
#[test]
fn statfs_changes_with_the_points_alone() {
    let Some(place) = Place::live() else { return };
    let space = |place: &Place| shell(&place.mountpoint, "stat -f -c '%b %f %c' .");
    let before = space(&place);
    shell(&place.mountpoint, "find . >/dev/null; cat by-job/*/*/latest/*/*/*/file || true");
    assert_eq!(space(&place), before);
    place.second();
    let mountpoint = place.mountpoint.clone();
    eventually("another size", move || shell(&mountpoint, "stat -f -c '%b %f %c' .") != before);
}

/// SEMANTICS: Inode numbers. "They are the same after a remount and when points came or went".
#[test]
fn inode_numbers_survive_a_refresh_and_a_remount() {
    let Some(mut place) = Place::live() else { return };
    let script = "find . -printf '%i %p\n' | sort";
    let before = shell(&place.mountpoint, script);
    place.second();
    let new = place.mountpoint.join("by-job/host/job").join(SECOND);
    eventually("the new point is there", move || new.exists());
    let refreshed = shell(&place.mountpoint, script);
    let lost: Vec<_> = before.lines().filter(|line| !refreshed.lines().any(|l| l == *line)).collect();
    assert_eq!(lost, Vec::<&str>::new());
    assert!(refreshed.lines().count() > before.lines().count() + 4, "{refreshed}");
    place.mount_live();
    assert_eq!(shell(&place.mountpoint, script), refreshed);
}

/// SEMANTICS: Live. "It ends with the mount."
#[test]
fn nobody_asks_for_points_when_the_mount_is_gone() {
    let Some(mut place) = Place::live() else { return };
    place.unmount();
    let catalog = Arc::clone(&place.catalog);
    eventually("nobody holds the catalog", move || Arc::strong_count(&catalog) == 2);
}
