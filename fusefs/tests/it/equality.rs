//! A point on the mount is the folder that was backed up.

use crate::place::{Place, noise, shell, within};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};

/// SEMANTICS: Contents. "Every byte was verified before it is handed out."
#[test]
fn diff_finds_no_difference() {
    let Some(place) = Place::with_everything() else { return };
    let latest = place.latest();
    let command = format!("diff -r --no-dereference -x special . '{}'", latest.display());
    assert_eq!(shell(&place.source, &command), "");
}

/// SEMANTICS: Names and attributes. "Kind, mode, numeric owner and group, size, number of names, modification and change time to the
/// nanosecond, symlink target and device number are the source's."
#[test]
fn find_prints_the_same_for_source_and_mount() {
    let Some(place) = Place::with_everything() else { return };
    let script = r"(find . ! -type d -printf '%P %y %m %U %G %s %n %T@ %C@ %l\0';
        find . -type d -printf '%P %y %m %U %G %n %T@ %C@\0') | sort -z | tr '\0' '\n'";
    let (source, mount) = (shell(&place.source, script), shell(&place.latest(), script));
    assert!(source.lines().count() > 3000);
    assert_eq!(source, mount);
    let devices = "stat -c '%n %F %t %T' special/*";
    assert_eq!(shell(&place.source, devices), shell(&place.latest(), devices));
}

/// SEMANTICS: Names and attributes. "Folders of any size are listed whole, each entry once." A folder of 3000 entries takes many answers
/// and several nodes.
#[test]
fn large_folders_are_listed_whole_and_once() {
    let Some(place) = Place::with_everything() else { return };
    let listing = shell(&place.latest().join("many"), "ls -f | grep -v '^[.]' | sort");
    let expected: String = (0..3000).map(|n| format!("{n:05}\n")).collect();
    assert_eq!(listing, expected);
}

/// SEMANTICS: Contents. "A read gives as many bytes as were asked for, less only at the end of the file."
#[test]
fn reads_are_whole_at_any_offset() {
    let Some(place) = Place::with_everything() else { return };
    let path = place.latest().join("plain/chunks");
    let expected = noise(300_001);
    within(move || {
        let file = File::open(path).unwrap();
        for (offset, length) in [(0, 1), (65_535, 2), (65_536, 65_536), (1, 300_000), (299_999, 100), (300_001, 10)] {
            let mut bytes = vec![0; length];
            let mut done = 0;
            while done < length {
                match file.read_at(&mut bytes[done..], (offset + done) as u64).unwrap() {
                    0 => break,
                    n => done += n,
                }
            }
            let end = (offset + length).min(expected.len());
            assert_eq!(bytes[..done], expected[offset.min(end)..end], "{offset}+{length}");
        }
    });
}

/// SEMANTICS: Sparse files. "`SEEK_DATA` and `SEEK_HOLE` show the source's map; holes are zeros and cost nothing; `st_blocks` counts the
/// pages that hold data."
#[test]
fn sparse_files_keep_their_map_and_their_bytes() {
    let Some(place) = Place::with_everything() else { return };
    let (source, mount) = (place.source.join("sparse"), place.latest().join("sparse"));
    within(move || {
        assert_eq!(runs(&source), [(1 << 20, 73_728), (5 << 20, 4096)].map(|(at, length)| (at, at + length)));
        assert_eq!(runs(&source), runs(&mount));
        assert_eq!(fs::metadata(&source).unwrap().blocks(), fs::metadata(&mount).unwrap().blocks());
        assert!(fs::read(&source).unwrap() == fs::read(&mount).unwrap());
    });
}

/// SEMANTICS: Inode numbers. "no two files share one, but all names of a hard link do."
#[test]
fn every_name_of_a_hard_link_shows_one_inode() {
    let Some(place) = Place::with_everything() else { return };
    let at = place.latest().join("links");
    within(move || {
        let stats = ["b", "deeper/a", "zz-first-written"].map(|n| fs::metadata(at.join(n)).unwrap());
        assert!(stats.iter().all(|s| s.ino() == stats[0].ino() && s.nlink() == 3));
        assert_eq!(fs::read(at.join("deeper/a")).unwrap(), b"three names");
    });
    let listed = shell(&place.latest().join("links"), "find . -type f -links 3 -printf '%i\n' | uniq | wc -l");
    assert_eq!(listed.trim(), "1");
}

/// SEMANTICS: Names and attributes. "Names are the source's raw bytes."
#[test]
fn deep_paths_can_be_walked() {
    let Some(place) = Place::with_everything() else { return };
    let script = "find deep -name bottom -exec cat {} +";
    assert_eq!(shell(&place.latest(), script), "down here");
}

/// What `SEEK_DATA` and `SEEK_HOLE` say.
fn runs(path: &std::path::Path) -> Vec<(u64, u64)> {
    use rustix::fs::{SeekFrom, seek};
    let file = File::open(path).unwrap();
    let (mut runs, mut at) = (Vec::new(), 0);
    while let Ok(start) = seek(&file, SeekFrom::Data(at)) {
        at = seek(&file, SeekFrom::Hole(start)).unwrap();
        runs.push((start, at));
    }
    runs
}
