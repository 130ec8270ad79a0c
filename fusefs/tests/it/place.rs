//! A source folder with one of everything, a mount that goes away, and access under timeouts.

use crate::memory::Memory;
use crate::report::can_mount;
use fusefs::{MountHandle, MountOptions};
use rustix::fs::{CWD, Dev, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev, mknodat, setxattr, utimensat};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// 2026-11-22T00:37:49Z.
pub(crate) const START: i64 = 1_795_307_869;

/// A mount of the points of a catalog, and the folders around it. Dropping it unmounts.
pub(crate) struct Place {
    pub(crate) source: PathBuf,
    pub(crate) mountpoint: PathBuf,
    pub(crate) catalog: Arc<Memory>,
    pub(crate) handle: Option<MountHandle>,
    _folder: tempfile::TempDir,
}

impl Place {
    /// Without a mount yet. `None` where nothing can be mounted, which is said.
    pub(crate) fn new() -> Option<Self> {
        if !can_mount() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // Others must be able to reach what lies below.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let base = folder.path().canonicalize().unwrap();
        let (source, mountpoint) = (base.join("source"), base.join("mount"));
        fs::create_dir(&source).unwrap();
        fs::create_dir(&mountpoint).unwrap();
        let catalog = Arc::new(Memory::default());
        Some(Place { source, mountpoint, catalog, handle: None, _folder: folder })
    }

    /// With one point of one of everything, mounted with the defaults.
    pub(crate) fn with_everything() -> Option<Self> {
        let mut place = Place::new()?;
        one_of_everything(&place.source);
        place.catalog.back_up(&place.source, "host", "job", START);
        place.mount();
        Some(place)
    }

    pub(crate) fn options(&self) -> MountOptions {
        MountOptions { allow_other: true, ..MountOptions::at(&self.mountpoint) }
    }

    pub(crate) fn mount(&mut self) {
        self.mount_with(&self.options());
    }

    pub(crate) fn mount_with(&mut self, options: &MountOptions) {
        self.unmount();
        self.handle = Some(fusefs::mount(self.catalog.clone(), options).unwrap());
    }

    pub(crate) fn unmount(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.unmount().unwrap();
        }
    }

    /// The source's place in the newest point of the job named `job`.
    pub(crate) fn latest(&self) -> PathBuf {
        self.point("by-job/host/job/latest")
    }

    /// The source's place in the point at a path of the mount.
    pub(crate) fn point(&self, path: &str) -> PathBuf {
        self.mountpoint.join(path).join(self.source.strip_prefix("/").unwrap())
    }
}

/// Runs `access` in a thread that may hang, for at most 30 seconds.
pub(crate) fn within<T: Send + 'static>(access: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, answer) = channel();
    std::thread::spawn(move || done.send(access()));
    answer.recv_timeout(Duration::from_secs(30)).expect("the mount answers in time")
}

/// Asks again and again until the answer is yes, for at most 20 seconds.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool + Send + 'static) {
    let asked = within(move || {
        (0..800).any(|_| {
            std::thread::sleep(Duration::from_millis(25));
            is_so()
        })
    });
    assert!(asked, "{what}");
}

/// Runs a shell script in a folder for at most 60 seconds; its output.
pub(crate) fn run(folder: &Path, script: &str) -> Output {
    let mut command = Command::new("timeout");
    command.args(["-k", "1", "60", "sh", "-c", script]).current_dir(folder).env("LC_ALL", "C");
    command.output().unwrap()
}

/// As [`run`], for scripts that succeed.
pub(crate) fn shell(folder: &Path, script: &str) -> String {
    let output = run(folder, script);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{script}: {:?} {error}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    output.stdout.iter().map(|b| char::from(*b)).collect()
}

pub(crate) fn errno<T>(result: std::io::Result<T>) -> Option<i32> {
    result.err().and_then(|e| e.raw_os_error())
}

/// What `user.cairn.state` says.
pub(crate) fn state(path: &Path) -> String {
    xattr(path, "state")
}

