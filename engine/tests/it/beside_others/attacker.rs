//! Root restores into a folder of somebody else, whose process meanwhile puts links to root's files under every name that
//! appears, and keeps what it can open.

use super::{OTHER, as_root, is_root, rig};
use crate::proofs::{Rig, noise};
use engine::monitor::Monitor;
use engine::restore::Overwrite;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, makedev, mknodat};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Seek};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

const OTHER_PROCESS: &str = "beside_others::attacker::the_process_that_attacks";
const TARGET: &str = "CAIRN_ATTACK_TARGET";
const VICTIMS: &str = "CAIRN_ATTACK_VICTIMS";
const SECRET: &[u8] = b"only root may read this";
const EACH: usize = 120;
const PIPES: usize = 1_500;
const STOCK: usize = 4_000;

/// Everything that a restore makes, many times; all of it root's.
fn fill(rig: &Rig) {
    for n in 0..EACH {
        rig.write(format!("small {n}"), SECRET);
        rig.write(format!("a folder {n}/inner"), SECRET);
        symlink("/nowhere/at/all", rig.source.join(format!("link {n}"))).unwrap();
        let node = |name: &str, kind, device| {
            let path = rig.source.join(format!("{name} {n}"));
            mknodat(CWD, &path, kind, Mode::from_raw_mode(0o666), device).is_ok()
                && fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).is_ok()
        };
        assert!(node("socket", FileType::Socket, 0));
        // Not every machine lets root make device nodes.
        node("device", FileType::CharacterDevice, makedev(1, 3));
        let names = (rig.source.join(format!("named {n}")), rig.source.join(format!("protected/named {n}")));
        fs::create_dir_all(rig.source.join("protected")).unwrap();
        fs::write(&names.0, SECRET).unwrap();
        fs::hard_link(names.0, names.1).unwrap();
    }
    // The time in which such a race can be won is short.
    for n in 0..PIPES {
        let path = rig.source.join(format!("fifo {n}"));
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    }
    for n in 0..12 {
        rig.write(format!("large {n}"), &[noise(n, 1_500_000), SECRET.to_vec()].concat());
    }
    for n in (0..EACH).step_by(2) {
        fs::set_permissions(rig.source.join(format!("small {n}")), fs::Permissions::from_mode(0o4711)).unwrap();
        fs::set_permissions(rig.source.join(format!("named {n}")), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(rig.source.join("protected"), fs::Permissions::from_mode(0o700)).unwrap();
}

/// Mode, owners, time and bytes of one item.
type Facts = (u32, u32, u32, i64, i64, Option<Vec<u8>>);

/// What must not change, however the race goes.
fn facts(victims: &Path) -> BTreeMap<PathBuf, Facts> {
    let read = fs::read_dir(victims).unwrap().map(|entry| entry.unwrap().path());
    read.map(|path| {
        let meta = fs::symlink_metadata(&path).unwrap();
        let bytes = meta.is_file().then(|| fs::read(&path).unwrap());
        (path, (meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec(), bytes))
    })
    .collect()
}

fn attack(folder: &Path, target: &Path, victims: &Path) -> Child {
    // Where everybody can reach it.
    let program = folder.join("attacker");
    if !program.exists() {
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    }
    let mut command = Command::new(&program);
    command.args(["--exact", OTHER_PROCESS, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(TARGET, target).env(VICTIMS, victims).current_dir("/").uid(OTHER).gid(OTHER);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Its first line says that it is at work.
    let mut line = Vec::new();
    while !line.ends_with(b"at work\n") {
        let mut byte = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    child
}

#[test]
fn nobody_gains_anything_from_a_race_with_a_restore() {
    if !is_root() {
        println!("only root can try this: not tried");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let rig = rig(folder.path());
    fill(&rig);
    rig.back_up().unwrap();
    let victims = folder.path().join("victims");
    fs::create_dir(&victims).unwrap();
    fs::write(victims.join("file"), SECRET).unwrap();
    fs::set_permissions(victims.join("file"), fs::Permissions::from_mode(0o600)).unwrap();
    mknodat(CWD, victims.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    fs::create_dir(victims.join("folder")).unwrap();
    fs::set_permissions(victims.join("folder"), fs::Permissions::from_mode(0o700)).unwrap();
    let before = facts(&victims);
    // Root's pipes in a folder of the attacker, who may move them wherever they are taken for what was just made.
    let stock = folder.path().join("stock");
    fs::create_dir(&stock).unwrap();
    chown(&stock, Some(OTHER), Some(OTHER)).unwrap();
    let pipes: BTreeSet<u64> = (0..STOCK)
        .map(|n| {
            mknodat(CWD, stock.join(n.to_string()), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            fs::metadata(stock.join(n.to_string())).unwrap().ino()
        })
        .collect();
    let mut attacks = 0;
    for round in 0..3 {
        let target = folder.path().join(format!("out {round}"));
        fs::create_dir(&target).unwrap();
        chown(&target, Some(OTHER), Some(OTHER)).unwrap();
        let mut attacker = attack(folder.path(), &target, &victims);
        let overwrite = if round == 0 { Overwrite::IfChanged } else { Overwrite::Always };
        let options = engine::restore::RestoreOptions { overwrite, delete: round == 2, ..as_root() };
        let (done, warnings) = rig.restore_with("latest", &target, &options, &Arc::new(Monitor::new()));
        done.unwrap();
        drop(attacker.stdin.take());
        let told = attacker.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let count = |what: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_else(|| panic!("{told}"));
            line.trim().parse::<u64>().unwrap()
        };
        attacks += count("swapped");
        println!("round {round}: {} swaps, {} warnings", count("swapped"), warnings.len());
        assert_eq!(count("secrets"), 0, "it holds a file with restored bytes: {told}");
        assert_eq!(facts(&victims), before, "round {round}");
        judge(&rig, &target);
        for found in fs::read_dir(&target).unwrap().map(|found| fs::symlink_metadata(found.unwrap().path()).unwrap()) {
            assert!(!pipes.contains(&found.ino()) || found.mode() & 0o777 == 0o600, "a pipe was opened to all");
        }
    }
    assert!(attacks > 100, "there was no race: {attacks}");
}

/// An item that is only made and has no descriptor gets its owner before anybody else can see it. (The race above is too
/// seldom won to show that it is lost.)
#[test]
fn pipes_links_and_devices_appear_as_a_whole_where_others_can_write() {
    if !is_root() {
        println!("only root can try this: not tried");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    symlink("/nowhere/at/all", rig.source.join("link")).unwrap();
    for (name, kind) in [("fifo", FileType::Fifo), ("socket", FileType::Socket)] {
        mknodat(CWD, rig.source.join(name), kind, Mode::RUSR, 0).unwrap();
    }
    rig.back_up().unwrap();
    for (owner, is_exposed) in [(OTHER, true), (0, false)] {
        let target = folder.path().join(format!("of {owner}"));
        fs::create_dir(&target).unwrap();
        chown(&target, Some(owner), Some(owner)).unwrap();
        let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&watch, &target, WatchFlags::CREATE | WatchFlags::MOVED_TO).unwrap();
        super::restore(&rig, &target, &as_root());
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut reader = inotify::Reader::new(&watch, &mut buffer);
        let (mut created, mut moved) = (BTreeSet::new(), BTreeSet::new());
        while let Ok(event) = reader.next() {
            let Some(name) = event.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
            if event.events().contains(inotify::ReadFlags::CREATE) { &mut created } else { &mut moved }.insert(name);
        }
        created.retain(|name| !name.starts_with(".cairn-partial-items"));
        let all = ["fifo", "link", "socket"].map(str::to_owned).into();
        let (wanted, none) = if is_exposed { (&moved, &created) } else { (&created, &moved) };
        assert_eq!((wanted, none), (&all, &BTreeSet::new()), "exposed: {is_exposed}");
        assert_eq!(super::partial(&target), [""; 0]);
    }
}

/// Whatever has set-id bits, or lies where nobody else can write, has the point's bytes; no device is somebody else's.
fn judge(rig: &Rig, target: &Path) {
    let mut todo = vec![target.to_owned()];
    while let Some(path) = todo.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let below = path.strip_prefix(target).unwrap();
        if meta.is_dir() && meta.uid() == 0 {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path == target {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let is_protected = below.starts_with("protected") && fs::metadata(target.join("protected")).unwrap().uid() == 0;
        if meta.is_file() && (meta.mode() & 0o6000 != 0 || is_protected) {
            assert_eq!(fs::read(&path).unwrap(), fs::read(rig.source.join(below)).unwrap(), "{}", path.display());
        }
        if is_protected && path != target.join("protected") {
            assert!(meta.is_file() && meta.uid() == 0, "{} is another's", path.display());
        }
        assert!(!meta.file_type().is_char_device() || meta.uid() == 0, "{}", path.display());
    }
}

/// Watches a folder and puts something else under each name that appears or changes.
#[test]
#[ignore = "the other process of the test beside it"]
fn the_process_that_attacks() {
    let Some(target) = std::env::var_os(TARGET).map(PathBuf::from) else { return };
    let victims = PathBuf::from(std::env::var_os(VICTIMS).unwrap());
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
    let events = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB | WatchFlags::OPEN;
    inotify::add_watch(&watch, &target, events).unwrap();
    let mut held = Vec::new();
    // Names of partial files, before the restore makes them.
    for n in 0..12 {
        let name = format!(".cairn-partial-{}", &blake3::hash(format!("large {n}").as_bytes()).to_hex()[..16]);
        hold(&target.join(name), &mut held);
    }
    fs::create_dir(target.join(".cairn-partial-items-0")).unwrap();
    println!("at work");
    let (mut swapped, mut turn) = (0u64, 0usize);
    let input = std::io::stdin();
    rustix::io::ioctl_fionbio(&input, true).unwrap();
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut reader = inotify::Reader::new(&watch, &mut buffer);
    while !matches!(rustix::io::read(&input, &mut [0; 1]), Ok(0)) {
        match reader.next() {
            Ok(event) => {
                let Some(name) = event.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
                turn += 1;
                swapped += u64::from(swap(&target.join(name), &victims, turn, &mut held));
            }
            Err(rustix::io::Errno::AGAIN) => std::thread::yield_now(),
            Err(e) => panic!("{e}"),
        }
    }
    let mut secrets = 0;
    for fd in held {
        let (mut file, mut bytes) = (fs::File::from(fd), Vec::new());
        let _ = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
        secrets += usize::from(bytes.ends_with(SECRET));
    }
    println!("\nswapped {swapped}\nsecrets {secrets}");
}

fn hold(path: &Path, held: &mut Vec<OwnedFd>) {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    held.extend(rustix::fs::openat(CWD, path, flags, Mode::from_raw_mode(0o666)));
}

fn swap(path: &Path, victims: &Path, turn: usize, held: &mut Vec<OwnedFd>) -> bool {
    // It owns the folder: it may rename and remove whatever lies in it.
    if fs::remove_file(path).is_err() && fs::rename(path, path.with_extension(format!("away{turn}"))).is_err() {
        return false;
    }
    let link = |victim: &str| rustix::fs::linkat(CWD, victims.join(victim), CWD, path, AtFlags::empty()).is_ok();
    let is_pipe = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("fifo"));
    if is_pipe && turn.is_multiple_of(2) {
        return fs::rename(victims.with_file_name("stock").join((turn % STOCK).to_string()), path).is_ok();
    }
    match turn % 6 {
        0 => symlink(victims.join("file"), path).is_ok(),
        1 => symlink(victims.join("folder"), path).is_ok(),
        2 => link("file") || symlink(victims.join("fifo"), path).is_ok(),
        3 => link("fifo") || symlink(victims.join("file"), path).is_ok(),
        4 => fs::create_dir(path).is_ok(),
        _ => {
            hold(path, held);
            true
        }
    }
}
