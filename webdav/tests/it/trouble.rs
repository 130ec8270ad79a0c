//! Damage, archives, a store out of reach, expired points: each its own status, and nothing ends short unnoticed.

use crate::served::{POINT, Place, START, some_files};
use engine::Kind;
use format_spec::tree::Content;
use std::fs;
use std::time::{Duration, Instant};

/// A server whose chunk `nth` of `large.bin` fails.
fn with_fault(nth: usize, kind: Kind) -> Place {
    let place = Place::of(some_files);
    let entry = place.catalog.entry(&place.point, &place.source.join("large.bin"));
    place.catalog.fail(place.catalog.chunk_of(&entry, nth), kind);
    place
}

/// SEMANTICS, WebDAV: "Damaged 500, archived 409, out of reach 504 [...], expired 410 [...], denied 403".
#[test]
fn each_kind_of_trouble_has_its_own_status() {
    for (kind, status, word) in [
        (Kind::Damaged, 500, "damaged"),
        (Kind::Archived, 409, "archived"),
        (Kind::Transient, 504, "out of fetch"),
        (Kind::Denied, 403, "refuses"),
    ] {
        let place = with_fault(0, kind);
        let answer = place.get(&place.url("large.bin"));
        assert_eq!((answer.status, answer.complete), (status, true), "{kind:?}");
        assert!(answer.text().contains(word) && answer.text().contains("large.bin"), "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(place.listed(&place.url("")).len(), 8, "it is listed as ever");
        assert_eq!(place.get(&place.url("a%20b%20&%20%3Cc%3E%25.txt")).text(), "text");
    }
}

/// SEMANTICS, WebDAV: "What fails after the first piece breaks the connection off".
#[test]
fn a_file_that_is_damaged_further_on_never_ends_well() {
    let place = with_fault(40, Kind::Damaged);
    let answer = place.get(&place.url("large.bin"));
    assert_eq!((answer.status, answer.complete), (200, false));
    let source = fs::read(place.source.join("large.bin")).unwrap();
    assert!(answer.body.len() < source.len() && source.starts_with(&answer.body));
    let before = place.ask("GET", &place.url("large.bin"), &[("Range", "bytes=0-999999")]);
    assert_eq!((before.status, before.complete), (206, true), "what is undamaged stays readable");
}

/// SEMANTICS, WebDAV: "a folder that cannot be read is never listed short".
#[test]
fn a_damaged_folder_is_an_error_and_never_a_short_list() {
    let place = Place::of(|source| {
        fs::create_dir(source.join("many")).unwrap();
        (0..3_000).for_each(|n| fs::write(source.join(format!("many/{n:05}-{}", "x".repeat(100))), "").unwrap());
    });
    let entry = place.catalog.entry(&place.point, &place.source.join("many"));
    let Content::Tree(root) = entry.content else { panic!("a folder has a tree") };
    let node = view::PointCatalog::node(&*place.catalog, &root).unwrap();
    let format_spec::tree::Node::Inner { children, .. } = &*node else { panic!("3000 names need several nodes") };
    place.catalog.fail(children.last().unwrap().id, Kind::Damaged);
    for (method, ended) in [("PROPFIND", "multistatus>"), ("GET", "</html>")] {
        let answer = place.ask(method, &place.url("many/"), &[("Depth", "1")]);
        assert!(!answer.complete, "{method} {}", answer.status);
        assert!(!answer.text().trim_end().ends_with(ended), "{method}");
    }
    place.catalog.fail(root, Kind::Damaged);
    let again = Place::with(some_files, None, |catalog, point| {
        let Content::Tree(root) = point.manifest.root.content else { panic!("a folder has a tree") };
        catalog.fail(root, Kind::Damaged);
    });
    for method in ["PROPFIND", "GET"] {
        let answer = again.ask(method, "/by-job/host/job/latest/", &[("Depth", "1")]);
        assert_eq!((answer.status, answer.complete), (500, true), "{method} {}", answer.text());
        assert!(again.ask(method, "/by-job/host/job/", &[("Depth", "1")]).complete);
    }
}

/// SEMANTICS, WebDAV: "A link whose end is damaged is listed, and is an error when it is read."
#[test]
fn damage_behind_a_link_does_not_hide_the_names_beside_it() {
    let place = Place::of(|source| {
        some_files(source);
        std::os::unix::fs::symlink("folder/inner.html", source.join("to-damage")).unwrap();
    });
    let entry = place.catalog.entry(&place.point, &place.source.join("folder"));
    let Content::Tree(root) = entry.content else { panic!("a folder has a tree") };
    place.catalog.fail(root, Kind::Damaged);
    let listed = place.listed(&place.url(""));
    assert!(listed.contains(&place.url("to-damage")) && listed.contains(&place.url("large.bin")), "{listed:?}");
    assert_eq!(place.get(&place.url("to-damage")).status, 500);
    assert_eq!(place.get(&place.url("empty")).status, 200);
}

/// SEMANTICS, WebDAV: "expired 410".
#[test]
fn what_went_with_an_expired_point_is_gone() {
    let place = Place::of(some_files);
    place.catalog.expire_all();
    assert_eq!(place.get(&place.url("large.bin")).status, 410);
}

/// A store that hangs gets its answer after the deadline of the mount, and what needs no store is answered meanwhile.
#[test]
fn a_stuck_store_is_504_in_time() {
    let place = Place::of(some_files);
    let (url, address) = (place.url("large.bin"), place.address);
    place.catalog.set_outage(crate::memory::Outage::Stuck);
    let stuck = std::thread::spawn(move || {
        let start = Instant::now();
        (crate::asked::ask(address, "GET", &url, &[]).status, start.elapsed())
    });
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    assert_eq!(place.listed("/by-job/host/").len(), 2);
    assert!(start.elapsed() < Duration::from_secs(5));
    let (status, took) = stuck.join().unwrap();
    assert_eq!(status, 504);
    assert!(took >= Duration::from_secs(29) && took < Duration::from_secs(50), "{took:?}");
}

/// SEMANTICS, WebDAV: "expired 410 (also a name that a point had and that is gone)".
#[test]
fn a_name_of_an_expired_point_is_gone_and_not_another_point() {
    let place = Place::of(some_files);
    let other = place.catalog.back_up(&place.source, "host", "job", START);
    place.view.refresh().unwrap();
    place.catalog.expire(&place.point);
    place.view.refresh().unwrap();
    let at = |point: &str, below: &str| place.get(&place.within(&format!("by-job/host/job/{point}"), below)).status;
    let longer = format!("{POINT}-{}", &other.manifest.id.to_string()[..8]);
    assert_eq!((at(POINT, "large.bin"), at(&longer, "large.bin")), (410, 200));
    assert_eq!((at(&longer, "nothing"), at("2026-11-22T00-37-50Z", "large.bin")), (404, 404));
    place.catalog.expire(&other);
    place.view.refresh().unwrap();
    assert_eq!(at("latest", "large.bin"), 410, "the folder of a job without points");
}

/// SEMANTICS, WebDAV: "A point that cannot be read is a folder that says why: damaged 500, of a newer release 501, with what to do about it."
#[test]
fn a_point_that_cannot_be_read_is_listed_and_says_what_to_do() {
    for (kind, word, status) in [(Kind::Damaged, "damaged", 500), (Kind::Unsupported, "unsupported", 501)] {
        let place = Place::of(some_files);
        let other = place.catalog.back_up(&place.source, "host", "job", START + 5);
        place.catalog.spoil(&other, kind);
        place.view.refresh().unwrap();
        let folder = format!("/by-job/%25{word}/");
        let url = format!("{folder}{}/", other.manifest.id);
        assert_eq!(place.listed(&folder), [folder.clone(), url.clone()]);
        assert!(
            place.listed("/by-id/").contains(&format!("/by-id/{}/", other.manifest.id)),
            "where a sound one would be"
        );
        for url in [url.clone(), format!("{url}etc/passwd"), format!("/by-id/{}/", other.manifest.id)] {
            for method in ["GET", "PROPFIND"] {
                let answer = place.ask(method, &url, &[("Depth", "1")]);
                assert_eq!((answer.status, answer.complete), (status, true), "{method} {url} {}", answer.text());
                assert!(answer.text().contains("do this about it"), "{}", answer.text());
                assert_eq!(answer.text().contains("it is damaged"), kind == Kind::Damaged, "{}", answer.text());
            }
        }
        assert_eq!(place.get(&place.url("a%20b%20&%20%3Cc%3E%25.txt")).text(), "text", "the others are there as ever");
    }
}
