//! Every call that changes something, tried one by one.

use super::place::{LIMIT, Place};
use super::table::{Table, python};
use rustix::fs::{XattrFlags, setxattr};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

/// SEMANTICS: Read-only. "Every change is EROFS." The broken twin is the source, where the same calls succeed.
#[test]
fn every_call_that_changes_something_is_refused() {
    let Some(mut place) = Place::new() else { return };
    for name in ["file", "other", "moved", "over", "removed"] {
        fs::write(place.source.join(name), "something").unwrap();
    }
    fs::create_dir(place.source.join("empty")).unwrap();
    symlink("file", place.source.join("symlink")).unwrap();
    setxattr(place.source.join("file"), "user.old", b"x", XattrFlags::empty()).unwrap();
    setxattr(place.source.join("file"), "trusted.old", b"x", XattrFlags::empty()).unwrap();
    let point = place.back_up();
    place.mount();
    let started = Instant::now();
    let try_all = |folder: &Path| {
        let script = format!("'{}' -c \"$CALLS\" \"$M\"", python().display());
        let said = place.run(&script, &[("M", folder.to_str().unwrap()), ("CALLS", CALLS)], LIMIT).unwrap();
        let wrong: Vec<_> = said.lines().filter(|line| !refused(line)).collect();
        assert!(said.lines().count() > 35, "{said}");
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    };
    let shown = place.shown(&point);
    let (good, broken) = (try_all(&shown), try_all(&place.source));
    let mut table = Table::new();
    let finds = [
        "mkdir done",
        "renameat2 RENAME_EXCHANGE done",
        "chmod done",
        "removexattr done",
        "rmdir done",
        "fsetxattr done",
    ];
    table.add("every call that writes is EROFS", started, good, broken, &finds);
    place.unmount();
    table.finish();
}

/// Whether a line says what a read-only file system answers.
fn refused(line: &str) -> bool {
    let (call, answer) = line.rsplit_once(' ').unwrap();
    let expected = BEFORE_ASKING.iter().find(|(name, _)| *name == call).map_or("EROFS", |(_, answer)| answer);
    answer == expected
}

/// What the kernel refuses for the descriptor's sake.
const BEFORE_ASKING: [(&str, &str); 6] = [
    ("write", "EBADF"),
    ("pwrite", "EBADF"),
    ("ftruncate", "EINVAL"),
    ("fallocate", "EBADF"),
    ("copy_file_range", "EBADF"),
    ("mmap MAP_SHARED PROT_WRITE", "EACCES"),
];

const CALLS: &str = include_str!("refused.py");
