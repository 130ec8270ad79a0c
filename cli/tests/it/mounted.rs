//! `mount` and `umount` by the binary. The view itself is tested in its own crate.

use crate::support::{Home, Run, tree};
use crate::third::can_mount;
use std::path::PathBuf;

/// The source folder of the newest point of a job, below a mount of this home.
pub(crate) fn below_mount(home: &Home, mount: &str, job: &str) -> PathBuf {
    let host = std::fs::read_dir(home.path(mount).join("by-job")).unwrap().next().unwrap().unwrap().path();
    host.join(job).join("latest").join(home.text("src").trim_start_matches('/'))
}

#[test]
fn a_mount_in_the_background_shows_the_point_until_it_is_taken_away() {
    if !can_mount() {
        return;
    }
    let (home, id) = Home::with_point();
    std::fs::create_dir(home.path("mnt")).unwrap();
    let mnt = home.text("mnt");
    let run = Run::of(&mut home.command(["mount", &mnt, "--json"])).expect(0);
    assert_eq!(run.last()["mountpoint"], mnt.as_str());
    let shown = home.path("mnt/by-id").join(&id).join(home.text("src").trim_start_matches('/'));
    let seen = std::panic::catch_unwind(|| tree(&shown));
    let unmounted = home.run(["umount", &mnt]);
    assert_eq!(seen.unwrap(), tree(&home.path("src")));
    unmounted.expect(0);
    assert!(std::fs::read_dir(home.path("mnt")).unwrap().next().is_none());
    home.run(["umount", &mnt]).expect(2);
}

#[test]
fn a_signal_takes_a_mount_in_the_foreground_away() {
    if !can_mount() {
        return;
    }
    let (home, _) = Home::with_point();
    std::fs::create_dir(home.path("mnt")).unwrap();
    let mut child = home.command(["mount", "--foreground", &home.text("mnt")]).spawn().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !home.path("mnt/by-id").exists() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let answered = home.path("mnt/by-id").exists();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    assert!(answered && !home.path("mnt/by-id").exists());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn what_cannot_be_a_mount_point_is_refused_with_its_exit_code() {
    let (home, _) = Home::with_point();
    let full = home.run(["mount", &home.text("src")]);
    assert_ne!(full.code, Some(0));
    assert!(full.stderr.contains("src"), "{}", full.stderr);
    home.run(["--repo", &home.text("none"), "mount", &home.text("src")]).expect(10);
    home.run(["mount", "--owner", "root", &home.text("src")]).expect(2);
    home.run(["umount", &home.text("src")]).expect(2);
}
