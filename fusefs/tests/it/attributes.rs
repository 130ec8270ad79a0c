//! Owners, modes, and who may read what.

use crate::place::{Place, START, run, shell, within};
use fusefs::MountOptions;
use std::fs;
use std::os::unix::fs::MetadataExt;
use view::Owner;

/// SEMANTICS: Read-only. "Every change is EROFS."
#[test]
fn every_change_is_refused_as_read_only() {
    let Some(place) = Place::with_everything() else { return };
    let script = "touch new; mkdir new; rm plain/small; rmdir empty; mv plain/small plain/x; ln plain/small x; ln -s a x; \
        mkfifo x; chmod 600 plain/small; chown 1 plain/small; truncate -s 1 plain/small; touch plain/small; \
        echo x >>plain/small; setfattr -n user.x -v y plain/small";
    for command in script.split(';').map(str::trim) {
        let output = run(&place.latest(), command);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains("Read-only file system"), "{command}: {error}");
    }
}

/// SEMANTICS: Permissions. "The kernel checks modes and access lists as on the source."
#[test]
fn modes_and_access_lists_are_enforced() {
    let Some(place) = Place::with_everything() else { return };
    let closed = place.latest().join("closed");
    for (name, may) in [("secret", false), ("listed", true), ("barred", false), ("run", true)] {
        let script = format!("setpriv --reuid 65534 --regid 65534 --clear-groups cat {name}");
        let output = run(&closed, &script);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), may, "{name}: {error}");
        assert!(may || error.contains("Permission denied"), "{name}: {error}");
    }
}

/// SEMANTICS: Owners. "`keep`: as recorded. `UID:GID`: everything belongs to them."
#[test]
fn owners_and_modes_follow_the_options() {
    let Some(mut place) = Place::with_everything() else { return };
    let stat = |place: &Place, name: &str| {
        let path = place.latest().join(name);
        within(move || fs::metadata(path).map(|s| (s.uid(), s.gid(), s.mode() & 0o7777)).unwrap())
    };
    assert_eq!(stat(&place, "closed/run"), (1234, 4321, 0o4755));
    let base = place.options();
    place.mount_with(&MountOptions { owner: Owner::Fixed(7, 8), umask: 0o027, ..base.clone() });
    assert_eq!(stat(&place, "closed/run"), (7, 8, 0o4750));
    let barred = "setpriv --reuid 65534 --regid 65534 --clear-groups cat listed";
    assert!(!run(&place.latest(), &format!("cd closed && {barred}")).status.success());
    place.mount_with(&MountOptions { owner: Owner::Me, ..base });
    assert_eq!(stat(&place, "closed/run"), (0, 0, 0o4755));
    assert_eq!(stat(&place, "closed/secret"), (0, 0, 0o600));
}

/// SEMANTICS: Owners. "`--fmask` and `--dmask` take its place for all but folders, and for folders."
#[test]
fn masks_of_files_and_folders_take_the_place_of_the_umask() {
    let Some(mut place) = Place::with_everything() else { return };
    place.mount_with(&MountOptions { umask: 0o077, fmask: Some(0o133), dmask: Some(0o022), ..place.options() });
    let modes = shell(&place.latest(), "stat -c '%a' closed closed/run closed/secret; stat -c '%a' .");
    assert_eq!(modes, "755\n4644\n600\n755\n");
    assert_eq!(shell(&place.mountpoint, "stat -c '%a' by-job history"), "555\n555\n");
    place.mount_with(&MountOptions { umask: 0o077, fmask: Some(0o777), ..place.options() });
    assert_eq!(shell(&place.latest(), "stat -c '%a' closed closed/secret"), "700\n0\n");
}

/// SEMANTICS: Owners. "With `--map-names`, what was recorded under a name belongs to who has that name here; a name that
/// nobody has keeps its number"
#[test]
fn recorded_names_are_mapped_to_local_numbers() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("known"), b"x").unwrap();
    fs::write(place.source.join("unknown"), b"x").unwrap();
    std::os::unix::fs::chown(place.source.join("unknown"), Some(54_321), Some(54_322)).unwrap();
    // The names are looked up when the backup is made, so that a number of another machine is what is changed here.
    place.catalog.back_up_with(&place.source, "host", "job", START, |m| {
        (m.root.user, m.root.group) = (b"daemon".to_vec(), b"nobody-has-this-name".to_vec());
        (m.root.uid, m.root.gid) = (4242, 4242);
    });
    let stat = |place: &Place| {
        let root = shell(&place.mountpoint, "stat -L -c '%u %g' by-job/host/job/latest");
        root + &shell(&place.latest(), "stat -c '%u %g' known unknown")
    };
    place.mount();
    assert_eq!(stat(&place), "4242 4242\n0 0\n54321 54322\n");
    place.mount_with(&MountOptions { map_names: true, ..place.options() });
    assert_eq!(stat(&place), "1 4242\n0 0\n54321 54322\n");
    place.mount_with(&MountOptions { map_names: true, owner: Owner::Fixed(5, 6), ..place.options() });
    assert_eq!(stat(&place), "5 6\n5 6\n5 6\n");
}

/// SEMANTICS: Space. "it is constant until points come or go, and never waits."
#[test]
fn statfs_is_constant_and_full() {
    let Some(place) = Place::with_everything() else { return };
    let script = "stat -f -c '%b %f %a %c %d %l %S' .";
    let before = shell(&place.mountpoint, script);
    shell(&place.latest(), "find . -type f -exec cat {} + >/dev/null");
    assert_eq!(before, shell(&place.mountpoint, script));
    let words: Vec<u64> = before.split_whitespace().map(|w| w.parse().unwrap()).collect();
    assert!(words[0] > 2000 && words[3] > 3000, "{before}");
    assert_eq!((words[1], words[2], words[4], words[5]), (0, 0, 0, 255));
}
