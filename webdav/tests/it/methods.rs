//! What may be asked: reading, by whom, and under which name.

use crate::memory::Memory;
use crate::served::{POINT, Place, START, some_files};
use engine::restore_point::Point;
use format_spec::RepositoryId;
use view::Sources;
use webdav::{Login, Options, Server};

/// SEMANTICS, WebDAV: "Every method but OPTIONS, GET, HEAD and PROPFIND is refused by 405, MKCOL by 403"
#[test]
fn every_method_that_writes_is_refused() {
    let place = Place::of(some_files);
    let (file, folder) = (place.url("large.bin"), place.url("folder/"));
    let new = place.url("new");
    for method in [
        "PUT",
        "DELETE",
        "MKCOL",
        "MOVE",
        "COPY",
        "PROPPATCH",
        "LOCK",
        "UNLOCK",
        "PATCH",
        "POST",
        "REPORT",
        "TRACE",
        "ACL",
        "SEARCH",
        "FROBNICATE",
    ] {
        for url in [&file, &folder, &new, &"/".to_owned()] {
            let answer = place.ask(method, url, &[("Destination", &new), ("Content-Length", "0")]);
            let refused = if method == "MKCOL" { 403 } else { 405 };
            assert_eq!(answer.status, refused, "{method} {url}");
            let allowed = (refused == 405).then_some("OPTIONS, GET, HEAD, PROPFIND");
            assert_eq!(answer.header("allow"), allowed);
        }
    }
    assert_eq!(place.get(&file).body, std::fs::read(place.source.join("large.bin")).unwrap());
    assert_eq!(place.get(&new).status, 404);
}

/// SEMANTICS, WebDAV: "It is class 1: there are no locks."
#[test]
fn options_say_class_one() {
    let place = Place::of(some_files);
    for url in ["/", "*", "/nothing"] {
        let answer = place.ask("OPTIONS", url, &[]);
        assert_eq!((answer.status, answer.header("dav")), (200, Some("1")));
        assert_eq!(answer.header("allow"), Some("OPTIONS, GET, HEAD, PROPFIND"));
    }
}

/// SEMANTICS, WebDAV: "PROPFIND answers depth 0 and 1; a deeper one is refused."
#[test]
fn folders_are_asked_for_one_level_at_a_time() {
    let place = Place::of(some_files);
    assert_eq!(place.listed("/"), ["/", "/by-id/", "/by-job/", "/by-time/", "/history/"]);
    assert_eq!(
        place.listed("/by-job/host/job/"),
        ["/by-job/host/job/".to_owned(), format!("/by-job/host/job/{POINT}/"), "/by-job/host/job/latest/".to_owned()]
    );
    let alone = place.ask("PROPFIND", "/by-job", &[("Depth", "0")]);
    assert_eq!((alone.status, alone.between("<D:href>", "</D:href>")), (207, vec!["/by-job/".to_owned()]));
    for depth in ["infinity", "2", ""] {
        let answer = place.ask("PROPFIND", "/", &[("Depth", depth)]);
        assert_eq!(answer.status, 403, "{depth}");
        assert!(answer.text().contains("propfind-finite-depth"));
    }
    assert_eq!(place.ask("PROPFIND", "/", &[]).status, 403, "no depth is infinity, too");
    assert_eq!(place.ask("PROPFIND", "/nothing", &[("Depth", "1")]).status, 404);
}

#[test]
fn names_of_all_kinds_are_listed_and_found() {
    let place = Place::of(some_files);
    let url = place.url("");
    let listed = place.listed(&url);
    let names: Vec<_> = listed.iter().map(|path| path.strip_prefix(&url).unwrap()).collect();
    let expected = ["", ".hidden", "a%20b%20%26%20%3Cc%3E%25.txt", "empty", "folder/", "large.bin", "link/", "sparse"];
    assert_eq!(names, expected);
    for path in listed {
        assert_eq!(place.ask("PROPFIND", &path, &[("Depth", "0")]).status, 207, "{path}");
    }
}

#[test]
fn questions_that_are_too_large_or_make_no_sense_are_refused() {
    let place = Place::of(some_files);
    let propfind = |body: &str| {
        let length = body.len().to_string();
        let mut stream =
            crate::asked::send(place.address, "PROPFIND", "/", &[("Depth", "0"), ("Content-Length", &length)]);
        use std::io::{Read, Write};
        // It may be refused before all of it was sent.
        let _ = stream.write_all(body.as_bytes());
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer).is_ok();
        crate::asked::parse(&answer, false, ended).status
    };
    let with = |inner: &str| format!("<propfind xmlns=\"DAV:\">{inner}</propfind>");
    assert_eq!(propfind(&with("<prop><getetag/><resourcetype/></prop>")), 207);
    assert_eq!(propfind(&with("<propname/>")), 207);
    assert_eq!(propfind("nonsense"), 400);
    assert_eq!(propfind(&"<a>".repeat(300)), 413);
    assert_eq!(propfind(&"x".repeat(20_000)), 413);
}

