//! A folder as a store: conformance, durability's leftovers, foreign files, refusals of the file system.

use super::conformance::{conform, list, name};
use bytes::Bytes;
use engine::Kind;
use engine::env::Machine;
use engine::store::{ListOptions, Location, Memory, Options, Store, StoreExt, open, probe};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn create(path: &Path) -> Arc<dyn Store> {
    open(&Location::Folder(path.to_owned()), &Options { create: true, ..Options::default() }).unwrap()
}

#[test]
fn a_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conform(&*create(&folder.path().join("a/b")));
}

#[test]
fn the_probe_believes_a_folder_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(folder.path());
    probe(&*store, &*Machine::shared(), &|_| ()).unwrap().require().unwrap();
    assert_eq!(list(&*store, "", None).len(), 0);
    assert!(!folder.path().join("probe").exists());
}

#[test]
fn a_missing_folder_is_no_repository_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing");
    let error = open(&Location::Folder(path.clone()), &Options::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::NoRepository);
    assert!(!path.exists());

    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(open(&Location::Folder(file), &Options::default()).unwrap_err().kind(), Kind::Input);
}

#[test]
fn foreign_files_are_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(folder.path());
    store.put_new(&name("log/1"), Bytes::from_static(b"x")).unwrap();
    fs::write(folder.path().join("README.TXT"), "x").unwrap();
    fs::write(folder.path().join("log/Copy of 1"), "x").unwrap();
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    fs::write(folder.path().join("lost+found/1"), "x").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("log/2")).unwrap();
    assert_eq!(list(&*store, "", None).into_keys().collect::<Vec<_>>(), ["log/1"]);
}

#[test]
fn a_listing_after_a_name_goes_by_the_bytes_of_whole_names() {
    let folder = tempfile::tempdir().unwrap();
    for store in [create(folder.path()), Arc::new(Memory::new()) as Arc<dyn Store>] {
        for text in ["a-1", "a/1", "a0/1", "b"] {
            store.put_new(&name(text), Bytes::new()).unwrap();
        }
        let after = |text| list(&*store, "", Some(text)).into_keys().collect::<Vec<_>>();
        assert_eq!(after("a-0"), ["a-1", "a/1", "a0/1", "b"]);
        assert_eq!(after("a-1"), ["a/1", "a0/1", "b"]);
        assert_eq!(after("a/1"), ["a0/1", "b"]);
        assert_eq!(after("a0"), ["a0/1", "b"]);
        assert_eq!(after("a0/2"), ["b"]);
    }
}

#[test]
fn what_a_dead_writer_left_is_invisible_and_swept_and_what_a_living_one_holds_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(folder.path());
    store.put_new(&name("log/1"), Bytes::from_static(b"x")).unwrap();
    let staged = folder.path().join("+staged");
    assert_eq!(fs::read_dir(&staged).unwrap().count(), 0, "a finished put leaves nothing");
    fs::write(staged.join("dead"), "half").unwrap();
    let living = fs::File::create(staged.join("living")).unwrap();
    living.lock().unwrap();
    assert_eq!(list(&*store, "", None).len(), 1);
    create(folder.path());
    assert!(!staged.join("dead").exists());
    assert!(staged.join("living").exists());
}

#[test]
fn a_put_survives_a_neighbour_that_sweeps() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(folder.path());
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| (0..200).for_each(|_| drop(create(folder.path()))));
        for number in 0..100 {
            store.put_new(&name(&format!("log/{number:03}")), Bytes::from_static(b"whole")).unwrap();
        }
        sweeper.join().unwrap();
    });
    let found = list(&*store, "log", None);
    assert!(found.len() == 100 && found.values().all(|bytes| *bytes == 5), "{found:?}");
}

#[test]
fn a_folder_that_is_deleted_under_us_is_transient_and_not_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("repository");
    let store = create(&path);
    fs::remove_dir_all(&path).unwrap();
    let error = store.get(&name("log/1")).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
}

#[test]
fn a_link_that_leads_back_ends_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(folder.path());
    fs::create_dir(folder.path().join("a")).unwrap();
    std::os::unix::fs::symlink("../a", folder.path().join("a/loop")).unwrap();
    assert_eq!(store.list(&ListOptions::below(""), &mut |_| true).unwrap_err().kind(), Kind::Damaged);
}