/// One of Cairn's own attributes.
pub(crate) fn xattr(path: &Path, name: &str) -> String {
    let mut buffer = [0u8; 100];
    let length = rustix::fs::getxattr(path, format!("user.cairn.{name}"), &mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// Bytes that compress badly and repeat nowhere.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    testkit::noise(bytes as u64, bytes)
}

/// Every kind of item, name, time and attribute that a folder can have.
pub(crate) fn one_of_everything(at: &Path) {
    for folder in ["plain", "special", "links/deeper", "many", "wide", "closed", "empty"] {
        fs::create_dir_all(at.join(folder)).unwrap();
    }
    for (name, bytes) in [("none", 0), ("small", 11), ("page", 4096), ("chunks", 300_001)] {
        fs::write(at.join("plain").join(name), noise(bytes)).unwrap();
    }
    let names: [&[u8]; 6] =
        [b"two\nlines", b"not \xff utf-8 \xfe", b" blanks ", "größe".as_bytes(), b"-rf", &[b'n'; 255]];
    for name in names {
        fs::write(at.join("plain").join(OsStr::from_bytes(name)), name).unwrap();
    }
    (0..3000).for_each(|n| fs::write(at.join(format!("many/{n:05}")), n.to_string()).unwrap());
    (0..60).for_each(|n| fs::write(at.join(format!("wide/{n}")), noise(1000 + n)).unwrap());
    specials(&at.join("special"));
    for (target, name) in [("../plain/small", "relative"), ("/nowhere at all", "dangling"), ("..", "up")] {
        symlink(target, at.join("links").join(name)).unwrap();
    }
    fs::write(at.join("links/zz-first-written"), b"three names").unwrap();
    fs::hard_link(at.join("links/zz-first-written"), at.join("links/b")).unwrap();
    fs::hard_link(at.join("links/zz-first-written"), at.join("links/deeper/a")).unwrap();
    sparse(&at.join("sparse"));
    owned(at);
    let deep = (0..120).fold(at.join("deep"), |path, n| path.join(format!("level-{n}")));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("bottom"), b"down here").unwrap();
}

fn specials(at: &Path) {
    let make =
        |name: &str, kind, device: Dev| mknodat(CWD, at.join(name), kind, Mode::from_raw_mode(0o640), device).unwrap();
    make("fifo", FileType::Fifo, 0);
    make("socket", FileType::Socket, 0);
    make("null", FileType::CharacterDevice, makedev(1, 3));
    make("disk", FileType::BlockDevice, makedev(259, 70_000));
}

/// A hole, data, a hole, data, a hole.
fn sparse(path: &Path) {
    let mut file = File::create(path).unwrap();
    file.seek(SeekFrom::Start(1 << 20)).unwrap();
    file.write_all(&noise(70_000)).unwrap();
    file.seek(SeekFrom::Start(5 << 20)).unwrap();
    file.write_all(&noise(4096)).unwrap();
    file.set_len(9 << 20).unwrap();
    file.sync_all().unwrap();
}

fn owned(at: &Path) {
    fs::write(at.join("closed/secret"), b"for the owner").unwrap();
    fs::set_permissions(at.join("closed/secret"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(at.join("closed/run"), b"#!/bin/sh\nexit 0\n").unwrap();
    chown(at.join("closed/run"), Some(1234), Some(4321)).unwrap();
    fs::set_permissions(at.join("closed/run"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::write(at.join("closed/listed"), b"for 65534 too").unwrap();
    fs::set_permissions(at.join("closed/listed"), fs::Permissions::from_mode(0o640)).unwrap();
    let attribute = |name: &str, value: &[u8]| {
        setxattr(at.join("closed/listed"), name, value, XattrFlags::empty()).unwrap();
    };
    attribute("user.colour", b"green");
    attribute("user.bytes", b"\0\xff\0");
    attribute("trusted.secret", b"for root");
    attribute("system.posix_acl_access", &access_list(65_534, 4));
    // A list that keeps a user out of what everybody else may read.
    fs::write(at.join("closed/barred"), b"for all but 65534").unwrap();
    fs::set_permissions(at.join("closed/barred"), fs::Permissions::from_mode(0o644)).unwrap();
    let barred = access_list(65_534, 0);
    setxattr(at.join("closed/barred"), "system.posix_acl_access", &barred, XattrFlags::empty()).unwrap();
    let old = Timespec { tv_sec: -86_401, tv_nsec: 123_456_789 };
    let times = Timestamps { last_access: old, last_modification: old };
    utimensat(CWD, at.join("plain/small"), &times, rustix::fs::AtFlags::empty()).unwrap();
}

/// Owner 6, one user as told, group 4, mask 4, others 4.
fn access_list(user: u32, bits: u16) -> Vec<u8> {
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, bits, id) in
        [(1u16, 6u16, u32::MAX), (2, bits, user), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 4, u32::MAX)]
    {
        list.extend_from_slice(&tag.to_le_bytes());
        list.extend_from_slice(&bits.to_le_bytes());
        list.extend_from_slice(&id.to_le_bytes());
    }
    list
}
