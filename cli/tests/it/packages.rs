//! `scripts/package`: the Debian package of a binary that is there, looked into and unpacked again.

use crate::support::{Home, Run};
use std::path::{Path, PathBuf};
use std::process::Command;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn can_pack() -> bool {
    let has = |name: &str| Command::new(name).arg("--version").output().is_ok();
    let missing: Vec<_> = ["dpkg-deb", "strip", "readelf"].into_iter().filter(|name| !has(name)).collect();
    let required = std::env::var_os("CAIRN_TEST_SERVERS").is_some_and(|v| v == "required");
    assert!(missing.is_empty() || !required, "{missing:?} are missing");
    missing.is_empty()
}

/// Packs the binary of these tests; the package.
fn pack(out: &Path) -> PathBuf {
    let mut command = Command::new(project().join("scripts/package"));
    command.args(["--compression", "none", "--binary", env!("CARGO_BIN_EXE_cairn"), "--out"]).arg(out);
    let run = Run::of(command.env("SOURCE_DATE_EPOCH", "1700000000")).expect(0);
    PathBuf::from(run.out().trim_end())
}

fn deb(args: &[&str], package: &Path) -> String {
    Run::of(Command::new("dpkg-deb").args(args).arg(package)).expect(0).out()
}

#[test]
fn the_package_has_what_the_list_says_and_runs_where_it_is_unpacked() {
    if !can_pack() {
        return;
    }
    let home = Home::new();
    let package = pack(&home.path("out"));
    let listed: Vec<(String, String)> = deb(&["-c"], &package)
        .lines()
        .map(|line| {
            let mut fields = line.split_whitespace();
            let mode = fields.next().unwrap().to_owned();
            assert_eq!(fields.next().unwrap(), "root/root", "{line}");
            (mode, fields.skip(3).collect::<Vec<_>>().join(" "))
        })
        .collect();
    let mode_of = |name: &str| listed.iter().find(|(_, listed)| listed == name).map(|(mode, _)| mode.as_str());
    for (mode, name) in CONTENTS {
        assert_eq!(mode_of(name), Some(*mode), "{name}: {listed:?}");
    }
    let pages = listed.iter().filter(|(_, name)| name.starts_with("./usr/share/man/man1/cairn")).count();
    assert!(pages > 30, "{pages} pages");
    let known = ["./usr/bin/", "./usr/sbin/", "./usr/lib/systemd/system/", "./usr/share/"];
    for (_, name) in listed.iter().filter(|(mode, _)| !mode.starts_with('d')) {
        assert!(known.iter().any(|folder| name.starts_with(folder)), "{name} lies where nothing should");
    }

    let control = deb(&["-f"], &package);
    assert!(control.contains("Package: cairn\n") && control.contains("\nDepends: libc6 (>= 2."), "{control}");
    deb(&["--ctrl-tarfile"], &package);
    Run::of(Command::new("dpkg-deb").arg("-x").arg(&package).arg(home.path("root"))).expect(0);
    let mut unpacked = Command::new(home.path("root/usr/bin/cairn"));
    let version = Run::of(unpacked.arg("--version")).expect(0).out();
    assert!(control.contains(&format!("Version: {}\n", version.trim().trim_start_matches("cairn "))), "{version}");
    assert_eq!(std::fs::read_link(home.path("root/usr/sbin/mount.cairn")).unwrap(), Path::new("../bin/cairn"));
    let mut helper = Command::new(home.path("root/usr/sbin/mount.cairn"));
    // As mount(8) calls it, with nothing to mount: mount's own exit code for wrong usage.
    Run::of(&mut helper).expect(1);
    let unit = std::fs::read_to_string(home.path("root/usr/lib/systemd/system/cairn-mount@.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/cairn "), "the unit must name the binary where the package puts it");
}

#[test]
fn the_same_binary_makes_the_same_package() {
    if !can_pack() {
        return;
    }
    let home = Home::new();
    let (first, second) = (pack(&home.path("first")), pack(&home.path("second")));
    assert_eq!(first.file_name(), second.file_name());
    assert!(std::fs::read(first).unwrap() == std::fs::read(second).unwrap(), "the packages differ");
}

#[test]
fn a_binary_that_is_not_there_is_named() {
    let home = Home::new();
    let mut command = Command::new(project().join("scripts/package"));
    let run = Run::of(command.args(["--binary", &home.text("none"), "--out", &home.text("out")])).expect(1);
    assert!(run.stderr.contains(&home.text("none")), "{}", run.stderr);
    Run::of(Command::new(project().join("scripts/package")).arg("--what")).expect(2);
}

const CONTENTS: &[(&str, &str)] = &[
    ("-rwxr-xr-x", "./usr/bin/cairn"),
    ("lrwxrwxrwx", "./usr/sbin/mount.cairn -> ../bin/cairn"),
    ("-rw-r--r--", "./usr/lib/systemd/system/cairn-mount@.service"),
    ("-rw-r--r--", "./usr/share/doc/cairn/examples/mnt-cairn.mount"),
    ("-rw-r--r--", "./usr/share/doc/cairn/examples/mnt-cairn.automount"),
    ("-rwxr-xr-x", "./usr/share/cairn/prune-cairn"),
    ("-rw-r--r--", "./usr/share/man/man1/cairn.1.gz"),
    ("-rw-r--r--", "./usr/share/man/man1/cairn-backup.1.gz"),
    ("-rw-r--r--", "./usr/share/man/man1/cairn-mount.1.gz"),
    ("-rw-r--r--", "./usr/share/bash-completion/completions/cairn"),
    ("-rw-r--r--", "./usr/share/zsh/vendor-completions/_cairn"),
    ("-rw-r--r--", "./usr/share/fish/vendor_completions.d/cairn.fish"),
    ("-rw-r--r--", "./usr/share/doc/cairn/copyright"),
    ("-rw-r--r--", "./usr/share/doc/cairn/changelog.gz"),
    ("-rw-r--r--", "./usr/share/doc/cairn/README.md"),
    ("-rw-r--r--", "./usr/share/doc/cairn/cli.md"),
    ("-rw-r--r--", "./usr/share/doc/cairn/mount.md"),
    ("-rw-r--r--", "./usr/share/doc/cairn/SEMANTICS.md"),
];
