//! Points whose manifests cannot be read: they are there, under a name that says what is wrong, and looking into them says it too.

use crate::place::{Place, START, errno, eventually, shell, within, xattr};
use engine::Kind;
use fusefs::MountOptions;
use rustix::io::Errno;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use view::{Layout, Template, Templates};

const SECOND: &str = "02020202020202020202020202020202";

fn looked_into(path: &Path) -> [Option<i32>; 2] {
    let listed = fs::read_dir(path).and_then(|names| names.collect::<std::io::Result<Vec<_>>>());
    [errno(listed), errno(fs::read(path.join("etc/passwd")))]
}

/// SEMANTICS, Namespace: "It is a folder that cannot be looked into: EIO, for `%unsupported` EOPNOTSUPP."
#[test]
fn a_point_that_cannot_be_read_is_shown_and_says_what_is_wrong() {
    for (kind, word, code) in
        [(Kind::Damaged, "damaged", Errno::IO), (Kind::Unsupported, "unsupported", Errno::OPNOTSUPP)]
    {
        let Some(mut place) = Place::new() else { return };
        fs::write(place.source.join("file"), b"one").unwrap();
        place.catalog.back_up(&place.source, "host", "job", START);
        let second = place.catalog.back_up(&place.source, "host", "job", START + 3600);
        let told = place.catalog.spoil(&second, kind).told();
        place.mount();
        let links = shell(
            &place.mountpoint,
            "find . -path '*/%*' -prune -printf '%p %y %l\n' -o -path '*/02020202*' -printf '%p %y %l\n' | sort",
        );
        let expected =
            format!("./by-id/{SECOND} l ../by-job/%{word}/{SECOND}\n./by-job/%{word} d \n./by-time/%{word} d \n");
        assert_eq!(links, expected);
        let (root, latest) = (place.mountpoint.clone(), place.latest());
        within(move || {
            for path in ["by-job/%", "by-time/%"].map(|folder| format!("{folder}{word}/{SECOND}")) {
                assert_eq!(looked_into(&root.join(&path)), [Some(code.raw_os_error()); 2], "{path}");
            }
            let by_id = root.join("by-id").join(SECOND);
            assert_eq!(looked_into(&by_id), [Some(code.raw_os_error()); 2]);
            assert_eq!((xattr(&by_id, "state").as_str(), xattr(&by_id, "point").as_str()), (word, SECOND));
            assert_eq!(xattr(&by_id, "why"), told);
            let mut names = [0u8; 200];
            let length = rustix::fs::listxattr(&by_id, &mut names).unwrap();
            assert!(names[..length].windows(15).any(|name| name == b"user.cairn.why\0"));
            // The others are there as ever, and the newest of them is `latest`.
            assert_eq!(fs::read(latest.join("file")).unwrap(), b"one");
        });
    }
}

/// SEMANTICS, Namespace: "It comes and goes without a remount."
#[test]
fn a_point_that_was_repaired_shows_under_its_own_name_without_a_remount() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), b"one").unwrap();
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    place.catalog.spoil(&point, Kind::Damaged);
    let refresh_every = std::time::Duration::from_millis(100);
    place.mount_with(&MountOptions { refresh_every, ..place.options() });
    let (lost, found) = (place.mountpoint.join("by-job/%damaged"), place.latest().join("file"));
    let (gone, listed) = (lost.clone(), lost.clone());
    within(move || assert_eq!(fs::read_dir(&listed).unwrap().count(), 1));
    place.catalog.repair(&point);
    eventually("it is shown", move || fs::read(&found).is_ok_and(|bytes| bytes == b"one"));
    eventually("the other name is gone", move || fs::symlink_metadata(&gone).is_err());
    place.catalog.spoil(&point, Kind::Damaged);
    eventually("it is damaged again", move || lost.exists());
}

/// Nobody knows whether a filter would let it through, so it is shown; and each template's folder has it.
#[test]
fn templates_and_filters_leave_no_unreadable_point_out() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), b"one").unwrap();
    place.catalog.back_up(&place.source, "host", "job", START);
    let second = place.catalog.back_up(&place.source, "host", "job", START + 3600);
    place.catalog.spoil(&second, Kind::Damaged);
    let templates = ["all/{org}-{job}/{time}", "by-tag/{tag}/{time}", "ids/{id8}"];
    let templates = templates.map(|text| Template::parse(text).unwrap()).to_vec();
    let filter = [view::Rule::parse("job=another").unwrap()].into_iter().collect();
    let layout = Layout { templates: Templates::new(templates).unwrap(), filter, ..Layout::default() };
    place.mount_with(&MountOptions { layout, ..place.options() });
    let listed = shell(
        &place.mountpoint,
        "find all by-tag ids ! -type d -o -path '*%*/*' -prune -print | sort; ls -1 ids by-tag/%damaged",
    );
    let expected = format!("all/%damaged/{SECOND}\nby-tag/%damaged:\n{SECOND}\n\nids:\n02020202\n");
    assert_eq!(listed, expected);
    let reached = place.mountpoint.join("ids/02020202");
    assert_eq!(reached.as_os_str().as_bytes().len(), place.mountpoint.as_os_str().len() + 13);
    within(move || assert_eq!(looked_into(&reached)[0], Some(Errno::IO.raw_os_error())));
}
