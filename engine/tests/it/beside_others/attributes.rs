//! Set-id bits and capabilities only for whom they were made, and no attribute that the point does not have.

use super::{OTHER, as_root, is_root, restore, rig};
use engine::Kind;
use engine::monitor::Monitor;
use engine::restore::{RestoreOptions, Tell, Told};
use rustix::fs::{XattrFlags, setxattr};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn attributes(path: &Path) -> Vec<String> {
    let mut names = vec![0; 4096];
    let n = rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0);
    let names = names[..n].split(|b| *b == 0).filter(|n| !n.is_empty());
    let mut all: Vec<_> = names.map(|n| String::from_utf8_lossy(n).into_owned()).collect();
    all.retain(|name| !name.starts_with("security.") || name == "security.capability");
    all.sort();
    all
}

/// `cap_net_raw+ep`, as the kernel keeps it.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn set_id_bits_and_capabilities_need_the_owner_of_the_point() {
    if !is_root() {
        println!("only root can try this: not tried");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let items = [("tool", 0o4755, OTHER), ("group tool", 0o2755, OTHER), ("both", 0o6711, 0), ("plain", 0o640, OTHER)];
    for (name, mode, owner) in items {
        rig.write(name, b"#!program");
        chown(rig.source.join(name), Some(owner), Some(owner)).unwrap();
        fs::set_permissions(rig.source.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    rig.write("capable", b"#!program");
    let has = setxattr(rig.source.join("capable"), "security.capability", CAPABILITY, XattrFlags::empty()).is_ok();
    chown(rig.source.join("capable"), Some(OTHER), Some(OTHER)).unwrap();
    let has =
        has && setxattr(rig.source.join("capable"), "security.capability", CAPABILITY, XattrFlags::empty()).is_ok();
    rig.back_up().unwrap();

    let right = folder.path().join("right");
    let (_, warnings) = restore(&rig, &right, &as_root());
    assert_eq!(warnings, [""; 0]);
    for (name, wanted, _) in items {
        assert_eq!(mode(&right.join(name)), wanted, "{name}");
    }
    assert!(!has || attributes(&right.join("capable")) == ["security.capability"]);

    // Onto what is there already as well: the same files, by somebody who does not give them away.
    let others = folder.path().join("others");
    for round in 0..2 {
        let (_, warnings) = restore(&rig, &others, &RestoreOptions { owners: false, ..as_root() });
        let told =
            |name: &str| warnings.iter().any(|w| w.starts_with(&format!("{name}: ")) && w.contains("set-id bits"));
        assert!(told("tool") && told("group tool"), "round {round}: {warnings:?}");
        assert_eq!(told("capable"), has, "{warnings:?}");
        assert_eq!(warnings.len(), 2 + usize::from(has), "{warnings:?}");
        assert_eq!(mode(&others.join("tool")), 0o755);
        assert_eq!(mode(&others.join("group tool")), 0o755);
        assert_eq!(mode(&others.join("both")), 0o6711, "its owner is the point's");
        assert_eq!(attributes(&others.join("capable")), [""; 0]);
        fs::set_permissions(others.join("tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    }
}

#[test]
fn attributes_that_the_point_does_not_have_go() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("file", b"12345");
    rig.write("folder/inner", b"inner");
    let set = |path: &Path, name: &str, value: &[u8]| setxattr(path, name, value, XattrFlags::empty());
    if set(&rig.source.join("file"), "user.kept", b"1").is_err() {
        println!("no extended attributes here: not tried");
        return;
    }
    rig.back_up().unwrap();
    let target = folder.path().join("out");
    restore(&rig, &target, &as_root());
    set(&target.join("file"), "user.kept", b"other").unwrap();
    set(&target.join("file"), "user.added", b"2").unwrap();
    set(&target.join("folder"), "user.added", b"2").unwrap();
    let acl = crate::proofs::targets::acl();
    let has_acl = set(&target.join("folder"), "system.posix_acl_default", &acl).is_ok();
    let _ = set(&target.join("file"), "system.posix_acl_access", &acl);
    // A new file gets the folder's default list from the kernel.
    fs::remove_file(target.join("folder/inner")).unwrap();
    let (_, warnings) = restore(&rig, &target, &as_root());
    assert_eq!(warnings, [""; 0]);
    assert_eq!(attributes(&target.join("file")), ["user.kept"]);
    let mut value = [0; 8];
    assert_eq!(rustix::fs::getxattr(target.join("file"), "user.kept", &mut value[..]), Ok(1));
    assert_eq!(attributes(&target.join("folder")), [""; 0]);
    assert_eq!(attributes(&target.join("folder/inner")), [""; 0], "access lists: {has_acl}");
    assert_eq!(mode(&target.join("file")), mode(&rig.source.join("file")));
    assert_eq!(mode(&target.join("folder/inner")), mode(&rig.source.join("folder/inner")));
}

#[test]
fn what_is_right_already_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("file", b"12345");
    rig.back_up().unwrap();
    let target = folder.path().join("out");
    restore(&rig, &target, &as_root());
    let changed = |name: &str| {
        let meta = fs::metadata(target.join(name)).unwrap();
        (meta.ctime(), meta.ctime_nsec())
    };
    let before = changed("file");
    std::thread::sleep(std::time::Duration::from_millis(30));
    restore(&rig, &target, &as_root());
    assert_eq!(changed("file"), before, "a backup would read it again");
}

/// A tree that is deeper than the stack of a thread is long. All its folders are let go at once where a restore ends in it.
#[test]
fn the_folders_of_a_very_deep_tree_let_each_other_go() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let mut here = rustix::fs::open(&rig.source, rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..5_000 {
        rustix::fs::mkdirat(&here, "d", rustix::fs::Mode::RWXU).unwrap();
        here = rustix::fs::openat(&here, "d", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    }
    rustix::fs::symlinkat("nowhere", &here, "link").unwrap();
    rig.back_up().unwrap();
    let target = folder.path().join("out");
    let monitor = Arc::new(Monitor::new());
    let stopping = monitor.clone();
    let stop: Tell = Arc::new(move |_: &[u8], told: &Told<'_>| {
        if matches!(told, Told::Restored) {
            stopping.stop();
        }
    });
    let options = RestoreOptions { tell: Some(stop), ..as_root() };
    let small = std::thread::Builder::new().stack_size(128 << 10);
    let done = std::thread::scope(|scope| {
        let run = || rig.restore_with("latest", &target, &options, &monitor).0;
        small.spawn_scoped(scope, run).unwrap().join().unwrap()
    });
    assert_eq!(done.unwrap_err().kind(), Kind::Interrupted);
    // The standard library's removal needs a stack as deep as the tree.
    for tree in [&rig.source, &target] {
        assert!(std::process::Command::new("rm").arg("-rf").arg(tree).status().unwrap().success());
    }
}
