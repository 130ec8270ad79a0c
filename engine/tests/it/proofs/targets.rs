//! Restore targets: attributes, what is there already, no space, read-only.

use super::rig::{contents, restore_options, shown};
use super::{Rig, noise};
use engine::Kind;
use engine::monitor::Monitor;
use engine::restore::{Overwrite, RestoreOptions, RestoreSummary};
use engine::store::Memory;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, lsetxattr, makedev, mknodat};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn rig(folder: &Path) -> Rig {
    Rig::new(folder, Arc::new(Memory::new()))
}

/// What `restore` must give back besides bytes: kind and mode, owner, times, device, names, target, attributes.
fn facts(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut out = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        let m = fs::symlink_metadata(&path).unwrap();
        if m.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
        let target = fs::read_link(&path).unwrap_or_default();
        let size = if m.is_file() { m.len() } else { 0 };
        let links = if m.is_dir() { 0 } else { m.nlink() };
        let fact = format!(
            "{:o} {}:{} {}.{} {} {} {size} {target:?} {:?}",
            m.mode(),
            m.uid(),
            m.gid(),
            m.mtime(),
            m.mtime_nsec(),
            m.rdev(),
            links,
            attributes(&path)
        );
        out.insert(path.strip_prefix(folder).unwrap().to_owned(), fact);
    }
    out
}

fn attributes(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names = vec![0; 4096];
    let n = rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0);
    let one = |name: &[u8]| {
        let mut value = vec![0; 4096];
        let n = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        value.truncate(n);
        (String::from_utf8_lossy(name).into_owned(), value)
    };
    let mut all: Vec<_> = names[..n].split(|b| *b == 0).filter(|n| !n.is_empty()).map(one).collect();
    all.sort();
    all
}

/// An access control list as the kernel keeps it: one more user may do everything.
pub(crate) fn acl() -> Vec<u8> {
    let mut out = 2u32.to_le_bytes().to_vec();
    for (tag, rights, id) in
        [(1u16, 6u16, u32::MAX), (2, 7, 1234), (4, 4, u32::MAX), (16, 7, u32::MAX), (32, 0, u32::MAX)]
    {
        out.extend_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&rights.to_le_bytes());
        out.extend_from_slice(&id.to_le_bytes());
    }
    out
}

