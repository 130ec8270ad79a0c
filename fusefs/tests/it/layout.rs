//! Templates, filters, one point or folder alone.

use crate::place::{Place, START, eventually, one_of_everything, shell, within};
use fusefs::MountOptions;
use rustix::io::Errno;
use std::fs;
use std::time::Duration;
use view::{Alone, Layout, Rule, Space, Template, Templates};

impl Place {
    fn mount_layout(&mut self, layout: Layout) {
        let refresh_every = Duration::from_millis(50);
        self.mount_with(&MountOptions { layout, refresh_every, ..self.options() });
    }

    /// Names and links, but not what is in points.
    fn leading(&self, depth: usize) -> String {
        let script =
            format!("find . -mindepth 1 -maxdepth {depth} ! -path '*/tmp*' -printf '%p %l\n' | sort | sed 's/ $//'");
        shell(&self.mountpoint, &script)
    }
}

fn templates(texts: &[&str]) -> Layout {
    let all = texts.iter().map(|text| Template::parse(text).unwrap()).collect();
    Layout { history: false, templates: Templates::new(all).unwrap(), ..Layout::default() }
}

/// SEMANTICS: Layout. "The first template is the real tree; the others are symlinks into it".
#[test]
fn the_first_template_is_the_real_tree_and_others_link_into_it() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), b"x").unwrap();
    place.catalog.back_up_with(&place.source, "host", "job", START, |m| m.tags = vec!["b".into(), "a".into()]);
    place.catalog.back_up_with(&place.source, "host", "job", START + 60, |m| m.organisation = "acme".into());
    place.mount_layout(templates(&["all/{org}-{job}/{year}-{id8}", "tags/{tag}/{time}"]));
    let expected = "./all\n./all/acme-job\n./all/acme-job/2026-02020202\n./all/acme-job/latest 2026-02020202
./all/host-job\n./all/host-job/2026-01010101\n./all/host-job/latest 2026-01010101
./tags\n./tags/a\n./tags/a/2026-11-22T00-37-49Z ../../all/host-job/2026-01010101
./tags/b\n./tags/b/2026-11-22T00-37-49Z ../../all/host-job/2026-01010101\n";
    assert_eq!(place.leading(3), expected);
    let file = place.point("tags/a/2026-11-22T00-37-49Z").join("file");
    assert_eq!(within(move || fs::read(file).unwrap()), b"x");
}

/// SEMANTICS: Layout. Names that mean something else in a folder, and names that clash, stay apart.
#[test]
fn names_that_a_template_makes_twice_stay_apart() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), b"x").unwrap();
    for (host, job) in [("h", "latest"), ("h", "same"), ("h", "same"), ("history", "j")] {
        place.catalog.back_up(&place.source, host, job, START);
    }
    place.mount_layout(Layout { history: true, ..templates(&["{host}/{job}"]) });
    let expected = "./%68istory\n./%68istory/j\n./%68istory/latest j\n./h\n./h/%6Catest\n./h/latest same-03030303
./h/same\n./h/same-03030303\n./history\n./history/h\n./history/history\n";
    assert_eq!(place.leading(2), expected);
}

/// SEMANTICS: Layout. "Filters choose the points".
#[test]
fn filters_choose_the_points_also_those_that_come_later() {
    let Some(mut place) = Place::new() else { return };
    fs::write(place.source.join("file"), b"x").unwrap();
    let back_up = |place: &Place, host: &str, job: &str, hours: i64, tag: &str| {
        let (at, tags) = (START + hours * 3600, vec![tag.to_owned()]);
        place.catalog.back_up_with(&place.source, host, job, at, |m| m.tags = tags);
    };
    for (host, job, hours, tag) in
        [("web-1", "etc", 0, "keep"), ("web-2", "etc", 1, "x"), ("db", "etc", 2, "keep"), ("web-1", "srv", 48, "keep")]
    {
        back_up(&place, host, job, hours, tag);
    }
    let mut shown = |rules: &[&str]| {
        let filter = rules.iter().map(|text| Rule::parse(text).unwrap()).collect();
        place.mount_layout(Layout { filter, ..templates(&["{host}-{job}-{id8}"]) });
        shell(&place.mountpoint, "ls | grep -v latest | tr '\n' ' '")
    };
    assert_eq!(shown(&["host=web-*"]), "web-1-etc-01010101 web-1-srv-04040404 web-2-etc-02020202 ");
    assert_eq!(shown(&["host=web-*", "tag=keep"]), "web-1-etc-01010101 web-1-srv-04040404 ");
    assert_eq!(shown(&["host=web-1", "host=db", "job=etc"]), "db-etc-03030303 web-1-etc-01010101 ");
    assert_eq!(shown(&["since=2026-11-22T01:37", "until=2026-11-22"]), "db-etc-03030303 web-2-etc-02020202 ");
    assert_eq!(shown(&["job=none"]), "");
    assert_eq!(shown(&["job=new*"]), "");
    back_up(&place, "db", "other", 3, "x");
    back_up(&place, "db", "newest", 3, "x");
    let mountpoint = place.mountpoint.clone();
    eventually("the new one is there", move || mountpoint.join("db-newest-06060606").exists());
    assert_eq!(shell(&place.mountpoint, "ls | grep -c db-"), "1\n");
}

