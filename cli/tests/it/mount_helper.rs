//! `mount.cairn`, as mount(8), fstab and systemd call it.

use crate::mount_place::Place;
use crate::support::{Home, Run};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// A private /usr/sbin with the helper in it.
const INSTALLED: &str = r#"
    mkdir sbin; mount -t tmpfs none sbin; mkdir sbin/upper sbin/work
    mount -t overlay -o lowerdir=/usr/sbin,upperdir=sbin/upper,workdir=sbin/work none /usr/sbin
    ln -s "$CAIRN" /usr/sbin/mount.cairn
"#;

/// SEMANTICS, fstab: "`mount -t cairn REPO FOLDER -o OPTIONS` mounts, `umount FOLDER` unmounts."
#[test]
fn mount_8_mounts_through_the_helper() {
    let Some(place) = Place::new() else { return };
    let script = r#"
        mount -t cairn "$REPO" mnt -o allow_other,owner=12:34,umask=027,cache-dir=own,noexec
        findmnt -no SOURCE,FSTYPE,OPTIONS "$MNT"
        cat mnt/by-job/*/j/latest"$SRC"/a.txt
        stat -c %u:%g:%a mnt/by-job/*/j/latest"$SRC"/a.txt
        umount mnt
        ! findmnt "$MNT"
        mount -f -t cairn "$REPO" mnt -o ro,cache-dir=own
        ! findmnt "$MNT"
        mount -t cairn "$REPO" mnt -o ro,frobnicate && exit 9 || echo "code $?"
        mount -t cairn "$REPO" src -o ro && exit 9 || echo "code $?"
        mount -t cairn "$REPO-none" mnt -o ro && exit 9 || echo "code $?"
    "#;
    let run = place.private(&format!("{INSTALLED}{}", script.replace("$SRC", &place.home.text("src")))).expect(0);
    let out = run.out();
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].starts_with(&format!("{} fuse.cairn ro,", place.home.text("repo"))), "{out}");
    assert!(lines[0].contains("noexec") && lines[0].contains("allow_other"), "{out}");
    assert_eq!(lines[1..], ["first", "12:34:640", "code 1", "code 32", "code 32"], "{out}{}", run.stderr);
    for word in ["frobnicate", "not empty", "read-only"] {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
}

/// SEMANTICS, fstab: "`mount -a` mounts a line once; a second run finds it mounted."
#[test]
fn a_line_of_fstab_is_mounted_once() {
    let Some(place) = Place::new() else { return };
    let script = r#"
        echo "$REPO $MNT cairn ro,_netdev,nofail,x-systemd.automount,cache-dir=$PWD/own 0 0" > fstab
        mount -T fstab -a
        mount -v -T fstab -a
        findmnt -no FSTYPE "$MNT"
        umount -T fstab "$MNT" 2>/dev/null || umount "$MNT"
        ! findmnt "$MNT"
    "#;
    let out = place.private(&format!("{INSTALLED}{script}")).expect(0).out();
    assert!(out.contains("already mounted"), "{out}");
    assert_eq!(out.lines().filter(|line| *line == "fuse.cairn").count(), 1, "{out}");
}

/// SEMANTICS, fstab: "The exit codes are those of mount(8): 0, 1 for wrong usage, 32 for everything else."
#[test]
fn the_helper_answers_with_the_exit_codes_of_mount_8() {
    let home = Home::with_repository();
    home.write("full/a", b"1");
    let (repo, full) = (home.text("repo"), home.text("full"));
    let call = |args: &[&str]| {
        let mut helper = home.command(args);
        Run::of(helper.arg0("/sbin/mount.cairn"))
    };
    for (args, code, why) in [
        (&[&*repo, &full, "-o", "ro,frobnicate=1"][..], 1, "frobnicate"),
        (&[&repo, &full, "-o", "umask=9"], 1, "umask"),
        (&[&repo], 1, "repository and a folder"),
        (&[&repo, &full, "-o", "remount"], 1, "again"),
        (&[&repo, &full], 32, "not empty"),
        (&[&repo, &full, "-f", "-o", "ro"], 32, "not empty"),
        (&[&home.text("none"), &full, "-sn", "-o", "frobnicate"], 32, "none"),
    ] {
        let run = call(args).expect(code);
        assert!(run.stderr.contains(why) && run.stdout.is_empty(), "{args:?}: {}", run.stderr);
    }
}

/// SEMANTICS, fstab: "systemd makes a mount and an automount of a line."
#[test]
fn systemd_understands_the_line_of_fstab() {
    let generator = ["/usr/lib", "/lib"].map(|lib| format!("{lib}/systemd/system-generators/systemd-fstab-generator"));
    let Some(generator) = generator.iter().find(|path| Path::new(path).exists()) else {
        let required = std::env::var_os("CAIRN_TEST_SERVERS").is_some_and(|v| v == "required");
        assert!(!required, "this test needs systemd");
        return eprintln!("skipped: no systemd here");
    };
    let manual = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mount.md")).unwrap();
    let lines: Vec<_> = manual.lines().filter(|line| line.split_whitespace().nth(2) == Some("cairn")).collect();
    assert!(lines.len() >= 2, "the manual shows lines of fstab");
    let home = Home::new();
    home.write("fstab", format!("{}\n", lines.join("\n")).as_bytes());
    home.write("units/none", b"");
    let units = home.text("units");
    let mut command = Command::new(generator);
    let run = Run::of(command.args([&units, &units, &units]).env("SYSTEMD_FSTAB", home.path("fstab"))).expect(0);
    for line in lines {
        let words: Vec<_> = line.split_whitespace().collect();
        let name = words[1].trim_start_matches('/').replace('/', "-");
        let unit = std::fs::read_to_string(home.path(&format!("units/{name}.mount"))).expect(&run.stderr);
        assert!(unit.contains("Type=cairn") && unit.contains(&format!("What={}", words[0])), "{unit}");
        let is_auto = words[3].contains("x-systemd.automount");
        assert_eq!(home.path(&format!("units/{name}.automount")).exists(), is_auto, "{line}");
        // And the helper understands what systemd will hand over.
        let mut helper = home.command([words[0], &home.text("absent"), "-o", words[3]]);
        let run = Run::of(helper.arg0("mount.cairn"));
        assert_ne!(run.code, Some(1), "{line}: {}", run.stderr);
    }
}