fn everything(rig: &Rig) {
    rig.write("file", b"12345");
    rig.write("folder/inner", b"inner");
    fs::hard_link(rig.source.join("file"), rig.source.join("folder/hard")).unwrap();
    fs::hard_link(rig.source.join("file"), rig.source.join("a hard link before it")).unwrap();
    symlink("no/such/target", rig.source.join("link")).unwrap();
    mknodat(CWD, rig.source.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(rig.source.join("socket")).unwrap();
    if mknodat(CWD, rig.source.join("null"), FileType::CharacterDevice, Mode::RUSR, makedev(1, 3)).is_err() {
        println!("no device nodes here: not tried");
    }
    let _ = std::os::unix::fs::chown(rig.source.join("folder/inner"), Some(1234), Some(4321));
    let _ = std::os::unix::fs::lchown(rig.source.join("link"), Some(77), Some(78));
    for (path, mode) in [("folder/inner", 0o6711), ("file", 0o640), ("folder", 0o1770)] {
        fs::set_permissions(rig.source.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (path, name, value) in [("file", "user.colour", b"blue".to_vec()), ("folder", "user.empty", Vec::new())] {
        if lsetxattr(rig.source.join(path), name, &value, XattrFlags::empty()).is_err() {
            println!("no extended attributes here: not tried");
        }
    }
    for (path, name) in [("folder/inner", "system.posix_acl_access"), ("folder", "system.posix_acl_default")] {
        if let Err(e) = lsetxattr(rig.source.join(path), name, &acl(), XattrFlags::empty()) {
            println!("no access control lists here ({e}): not tried");
        }
    }
    let time = |seconds, nanos| std::time::UNIX_EPOCH + std::time::Duration::new(seconds, nanos);
    fs::File::open(rig.source.join("file")).unwrap().set_modified(time(1_000_000_000, 123_456_789)).unwrap();
    fs::File::open(rig.source.join("folder")).unwrap().set_modified(time(99, 1)).unwrap();
}

#[test]
fn every_attribute_comes_back_and_a_second_restore_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    everything(&rig);
    rig.back_up().unwrap();
    let target = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let (done, warnings) = rig.restore("latest", target.path());
        let done = done.unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(facts(target.path()), facts(&rig.source), "round {round}");
        assert_eq!(contents(target.path()), contents(&rig.source));
        assert!(round == 0 || (done.bytes == 0 && done.files_unchanged == 2), "{done:?}");
    }
}

fn with(overwrite: Overwrite, delete: bool) -> RestoreOptions {
    RestoreOptions { overwrite, delete, ..restore_options() }
}

fn restore(rig: &Rig, target: &Path, options: &RestoreOptions) -> (engine::Result<RestoreSummary>, Vec<String>) {
    rig.restore_with("latest", target, options, &Arc::new(Monitor::new()))
}

/// A target in which something else has each name.
fn obstructed(target: &Path, outside: &Path) {
    fs::create_dir_all(target.join("file/with/content")).unwrap();
    fs::write(target.join("file/with/content/x"), b"x").unwrap();
    symlink(outside, target.join("folder")).unwrap();
    fs::create_dir(target.join("link")).unwrap();
    fs::write(target.join("fifo"), b"was a file").unwrap();
    fs::create_dir(target.join("socket")).unwrap();
    fs::write(target.join("socket/full"), b"x").unwrap();
    fs::write(target.join("surplus"), b"surplus").unwrap();
    fs::create_dir_all(target.join("surplus folder/below")).unwrap();
    fs::write(target.join("plain"), b"different").unwrap();
}

#[test]
fn what_is_in_the_way_is_never_followed_and_never_ends_the_restore() {
    for overwrite in [Overwrite::Always, Overwrite::IfChanged, Overwrite::Never] {
        for delete in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let rig = rig(folder.path());
            everything(&rig);
            rig.write("plain", b"plain");
            rig.write("zz/last", b"last");
            rig.back_up().unwrap();
            let (target, outside) = (folder.path().join("out"), folder.path().join("outside"));
            fs::create_dir(&outside).unwrap();
            fs::write(outside.join("inner"), b"not ours").unwrap();
            fs::create_dir(&target).unwrap();
            obstructed(&target, &outside);
            let (done, warnings) = restore(&rig, &target, &with(overwrite, delete));
            let case = format!("{overwrite:?}, delete {delete}: {warnings:?}");
            done.unwrap_or_else(|e| panic!("{case} {}", shown(&e)));
            assert_eq!(contents(&outside).len(), 1, "{case}");
            assert_eq!(fs::read(outside.join("inner")).unwrap(), b"not ours", "{case}");
            let found = contents(&target);
            assert_eq!(found[Path::new("zz/last")], b"last", "{case}");
            let plain: &[u8] = if overwrite == Overwrite::Never { b"different" } else { b"plain" };
            assert_eq!(found[Path::new("plain")], plain, "{case}");
            assert_eq!(found.contains_key(Path::new("surplus")), !delete, "{case}");
            assert_eq!(found.contains_key(Path::new("surplus folder/below")), !delete, "{case}");
            if overwrite != Overwrite::Never {
                assert_eq!(found[Path::new("folder/inner")], b"inner", "{case}");
                // A folder with content in the place of something else goes only when deleting was asked for.
                let kept = ["file", "socket"].map(|name| warnings.iter().any(|w| w.starts_with(&format!("{name}:"))));
                assert_eq!(kept, [!delete; 2], "{case}");
                if delete {
                    assert_eq!(warnings, Vec::<String>::new(), "{case}");
                    assert_eq!(facts(&target), facts(&rig.source), "{case}");
                }
            }
        }
    }
}

