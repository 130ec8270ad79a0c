//! Folders that several machines write to: one name is given once, through two mounts at the same time.
//!
//! sshfs is mounted twice over one folder, each with a server process of its own, and races. NFS cannot be mounted here, so its
//! two ways of giving a name are judged apart from Cairn: two clients of libnfs race on NFS-Ganesha, by link and by rename.
//! Without these programs a test says so and returns.

use super::conformance::{conform, list, name};
use crate::proofs::{Rig, noise};
use bytes::Bytes;
use engine::Kind;
use engine::store::{Location, Options, Store, StoreExt, open};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::fs;
use std::mem::MaybeUninit;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

/// Folders and what is mounted on them; unmounted when dropped.
struct Place {
    folder: tempfile::TempDir,
    mounted: Vec<PathBuf>,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap(), mounted: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Mounts `shared` on this name by sshfs. It asks for a connection and gets a server of its own.
    fn sshfs(&mut self, name: &str, options: &str) -> Option<PathBuf> {
        if !Path::new(SFTP_SERVER).exists() {
            eprintln!("skipped: {SFTP_SERVER} is not there (openssh-sftp-server)");
            return None;
        }
        let (shared, at, script) = (self.path("shared"), self.path(name), self.folder.path().join("connect"));
        fs::write(&script, format!("#!/bin/sh\nexec {SFTP_SERVER}\n")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let mut sshfs = Command::new("sshfs");
        sshfs.arg("-o").arg(format!("ssh_command={},dir_cache=no{options}", script.display()));
        sshfs.arg(format!("here:{}", shared.display())).arg(&at);
        if !sshfs.status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: sshfs does not mount here");
            return None;
        }
        self.mounted.push(at.clone());
        Some(at)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for at in &self.mounted {
            // Lazily: a failing test may still hold a store that is open on it.
            let _ = Command::new("fusermount3").args(["-u", "-z"]).arg(at).status();
        }
    }
}

fn folder(path: &Path) -> Arc<dyn Store> {
    open(&Location::Folder(path.to_owned()), &Options { create: true, ..Options::default() }).unwrap()
}

