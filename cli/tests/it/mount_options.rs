//! What `mount` can be told to show, by the binary.

use crate::support::{Home, Run, of_type, tree};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A mount in the background that goes away with the test.
struct Mounted<'h> {
    home: &'h Home,
    mnt: PathBuf,
}

impl<'h> Mounted<'h> {
    /// `None` where the kernel does not let us mount.
    fn new(home: &'h Home, options: &[&str]) -> Option<Self> {
        if !Path::new("/dev/fuse").exists() || !rustix::process::geteuid().is_root() {
            eprintln!("skipped: needs root and /dev/fuse");
            return None;
        }
        fs::create_dir_all(home.path("mnt")).unwrap();
        let mnt = home.text("mnt");
        home.ok(["mount", &mnt].iter().chain(options));
        Some(Mounted { home, mnt: home.path("mnt") })
    }

    fn names(&self, below: &str) -> Vec<String> {
        let entries = fs::read_dir(self.mnt.join(below)).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        self.home.run(["umount", &self.home.text("mnt")]);
    }
}

#[test]
fn options_that_make_no_sense_are_wrong_usage() {
    let home = Home::new();
    let mnt = home.text("mnt");
    for (options, why) in [
        (&["--path-template", "{when}"][..], "{when} is no field"),
        (&["--path-template", "by-job"], "needs a field"),
        (&["--path-template", "{tag}/{id}"], "{tag} can stand in a further one"),
        (&["--path-template", "{org}/{id}", "--path-template", "by-id/{id}"], "folder of its own"),
        (&["--path-template", "history/{id}"], "folder of versions"),
        (&["--filter", "jobs=x"], "\"jobs\" is no key"),
        (&["--filter", "tag=["], "no pattern"),
        (&["--filter", "since=yesterday"], "no time"),
        (&["--point", "/srv"], "names no restore point"),
        (&["--point", "latest", "--filter", "job=x"], "cannot be used with"),
        (&["--map-names", "--owner", "me"], "--owner keep"),
        (&["--fmask", "9"], "octal"),
        (&["--statfs", "none"], "real or zero"),
        (&["--refresh", "0"], "0"),
    ] {
        let run = home.run(["mount", &mnt].iter().chain(options)).expect(2);
        assert!(run.stderr.contains(why), "{options:?}: {}", run.stderr);
    }
}

#[test]
fn templates_and_filters_choose_what_is_mounted() {
    let (home, _) = Home::with_point();
    home.ok(["backup", "--job", "other", "--tag", "keep", &home.text("src")]);
    let options = ["--path-template", "{job}/{id8}", "--no-history", "--filter", "tag=k*", "--statfs", "zero"];
    let Some(mounted) = Mounted::new(&home, &options) else { return };
    assert_eq!(mounted.names(""), ["other"]);
    assert_eq!(mounted.names("other").len(), 2);
    let shown = mounted.mnt.join("other/latest").join(home.text("src").trim_start_matches('/'));
    assert_eq!(tree(&shown), tree(&home.path("src")));
}

#[test]
fn one_folder_of_a_point_is_mounted_alone() {
    let (home, id) = Home::with_point();
    let place = home.place(&id[..8], "src/sub");
    let Some(mounted) = Mounted::new(&home, &["--point", &place]) else { return };
    assert_eq!(tree(&mounted.mnt), tree(&home.path("src/sub")));
    drop(mounted);
    let absent = home.run(["mount", &home.text("mnt"), "--point", &home.place("latest", "src/nothing")]);
    assert!(absent.code != Some(0) && absent.stderr.contains("not in the restore point"), "{}", absent.stderr);
    home.run(["mount", &home.text("mnt"), "--point", &home.place("latest", "src/a.txt")]).expect(2);
}

#[test]
fn a_running_mount_shows_the_next_backup() {
    let (home, first) = Home::with_point();
    let Some(mounted) = Mounted::new(&home, &["--refresh", "1"]) else { return };
    assert_eq!(mounted.names("by-id"), [first]);
    home.write("src/new.txt", b"new\n");
    let second = home.backup();
    let until = Instant::now() + Duration::from_secs(30);
    while !mounted.names("by-id").contains(&second) {
        assert!(Instant::now() < until, "the new point does not show");
        std::thread::sleep(Duration::from_millis(50));
    }
    let shown = mounted.mnt.join("by-id").join(&second).join(home.text("src/new.txt").trim_start_matches('/'));
    assert_eq!(fs::read(shown).unwrap(), b"new\n");
}

#[test]
fn the_history_of_the_mount_is_the_history_of_the_command() {
    let (home, _) = Home::with_point();
    let file = home.path("src/a.txt");
    let changes: [&dyn Fn(); 5] = [
        &|| home.write("src/a.txt", b"changed\n"),
        &|| (),
        &|| fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap(),
        &|| fs::remove_file(&file).unwrap(),
        &|| home.write("src/a.txt", b"again\n"),
    ];
    for change in changes {
        // Points are named by the second.
        std::thread::sleep(Duration::from_millis(1100));
        change();
        home.backup();
    }
    let rows = Run::of(&mut home.command(["history", &home.text("src/a.txt"), "--json"])).expect(0).rows();
    let versions = of_type(&rows, "version").into_iter().filter(|row| row["present"] == true);
    let expected: Vec<String> = versions
        .map(|row| {
            let time: String = row["time_first"].as_str().unwrap().chars().take(19).collect();
            format!("{}Z", time.replace(':', "-"))
        })
        .collect();
    assert_eq!(expected.len(), 4, "{rows:?}");
    let Some(mounted) = Mounted::new(&home, &[]) else { return };
    let host = mounted.names("history").remove(0);
    let below = format!("history/{host}/j{}", home.text("src/a.txt"));
    assert_eq!(mounted.names(&below), expected);
    let contents: Vec<_> = expected.iter().map(|name| fs::read(mounted.mnt.join(&below).join(name)).unwrap()).collect();
    assert_eq!(contents, [&b"first\n"[..], b"changed\n", b"changed\n", b"again\n"]);
}
