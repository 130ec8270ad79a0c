//! What the target refuses of one item ends with that item.

use super::{OTHER, as_root, is_root, partial, restore, rig};
use crate::proofs::{contents, noise};
use engine::restore::RestoreOptions;
use rustix::fs::{CWD, IFlags, Mode, OFlags, ioctl_getflags, ioctl_setflags, openat};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// A mount that goes away with the test.
struct Bound(PathBuf);

impl Bound {
    fn new(from: &Path, to: &Path, is_read_only: bool) -> Option<Bound> {
        rustix::mount::mount_bind(from, to).ok()?;
        let bound = Bound(to.to_owned());
        if is_read_only {
            let flags = rustix::mount::MountFlags::BIND | rustix::mount::MountFlags::RDONLY;
            rustix::mount::mount_remount(to, flags, c"").unwrap();
        }
        Some(bound)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn a_name_that_is_a_mount_point_is_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    for name in ["etc/a", "etc/hosts", "etc/zz"] {
        rig.write(name, b"backup");
    }
    (0..400).for_each(|n| rig.write(format!("zz/{n}"), b"file"));
    rig.back_up().unwrap();
    let (target, other) = (folder.path().join("out"), folder.path().join("busy"));
    fs::create_dir_all(target.join("etc")).unwrap();
    fs::write(target.join("etc/hosts"), b"below").unwrap();
    fs::write(&other, b"of a container").unwrap();
    let Some(_bound) = Bound::new(&other, &target.join("etc/hosts"), false) else {
        println!("nothing can be mounted here: not tried");
        return;
    };
    let (done, warnings) = restore(&rig, &target, &as_root());
    assert!(matches!(&warnings[..], [one] if one.starts_with("etc/hosts: ") && one.contains("busy")), "{warnings:?}");
    assert_eq!((done.files, fs::read_dir(target.join("zz")).unwrap().count()), (402, 400));
    assert_eq!(fs::read(&other).unwrap(), b"of a container");
    assert_eq!(partial(&target), [""; 0]);
}

#[test]
fn a_folder_that_is_read_only_leaves_out_what_lies_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("closed/a", b"a");
    rig.write("closed/large", &noise(1, 2_000_000));
    rig.write("closed/folder/b", b"b");
    std::os::unix::fs::symlink("a", rig.source.join("closed/link")).unwrap();
    rig.write("open/c", b"c");
    rig.back_up().unwrap();
    let target = folder.path().join("out");
    fs::create_dir_all(target.join("closed")).unwrap();
    let Some(_bound) = Bound::new(&target.join("closed"), &target.join("closed"), true) else {
        println!("nothing can be mounted here: not tried");
        return;
    };
    let (done, warnings) = restore(&rig, &target, &as_root());
    for name in ["closed/a", "closed/large", "closed/folder", "closed/link"] {
        assert!(
            warnings.iter().any(|w| w.starts_with(&format!("{name}: ")) && w.contains("Read-only")),
            "{warnings:?}"
        );
    }
    assert_eq!((done.files, fs::read(target.join("open/c")).unwrap()), (1, b"c".to_vec()));
}

#[test]
fn a_file_that_nobody_may_change_is_one_warning() {
    if !is_root() {
        println!("only root can try this: not tried");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("fixed", &noise(1, 2_000_000));
    rig.write("zz", b"zz");
    rig.back_up().unwrap();
    let target = folder.path().join("out");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("fixed"), b"it stays").unwrap();
    let fixed = openat(CWD, target.join("fixed"), OFlags::RDONLY, Mode::empty()).unwrap();
    let Ok(before) = ioctl_getflags(&fixed) else {
        println!("no flags on this file system: not tried");
        return;
    };
    if ioctl_setflags(&fixed, before | IFlags::IMMUTABLE).is_err() {
        println!("no file can be made immutable here: not tried");
        return;
    }
    let (done, warnings) = restore(&rig, &target, &as_root());
    ioctl_setflags(&fixed, before).unwrap();
    assert!(
        matches!(&warnings[..], [one] if one.starts_with("fixed: not restored: ") && !one.contains(": fixed")),
        "{warnings:?}"
    );
    assert_eq!((done.files, fs::read(target.join("fixed")).unwrap()), (1, b"it stays".to_vec()));
    assert_eq!(partial(&target), [""; 0]);
}

/// The same command again, after items were restored that keep their own owner out.
#[test]
fn a_second_run_of_a_plain_user_changes_nothing() {
    if !is_root() {
        println!("only root can try this: not tried");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let rig = rig(folder.path());
    rig.write("none/inner", b"inner");
    rig.write("secret", b"secret");
    rig.write("write only", b"w");
    let attribute = rustix::fs::XattrFlags::empty();
    let has_attributes = rustix::fs::setxattr(rig.source.join("secret"), "user.a", b"b", attribute).is_ok();
    for (name, mode) in [("none", 0), ("secret", 0o400), ("write only", 0o200)] {
        fs::set_permissions(rig.source.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    rig.back_up().unwrap();
    let target = folder.path().join("out");
    fs::create_dir(&target).unwrap();
    chown(&target, Some(OTHER), Some(OTHER)).unwrap();
    for round in 0..3 {
        let (done, warnings) = std::thread::scope(|scope| {
            let run = || {
                // Of this thread, and of those that it starts.
                rustix::thread::set_thread_gid(rustix::thread::Gid::from_raw(OTHER)).unwrap();
                rustix::thread::set_thread_uid(rustix::thread::Uid::from_raw(OTHER)).unwrap();
                restore(&rig, &target, &RestoreOptions { owners: false, ..as_root() })
            };
            scope.spawn(run).join().unwrap()
        });
        assert_eq!(warnings, [""; 0], "round {round}");
        assert_eq!((done.files, done.files_unchanged), if round == 0 { (3, 0) } else { (0, 3) }, "round {round}");
    }
    let mode = |name: &str| fs::metadata(target.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!([mode("none"), mode("secret"), mode("write only")], [0, 0o400, 0o200]);
    let mut value = [0; 8];
    assert!(!has_attributes || rustix::fs::getxattr(target.join("secret"), "user.a", &mut value[..]) == Ok(1));
    assert_eq!(contents(&target), contents(&rig.source));
}
