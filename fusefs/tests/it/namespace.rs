//! The folders that lead to points.

use crate::place::{Place, START, shell, within};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// SEMANTICS: Namespace. "Everything else is a relative symlink into it"
#[test]
fn one_real_tree_and_relative_symlinks_into_it() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), b"one").unwrap();
    place.catalog.back_up(&place.source, "host", "job", START);
    fs::write(place.source.join("file"), b"two").unwrap();
    let second = place.catalog.back_up(&place.source, "host", "job", START + 3600);
    place.catalog.back_up(&place.source, "host", "job", START + 3600);
    place.catalog.back_up(&place.source, "..", "a/b:c", START);
    place.mount();
    let listed = shell(
        &place.mountpoint,
        r"find . -mindepth 1 -maxdepth 4 \( -path './by-job/*/*/*/*' -prune -o -path './history/*/*/*' -prune -o -print \) | sort",
    );
    let expected = "./by-id\n./by-id/01010101010101010101010101010101\n./by-id/02020202020202020202020202020202
./by-id/03030303030303030303030303030303\n./by-id/04040404040404040404040404040404
./by-job\n./by-job/%2E%2E\n./by-job/%2E%2E/a%2Fb%3Ac\n./by-job/%2E%2E/a%2Fb%3Ac/2026-11-22T00-37-49Z
./by-job/%2E%2E/a%2Fb%3Ac/latest\n./by-job/host\n./by-job/host/job\n./by-job/host/job/2026-11-22T00-37-49Z
./by-job/host/job/2026-11-22T01-37-49Z\n./by-job/host/job/2026-11-22T01-37-49Z-03030303\n./by-job/host/job/latest
./by-time\n./by-time/2026\n./by-time/2026/11\n./by-time/2026/11/22
./history\n./history/%2E%2E\n./history/%2E%2E/a%2Fb%3Ac\n./history/host\n./history/host/job\n";
    assert_eq!(listed, expected);
    let links = shell(&place.mountpoint, "find by-* -type l -maxdepth 5 -printf '%p -> %l\n' | sort");
    assert!(links.contains("by-job/host/job/latest -> 2026-11-22T01-37-49Z-03030303\n"), "{links}");
    let by_time = "2026-11-22T01-37-49Z--host--job -> ../../../../by-job/host/job/2026-11-22T01-37-49Z\n";
    assert!(links.contains(by_time), "{links}");
    assert_eq!(second.number, 2);
    let path = place.point("by-id/02020202020202020202020202020202").join("file");
    let (first, later) =
        (place.point("by-job/host/job/2026-11-22T00-37-49Z").join("file"), place.latest().join("file"));
    within(move || {
        assert_eq!(fs::read(path).unwrap(), b"two");
        assert_eq!(fs::read(first).unwrap(), b"one");
        assert_eq!(fs::read(later).unwrap(), b"two");
    });
}

/// SEMANTICS: Inode numbers. "They are the same after a remount and when points came or went"
#[test]
fn inode_numbers_survive_a_remount_and_new_points() {
    let Some(mut place) = Place::with_everything() else { return };
    let script = "find . -printf '%i %p\n' | grep -v ' ./by-id\\|latest$' | sort";
    let before = shell(&place.mountpoint, script);
    place.catalog.back_up(&place.source, "another", "job", START + 86_400 * 400);
    place.catalog.back_up(&place.source, "host", "job", START + 86_400 * 400);
    place.mount();
    let after = shell(&place.mountpoint, script);
    let after: std::collections::HashSet<_> = after.lines().collect();
    let lost: Vec<_> = before.lines().filter(|l| !after.contains(l)).collect();
    assert!(before.lines().count() > 3000 && lost.is_empty(), "{lost:?}");
}

/// SEMANTICS: Inode numbers. "no two files share one, but all names of a hard link do." All hard links aside, no two names share a number.
#[test]
fn inode_numbers_are_unique_over_the_whole_mount() {
    let Some(mut place) = Place::with_everything() else { return };
    place.catalog.back_up(&place.source, "host", "job", START + 1);
    place.mount();
    let twice = shell(&place.mountpoint, "find . ! -links 3 -printf '%i\n' -o -type d -printf '%i\n' | sort | uniq -d");
    assert_eq!(twice, "");
}

/// SEMANTICS: Inode numbers. "so file handles survive a remount"
#[test]
fn file_handles_survive_a_remount() {
    let Some(mut place) = Place::with_everything() else { return };
    let script = format!("{HANDLES} save handle '{}'", place.latest().join("plain/small").display());
    let base = place.source.parent().unwrap().to_owned();
    if shell(&base, "command -v python3 || true").is_empty() {
        eprintln!("skipped: needs python3 for name_to_handle_at");
        return;
    }
    shell(&base, &script);
    place.mount();
    let read = shell(&base, &format!("{HANDLES} open handle '{}' | od -An -tx1", place.mountpoint.display()));
    let expected = shell(&base, "od -An -tx1 source/plain/small");
    assert_eq!(read, expected);
}

/// SEMANTICS: Namespace. "Leading folders are as new as the newest point below" Time and entries of what leads to a point come from the
/// points.
#[test]
fn leading_folders_are_as_new_as_their_newest_point() {
    let Some(place) = Place::with_everything() else { return };
    let mountpoint = place.mountpoint.clone();
    within(move || {
        for name in ["", "by-job", "by-job/host/job", "by-time/2026/11", "by-id"] {
            let stat = fs::metadata(mountpoint.join(name)).unwrap();
            assert_eq!((stat.mtime(), stat.mode() & 0o7777), (START, 0o555), "{name}");
        }
    });
}

/// name_to_handle_at and open_by_handle_at through the C library.
pub(crate) const HANDLES: &str = r#"python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
mode, handle, path = sys.argv[1:]
if mode == "save":
    buffer = ctypes.create_string_buffer(8 + 128)
    buffer[0:4] = (128).to_bytes(4, "little")
    if libc.name_to_handle_at(-100, path.encode(), buffer, ctypes.byref(ctypes.c_int()), 0x400):
        raise OSError(ctypes.get_errno(), "name_to_handle_at")
    open(handle, "wb").write(buffer.raw)
else:
    mount = os.open(path, os.O_RDONLY)
    fd = libc.open_by_handle_at(mount, ctypes.create_string_buffer(open(handle, "rb").read()), os.O_RDONLY)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "open_by_handle_at")
    sys.stdout.buffer.write(os.read(fd, 1000))
'"#;
