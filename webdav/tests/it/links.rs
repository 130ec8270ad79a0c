//! What WebDAV has no word for: links, special files, names that are no text.

use crate::served::{POINT, Place};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

fn with_links(source: &Path) {
    fs::create_dir_all(source.join("real/deep")).unwrap();
    fs::write(source.join("real/deep/file"), "content").unwrap();
    let absolute = source.join("real/deep/file");
    for (target, name) in [
        (Path::new("real/deep/file"), "to-file"),
        (&absolute, "absolute"),
        (Path::new("to-file"), "to-link"),
        (Path::new("real"), "to-folder"),
        (Path::new("to-folder/../real/./deep//file"), "winding"),
        (Path::new("."), "real/self"),
        (Path::new("../.."), "real/deep/up"),
        (Path::new("nowhere"), "dangling"),
        (Path::new("/etc/hostname-of-elsewhere"), "elsewhere"),
        (Path::new("../../../../../../../../etc/passwd"), "above"),
        (Path::new("loop-b"), "loop-a"),
        (Path::new("loop-a"), "loop-b"),
        (Path::new("real/deep/file/x"), "through-a-file"),
    ] {
        symlink(target, source.join(name)).unwrap();
    }
}

/// SEMANTICS, WebDAV: "`latest`, by-time and by-id are the folders that they lead to".
#[test]
fn links_to_points_are_folders() {
    let place = Place::of(with_links);
    let id = "01".repeat(16);
    for point in [
        format!("by-job/host/job/{POINT}"),
        "by-job/host/job/latest".to_owned(),
        format!("by-id/{id}"),
        format!("by-time/2026/11/22/{POINT}--host--job"),
    ] {
        assert_eq!(place.get(&place.within(&point, "real/deep/file")).text(), "content", "{point}");
        assert!(place.listed(&place.within(&point, "real/")).len() > 2, "{point}");
    }
    assert!(place.listed("/by-id/").contains(&format!("/by-id/{id}/")));
}

/// SEMANTICS, WebDAV: "Inside of points, a link to a file of the same point is that file".
#[test]
fn links_inside_a_point_are_followed_inside_it() {
    let place = Place::of(with_links);
    for name in ["to-file", "absolute", "to-link", "winding", "to-folder/deep/file"] {
        let answer = place.get(&place.url(name));
        assert_eq!((answer.status, answer.text()), (200, "content".to_owned()), "{name}");
        assert_eq!(answer.header("content-length"), Some("7"), "{name}");
    }
    assert!(place.listed(&place.url("")).contains(&place.url("to-folder/")));
}

/// SEMANTICS, WebDAV: "any other link is a small file that holds its target".
#[test]
fn links_that_lead_nowhere_are_files_of_their_target() {
    let place = Place::of(with_links);
    for name in ["dangling", "elsewhere", "above", "loop-a", "loop-b", "through-a-file"] {
        let target = fs::read_link(place.source.join(name)).unwrap();
        let answer = place.get(&place.url(name));
        assert_eq!((answer.status, answer.text()), (200, target.display().to_string()), "{name}");
        let range = place.ask("GET", &place.url(name), &[("Range", "bytes=1-2")]);
        assert_eq!((range.status, &range.body[..]), (206, &target.as_os_str().as_bytes()[1..3]));
    }
    let listed = place.listed(&place.url(""));
    assert!(listed.contains(&place.url("dangling")) && listed.contains(&place.url("loop-a")));
}

/// SEMANTICS, WebDAV: "through one such link a path, so that whoever walks everything comes to an end".
#[test]
fn whoever_walks_everything_comes_to_an_end() {
    let place = Place::of(with_links);
    let (mut open, mut seen) = (vec![place.url("")], 0);
    while let Some(folder) = open.pop() {
        for path in place.listed(&folder).split_off(1) {
            seen += 1;
            assert!(seen < 300, "it goes in circles at {path}");
            if path.ends_with('/') {
                open.push(path);
            }
        }
    }
    assert!(seen > 30);
    assert_eq!(place.get(&place.url("real/self/self")).text(), ".");
}

/// SEMANTICS, WebDAV: "Special files are not shown."
#[test]
fn special_files_are_not_shown() {
    let place = Place::of(|source| {
        fs::write(source.join("file"), "x").unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, source.join("fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        symlink("fifo", source.join("to-fifo")).unwrap();
    });
    let url = place.url("");
    assert_eq!(place.listed(&url), [url.clone(), format!("{url}file"), format!("{url}to-fifo")]);
    assert_eq!(place.get(&place.url("fifo")).status, 404);
    assert_eq!(place.get(&place.url("to-fifo")).text(), "fifo");
}

/// SEMANTICS, WebDAV: "Names that are no UTF-8 or have control characters are shown with those bytes, and each `%`, as `%XX`".
#[test]
fn names_that_are_no_text_are_listed_and_found() {
    let names: [&[u8]; 5] = [b"a\xff", b"a%FF", b"two\nlines", b"100%", b"50%25"];
    let place = Place::of(|source| {
        names.iter().for_each(|name| fs::write(source.join(OsStr::from_bytes(name)), name).unwrap());
    });
    let url = place.url("");
    let mut found: Vec<_> = place.listed(&url).split_off(1).iter().map(|path| place.get(path).body).collect();
    found.sort();
    let mut expected = names.map(<[u8]>::to_vec);
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(place.get(&format!("{url}a%FF")).body, b"a\xff", "the raw bytes are found as well");
    assert_eq!(place.get(&format!("{url}a%25FF")).body, b"a\xff", "as it is shown");
    assert_eq!(place.get(&format!("{url}a%2525FF")).body, b"a%FF");
}
