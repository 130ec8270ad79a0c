//! `/history`: the versions of one path.

use crate::namespace::HANDLES;
use crate::place::{Place, START, eventually, one_of_everything, run, shell, within};
use fusefs::MountOptions;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

impl Place {
    fn history(&self) -> PathBuf {
        self.point("history/host/job")
    }

    fn back_up_at(&self, hour: i64) {
        self.catalog.back_up(&self.source, "host", "job", START + hour * 3600);
    }
}

/// The versions in a folder of the history by name, with what each reads.
fn versions(folder: PathBuf) -> Vec<(String, Vec<u8>)> {
    within(move || {
        let names = fs::read_dir(&folder).unwrap().map(|e| e.unwrap());
        let links = names.filter(|e| e.file_type().unwrap().is_symlink());
        let mut all: Vec<_> =
            links.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect();
        all.sort();
        all
    })
}

fn named(hour: u32, bytes: &[u8]) -> (String, Vec<u8>) {
    (format!("2026-11-22T{hour:02}-37-49Z"), bytes.to_vec())
}

/// Six points: `file` is one, one, two, absent, one, and a folder; `still` never changes.
fn six_points() -> Option<Place> {
    let place = Place::new()?;
    let file = place.source.join("file");
    fs::write(place.source.join("still"), b"still").unwrap();
    for (hour, bytes) in [(0, Some("one")), (1, None), (2, Some("two")), (3, Some("")), (4, Some("one"))] {
        match bytes {
            Some("") => fs::remove_file(&file).unwrap(),
            Some(bytes) => fs::write(&file, bytes).unwrap(),
            None => {}
        }
        place.back_up_at(hour);
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    fs::write(file.join("2026-11-22T02-37-49Z"), b"named like a version").unwrap();
    place.back_up_at(5);
    Some(place)
}

/// SEMANTICS: History. "A path that is no folder is a folder with a relative symlink for each version, named by the time of the
/// point in which it stood first".
#[test]
fn history_of_a_changed_file_shows_its_versions_and_each_reads_its_bytes() {
    let Some(mut place) = six_points() else { return };
    let (still, file) = (place.history().join("still"), place.history().join("file"));
    // By look-up alone, and with what a listing of the folder above has found out.
    for listed in [false, true] {
        place.mount();
        if listed {
            shell(&place.history(), "ls -l");
        }
        assert_eq!(versions(still.clone()), [named(0, b"still")]);
        let suffixed = ("2026-11-22T02-37-49Z-03030303".to_owned(), b"two".to_vec());
        assert_eq!(versions(file.clone()), [named(0, b"one"), suffixed, named(4, b"one")]);
    }
    let link = file.join("2026-11-22T00-37-49Z");
    let target = within(move || fs::read_link(link).unwrap());
    let depth = place.source.components().count() - 1 + 4;
    let real = format!("by-job/host/job/2026-11-22T00-37-49Z{}/file", place.source.display());
    assert_eq!(target.to_str(), Some(&format!("{}{real}", "../".repeat(depth))[..]));
    // What was a folder as well shows both.
    assert_eq!(versions(file.join("2026-11-22T02-37-49Z")), [named(5, b"named like a version")]);
}

/// SEMANTICS: History. "Names that are in older points only are there too".
#[test]
fn a_removed_file_is_listed_and_reachable() {
    let Some(mut place) = Place::new() else { return };
    fs::create_dir_all(place.source.join("gone/deep")).unwrap();
    fs::write(place.source.join("gone/deep/file"), b"once").unwrap();
    place.back_up_at(0);
    fs::remove_dir_all(place.source.join("gone")).unwrap();
    fs::write(place.source.join("here"), b"now").unwrap();
    place.back_up_at(1);
    place.mount();
    // By look-up before any listing, and then listed.
    assert_eq!(versions(place.history().join("gone/deep/file")), [named(0, b"once")]);
    assert_eq!(
        shell(&place.history(), "find . | sort"),
        "\
.\n./gone\n./gone/deep\n./gone/deep/file\n./gone/deep/file/2026-11-22T00-37-49Z\n./here\n./here/2026-11-22T01-37-49Z\n"
    );
    let never = place.history().join("never");
    assert!(!within(move || never.exists()));
}

/// SEMANTICS: History. "Walking it ends: each path is there once, and its links are not followed; it takes no space."
#[test]
fn walking_the_history_is_finite_and_takes_no_space() {
    let Some(mut place) = Place::new() else { return };
    one_of_everything(&place.source);
    place.back_up_at(0);
    fs::write(place.source.join("plain/small"), b"another").unwrap();
    place.back_up_at(1);
    place.mount();
    let paths = "find . -mindepth 1 -printf '%P\\0' | sort -z | tr '\\0' '\\n'";
    let folders = "find . -mindepth 1 -type d -printf '%P\\0' | sort -z | tr '\\0' '\\n'";
    assert_eq!(shell(&place.history(), folders), shell(&place.source, paths));
    let others = shell(&place.source, "find . ! -type d -printf x | wc -c").trim().parse::<usize>().unwrap();
    let links = shell(&place.history(), "find . -type l -printf x | wc -c").trim().parse::<usize>().unwrap();
    assert_eq!(links, others + 1, "one path has two versions");
    assert_eq!(shell(&place.mountpoint, "du -s history"), "0\thistory\n");
    let script = "find history -printf '%i\n' | sort | uniq -d";
    assert_eq!(shell(&place.mountpoint, script), "");
}

/// SEMANTICS: History. "New points show there within 10 seconds, too"
#[test]
fn new_versions_and_expired_ones_show_without_remount() {
    let Some(mut place) = Place::new() else { return };
    let file = place.source.join("file");
    fs::write(&file, b"one").unwrap();
    let first = place.catalog.back_up(&place.source, "host", "job", START);
    place.mount_with(&MountOptions { refresh_every: Duration::from_millis(50), ..place.options() });
    let folder = place.history().join("file");
    assert_eq!(versions(folder.clone()), [named(0, b"one")]);
    fs::write(&file, b"two!").unwrap();
    place.back_up_at(1);
    let names = |folder: &PathBuf| fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    let at = folder.clone();
    eventually("two versions", move || names(&at).len() == 2);
    assert_eq!(versions(folder.clone()), [named(0, b"one"), named(1, b"two!")]);
    place.catalog.expire(&first);
    let at = folder.clone();
    eventually("one version", move || names(&at).len() == 1);
    assert_eq!(versions(folder), [named(1, b"two!")]);
}

/// SEMANTICS: History. "At most the 100 newest points of a job are looked at."
#[test]
fn the_history_looks_at_the_newest_points_alone() {
    let Some(mut place) = Place::new() else { return };
    let max = i64::try_from(view::limits::HISTORY_POINTS_MAX).unwrap();
    for n in 0..=max {
        fs::write(place.source.join("file"), n.to_string()).unwrap();
        place.catalog.back_up(&place.source, "host", "job", START + n);
    }
    place.mount();
    let versions = versions(place.history().join("file"));
    assert_eq!(versions.len() as i64, max);
    assert_eq!(versions[0], ("2026-11-22T00-37-50Z".into(), b"1".to_vec()));
}

/// SEMANTICS: History. "Names that are in older points only are there too" Large folders are listed whole, with what went from them.
#[test]
fn large_folders_of_the_history_are_listed_whole() {
    let Some(mut place) = Place::new() else { return };
    (0..500).for_each(|n| fs::write(place.source.join(format!("{n:03}")), b"x").unwrap());
    place.back_up_at(0);
    (0..400).step_by(2).for_each(|n| fs::remove_file(place.source.join(format!("{n:03}"))).unwrap());
    place.back_up_at(1);
    place.mount();
    let listed = shell(&place.history(), "find . -mindepth 1 -maxdepth 1 -printf '%f\n' | sort");
    assert_eq!(listed, (0..500).map(|n| format!("{n:03}\n")).collect::<String>());
    let at = place.history();
    let (before, inode) = within(move || (fs::metadata(at.join("000")).unwrap().ino(), at.join("000")));
    place.mount();
    assert_eq!(within(move || fs::metadata(inode).unwrap().ino()), before);
}

/// SEMANTICS: History. "its inode numbers are the same after a remount, but a file handle says ESTALE until its path was walked again"
#[test]
fn handles_into_the_history_are_stale_until_the_path_is_walked_again() {
    let Some(mut place) = six_points() else { return };
    place.mount();
    let base = place.source.parent().unwrap().to_owned();
    if shell(&base, "command -v python3 || true").is_empty() {
        eprintln!("skipped: needs python3 for name_to_handle_at");
        return;
    }
    let still = place.history().join("still").display().to_string();
    shell(&base, &format!("{HANDLES} save handle '{still}'"));
    place.mount();
    let open = format!("{HANDLES} open handle '{}' 2>&1", place.mountpoint.display());
    let said = |place: &Place| String::from_utf8(run(place.source.parent().unwrap(), &open).stdout).unwrap();
    assert!(said(&place).contains("[Errno 116]"), "{}", said(&place));
    shell(&base, &format!("ls '{still}'"));
    // It can be opened, and read() of a folder is EISDIR.
    assert!(said(&place).contains("[Errno 21]"), "{}", said(&place));
}

/// Everything below a folder of the history, as nobody sees it: names, and what went wrong.
fn seen_by_nobody(folder: &Path) -> String {
    let folder = folder.to_owned();
    within(move || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "find"]).arg(&folder);
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).replace(folder.to_str().unwrap(), "")
    })
}

