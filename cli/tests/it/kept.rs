//! What could not be read, what is empty and what shrank: how it is told.

use crate::support::{Home, Run, noise, of_type};
use crate::third::can_mount;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

/// Root reads what nobody may read, so such a home is given to another user, who runs the command.
struct Bound {
    home: Home,
    is_root: bool,
}

const NOBODY: u32 = 65_534;

impl Bound {
    fn new(home: Home) -> Bound {
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            let mut todo = vec![home.path("")];
            while let Some(path) = todo.pop() {
                std::os::unix::fs::lchown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
                if path.is_dir() && !path.is_symlink() {
                    todo.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                }
            }
        }
        Bound { home, is_root }
    }

    fn run(&self, args: &[&str]) -> Run {
        let mut command = self.home.command(args);
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        Run::of(&mut command)
    }

    fn rows(&self, args: &[&str]) -> Vec<Value> {
        self.run(&[args, &["--json"]].concat()).expect(0).rows()
    }

    fn mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.home.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn what_is_kept_is_shown_by_points_ls_find_diff_and_verify() {
    let (home, first) = Home::with_point();
    let bound = Bound::new(home);
    let src = bound.home.text("src");
    let inside = bound.home.place("latest:j", "src");
    let time = bound.rows(&["points"])[0]["time"].as_str().unwrap().to_owned();
    bound.home.write("src/a.txt", b"changed\n");
    bound.mode("src/a.txt", 0);
    bound.mode("src/sub", 0);
    let run = bound.run(&["backup", "--json", "--job", "j", &src]).expect(3);
    let done = run.last();
    assert_eq!((&done["complete"], &done["items_kept"], &done["files_failed"]), (&false.into(), &3.into(), &3.into()));
    assert!(run.stderr.contains("kept, as of"), "{}", run.stderr);
    assert_eq!(bound.rows(&["points"])[1]["items_kept"], 3);
    assert!(bound.run(&["points"]).expect(0).out().contains("incomplete, 3 kept"));
    let listed = bound.rows(&["ls", "-R", &inside]);
    let of = |name: &str| listed.iter().find(|row| row["path"].as_str().is_some_and(|p| p.ends_with(name))).unwrap();
    assert_eq!((&of("a.txt")["kept_as_of"], &of("sub/b.conf")["kept_as_of"]), (&time.clone().into(), &time.into()));
    assert!(bound.run(&["ls", "-l", &inside]).expect(0).out().contains("kept, as of"));
    assert!(bound.run(&["find", "a.txt", "--point", "latest:j"]).expect(0).out().contains("kept, as of"));
    assert_eq!(bound.rows(&["diff", &first, "latest:j"]).last().unwrap()["items_kept"], 3);
    let verified = bound.run(&["verify", "--json", "latest:j"]).expect(3);
    assert!(of_type(&verified.rows(), "difference").iter().any(|row| row["kept_as_of"].is_string()));
    let file = bound.home.place("latest:j", "src/a.txt");
    assert_eq!(bound.run(&["cat", &file]).expect(0).out(), "first\n");
    // For one run, they leave.
    let done = bound.run(&["backup", "--json", "--drop-unreadable", "--job", "j", &src]).expect(3).last();
    assert_eq!((&done["items_kept"], &done["files_failed"]), (&0.into(), &2.into()));
    bound.mode("src/sub", 0o755);
}

#[test]
fn the_mount_says_since_when_an_item_is_kept() {
    if !can_mount() {
        return;
    }
    let bound = Bound::new(Home::with_point().0);
    let time = bound.rows(&["points"])[0]["time"].as_str().unwrap().to_owned();
    bound.home.write("src/a.txt", b"changed\n");
    bound.mode("src/a.txt", 0);
    let done = bound.run(&["backup", "--json", "--job", "j", &bound.home.text("src")]).expect(3).last();
    std::fs::create_dir(bound.home.path("mnt")).unwrap();
    let mnt = bound.home.text("mnt");
    bound.home.ok(["mount", &mnt]);
    let seen = std::panic::catch_unwind(|| {
        let source = bound.home.text("src");
        let point = bound.home.path("mnt/by-id").join(done["point"].as_str().unwrap());
        let point = point.join(source.trim_start_matches('/'));
        let said = |name: &str, attribute: &str| {
            let mut value = [0u8; 100];
            let length = rustix::fs::getxattr(point.join(name), format!("user.cairn.{attribute}"), &mut value)?;
            Ok::<_, rustix::io::Errno>(String::from_utf8_lossy(&value[..length]).into_owned())
        };
        assert_eq!(std::fs::read(point.join("a.txt")).unwrap(), b"first\n");
        (said("a.txt", "kept"), said("sub/b.conf", "kept"), said("sub/b.conf", "complete"))
    });
    bound.home.run(["umount", &mnt]);
    assert_eq!(seen.unwrap(), (Ok(time), Err(rustix::io::Errno::NODATA), Ok("no".to_owned())));
}

