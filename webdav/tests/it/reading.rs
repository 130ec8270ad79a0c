//! Bytes: whole, by range, once and again; and folders for browsers.

use crate::served::{POINT, Place, noise, some_files};
use std::fs;

/// SEMANTICS, WebDAV: "The folders, names and bytes of the mount".
#[test]
fn files_have_the_sources_bytes() {
    let place = Place::of(some_files);
    for name in ["large.bin", "empty", "sparse", ".hidden", "folder/inner.html"] {
        let answer = place.get(&place.url(name));
        let source = fs::read(place.source.join(name)).unwrap();
        assert_eq!((answer.status, answer.complete), (200, true), "{name}");
        assert_eq!(answer.header("content-length"), Some(&source.len().to_string()[..]), "{name}");
        assert!(answer.body == source, "{name}");
        let head = place.ask("HEAD", &place.url(name), &[]);
        assert_eq!((head.status, head.body.len()), (200, 0));
        for header in ["content-length", "etag", "last-modified", "content-type"] {
            assert_eq!(head.header(header), answer.header(header), "{name} {header}");
        }
    }
    assert_eq!(place.get(&place.url("folder/inner.html")).header("content-type"), Some("text/html"));
    assert_eq!(place.get(&place.url("large.bin/x")).status, 404);
    assert_eq!(place.get(&place.url("../../../../../../../etc/passwd")).status, 404);
}

#[test]
fn ranges_are_those_bytes() {
    let place = Place::of(some_files);
    let (url, bytes) = (place.url("large.bin"), noise(3_000_000));
    let get = |range: &str| place.ask("GET", &url, &[("Range", range)]);
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=1000000-2200000", 1_000_000, 2_200_001),
        ("bytes=2999999-", 2_999_999, 3_000_000),
        ("bytes=-5", 2_999_995, 3_000_000),
        ("bytes=10-99999999", 10, 3_000_000),
    ] {
        let answer = get(range);
        assert_eq!((answer.status, answer.complete), (206, true), "{range}");
        assert!(answer.body == bytes[from..to], "{range}");
        assert_eq!(answer.header("content-range"), Some(&format!("bytes {from}-{}/3000000", to - 1)[..]));
    }
    for range in
        ["bytes=3000000-", "bytes=3000001-", "bytes=9000000-9000001", "bytes=99999999999999999999999-", "bytes=-0"]
    {
        let answer = get(range);
        assert_eq!((answer.status, answer.body.len()), (416, 0), "{range}");
        assert_eq!(answer.header("content-range"), Some("bytes */3000000"), "{range}");
    }
    assert_eq!(place.ask("GET", &place.url("empty"), &[("Range", "bytes=0-")]).status, 416);
    assert_eq!(place.ask("HEAD", &url, &[("Range", "bytes=9000000-")]).status, 200, "only a GET has ranges");
    let several = get("bytes=0-1,5-6");
    assert_eq!((several.status, several.body.len()), (200, 3_000_000), "several ranges are answered by everything");
    let version = place.get(&url).header("etag").unwrap().to_owned();
    let same = place.ask("GET", &url, &[("Range", "bytes=0-4"), ("If-Range", &version)]);
    let other = place.ask("GET", &url, &[("Range", "bytes=0-4"), ("If-Range", "\"other\"")]);
    assert_eq!((same.status, other.status), (206, 200));
    let weak = place.ask("GET", &url, &[("Range", "bytes=0-4"), ("If-Range", &format!("W/{version}"))]);
    assert_eq!((weak.status, weak.body.len()), (200, 3_000_000), "If-Range is compared strongly");
    let date = place.get(&url).header("last-modified").unwrap().to_owned();
    let dated = |url: &str| place.ask("GET", url, &[("Range", "bytes=0-4"), ("If-Range", &date)]).status;
    let fixed = place.within(&format!("by-job/host/job/{POINT}"), "large.bin");
    assert_eq!((dated(&fixed), dated(&url)), (206, 200), "what latest leads to may change twice in a second");
}