/// SEMANTICS: History. "A folder has the strictest rights that anything at its path had".
#[test]
fn the_history_shows_no_name_to_whom_a_version_of_its_folder_did_not() {
    let Some(mut place) = Place::new() else { return };
    let source = place.source.clone();
    // The folders above count as well.
    fs::set_permissions(source.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let at = |below: &str| source.join(below);
    let mode = |below: &str, mode: u32| fs::set_permissions(at(below), fs::Permissions::from_mode(mode)).unwrap();
    for folder in ["alice/private", "opened", "closed", "open"] {
        fs::create_dir_all(at(folder)).unwrap();
        fs::write(at(folder).join("letter"), folder).unwrap();
        chown(at(folder), Some(1001), Some(1001)).unwrap();
        chown(at(folder).join("letter"), Some(1001), Some(1001)).unwrap();
    }
    chown(at("alice"), Some(1001), Some(1001)).unwrap();
    for (below, bits) in
        [("alice", 0o700), ("alice/private", 0o700), ("opened", 0o700), ("closed", 0o755), ("open", 0o755)]
    {
        mode(below, bits);
    }
    place.back_up_at(0);
    // One opens, one closes; its names are the same, and so is its tree.
    mode("opened", 0o755);
    mode("closed", 0o700);
    place.back_up_at(1);
    fs::remove_file(at("open/letter")).unwrap();
    place.back_up_at(2);
    place.mount();
    let history = place.history();
    // By look-up alone, and with what a listing has found out.
    for _ in 0..2 {
        let seen = seen_by_nobody(&history);
        assert!(seen.contains("/open/letter/") && seen.contains("/alice\n") && seen.contains("/opened\n"), "{seen}");
        for hidden in ["private", "opened/letter", "closed/letter"] {
            assert!(!seen.contains(hidden), "{hidden}: {seen}");
        }
        shell(&history, "ls -lR");
    }
    let of = |below: &str| {
        let path = history.join(below);
        within(move || fs::metadata(path).map(|m| (m.mode() & 0o7777, m.uid(), m.gid())).unwrap())
    };
    assert_eq!((of("alice"), of("opened")), ((0o500, 1001, 1001), (0o500, 1001, 1001)));
    assert_eq!(of("open"), (0o555, 1001, 1001));
    place.unmount();
}