#[test]
fn an_object_under_a_name_too_long_is_an_input_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(folder.path());
    let error = store.put_new(&name(&"x".repeat(300)), Bytes::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Input, "{error}");
}

#[test]
fn a_device_without_space_is_no_space_and_leaves_nothing() {
    let Some(device) = Device::mount("size=64k") else { return };
    let store = create(device.path());
    let error = store.put_new(&name("packs/1"), Bytes::from(vec![1; 1_000_000])).unwrap_err();
    assert_eq!(error.kind(), Kind::NoSpace, "{error}");
    assert!(error.advice().is_some() && error.to_string().contains("packs/1"), "{error}");
    assert_eq!(fs::read_dir(device.path().join("+staged")).unwrap().count(), 0);
    assert_eq!(list(&*store, "", None).len(), 0);
}

#[test]
fn a_reserve_is_kept_shown_to_nobody_and_given_back_piece_by_piece() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(folder.path());
    let file = folder.path().join("+reserve");
    let length = || fs::metadata(&file).map_or(0, |metadata| metadata.len());
    assert!(!store.spend_reserve(1), "there is none yet");
    store.keep_reserve();
    assert_eq!(length(), engine::limits::RESERVE_BYTES);
    assert!(list(&*store, "", None).is_empty());
    let first = fs::read(&file).unwrap();
    assert!(zstd::bulk::compress(&first, 3).unwrap().len() as u64 >= length(), "nothing compresses it");
    assert!(store.spend_reserve(1_000_000));
    assert_eq!(length(), engine::limits::RESERVE_BYTES - 2_000_000);
    let turns = std::iter::from_fn(|| store.spend_reserve(1).then_some(())).take(1000).count();
    assert!((2..100).contains(&turns) && !file.exists(), "{turns}");
    store.keep_reserve();
    assert_eq!(length(), engine::limits::RESERVE_BYTES);
}

#[test]
fn a_reserve_on_a_device_without_space_is_what_there_is() {
    let Some(device) = Device::mount("size=1m") else { return };
    let store = create(device.path());
    store.keep_reserve();
    assert_eq!(store.put_new(&name("log/1"), Bytes::from(vec![1; 10])).unwrap_err().kind(), Kind::NoSpace);
    assert!(store.spend_reserve(10));
    store.put_new(&name("log/1"), Bytes::from(vec![1; 10])).unwrap();
    assert!(fs::metadata(device.path().join("+reserve")).unwrap().len() > 500_000, "the rest is kept");
}

#[test]
fn a_read_only_device_can_be_read_and_denies_the_rest() {
    let Some(device) = Device::mount("size=64k") else { return };
    create(device.path()).put_new(&name("log/1"), Bytes::from_static(b"x")).unwrap();
    assert!(run("mount", &["-o", "remount,ro"], device.path()));
    let store = create(device.path());
    assert_eq!(&store.get(&name("log/1")).unwrap()[..], b"x");
    for error in [
        store.put_new(&name("log/2"), Bytes::new()).unwrap_err(),
        store.put_new(&name("packs/00/2"), Bytes::new()).unwrap_err(),
        store.delete(name("log/1").object()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), Kind::Denied, "{error}");
        assert!(error.advice().unwrap().contains("read-only"), "{error}");
    }
    assert_eq!(store.put_new(&name("log/1"), Bytes::new()).unwrap_err().kind(), Kind::Exists);
}

/// A small file system in memory. Mounting it needs root; without, a test says so and returns.
struct Device(tempfile::TempDir);

impl Device {
    fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if run("mount", &["-t", "tmpfs", "-o", options, "none"], folder.path()) {
            return Some(Device(folder));
        }
        eprintln!("skipped: a small file system cannot be mounted here (needs root)");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Lazily: a failing test may still hold a store that is open on it.
        run("umount", &["-l"], self.path());
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    std::process::Command::new(program).args(arguments).arg(path).status().is_ok_and(|status| status.success())
}

type Make = Box<dyn Fn()>;

