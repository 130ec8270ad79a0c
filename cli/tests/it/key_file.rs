//! The key file of the default repository: it opens after every change of keys, whatever changes them.

use crate::support::{Home, Run, of_type};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A default repository with one point, opened by its generated key file.
fn home() -> Home {
    let home = Home::new();
    home.write("src/a", b"1");
    home.write("new", b"a new password\n");
    home.ok(["backup", "-q", &home.text("src")]);
    home
}

fn key(home: &Home) -> Vec<u8> {
    std::fs::read(home.path("config/cairn/default.key")).unwrap()
}

fn slots(home: &Home) -> Vec<String> {
    let rows = home.rows(["key", "list"]);
    of_type(&rows, "key_slot").iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_rotation_keeps_the_key_file_in_step() {
    let home = home();
    let before = key(&home);
    let run = home.ok(["key", "rotate", "--new-password-file", &home.text("new")]);
    assert!(run.stderr.contains("default.key holds the new password"), "{}", run.stderr);
    assert!(key(&home) != before && key(&home) == b"a new password\n");
    let mode = std::fs::metadata(home.path("config/cairn/default.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    home.ok(["points"]);
    // By its folder as well, and by a password that is given.
    home.write("third", b"third");
    let repo = home.text("data/cairn/default");
    let args = ["--repo", &repo, "--password-file", &home.text("new"), "key", "rotate", "--new-password-file"];
    home.ok(args.iter().copied().chain([&*home.text("third")]));
    home.ok(["points"]);
    home.ok(["key", "reseal", "--memory", "16MiB", "--passes", "1"]);
    home.ok(["points"]);
}

#[test]
fn a_rotation_of_another_slot_leaves_the_key_file_alone() {
    let home = home();
    home.write("other", b"other");
    let added = home.summary(["key", "add", "--new-password-file", &home.text("other")]);
    let before = key(&home);
    home.ok(["key", "rotate", added["slot"].as_str().unwrap(), "--new-password-file", &home.text("new")]);
    assert_eq!(key(&home), before);
    home.ok(["points"]);
}

/// The old slot stays until the key file holds the new password: nothing locks anybody out.
#[test]
fn a_key_file_that_cannot_be_written_stops_the_rotation_before_the_old_slot_goes() {
    let home = home();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let before = key(&home);
    let inner = home.command(["key", "rotate", "--new-password-file", &home.text("new")]);
    // A folder that takes no new files, not even root's.
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\""]);
    command.arg(home.path("config/cairn")).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let run = Run::of(&mut command).expect(1);
    assert!(run.stderr.contains("the key file cannot be written"), "{}", run.stderr);
    assert_eq!((key(&home), slots(&home).len()), (before, 2), "both slots open");
    home.ok(["points"]);
}

#[test]
fn an_import_gives_the_default_repository_its_key_file_back() {
    let home = home();
    let sheet = home.ok(["key", "export", "--paper"]).out();
    home.write("sheet", sheet.as_bytes());
    let file = home.path("config/cairn/default.key");
    let import =
        || home.ok(["key", "import", "--paper", &home.text("sheet"), "--new-password-file", &home.text("new")]);
    std::fs::remove_file(&file).unwrap();
    home.run(["points"]).expect(12);
    assert!(import().stderr.contains("default.key holds the new password"));
    home.ok(["points"]);
    // A key of something else is set aside, not lost.
    std::fs::write(&file, b"of another repository\n").unwrap();
    home.run(["points"]).expect(12);
    assert!(import().stderr.contains("default.key.1"));
    assert_eq!(std::fs::read(home.path("config/cairn/default.key.1")).unwrap(), b"of another repository\n");
    home.ok(["points"]);
    // One that opens stays.
    let before = key(&home);
    home.write("new", b"yet another");
    assert!(!import().stderr.contains("key file"));
    assert_eq!(key(&home), before);
    home.ok(["points"]);
}

#[test]
fn the_slot_that_the_password_in_use_opened_is_not_removed() {
    let home = home();
    let mine = slots(&home).remove(0);
    // The last one is refused by its own words.
    let run = home.run(["key", "remove", &mine]).expect(2);
    assert!(run.stderr.contains("the last key slot"), "{}", run.stderr);
    home.ok(["key", "add", "--new-password-file", &home.text("new")]);
    let run = Run::of(home.command(["key", "remove", &mine, "--json"]).arg("-q")).expect(2);
    assert_eq!(of_type(&run.rows(), "error")[0]["error"], "slot_in_use");
    assert!(run.stderr.contains("the password in use") && run.stderr.contains("--password-file"), "{}", run.stderr);
    // With the other password it is known that one is at hand; but the key file would open nothing any more.
    let with_new = |args: &[&str]| home.run([&["--password-file", &*home.text("new")], args].concat());
    let run = with_new(&["key", "remove", &mine]).expect(2);
    assert!(run.stderr.contains("default.key opens it"), "{}", run.stderr);
    home.write("third", b"third");
    let added = home.summary(["key", "add", "--new-password-file", &home.text("third")]);
    let run = with_new(&["key", "remove", added["slot"].as_str().unwrap()]).expect(0);
    assert!(run.stderr.contains("can put it back"), "{}", run.stderr);
    home.ok(["points"]);
}

#[test]
fn an_empty_key_file_that_an_older_release_left_after_a_crash_is_filled() {
    let home = Home::new();
    home.write("config/cairn/default.key", b"");
    home.write("src/a", b"1");
    home.ok(["backup", &home.text("src")]);
    assert_eq!(key(&home).len(), 65);
    home.ok(["points"]);
}
