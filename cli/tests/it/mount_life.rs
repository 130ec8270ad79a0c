//! How mounts begin and end: the shell, signals, crashes, foreign mounts, users who are not root.

use crate::mount_place::{LARGE, Place, is_alive, lines, pid, signal, until, within};
use crate::support::{Run, noise, tree};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command};
use std::time::Instant;

/// SEMANTICS, Mounting: "A mount in the background has let go of its shell when the command returns: terminal, session, folder,
/// umask, and the files that the shell had open."
#[test]
fn a_mount_in_the_background_lets_go_of_its_shell() {
    let Some(place) = Place::new() else { return };
    // Every path relative; a lock held by the shell; a terminal that goes away.
    let script = "exec 9>lock; flock 9; umask 0; \
                  exec script -qec \"$CAIRN --repo repo --cache-dir own mount mnt --json\" /dev/null";
    let mut command = place.home.command(["unused"]);
    command.env("CAIRN", env!("CARGO_BIN_EXE_cairn"));
    let output = shell_like(&command, script, &place).expect(0).out();
    let row = output.lines().find(|line| line.contains("\"summary\"")).expect(&output);
    let serves = pid(&serde_json::from_str(row.trim()).unwrap());
    let proc = |below: &str| format!("/proc/{}/{below}", serves.as_raw_nonzero());
    assert_eq!(fs::read_link(proc("cwd")).unwrap().to_str(), Some("/"));
    for number in 0..3 {
        assert_eq!(fs::read_link(proc(&format!("fd/{number}"))).unwrap().to_str(), Some("/dev/null"));
    }
    let stat = fs::read_to_string(proc("stat")).unwrap();
    let words: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    assert_eq!(
        (words[3], words[4]),
        (serves.as_raw_nonzero().to_string().as_str(), "0"),
        "session and terminal: {stat}"
    );
    assert!(fs::read_to_string(proc("status")).unwrap().contains("Umask:\t0077"));
    let lock = Command::new("flock").args(["-n", &place.home.text("lock"), "true"]).status().unwrap();
    assert!(lock.success(), "the lock of the shell is still held");
    // Names and contents that were not read yet: repository and cache are still found.
    let shown = place.shown("");
    assert_eq!(within(move || tree(&shown)), tree(&place.home.path("src")));
    place.home.ok(["umount", &place.home.text("mnt")]);
    until(20, "the process ends", || !is_alive(serves));
}

/// The environment of a process can be read for as long as it runs; a mount runs for months.
#[test]
fn a_mount_in_the_background_keeps_no_password_in_its_environment() {
    let Some(place) = Place::new() else { return };
    let home = &place.home;
    let (locked, mnt) = (home.text("locked"), home.text("mnt"));
    let with = |args: &[&str]| {
        let mut command = home.command(["--repo", &*locked]);
        Run::of(command.args(args).env("CAIRN_PASSWORD", "a secret of the environment"))
    };
    with(&["init"]).expect(0);
    with(&["backup", "--job", "j", &home.text("src")]).expect(0);
    let run = with(&["mount", &mnt, "--json"]).expect(0);
    let serves = pid(&run.last());
    let environment = fs::read(format!("/proc/{}/environ", serves.as_raw_nonzero())).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(environment.contains("CAIRN_MOUNT_IN_BACKGROUND=") && !environment.contains("secret"), "{environment}");
    let shown = place.shown("");
    assert_eq!(within(move || tree(&shown)), tree(&home.path("src")));
    home.ok(["umount", &mnt]);
    until(20, "the process ends", || !is_alive(serves));
    // A wrong one is told as ever.
    let mut command = home.command(["--repo", &*locked, "mount", &mnt]);
    Run::of(command.env("CAIRN_PASSWORD", "wrong")).expect(12);
    Run::of(home.command(["--repo", &*locked, "mount", &mnt]).env("CAIRN_PASSWORD", "")).expect(2);
}

/// SEMANTICS, Mounting: "Every error is known before the command returns, by exit code and message."
#[test]
fn errors_of_a_mount_in_the_background_reach_the_shell() {
    let Some(place) = Place::new() else { return };
    let home = &place.home;
    let mnt = home.text("mnt");
    home.write("right", b"right\n");
    home.write("wrong", b"wrong\n");
    let locked = home.text("locked");
    home.ok(["--repo", &locked, "--password-file", &home.text("right"), "init"]);
    home.run(["--repo", &home.text("none"), "mount", &mnt]).expect(10);
    home.run(["--repo", &locked, "--password-file", &home.text("wrong"), "mount", &mnt]).expect(12);
    home.run(["--repo", &locked, "mount", &mnt]).expect(12);
    let refused = |args: &[&str], why: &str| {
        let run = Run::of(home.command(["mount"]).args(args).arg("--json")).expect(2);
        assert!(run.stderr.contains(why), "{}", run.stderr);
        assert_eq!(run.last()["exit_code"], 2);
    };
    refused(&[&home.text("src")], "not empty");
    refused(&[&home.text("src/a.txt")], "not a folder");
    refused(&[&home.text("repo")], "hide");
    let mut parts = fs::read_dir(home.path("repo")).unwrap().map(|part| part.unwrap().path());
    let part = parts.find(|part| part.is_dir()).unwrap();
    refused(&[part.to_str().unwrap()], "hide");
    refused(&[&home.text("")], "hide");
    refused(&[&home.text("cache/cairn")], "hide");
    home.run(["mount", &home.text("absent")]).expect(1);
    place.mount();
    refused(&[&mnt], "already");
    refused(&[&format!("{mnt}/by-id")], "inside of a cairn mount");
    home.ok(["umount", &mnt]);
    assert!(!place.is_mounted());
}