#[test]
fn different_files_are_replaced_as_the_policy_says() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("same", b"same");
    rig.write("same size", b"12345");
    rig.write("large", &noise(1, 3_000_000));
    rig.back_up().unwrap();
    for (overwrite, expected) in [(Overwrite::Always, 3), (Overwrite::IfChanged, 2), (Overwrite::Never, 0)] {
        let target = tempfile::tempdir().unwrap();
        restore(&rig, target.path(), &restore_options()).0.unwrap();
        fs::write(target.path().join("same size"), b"54321").unwrap();
        fs::write(target.path().join("large"), b"small").unwrap();
        let before = contents(target.path());
        let (done, warnings) = restore(&rig, target.path(), &with(overwrite, false));
        assert_eq!((done.unwrap().files, warnings), (expected, Vec::new()), "{overwrite:?}");
        let wanted = if overwrite == Overwrite::Never { before } else { contents(&rig.source) };
        assert_eq!(contents(target.path()), wanted, "{overwrite:?}");
    }
}

/// A small file system of its own, unmounted when dropped; `None` where mounting is not allowed.
struct Mounted(PathBuf);

impl Mounted {
    fn new(place: &Path, options: &str) -> Option<Mounted> {
        fs::create_dir_all(place).unwrap();
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], place).then(|| Mounted(place.to_owned()))
    }

    fn again(&self, options: &str) {
        assert!(mount(&["-o", &format!("remount,{options}")], &self.0));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], place: &Path) -> bool {
    std::process::Command::new("mount").args(arguments).arg(place).output().is_ok_and(|o| o.status.success())
}

#[test]
fn a_full_target_says_so_and_the_rest_follows_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    for n in 0..40 {
        rig.write(format!("{n}"), &noise(n, 200_000));
    }
    rig.write("large", &noise(99, 5_000_000));
    rig.back_up().unwrap();
    let Some(target) = Mounted::new(&folder.path().join("small"), "size=3m") else {
        println!("mounting is not allowed here: not tried");
        return;
    };
    let error = restore(&rig, &target.0, &restore_options()).0.unwrap_err();
    assert_eq!(error.kind(), Kind::NoSpace, "{}", shown(&error));
    assert!(error.advice().is_some() && error.object().is_some(), "{}", shown(&error));
    target.again("size=50m");
    let (done, warnings) = restore(&rig, &target.0, &restore_options());
    assert_eq!(warnings, Vec::<String>::new());
    assert!(done.unwrap().files_unchanged > 0, "what was restored before the end stays");
    assert_eq!(contents(&target.0), contents(&rig.source));
}

#[test]
fn a_read_only_target_is_refused_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.write("a/b", b"b");
    rig.write("c", b"c");
    rig.back_up().unwrap();
    let Some(target) = Mounted::new(&folder.path().join("mounted"), "size=3m") else {
        println!("mounting is not allowed here: not tried");
        return;
    };
    target.again("ro");
    let (done, warnings) = restore(&rig, &target.0, &restore_options());
    // Either at once, or item by item.
    match done {
        Err(e) => assert_eq!(e.kind(), Kind::Denied, "{}", shown(&e)),
        Ok(done) => assert!(done.files == 0 && warnings.len() >= 2, "{done:?} {warnings:?}"),
    }
    println!("read-only: {warnings:?}");
    let error = restore(&rig, &target.0.join("new"), &restore_options()).0.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{}", shown(&error));
    fs::write(folder.path().join("no folder"), b"").unwrap();
    let error = restore(&rig, &folder.path().join("no folder"), &restore_options()).0.unwrap_err();
    assert!(error.to_string().contains("no folder"), "{}", shown(&error));
}