/// SEMANTICS, WebDAV: "`ETag` is made of the content".
#[test]
fn what_a_client_has_is_not_sent_again() {
    let place = Place::of(|source| {
        some_files(source);
        fs::write(source.join("twin"), noise(3_000_000)).unwrap();
    });
    let of = |name: &str| place.get(&place.url(name)).header("etag").unwrap().to_owned();
    assert_eq!(of("large.bin"), of("twin"), "the same bytes have the same tag");
    assert_ne!(of("large.bin"), of("sparse"));
    let tag = of("large.bin");
    let asked = place.ask("PROPFIND", &place.url("large.bin"), &[("Depth", "0")]);
    assert_eq!(asked.between("<D:getetag>", "</D:getetag>"), [tag.as_str()]);
    let again = place.ask("GET", &place.url("large.bin"), &[("If-None-Match", &tag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    let date = place.get(&place.url("large.bin")).header("last-modified").unwrap().to_owned();
    assert_eq!(place.ask("GET", &place.url("large.bin"), &[("If-Modified-Since", &date)]).status, 304);
    let ask = |name: &str, value: &str| place.ask("GET", &place.url("large.bin"), &[(name, value)]).status;
    // A proxy that compresses makes tags weak: it still has the same bytes (RFC 9110, 13.1.2), but cannot vouch for them (13.1.1).
    let weak = format!("W/{tag}");
    assert_eq!((ask("If-None-Match", &weak), ask("If-None-Match", &format!("\"a,b\", {weak}"))), (304, 304));
    assert_eq!((ask("If-Match", &weak), ask("If-Match", &tag), ask("If-Match", "*")), (412, 200, 200));
    let both = [("If-None-Match", "\"other\""), ("If-Modified-Since", &*date)];
    assert_eq!(place.ask("GET", &place.url("large.bin"), &both).status, 200);
}

/// SEMANTICS, WebDAV: "browsers may keep files of points for a day, but not what `latest` leads to".
#[test]
fn only_what_stays_may_be_kept() {
    let place = Place::of(some_files);
    let cache = |point: &str| {
        let answer = place.get(&place.within(point, "large.bin"));
        assert_eq!(answer.status, 200);
        answer.header("cache-control").unwrap().to_owned()
    };
    assert_eq!(cache("by-job/host/job/latest"), "private, no-cache");
    assert!(cache(&format!("by-job/host/job/{POINT}")).contains("immutable"));
    assert!(cache(&format!("by-time/2026/11/22/{POINT}--host--job")).contains("immutable"));
}

/// SEMANTICS, WebDAV: "A page out of a backup runs nothing".
#[test]
fn pages_out_of_a_backup_run_nothing() {
    let place = Place::of(some_files);
    let page = place.get(&place.url("folder/inner.html"));
    assert_eq!(page.header("content-security-policy"), Some("sandbox"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let folder = place.get("/");
    assert!(folder.header("content-security-policy").unwrap().contains("default-src 'none'"));
}

#[test]
fn browsers_see_folders_with_every_name() {
    let place = Place::of(some_files);
    let url = place.url("");
    let page = place.get(&url);
    assert_eq!((page.status, page.complete), (200, true));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let links: Vec<_> = page.between("<td><a href=\"", "\">").into_iter().collect();
    let mut listed = place.listed(&url);
    listed.remove(0);
    assert_eq!(links, listed);
    assert!(page.text().contains(">a b &amp; &lt;c&gt;%.txt</a>"), "{}", page.text());
    assert_eq!(place.get(url.trim_end_matches('/')).between("<td><a href=\"", "\">"), links, "without the slash, too");
    let head = place.ask("HEAD", &url, &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// SEMANTICS, WebDAV: "Folders of any size are listed whole".
#[test]
fn large_folders_are_listed_whole_and_once() {
    let place = Place::of(|source| {
        (0..3_000).for_each(|n| fs::write(source.join(format!("{n:05}")), "").unwrap());
    });
    let listed = place.listed(&place.url(""));
    assert_eq!(listed.len(), 3_001);
    assert!(listed.windows(2).all(|pair| pair[0] < pair[1]));
    let page = place.get(&place.url(""));
    assert_eq!(page.between("<td><a href=\"", "\">"), listed[1..]);
}

/// SEMANTICS, WebDAV: "Times that HTTP cannot write are shown as the nearest that it can."
#[test]
fn times_before_1970_are_shown_as_1970() {
    let place = Place::of(|source| {
        fs::write(source.join("old"), "x").unwrap();
        let old = std::time::UNIX_EPOCH - std::time::Duration::from_millis(1_500);
        fs::File::options().write(true).open(source.join("old")).unwrap().set_modified(old).unwrap();
    });
    let answer = place.get(&place.url("old"));
    assert_eq!(answer.header("last-modified"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    assert_eq!(place.listed(&place.url("")).len(), 2);
}