/// SEMANTICS, Mounting: as above, where the kernel has no FUSE or does not give it to us.
#[test]
fn a_missing_device_is_said_to_the_shell() {
    let Some(place) = Place::new() else { return };
    let without =
        "mkdir dev; mount -t tmpfs none dev; touch dev/null; mount --bind /dev/null dev/null; mount --bind dev /dev;";
    let run = place.private(&format!("{without} exec \"$CAIRN\" mount mnt")).expect(1);
    assert!(run.stderr.contains("no FUSE") && run.stderr.contains("modprobe fuse"), "{}", run.stderr);
    assert!(!place.is_mounted());
}

/// SEMANTICS, Mounting: "A check (`--dry-run`) changes nothing."
#[test]
fn a_dry_run_mounts_nothing() {
    let Some(place) = Place::new() else { return };
    assert_eq!(place.home.summary(["mount", "--dry-run", &place.home.text("mnt")])["dry_run"], true);
    place.home.run(["mount", "--dry-run", &place.home.text("src")]).expect(2);
    assert!(!place.is_mounted());
}

/// SEMANTICS, Signals: "SIGTERM and SIGINT take the mount away at once; whoever has a file open or stands in a folder keeps them
/// for up to 10 seconds, then the connection ends, and so does the process, with exit code 0."
#[test]
fn sigterm_takes_the_mount_away_at_once_and_drains_open_files() {
    let Some(place) = Place::new() else { return };
    let mut child = place.foreground(&[]);
    let (path, folder) = (place.shown("large"), place.shown(""));
    let file = within(move || File::open(path).unwrap());
    let mut inside = Command::new("sleep").arg("60").current_dir(folder).spawn().unwrap();
    signal(&child, Signal::TERM);
    let begin = Instant::now();
    until(5, "the mount is gone", || !place.is_mounted());
    assert!(fs::read_dir(place.mnt()).unwrap().next().is_none());
    let bytes = within(move || {
        let mut bytes = vec![0; LARGE];
        file.read_exact_at(&mut bytes, 0).map(|()| (file, bytes))
    });
    let (file, bytes) = bytes.unwrap();
    assert!(bytes == noise(LARGE, 7), "an open file must be readable during the drain");
    let status = within(move || child.wait().unwrap());
    let seconds = begin.elapsed().as_secs();
    inside.kill().unwrap();
    inside.wait().unwrap();
    drop(file);
    assert_eq!(status.code(), Some(0));
    assert!((9..20).contains(&seconds), "{seconds} s");
}

/// SEMANTICS, Signals: "A second signal ends it without waiting."
#[test]
fn a_second_signal_does_not_wait() {
    let Some(place) = Place::new() else { return };
    let mut child = place.foreground(&[]);
    let path = place.shown("large");
    let file = within(move || File::open(path).unwrap());
    let begin = Instant::now();
    signal(&child, Signal::TERM);
    until(5, "the mount is gone", || !place.is_mounted());
    signal(&child, Signal::TERM);
    assert_eq!(ended(&mut child), (Some(143), false));
    assert!(begin.elapsed().as_secs() < 8);
    drop(file);
}

/// SEMANTICS, Signals: "SIGHUP is ignored."
#[test]
fn a_hangup_does_not_end_a_mount_and_an_interrupt_does() {
    let Some(place) = Place::new() else { return };
    let mut child = place.foreground(&[]);
    signal(&child, Signal::HUP);
    let path = place.shown("a.txt");
    assert_eq!(within(move || fs::read(path).unwrap()), b"first\n");
    signal(&child, Signal::INT);
    assert_eq!(ended(&mut child), (Some(0), false));
    assert!(!place.is_mounted());
}