/// SEMANTICS: Layout. "One point, or one folder of it, can be the mount's root".
#[test]
fn one_point_or_one_folder_of_it_can_be_mounted_alone() {
    let Some(mut place) = Place::new() else { return };
    one_of_everything(&place.source);
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    let path = place.source.to_str().unwrap().trim_start_matches('/').as_bytes().to_vec();
    let alone = |path: &[u8]| Some(Alone { point: point.manifest.id, path: path.to_vec() });
    place.mount_layout(Layout { alone: alone(&path), ..Layout::default() });
    let mountpoint = place.mountpoint.display().to_string();
    let diff = format!("diff -r --no-dereference -x special . '{mountpoint}'");
    assert_eq!(shell(&place.source, &diff), "");
    let find = "find . -mindepth 1 -printf '%P %y %m %U %G %s %n %T@ %l\n' | grep -v ' d ' | sort";
    assert_eq!(shell(&place.source, find), shell(&place.mountpoint, find));
    let root = place.mountpoint.clone();
    within(move || {
        let mut buffer = [0; 32];
        let length = rustix::fs::getxattr(&root, "user.cairn.point", &mut buffer).unwrap();
        assert_eq!(buffer[..length], *b"01010101010101010101010101010101");
    });
    let inodes = "find . -mindepth 1 -printf '%i %f\n' | sort";
    let in_folder = shell(&place.mountpoint.join("links"), inodes);
    place.mount_layout(Layout { alone: alone(b""), ..Layout::default() });
    let whole = place.mountpoint.join(place.source.strip_prefix("/").unwrap());
    assert_eq!(shell(&whole.join("links"), inodes), in_folder);
    // The others are not there, and when the point expires nothing is.
    place.catalog.back_up(&place.source, "host", "job", START + 60);
    place.catalog.expire(&point);
    let root = place.mountpoint.clone();
    let stale = Some(Errno::STALE.raw_os_error());
    eventually("ESTALE", move || fs::metadata(&root).is_err_and(|e| e.raw_os_error() == stale));
}

/// SEMANTICS: Layout. What cannot be mounted alone is refused before anything is mounted.
#[test]
fn what_cannot_be_mounted_alone_is_refused() {
    let Some(place) = Place::new() else { return };
    fs::write(place.source.join("file"), b"x").unwrap();
    let point = place.catalog.back_up(&place.source, "host", "job", START);
    let path = place.source.join("file").to_str().unwrap().trim_start_matches('/').as_bytes().to_vec();
    for (id, path, kind, why) in [
        (point.manifest.id, path, engine::Kind::Input, "only a folder"),
        (point.manifest.id, b"nothing/here".to_vec(), engine::Kind::Absent, "/nothing/here"),
        (format_spec::log::PointId([9; 16]), Vec::new(), engine::Kind::Absent, "no such restore point"),
    ] {
        let layout = Layout { alone: Some(Alone { point: id, path }), ..Layout::default() };
        let options = MountOptions { layout, ..place.options() };
        let refused = fusefs::mount(place.catalog.clone(), &options).map(|_| ()).unwrap_err();
        assert_eq!(refused.kind(), kind, "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

/// SEMANTICS: Space. "With `--statfs=zero` it says nothing at all, so that `df` leaves the mount out."
#[test]
fn statfs_can_say_nothing_at_all() {
    let Some(mut place) = Place::with_everything() else { return };
    place.mount_layout(Layout { space: Space::Zero, ..Layout::default() });
    assert_eq!(shell(&place.mountpoint, "stat -f -c '%b %f %a %c %d' ."), "0 0 0 0 0\n");
    assert!(!shell(&place.source, "df").contains(place.mountpoint.to_str().unwrap()));
}
