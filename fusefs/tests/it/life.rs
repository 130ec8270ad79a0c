//! Mounting, refusing to, and going away.

use crate::place::{Place, START, run, shell, within};
use engine::Kind;
use fusefs::MountOptions;
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;

fn refusal(place: &Place, options: &MountOptions) -> String {
    let error = fusefs::mount(place.catalog.clone(), options).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::Input, "{error}");
    assert!(error.advice().is_some());
    error.to_string()
}

/// SEMANTICS: Mounting. "Only over an empty folder; never over or inside of a Cairn mount, nor where it would hide the repository or its
/// cache, nor inside of them."
#[test]
fn mounts_are_refused_where_they_would_hide_something() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), b"x").unwrap();
    place.catalog.back_up(&place.source, "host", "job", START);
    let at = |path: &std::path::Path| MountOptions::at(path);
    assert!(refusal(&place, &at(&place.source)).contains("not empty"));
    assert!(refusal(&place, &at(&place.source.join("file"))).contains("not a folder"));
    let inside = MountOptions { guarded: vec![place.mountpoint.join("repository")], ..place.options() };
    assert!(refusal(&place, &inside).contains("hide"));
    let above = MountOptions { guarded: vec![place.mountpoint.parent().unwrap().to_owned()], ..place.options() };
    assert!(refusal(&place, &above).contains("hide"));
    let absent = fusefs::mount(place.catalog.clone(), &at(&place.source.join("absent"))).map(|_| ()).unwrap_err();
    assert_eq!(absent.kind(), Kind::Absent);
    // A cache that is not there yet, told by way of a symlink.
    std::os::unix::fs::symlink(&place.mountpoint, place.source.join("link")).unwrap();
    let linked = MountOptions { guarded: vec![place.source.join("link/cache/of/ours")], ..place.options() };
    assert!(refusal(&place, &linked).contains("hide"));
    place.mount();
    assert!(refusal(&place, &place.options()).contains("already"));
    assert!(refusal(&place, &at(&place.mountpoint.join("by-job"))).contains("inside of a cairn mount"));
    assert_eq!(fusefs::check(&place.options()).unwrap_err().kind(), Kind::Input);
}

/// SEMANTICS: fstab. "An automount point is accepted unseen, because looking inside would wait for the mount that is being made."
#[test]
fn automount_points_are_accepted_without_looking_inside() {
    let Some(mut place) = Place::with_everything() else { return };
    if !fs::read_to_string("/proc/filesystems").unwrap().contains("autofs") {
        return eprintln!("skipped: this kernel has no autofs");
    }
    place.unmount();
    // Whoever is not of the daemon's process group waits for the daemon, who never answers here.
    let mut daemon = std::process::Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
    let (mut asked, pipe) = std::io::pipe().unwrap();
    let data = format!("fd={},pgrp={},minproto=5,maxproto=5,direct", pipe.as_raw_fd(), daemon.id());
    let data = std::ffi::CString::new(data).unwrap();
    mount("none", &place.mountpoint, "autofs", MountFlags::empty(), &*data).unwrap();
    drop(pipe);
    let mut options = place.options();
    // A slash at the end would be a look inside as well.
    options.mountpoint.push("");
    let catalog = place.catalog.clone();
    let (done, mounted) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        _ = done.send(fusefs::check(&options).and_then(|()| fusefs::mount(catalog, &options)));
    });
    let mounted = mounted.recv_timeout(std::time::Duration::from_secs(20));
    let shown = mounted.as_ref().is_ok_and(Result::is_ok).then(|| {
        let latest = place.latest();
        within(move || fs::read(latest.join("plain/small")).unwrap().len())
    });
    drop(mounted);
    // As the daemon may: it alone need not wait for itself.
    let mut umount = std::process::Command::new("umount");
    let group = i32::try_from(daemon.id()).unwrap();
    let status = umount.arg("-l").arg(&place.mountpoint).process_group(group).status().unwrap();
    assert!(status.success());
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    // Who waits for the daemon still holds the other end, so this must not wait for it.
    rustix::io::ioctl_fionbio(&asked, true).unwrap();
    let questions = asked.read(&mut [0; 1024]);
    assert!(questions.as_ref().map_or(true, |bytes| *bytes == 0), "somebody looked inside");
    assert_eq!(shown, Some(11));
}