/// SEMANTICS, Crashes: "A mount whose process died says ENOTCONN and does not look empty: a mirror made from it loses nothing. The
/// next mount at its place puts it away first."
#[test]
fn a_killed_mount_says_enotconn_and_a_mirror_of_it_keeps_its_files() {
    let Some(place) = Place::new() else { return };
    let (home, mnt) = (&place.home, place.mnt());
    let serves = place.mount();
    kill_process(serves, Signal::KILL).unwrap();
    until(10, "the process ends", || !is_alive(serves));
    // Who asks while its last threads go is told that the connection was aborted; never that the folder is empty.
    until(10, "the mount says that nobody is connected", || {
        let mnt = mnt.clone();
        let dead = within(move || fs::read_dir(mnt).map(|_| ())).unwrap_err();
        let errno = Errno::from_io_error(&dead);
        assert!(matches!(errno, Some(Errno::NOTCONN | Errno::CONNABORTED)), "{dead}");
        errno == Some(Errno::NOTCONN)
    });
    home.write("mirror/by-job/kept", b"1");
    let mirror =
        Command::new("rsync").args(["-a", "--delete"]).arg(mnt.join("")).arg(home.path("mirror")).output().unwrap();
    assert!(!mirror.status.success());
    assert!(home.path("mirror/by-job/kept").exists());
    place.mount();
    let path = place.shown("a.txt");
    assert_eq!(within(move || fs::read(path).unwrap()), b"first\n");
    assert_eq!(lines(&mnt), 1, "the dead mount is still there");
    // A dead one can be unmounted by hand as well.
    home.ok(["umount", &home.text("mnt")]);
    kill_process(place.mount(), Signal::KILL).unwrap();
    home.ok(["umount", &format!("{}/", home.text("mnt"))]);
    assert!(!place.is_mounted());
}

/// SEMANTICS, Crashes: "A connection that somebody aborts is a crash, too: the process ends with a failure."
#[test]
fn an_aborted_connection_is_a_failure_and_leaves_a_dead_mount() {
    let Some(place) = Place::new() else { return };
    let mut child = place.foreground(&[]);
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = table.lines().find(|line| line.contains(&format!(" {} ", place.home.text("mnt")))).unwrap();
    let connection = line.split(' ').nth(2).unwrap().split(':').nth(1).unwrap();
    // Not every machine shows the connections at their usual place.
    let shown = place.home.path("connections");
    fs::create_dir(&shown).unwrap();
    assert!(Command::new("mount").args(["-t", "fusectl", "none"]).arg(&shown).status().unwrap().success());
    let aborted = fs::write(shown.join(connection).join("abort"), "1");
    assert!(Command::new("umount").arg("-l").arg(&shown).status().unwrap().success());
    aborted.unwrap();
    let mut stderr = child.stderr.take().unwrap();
    assert_eq!(ended(&mut child), (Some(1), false));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("aborted"), "{said}");
    assert!(place.is_mounted() && fs::read_dir(place.mnt()).is_err());
}

/// SEMANTICS, Unmounting: "What somebody else mounted there [...] is left alone", on top of ours: the process ends with a failure.
#[test]
fn a_foreign_mount_on_top_survives_the_end_of_ours() {
    let Some(place) = Place::new() else { return };
    let mut child = place.foreground(&[]);
    tmpfs(&place);
    signal(&child, Signal::TERM);
    let mut stderr = child.stderr.take().unwrap();
    assert_eq!(ended(&mut child), (Some(1), false));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("on top"), "{said}");
    assert!(place.mnt().join("foreign").exists());
    assert!(Command::new("umount").arg(place.mnt()).status().unwrap().success());
    place.home.ok(["umount", &place.home.text("mnt")]);
    assert!(!place.is_mounted());
}

/// SEMANTICS, Unmounting: as above, in the place of ours, taken while our process was stopped.
#[test]
fn a_foreign_mount_in_the_place_of_a_stopped_one_survives_it() {
    let Some(place) = Place::new() else { return };
    let mut child = place.foreground(&[]);
    // An open file keeps the process from noticing by itself that its mount is gone.
    let path = place.shown("large");
    let file = within(move || File::open(path).unwrap());
    signal(&child, Signal::STOP);
    assert!(Command::new("umount").arg("-l").arg(place.mnt()).status().unwrap().success());
    tmpfs(&place);
    signal(&child, Signal::CONT);
    signal(&child, Signal::TERM);
    std::thread::sleep(std::time::Duration::from_secs(1));
    drop(file);
    assert_eq!(ended(&mut child), (Some(0), false));
    assert!(place.mnt().join("foreign").exists());
    place.home.run(["umount", &place.home.text("mnt")]).expect(2);
    assert!(place.mnt().join("foreign").exists());
}