/// SEMANTICS, WebDAV: "On loopback it answers to names of this machine alone."
#[test]
fn strangers_names_for_this_machine_are_refused() {
    let place = Place::of(some_files);
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.0.1", ""] {
        assert_eq!(place.ask("GET", "/", &[("Host", host)]).status, 421, "{host}");
        assert_eq!(place.ask("OPTIONS", "/", &[("Host", host)]).status, 421, "{host}");
    }
    assert_eq!(place.get("http://evil.example/").status, 421);
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:5"] {
        assert_eq!(place.ask("GET", "/", &[("Host", host)]).status, 200, "{host}");
    }
}

/// SEMANTICS, WebDAV: "What a page of another site asks for is refused".
#[test]
fn pages_of_other_sites_get_nothing() {
    for login in [None, Some(Login::new("reader", b"secret").unwrap())] {
        let place = Place::with(some_files, login, |_, _| {});
        let password = ("Authorization", "Basic cmVhZGVyOnNlY3JldA==");
        let own = format!("http://{}", place.address);
        let ask = |method: &str, said: (&str, &str)| {
            place.ask(method, &place.url("large.bin"), &[password, said, ("Depth", "0")])
        };
        for said in [
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
        ] {
            for method in ["GET", "HEAD", "OPTIONS", "PROPFIND"] {
                let answer = ask(method, said);
                assert_eq!((answer.status, answer.header("etag")), (403, None), "{method} {said:?}");
            }
        }
        for said in [
            ("Sec-Fetch-Site", "none"),
            ("Sec-Fetch-Site", "same-origin"),
            ("Origin", &own),
            ("Referer", "https://evil.example/"),
        ] {
            let answer = ask("GET", said);
            assert_eq!(
                (answer.status, answer.header("cross-origin-resource-policy")),
                (200, Some("same-origin")),
                "{said:?}"
            );
        }
    }
}

#[test]
fn a_password_is_asked_for_before_anything_else() {
    let login = Login::new("reader", b"secret").unwrap();
    let place = Place::with(some_files, Some(login), |_, _| {});
    for (method, url) in [("GET", "/"), ("OPTIONS", "/"), ("PROPFIND", "/nothing"), ("PUT", "/x")] {
        let answer = place.ask(method, url, &[("Depth", "0")]);
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "));
    }
    let right = ("Authorization", "Basic cmVhZGVyOnNlY3JldA==");
    let wrong = ("Authorization", "Basic cmVhZGVyOlNFQ1JFVA==");
    assert_eq!(place.ask("GET", "/", &[wrong]).status, 401);
    assert_eq!(place.ask("GET", "/", &[right]).status, 200);
    assert_eq!(place.ask("PUT", "/x", &[right]).status, 405);
}

/// SEMANTICS, WebDAV: "Where other machines reach it, it wants a password."
#[test]
fn other_machines_are_not_served_without_a_password() {
    let place = Place::of(some_files);
    let shown = view::Shown::default();
    let view = std::sync::Arc::new(view::View::open(place.catalog.clone(), shown, Default::default()).unwrap());
    let bind = |listen: &str, login, open_to_all| {
        Server::bind(view.clone(), Options { listen: listen.parse().unwrap(), login, open_to_all })
    };
    let refused = bind("0.0.0.0:0", None, false).err().unwrap();
    assert_eq!(refused.kind(), engine::Kind::Input);
    assert!(bind("0.0.0.0:0", Some(Login::new("a", b"b").unwrap()), false).is_ok());
    assert!(bind("0.0.0.0:0", None, true).is_ok());
    let taken = bind(&place.address.to_string(), None, false).err().unwrap();
    assert_eq!(taken.kind(), engine::Kind::Conflict);
    assert!(taken.to_string().contains(&place.address.to_string()), "{taken}");
}

/// SEMANTICS: Namespace of the mount. Two sources of a repository of copies with one job name and host are two folders.
#[test]
fn jobs_of_two_sources_are_served_apart() {
    let (origin, other) = (RepositoryId([7; 16]), RepositoryId([0xAB; 16]));
    let prepare = |catalog: &Memory, _: &Point| catalog.set_sources(Sources { of_copies: true, origin: Some(origin) });
    let place = Place::with(some_files, None, prepare);
    std::fs::write(place.source.join("empty"), "of the other").unwrap();
    place.catalog.back_up_with(&place.source, "host", "job", START, |m| m.source = Some(other));
    place.view.refresh().unwrap();
    let theirs = format!("by-job/host/job%25of-{}", "ab".repeat(8));
    assert_eq!(place.listed("/by-job/host/"), ["/by-job/host/", "/by-job/host/job/", &format!("/{theirs}/")]);
    assert_eq!(place.get(&place.url("empty")).body, b"");
    assert_eq!(place.get(&place.within(&format!("{theirs}/latest"), "empty")).body, b"of the other");
}
