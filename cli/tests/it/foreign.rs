//! What is not a plain file where an object belongs: named as damage within seconds, with what to do, and nobody waits for it.

use crate::support::{Home, Run};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

type Make = fn(&Path);

/// What somebody may put into a repository without knowing better.
const THINGS: [(&str, Make); 4] = [
    ("a folder", |path| std::fs::create_dir(path).unwrap()),
    ("a symbolic link", |path| std::os::unix::fs::symlink("/nonexistent", path).unwrap()),
    ("a pipe", |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success())),
    ("a socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
];

fn remove(path: &Path) {
    std::fs::remove_dir(path).or_else(|_| std::fs::remove_file(path)).unwrap();
}

/// The first object in a folder of the repository.
fn object(home: &Home, folder: &str) -> PathBuf {
    let mut path = home.path("repo").join(folder);
    while path.is_dir() {
        let mut below: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
        below.sort();
        path = below.remove(0);
    }
    path
}

/// Runs a command that must end within seconds.
fn soon(home: &Home, args: &[&str]) -> Run {
    let begun = Instant::now();
    let run = home.run(args);
    assert!(begun.elapsed() < Duration::from_secs(20), "{args:?} took {:?}", begun.elapsed());
    run
}

#[test]
fn a_thing_in_the_next_slot_of_the_log_is_named_and_keeps_no_writer_waiting() {
    let (home, _) = Home::with_point();
    let slots = std::fs::read_dir(home.path("repo/log")).unwrap().count();
    let name = format!("log/{:016x}", slots + 1);
    let path = home.path("repo").join(&name);
    for (what, make) in THINGS {
        make(&path);
        for writer in [&["backup", "--job", "j", &home.text("src")][..], &["gc", "plan"], &["check"]] {
            let run = soon(&home, writer).expect(5);
            let told = format!("{}{}", run.out(), run.stderr);
            assert!(told.contains(&name) && told.contains(what), "{writer:?}: {told}");
        }
        let run = soon(&home, &["backup", "--job", "j", &home.text("src")]).expect(5);
        assert!(run.stderr.contains(&format!("move {}", path.display())), "{}", run.stderr);
        remove(&path);
    }
    // The cure was the one that was told.
    home.backup();
    home.ok(["check", "--read-data"]);
}

#[test]
fn a_thing_in_the_place_of_any_object_is_named_as_damage() {
    let (home, _) = Home::with_point();
    for folder in ["data", "meta", "index", "points"] {
        let path = object(&home, folder);
        let aside = home.path("aside");
        std::fs::rename(&path, &aside).unwrap();
        for (what, make) in THINGS {
            make(&path);
            for level in ["list", "tails", "full"] {
                let run = soon(&home, &["check", "--level", level]).expect(5);
                let name = path.strip_prefix(home.path("repo")).unwrap().display().to_string();
                let line = run.out().lines().find(|line| line.contains(&name)).map(str::to_owned);
                let line = line.unwrap_or_else(|| panic!("{level}: {name}: {}", run.out()));
                assert!(line.contains(what), "{level}: {line}");
            }
            remove(&path);
        }
        std::fs::rename(&aside, &path).unwrap();
    }
    home.ok(["check", "--read-data"]);
}

#[test]
fn a_thing_in_the_place_of_the_config_is_not_an_absent_repository() {
    let (home, _) = Home::with_point();
    let path = home.path("repo/config");
    std::fs::rename(&path, home.path("aside")).unwrap();
    for (what, make) in THINGS {
        make(&path);
        let run = soon(&home, &["points"]).expect(5);
        assert!(run.stderr.contains("config") && run.stderr.contains(what), "{}", run.stderr);
        remove(&path);
    }
    std::fs::rename(home.path("aside"), &path).unwrap();
    home.ok(["points"]);
}