/// SEMANTICS, Mounting: "A mount that is there and does not answer is a refusal after seconds, not a hang."
#[test]
fn a_stopped_mount_is_refused_in_time_and_can_be_unmounted() {
    let Some(place) = Place::new() else { return };
    let serves = place.mount();
    kill_process(serves, Signal::STOP).unwrap();
    // A thread that runs on until it hears of it could take a question and never answer: nobody who asks can be killed then.
    until(20, "every thread stops", || has_stopped(serves));
    let bounded = |verb: &str| {
        let cairn = place.home.command(["unused"]);
        shell_like(&cairn, &format!("exec '{}' {verb} mnt", env!("CARGO_BIN_EXE_cairn")), &place)
    };
    let (refused, unmounted) = (bounded("mount"), bounded("umount"));
    kill_process(serves, Signal::CONT).unwrap();
    assert!(refused.expect(2).stderr.contains("a cairn mount is there already"));
    unmounted.expect(0);
    until(20, "the process ends", || !is_alive(serves));
}

fn has_stopped(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).unwrap();
    threads.into_iter().all(|thread| {
        let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    })
}

/// SEMANTICS, Unmounting: "The mount disappears at once, also when it is busy", and "after `cairn umount` they stay readable".
#[test]
fn a_busy_mount_is_unmounted_and_its_files_stay_readable() {
    let Some(place) = Place::new() else { return };
    let serves = place.mount();
    let path = place.shown("large");
    let file = within(move || File::open(path).unwrap());
    let ordinary = Command::new("umount").arg(place.mnt()).output().unwrap();
    assert!(!ordinary.status.success(), "an ordinary umount says that it is busy");
    place.home.ok(["umount", &place.home.text("mnt")]);
    assert!(!place.is_mounted() && is_alive(serves));
    let mut bytes = vec![0; LARGE];
    let bytes = within(move || file.read_exact_at(&mut bytes, 0).map(|()| bytes)).unwrap();
    assert!(bytes == noise(LARGE, 7));
    until(20, "the process ends after the last close", || !is_alive(serves));
}

/// SEMANTICS, Mounting: "As root by mount(2), else through `fusermount3`."
#[test]
fn whoever_is_not_root_mounts_through_fusermount3() {
    let Some(place) = Place::new() else { return };
    place.home.write("user/nothing", b"");
    // A device and settings of its own, so that nothing depends on how this machine gives them to users.
    let script = r#"
        chmod 755 .; chmod -R a+rX repo; mkdir own; cp -r repo own/repo; mkdir own/mnt own/cache
        mount -t tmpfs -o dev,mode=755 none user
        mknod user/fuse c 10 229; chmod 666 user/fuse; echo user_allow_other > user/conf; touch user/cairn
        mount --bind user/fuse /dev/fuse; mount --bind user/conf /etc/fuse.conf; mount --bind "$CAIRN" user/cairn
        chown -R 65534:65534 own
        cd own
        as() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
        trap 'umount -l mnt 2>/dev/null || :' EXIT
        as ../user/cairn --repo repo --cache-dir cache mount --owner me --allow-other mnt
        findmnt -no FSTYPE,OPTIONS "$PWD/mnt"
        cat mnt/by-job/*/j/latest"$SRC"/a.txt
        as cat mnt/by-job/*/j/latest"$SRC"/a.txt
        as fusermount3 -u mnt
        ! findmnt "$PWD/mnt"
        as ../user/cairn --repo repo --cache-dir cache mount --owner me mnt
        as umount mnt
        ! findmnt "$PWD/mnt"
        as ../user/cairn --repo repo --cache-dir cache mount --owner me mnt
        ! setpriv --reuid=65533 --regid=65533 --clear-groups ../user/cairn umount mnt
        as ../user/cairn umount mnt
        ! findmnt "$PWD/mnt"
    "#;
    let script = script.replace("$SRC", &place.home.text("src"));
    let run = place.private(&script).expect(0);
    let out = run.out();
    let table = out.lines().find(|line| line.starts_with("fuse.cairn")).expect(&out);
    for word in ["ro", "nosuid", "nodev", "user_id=65534", "allow_other", "default_permissions"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    assert_eq!(out.lines().filter(|line| *line == "first").count(), 2, "{out}");
}

/// Exit code, and whether it had to be killed.
fn ended(child: &mut Child) -> (Option<i32>, bool) {
    let end = Instant::now() + std::time::Duration::from_secs(30);
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), false);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    kill_process(Pid::from_child(child), Signal::KILL).unwrap();
    (child.wait().unwrap().code(), true)
}

fn tmpfs(place: &Place) {
    assert!(Command::new("mount").args(["-t", "tmpfs", "none"]).arg(place.mnt()).status().unwrap().success());
    fs::write(place.mnt().join("foreign"), b"1").unwrap();
}

/// A script with the environment of a command, in the home.
fn shell_like(command: &Command, script: &str, place: &Place) -> Run {
    let mut shell = Command::new("timeout");
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    Run::of(
        shell
            .args(["-k", "1", "60", "sh", "-c", script])
            .current_dir(place.home.path(""))
            .stdin(std::process::Stdio::null()),
    )
}