#[test]
fn two_writers_race_through_two_mounts_of_sshfs_and_each_name_has_one_winner() {
    let mut place = Place::new();
    let Some(first) = place.sshfs("first", "") else { return };
    let Some(second) = place.sshfs("second", "") else { return };
    conform(&*folder(&first.join("conform")));
    let stores = [folder(&first), folder(&second)];
    let start = Barrier::new(2);
    for round in 0..100 {
        let name = name(&format!("log/{round:016}"));
        let own = |n: usize| Bytes::from(vec![b'a' + u8::try_from(n).unwrap(); 3000 + n]);
        let put = |n: usize| {
            start.wait();
            stores[n].put_new(&name, own(n))
        };
        let told = std::thread::scope(|scope| {
            let [one, two] = [0, 1].map(|n| scope.spawn(move || put(n)));
            [one.join().unwrap(), two.join().unwrap()]
        });
        let winners: Vec<usize> = (0..2).filter(|n| told[*n].is_ok()).collect();
        let [winner] = winners[..] else { panic!("round {round}: {told:?}") };
        let refused = told.into_iter().find_map(Result::err).unwrap();
        assert_eq!(refused.kind(), Kind::Exists, "round {round}: {refused}");
        for store in &stores {
            assert_eq!(store.get(&name).unwrap(), own(winner), "round {round}");
        }
    }
    assert_eq!(list(&*stores[0], "log", None).len(), 100);
    assert_eq!(fs::read_dir(place.path("shared").join("+staged")).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn two_machines_back_up_at_once_through_two_mounts_of_sshfs() {
    let mut place = Place::new();
    let Some(first) = place.sshfs("first", "") else { return };
    let Some(second) = place.sshfs("second", "") else { return };
    let one = Rig::new(&place.path("one"), folder(&first.join("repository")));
    let mut two = one.over(folder(&second.join("repository")));
    two.source = place.path("two/source");
    two.job = "other".to_owned();
    for n in 0..20u64 {
        one.write(format!("{n}"), &noise(n, 200_000));
        two.write(format!("{n}"), &noise(100 + n, 200_000));
    }
    std::thread::scope(|scope| {
        for rig in [&one, &two] {
            scope.spawn(move || {
                for round in 0..3u64 {
                    rig.write("changing", &noise(1000 + round, 100_000));
                    rig.back_up().unwrap();
                }
            });
        }
    });
    let repository = one.open().unwrap();
    assert_eq!(repository.points().unwrap().len(), 6);
    assert_eq!(one.check().unwrap().errors, Vec::new());
    assert_eq!(two.check().unwrap().errors, Vec::new());
}

#[test]
fn a_share_without_hard_links_is_refused_before_anything_is_kept_there() {
    let mut place = Place::new();
    let Some(at) = place.sshfs("without", ",disable_hardlink") else { return };
    let store = folder(&at);
    let error = store.put_new(&name("log/1"), Bytes::from_static(b"x")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "{error}");
    assert!(error.to_string().contains("FUSE (0x65735546), makes no hard links"), "{error}");
    assert!(error.advice().unwrap().contains("docs/network-file-systems.md"), "{:?}", error.advice());
    assert!(list(&*store, "", None).is_empty());
    assert_eq!(fs::read_dir(place.path("shared").join("+staged")).unwrap().count(), 0, "nothing is left behind");
    let probed = engine::store::probe(&*store, &*engine::env::Machine::shared(), &|_| ());
    assert_eq!(probed.unwrap_err().kind(), Kind::Unsupported, "and so a repository is not made there");
}

/// How the file of an object got its name.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    ByLink,
    ByRename,
}

/// What the kernel says of the entry of `log/1` while it is put.
fn named(at: &Path) -> Named {
    let store = folder(at);
    store.put_new(&name("log/0"), Bytes::new()).unwrap();
    let watch = inotify::init(CreateFlags::NONBLOCK).unwrap();
    inotify::add_watch(&watch, at.join("log"), WatchFlags::CREATE | WatchFlags::MOVED_TO).unwrap();
    store.put_new(&name("log/1"), Bytes::from_static(b"x")).unwrap();
    assert_eq!(store.put_new(&name("log/1"), Bytes::from_static(b"y")).unwrap_err().kind(), Kind::Exists);
    assert_eq!(fs::metadata(at.join("log/1")).unwrap().nlink(), 1, "the staged name is gone");
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let event = events.next().unwrap().events();
    assert!(events.next().is_err(), "one entry, one event");
    if event.contains(ReadFlags::CREATE) { Named::ByLink } else { Named::ByRename }
}

#[test]
fn a_link_gives_the_name_wherever_there_are_links() {
    let place = Place::new();
    assert_eq!(named(&place.path("here")), Named::ByLink);
}

#[test]
fn a_local_disk_without_links_gives_the_name_by_a_rename_that_does_not_replace() {
    let place = Place::new();
    let (image, at) = (place.folder.path().join("image"), place.path("fat"));
    fs::File::create(&image).unwrap().set_len(40_000_000).unwrap();
    let run = |program: &str, args: &[&str], path: &Path| {
        Command::new(program).args(args).arg(path).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let image = image.to_str().unwrap();
    if !run("/usr/sbin/mkfs.vfat", &[], Path::new(image)) || !run("mount", &["-o", "loop", image], &at) {
        eprintln!("skipped: a FAT file system cannot be made and mounted here (dosfstools, root)");
        return;
    }
    let by = std::panic::catch_unwind(|| named(&at));
    assert!(run("umount", &[], &at));
    assert_eq!(by.unwrap(), Named::ByRename);
}

/// A server that ends with the test.
struct Ganesha(Child);

impl Drop for Ganesha {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// NFS version 4 alone, and so without a portmapper.
fn ganesha(place: &Place, port: u16) -> Option<Ganesha> {
    let text = format!(
        "NFS_CORE_PARAM {{ Protocols = 4; NFS_Port = {port}; Bind_addr = 127.0.0.1; Enable_UDP = false; Enable_NLM = false;
            Enable_RQUOTA = false; mount_path_pseudo = true; }}
         NFSv4 {{ Graceless = true; Minor_Versions = 0; Only_Numeric_Owners = true; RecoveryBackend = fs; RecoveryRoot = {}; }}
         EXPORT {{ Export_Id = 1; Path = {}; Pseudo = /shown; Protocols = 4; Access_Type = RW; Squash = None; SecType = sys;
            Filesystem_Id = 7.7; FSAL {{ Name = VFS; }} }}",
        place.path("recovery").display(),
        place.path("export").display()
    );
    let file = |name: &str| place.folder.path().join(name);
    fs::write(file("ganesha.conf"), text).unwrap();
    let mut command = Command::new("ganesha.nfsd");
    command.arg("-F").arg("-f").arg(file("ganesha.conf")).arg("-L").arg(file("log")).arg("-p").arg(file("pid"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok().map(Ganesha)
}

#[test]
fn on_nfs_a_link_has_one_winner_and_a_rename_has_two() {
    let place = Place::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(mut server) = ganesha(&place, port) else {
        eprintln!("skipped: ganesha.nfsd does not start (nfs-ganesha-vfs)");
        return;
    };
    let url = format!("nfs://127.0.0.1/shown/?version=4&nfsport={port}");
    let until = Instant::now() + Duration::from_secs(30);
    while !Command::new("nfs-ls").arg(&url).output().is_ok_and(|output| output.status.success()) {
        if Instant::now() > until || server.0.try_wait().unwrap().is_some() {
            eprintln!("skipped: NFS-Ganesha does not serve here (libnfs-utils, root)");
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/store/nfs_race.py");
    let run = Command::new("python3").arg(script).arg(&url).arg("30").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let told: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let winners = |verb: &str| -> Vec<usize> {
        let rounds = told[verb].as_array().unwrap().iter();
        rounds.map(|round| round.as_array().unwrap().iter().filter(|answer| **answer == 0).count()).collect()
    };
    assert_eq!(winners("link"), [1; 30], "what Cairn relies on");
    assert_eq!(winners("rename"), [2; 30], "why it does not rely on this");
}