#[test]
fn a_standard_input_without_a_byte_is_a_warning_and_an_incomplete_point() {
    let home = Home::with_repository();
    let dump = |text: &str| {
        home.write("dump", text.as_bytes());
        let mut command = home.command(["backup", "--json", "--stdin", "--stdin-name", "all.sql", "--job", "dump"]);
        Run::of(command.stdin(std::fs::File::open(home.path("dump")).unwrap()))
    };
    let first = dump("").expect(3);
    assert_eq!((&first.last()["complete"], &first.last()["bytes_source"]), (&false.into(), &0.into()));
    assert!(first.stderr.contains("without a byte"), "{}", first.stderr);
    dump("the whole dump").expect(0);
    // The last good dump stays in the newest point.
    let done = dump("").expect(3).last();
    assert_eq!((&done["complete"], &done["items_kept"]), (&false.into(), &1.into()));
    assert_eq!(home.ok(["cat", "latest:dump:/all.sql"]).out(), "the whole dump");
}

#[test]
fn a_command_that_fails_makes_no_point_and_says_how_it_ended() {
    let home = Home::with_repository();
    let run = |script: &str| {
        let args = ["backup", "--json", "--job", "d", "--stdin-name", "d.sql", "--stdin-from-command", "--"];
        Run::of(home.command(args).args(["sh", "-c", script]))
    };
    assert_eq!(run("echo whole").expect(0).last()["complete"], true);
    assert_eq!(home.ok(["cat", "latest:d:/d.sql"]).out(), "whole\n");
    let failed = run("echo half; echo why >&2; exit 7").expect(1);
    let last = failed.last();
    assert_eq!((&last["error"], &last["command_exit_code"]), (&"command_failed".into(), &7.into()));
    assert!(failed.stderr.contains("why\n") && failed.stderr.contains("exit status: 7"), "{}", failed.stderr);
    assert_eq!(run("echo half; kill -9 $$").expect(1).last()["command_signal"], 9);
    let mut absent = home.command(["backup", "--json", "--job", "d", "--stdin-from-command", "--", "/no/such/command"]);
    let absent = Run::of(&mut absent).expect(1);
    assert_eq!(absent.last()["error"], "command_failed");
    assert!(absent.stderr.contains("cannot be started"), "{}", absent.stderr);
    assert_eq!(home.rows(["points"]).len(), 2, "one point and the summary");
    home.run(["backup", "--stdin-from-command"]).expect(2);
    home.run(["backup", "--stdin-from-command", "--stdin", "--", "true"]).expect(2);
}

#[test]
fn a_command_ends_with_its_backup() {
    let home = Home::with_repository();
    let pid = home.text("pid");
    let script = format!("echo $$ > {pid}; echo begun; sleep 600 & wait");
    let args = ["backup", "--job", "d", "--stdin-from-command", "--", "sh", "-c", &script];
    let mut child = home.command(args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    let command = loop {
        let text = std::fs::read_to_string(&pid).unwrap_or_default();
        if let Some(pid) = text.trim().parse().ok().and_then(rustix::process::Pid::from_raw) {
            break pid;
        }
        assert!(begun.elapsed().as_secs() < 60, "the command was not started");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let own = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(own, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(begun.elapsed().as_secs() < 30, "the backup waited for the command");
    assert!(rustix::process::test_kill_process(command).is_err(), "the command goes on");
    assert_eq!(home.rows(["points"]).len(), 1, "only the summary");
}

#[test]
fn a_point_that_shrank_warns_until_that_is_accepted() {
    let home = Home::with_repository();
    home.write("src/a", &noise(10_000, 1));
    home.write("src/b", &noise(10_000, 2));
    home.write("src/c", &noise(10_000, 3));
    let backup = |more: &[&str]| {
        let args = ["backup", "--json", "--job", "j"].iter().chain(more).map(|a| (*a).to_owned());
        Run::of(&mut home.command(args.chain([home.text("src")])))
    };
    backup(&[]).expect(0);
    std::fs::remove_file(home.path("src/a")).unwrap();
    assert_eq!(backup(&[]).expect(0).last()["shrunken"], false);
    std::fs::remove_file(home.path("src/b")).unwrap();
    home.write("src/c", b"less");
    let run = backup(&[]).expect(3);
    assert_eq!((&run.last()["shrunken"], &run.last()["complete"]), (&true.into(), &true.into()));
    let told = Run::of(&mut home.command(["backup", "--job", "j", &home.text("src")])).expect(3);
    assert!(told.out().contains("--accept shrink backup --job j"), "{}", told.out());
    assert!(home.ok(["points"]).out().contains("shrunken"));
    assert_eq!(backup(&["--shrink-max", "100%"]).expect(0).last()["shrunken"], false);
    std::fs::write(home.path("src/c"), b"").unwrap();
    assert_eq!(backup(&["--accept", "shrink"]).expect(0).last()["shrunken"], false);
    backup(&[]).expect(0);
}
