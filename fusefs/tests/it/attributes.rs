//! Owners, modes, and who may read what.

use crate::place::{Place, run, shell, within};
use fusefs::{MountOptions, Owner};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// SEMANTICS: Read-only.
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

/// SEMANTICS: Permissions.
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

/// SEMANTICS: Owners.
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

/// SEMANTICS: Space.
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