/// What is made where an object belongs, by its name.
fn things(path: &Path) -> Vec<(&'static str, Make)> {
    let at = |make: Box<dyn Fn(&Path)>| {
        let path = path.to_owned();
        Box::new(move || make(&path)) as Make
    };
    let beside = path.with_file_name("somebody");
    fs::write(&beside, "plain").unwrap();
    let node = |path: &Path, kind: rustix::fs::FileType, device: u64| {
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, rustix::fs::Mode::from_raw_mode(0o600), device)
    };
    let pipe = move |path: &Path| node(path, rustix::fs::FileType::Fifo, 0).unwrap();
    let null = rustix::fs::makedev(1, 3);
    let device = move |path: &Path| node(path, rustix::fs::FileType::CharacterDevice, null).unwrap();
    let mut things = vec![
        ("a folder", at(Box::new(|path| fs::create_dir(path).unwrap()))),
        ("a symbolic link", at(Box::new(|path| std::os::unix::fs::symlink("nowhere", path).unwrap()))),
        ("a symbolic link", at(Box::new(move |path| std::os::unix::fs::symlink(&beside, path).unwrap()))),
        ("a pipe", at(Box::new(pipe))),
        ("a socket", at(Box::new(|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())))),
    ];
    // Who is not root makes no devices.
    if rustix::process::geteuid().is_root() {
        things.push(("a device", at(Box::new(device))));
    }
    things
}

#[test]
fn what_is_not_a_plain_file_where_an_object_belongs_is_damage_and_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(folder.path());
    let names = [
        "config",
        "keys/0011223344556677",
        "log/0000000000000001",
        "checkpoint/0000000000000001",
        "data/00000001/00000001",
        "meta/00000001/00000001",
        "index/00000001/00000001",
        "points/00000001/00000001",
    ];
    for text in names {
        let path = folder.path().join(text);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for (what, make) in things(&path) {
            make();
            let name = name(text);
            let reads: [engine::Result<u64>; 4] = [
                store.get(&name).map(|bytes| bytes.len() as u64),
                store.get_range(&name, 0..1).map(|bytes| bytes.len() as u64),
                store.get_tail(&name, 10).map(|(_, length)| length),
                store.head_of(&name).map(|info| info.bytes),
            ];
            for read in reads {
                let error = read.unwrap_err();
                assert_eq!(error.kind(), Kind::Damaged, "{text}: {what}: {error}");
                assert!(error.to_string().contains(what) && error.to_string().contains(text), "{error}");
                assert!(error.advice().unwrap().contains("move"), "{:?}", error.advice());
            }
            assert_eq!(
                store.put_new(&name, Bytes::from_static(b"x")).unwrap_err().kind(),
                Kind::Exists,
                "{text}: {what}"
            );
            // Listings show it, empty: whoever reads it learns what it is.
            assert_eq!(list(&*store, "", None).get(text), Some(&0), "{text}: {what}");
            let removed = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
            removed.unwrap();
        }
        assert_eq!(store.get(&name(text)).unwrap_err().kind(), Kind::Absent);
    }
}

#[test]
fn a_folder_of_objects_may_be_a_link_and_one_that_leads_nowhere_is_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let (repository, disk) = (folder.path().join("repository"), folder.path().join("disk"));
    fs::create_dir(&disk).unwrap();
    let store = create(&repository);
    std::os::unix::fs::symlink(&disk, repository.join("data")).unwrap();
    let object = name("data/00000001/00000001");
    store.put_new(&object, Bytes::from_static(b"x")).unwrap();
    assert_eq!(store.get(&object).unwrap(), b"x"[..]);
    assert_eq!(list(&*store, "data", None).len(), 1);
    fs::rename(&disk, folder.path().join("elsewhere")).unwrap();
    assert_eq!(store.get(&object).unwrap_err().kind(), Kind::Transient);
    assert_eq!(
        store.list(&ListOptions::below("data"), &mut |_| true).unwrap_err().kind(),
        Kind::Transient,
        "it is not empty"
    );
    // A file where the folder belongs is damage.
    fs::remove_file(repository.join("data")).unwrap();
    fs::write(repository.join("data"), "plain").unwrap();
    assert_eq!(store.get(&object).unwrap_err().kind(), Kind::Damaged);
    assert_eq!(store.list(&ListOptions::below("data"), &mut |_| true).unwrap_err().kind(), Kind::Damaged);
    let again = create(&repository);
    assert_eq!(again.put_new(&object, Bytes::from_static(b"x")).unwrap_err().kind(), Kind::Damaged);
}
