//! Every kind of item is yielded as what it is, with all its attributes.

use super::{Seen, content, folder, is_root};
use engine::source::rules::Rules;
use format_spec::Time;
use format_spec::tree::Kind;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, makedev, mknodat, setxattr, utimensat,
};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

#[test]
fn every_kind_is_yielded_as_what_it_is() {
    let (_kept, top) = folder();
    fs::write(top.join("file"), b"12345").unwrap();
    fs::create_dir(top.join("folder")).unwrap();
    symlink("no/such/target", top.join("link")).unwrap();
    mknodat(CWD, top.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let _socket = UnixListener::bind(top.join("socket")).unwrap();
    let mut expected = vec![
        ("fifo", Kind::Fifo),
        ("file", Kind::File),
        ("folder", Kind::Folder),
        ("link", Kind::Symlink),
        ("socket", Kind::Socket),
    ];
    if is_root() {
        mknodat(CWD, top.join("null"), FileType::CharacterDevice, Mode::RUSR, makedev(1, 3)).unwrap();
        mknodat(CWD, top.join("ram"), FileType::BlockDevice, Mode::RUSR, makedev(250, 70_000)).unwrap();
        expected.extend([("null", Kind::CharDevice), ("ram", Kind::BlockDevice)]);
    } else {
        println!("not root: device nodes are not tried");
    }
    let seen = Seen::of(&top, Rules::default());
    for (name, kind) in expected {
        let entry = seen.filled(name);
        let meta = fs::symlink_metadata(top.join(name)).unwrap();
        assert_eq!(entry.kind, kind, "{name}");
        assert_eq!(entry.mode, meta.mode() & 0o7777, "{name}");
        assert_eq!((entry.uid, entry.gid, entry.inode, entry.device), (meta.uid(), meta.gid(), meta.ino(), meta.dev()));
        assert_eq!(entry.mtime, Time::new(meta.mtime(), u32::try_from(meta.mtime_nsec()).unwrap()));
        assert_eq!(entry.ctime, Time::new(meta.ctime(), u32::try_from(meta.ctime_nsec()).unwrap()));
        assert_eq!(entry.btime.is_some(), meta.created().is_ok(), "{name}");
        let size = if matches!(kind, Kind::File | Kind::Symlink) { meta.len() } else { 0 };
        assert_eq!(entry.size, size, "{name}");
        let rdev = match kind {
            Kind::CharDevice => (1, 3),
            Kind::BlockDevice => (250, 70_000),
            _ => (0, 0),
        };
        assert_eq!(entry.rdev, rdev, "{name}");
        assert_eq!(entry.link_group, None, "{name}");
    }
    assert_eq!(seen.filled("link").target, b"no/such/target");
    assert_eq!(content(seen.get("file")), b"12345");
    assert!(seen.failures.is_empty());
}

#[test]
fn owners_are_named_where_the_machine_knows_them() {
    let (_kept, top) = folder();
    fs::write(top.join("mine"), b"").unwrap();
    let seen = Seen::of(&top, Rules::default());
    let entry = seen.filled("mine");
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = passwd.lines().find(|l| l.split(':').nth(2) == Some(&entry.uid.to_string()));
    let name = line.and_then(|l| l.split(':').next()).unwrap_or_default();
    assert_eq!(entry.user, name.as_bytes());
}

#[test]
fn times_before_1970_and_nanoseconds_are_kept() {
    let (_kept, top) = folder();
    fs::write(top.join("old"), b"").unwrap();
    let time = Timespec { tv_sec: -86_401, tv_nsec: 123_456_789 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, top.join("old"), &times, AtFlags::empty()).unwrap();
    let seen = Seen::of(&top, Rules::default());
    assert_eq!(seen.get("old").entry.mtime, Time::new(-86_401, 123_456_789));
}

#[test]
fn set_id_bits_and_the_sticky_bit_are_kept() {
    let (_kept, top) = folder();
    fs::write(top.join("s"), b"").unwrap();
    fs::set_permissions(top.join("s"), fs::Permissions::from_mode(0o6751)).unwrap();
    fs::create_dir(top.join("t")).unwrap();
    fs::set_permissions(top.join("t"), fs::Permissions::from_mode(0o1777)).unwrap();
    let seen = Seen::of(&top, Rules::default());
    assert_eq!((seen.get("s").entry.mode, seen.get("t").entry.mode), (0o6751, 0o1777));
}

#[test]
fn names_are_raw_bytes() {
    let (_kept, top) = folder();
    let long = [b'x'; 255];
    let names: [&[u8]; 6] = [b"new\nline", b"\xff\xfe", b" ", b"\xc3\xa9", b"-rf *", &long];
    for name in names {
        fs::write(top.join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    let seen = Seen::of(&top, Rules::default());
    for name in names {
        assert_eq!(content(seen.get(name)), name);
        seen.filled(name);
    }
    assert_eq!(seen.found.len(), names.len() + 1);
}

#[test]
fn hard_links_share_a_group_and_others_have_none() {
    let (_kept, top) = folder();
    fs::write(top.join("a"), b"x").unwrap();
    fs::create_dir(top.join("d")).unwrap();
    fs::hard_link(top.join("a"), top.join("d/b")).unwrap();
    fs::write(top.join("c"), b"x").unwrap();
    let seen = Seen::of(&top, Rules::default());
    let (a, b, c) = (&seen.get("a").entry, &seen.get("d/b").entry, &seen.get("c").entry);
    let mut group = [0; 16];
    group[..8].copy_from_slice(&a.device.to_le_bytes());
    group[8..].copy_from_slice(&a.inode.to_le_bytes());
    assert_eq!((a.link_group, a.nlink), (Some(group), 2));
    assert_eq!(a.link_group, b.link_group);
    assert_eq!((c.link_group, c.nlink), (None, 1));
    assert_eq!(seen.get("d").entry.link_group, None);
}

#[test]
fn symlinks_are_not_followed_however_they_loop() {
    let (_kept, top) = folder();
    symlink(".", top.join("here")).unwrap();
    symlink("a", top.join("b")).unwrap();
    symlink("b", top.join("a")).unwrap();
    symlink("/", top.join("root")).unwrap();
    let seen = Seen::of(&top, Rules::default());
    assert_eq!(seen.paths(), ["", "a", "b", "here", "root"]);
    assert_eq!(seen.filled("root").target, b"/");
}

#[test]
fn extended_attributes_and_acls_come_in_byte_order_of_their_names() {
    let (_kept, top) = folder();
    fs::write(top.join("file"), b"").unwrap();
    fs::create_dir(top.join("dir")).unwrap();
    if let Err(e) = setxattr(top.join("file"), "user.z", b"\0\xff", XattrFlags::empty()) {
        println!("no user attributes here ({e}): not tried");
        return;
    }
    setxattr(top.join("file"), "user.empty", b"", XattrFlags::empty()).unwrap();
    let big = vec![7u8; 3000];
    setxattr(top.join("file"), "user.big", &big, XattrFlags::empty()).unwrap();
    setxattr(top.join("dir"), "user.on folder", b"1", XattrFlags::empty()).unwrap();
    let mut expected: Vec<(Vec<u8>, Vec<u8>)> =
        vec![(b"user.big".to_vec(), big), (b"user.empty".to_vec(), vec![]), (b"user.z".to_vec(), b"\0\xff".to_vec())];
    let acl = acl(12_345);
    if setxattr(top.join("file"), "system.posix_acl_access", &acl, XattrFlags::empty()).is_ok() {
        expected.insert(0, (b"system.posix_acl_access".to_vec(), acl.clone()));
        setxattr(top.join("dir"), "system.posix_acl_default", &acl, XattrFlags::empty()).unwrap();
        let seen = Seen::of(&top, Rules::default());
        let dir = seen.filled("dir").xattrs;
        assert_eq!(dir, [(b"system.posix_acl_default".to_vec(), acl), (b"user.on folder".to_vec(), b"1".to_vec())]);
    } else {
        println!("no ACLs on this file system: not tried");
    }
    let seen = Seen::of(&top, Rules::default());
    assert_eq!(seen.filled("file").xattrs, expected);
}

#[test]
fn attributes_of_symlinks_and_fifos_are_read_without_touching_what_they_lead_to() {
    let (_kept, top) = folder();
    fs::write(top.join("target"), b"").unwrap();
    symlink("target", top.join("link")).unwrap();
    mknodat(CWD, top.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let set = |name: &str| lsetxattr(top.join(name), "trusted.cairn", name.as_bytes(), XattrFlags::empty());
    if !is_root() || set("target").is_err() {
        println!("no trusted attributes (not root, or the file system has none): not tried");
        return;
    }
    set("fifo").unwrap();
    let seen = Seen::of(&top, Rules::default());
    assert_eq!(seen.filled("link").xattrs, []);
    assert_eq!(seen.filled("fifo").xattrs, [(b"trusted.cairn".to_vec(), b"fifo".to_vec())]);
}

#[test]
fn a_single_item_of_any_kind_can_be_a_source() {
    let (_kept, top) = folder();
    fs::write(top.join("file"), b"abc").unwrap();
    symlink("/etc", top.join("link")).unwrap();
    mknodat(CWD, top.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    fs::write(top.join("other"), b"").unwrap();
    let roots = ["link", "file", "fifo"].map(|name| top.join(name));
    let seen = Seen::of_many(&roots, Rules::default(), &top);
    assert_eq!(seen.steps, ["+", "fifo", "file", "link", "-"]);
    assert_eq!(seen.get("link").entry.kind, Kind::Symlink);
    assert!(Path::new("/dev/null").exists());
    let seen = Seen::of_many(&["/dev/null".into()], Rules::default(), Path::new("/dev"));
    assert_eq!(seen.get("null").entry.rdev, (1, 3));
}

/// An ACL as the kernel stores it, with one entry for the user `uid`.
fn acl(uid: u32) -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in
        [(1u16, 6u16, u32::MAX), (2, 5, uid), (4, 4, u32::MAX), (16, 5, u32::MAX), (32, 0, u32::MAX)]
    {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}