/// SEMANTICS: Mounting. "A check (`--dry-run`) changes nothing", not even what a mount would put away first.
#[test]
fn a_check_changes_nothing() {
    if !with_connections("a_check_changes_nothing") {
        return;
    }
    let Some(mut place) = Place::new() else { return };
    let mountpoint = place.mountpoint.clone();
    fusefs::check(&place.options()).unwrap();
    place.mount_with(&MountOptions { no_exec: true, ..place.options() });
    let table = || fs::read_to_string("/proc/self/mounts").unwrap();
    let line = |table: String| table.lines().find(|l| l.contains(mountpoint.to_str().unwrap())).map(str::to_owned);
    let mounted = line(table()).unwrap();
    assert!(mounted.contains("noexec"), "{mounted}");
    let connection = rustix::fs::minor(rustix::fs::stat(&place.mountpoint).unwrap().st_dev);
    fs::write(format!("/sys/fs/fuse/connections/{connection}/abort"), "1").unwrap();
    let handle = place.handle.take().unwrap();
    let error = within(move || handle.wait().unwrap_err());
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    fusefs::check(&place.options()).unwrap();
    assert_eq!(line(table()), Some(mounted), "the dead mount stays until the next one");
    place.mount();
}

/// SEMANTICS: Unmounting. "Files that are open can be read for up to 10 seconds more, then they say ECONNABORTED or ENOTCONN."
#[test]
fn the_connection_ends_when_the_drain_is_over() {
    if !with_connections("the_connection_ends_when_the_drain_is_over") {
        return;
    }
    let Some(mut place) = Place::with_everything() else { return };
    place.mount_with(&MountOptions { drain: std::time::Duration::from_millis(300), ..place.options() });
    let path = place.latest().join("plain/chunks");
    let file = within(move || File::open(path).unwrap());
    let handle = place.handle.take().unwrap();
    let begin = std::time::Instant::now();
    let handle = within(move || handle.unmount().map(|()| handle)).unwrap();
    assert!(begin.elapsed().as_millis() >= 300);
    assert!(handle.wait_for(std::time::Duration::ZERO), "it must have been aborted");
    handle.wait().unwrap();
    let refused = within(move || file.read_at(&mut [0; 100], 200_000)).unwrap_err();
    let errno = Errno::from_io_error(&refused);
    assert!(matches!(errno, Some(Errno::NOTCONN | Errno::CONNABORTED)), "{refused}");
    assert_eq!(fs::read_dir(&place.mountpoint).unwrap().count(), 0);
}

/// SEMANTICS: Mounting. "The type is `fuse.cairn`, the source the repository's location;"
#[test]
fn the_table_of_mounts_names_type_and_source() {
    let Some(mut place) = Place::with_everything() else { return };
    place.mount_with(&MountOptions { source: "s3://bucket/a,suid".into(), ..place.options() });
    let table = fs::read_to_string("/proc/self/mounts").unwrap();
    let line = table.lines().find(|l| l.contains(place.mountpoint.to_str().unwrap())).unwrap();
    assert!(line.starts_with("s3://bucket/a_suid "), "{line}");
    for word in [" fuse.cairn ", "ro,", "nosuid", "nodev", "default_permissions", "allow_other"] {
        assert!(line.contains(word), "{word}: {line}");
    }
}

/// SEMANTICS: Unmounting. "after `cairn umount` they stay readable until they are closed."
#[test]
fn open_files_stay_readable_until_they_are_closed() {
    let Some(mut place) = Place::with_everything() else { return };
    let path = place.latest().join("plain/chunks");
    let file = within(move || File::open(path).unwrap());
    let handle = place.handle.take().unwrap();
    let mountpoint = place.mountpoint.clone();
    within(move || {
        std::thread::scope(|scope| {
            scope.spawn(|| handle.unmount().unwrap());
            scope.spawn(|| {
                while fs::read_dir(&mountpoint).unwrap().count() > 0 {
                    std::thread::yield_now();
                }
                assert_eq!(file.read_at(&mut [0; 100], 200_000).unwrap(), 100);
                drop(file);
            });
            handle.wait().unwrap();
        });
    });
    assert_eq!(fs::read_dir(&place.mountpoint).unwrap().count(), 0);
}

/// SEMANTICS: Unmounting. "What somebody else mounted there, on top of ours or in its place, is left alone."
#[test]
fn only_what_cairn_mounted_is_unmounted() {
    let Some(mut place) = Place::with_everything() else { return };
    let mountpoint = place.mountpoint.clone();
    shell(&place.source, &format!("mount -t tmpfs tmpfs '{}'", mountpoint.display()));
    let on_top = fusefs::umount(&mountpoint).unwrap_err();
    let refused = place.handle.as_ref().unwrap().unmount().unwrap_err();
    shell(&place.source, &format!("umount '{}'", mountpoint.display()));
    assert!(on_top.to_string().contains("no cairn mount"), "{on_top}");
    assert!(refused.to_string().contains("on top"), "{refused}");
    fusefs::umount(&mountpoint).unwrap();
    let handle = place.handle.take().unwrap();
    within(move || handle.wait().unwrap());
    assert_eq!(fusefs::umount(&place.mountpoint).unwrap_err().kind(), Kind::Input);
}

/// Runs this test once more where the kernel shows its connections; whether this is that place. Not every machine mounts them,
/// and a test does not change the machine, so the place is a mount namespace of its own.
fn with_connections(test: &str) -> bool {
    const INSIDE: &str = "CAIRN_TEST_CONNECTIONS";
    if std::env::var_os(INSIDE).is_some() || Place::new().is_none() {
        return true;
    }
    let script = "mount -t fusectl none /sys/fs/fuse/connections && exec \"$0\" --exact \"$1\" --nocapture";
    let mut inside = std::process::Command::new("timeout");
    inside.args(["-k", "1", "60", "unshare", "-m", "--propagation", "private", "sh", "-c", script]);
    inside.arg(std::env::current_exe().unwrap()).arg(format!("life::{test}")).env(INSIDE, "1");
    assert!(inside.status().unwrap().success());
    false
}

/// SEMANTICS: Crashes. "The next mount at its place puts it away first."
#[test]
fn a_dead_mount_says_enotconn_and_is_put_away_by_the_next() {
    let Some(mut place) = Place::with_everything() else { return };
    place.unmount();
    let mut server = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "life::serves_until_it_is_killed", "--nocapture"])
        .env("CAIRN_TEST_SERVE", &place.mountpoint)
        .spawn()
        .unwrap();
    let mountpoint = place.mountpoint.clone();
    within(move || {
        while fs::read_dir(&mountpoint).unwrap().count() == 0 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    server.kill().unwrap();
    server.wait().unwrap();
    let mountpoint = place.mountpoint.clone();
    let dead = within(move || fs::metadata(mountpoint)).unwrap_err();
    assert_eq!(dead.raw_os_error(), Some(Errno::NOTCONN.raw_os_error()));
    place.mount();
    assert!(run(&place.latest(), "cmp plain/small /dev/null").status.code() == Some(1));
}

/// The other half of the test above: does nothing unless it is told where to mount.
#[test]
fn serves_until_it_is_killed() {
    let Some(mountpoint) = std::env::var_os("CAIRN_TEST_SERVE") else { return };
    let catalog = std::sync::Arc::new(crate::memory::Memory::default());
    fusefs::mount(catalog, &MountOptions::at(mountpoint)).unwrap().wait().unwrap();
}
