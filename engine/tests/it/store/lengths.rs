//! Ranges that come short: damage only where the object really ends there.

use super::answering::{Answer, Server};
use super::conformance::name;
use engine::Kind;
use engine::store::StoreExt;

/// An object of `length` bytes whose first range comes as if it had ten.
fn cut_once(length: usize, once: bool) -> Server {
    let mut reads = 0;
    Server::start(move |head| {
        const DATED: &[&str] = &["ETag: \"x\"", "Last-Modified: Fri, 21 Dec 2012 00:00:00 GMT"];
        const CUT: &[&str] =
            &["ETag: \"x\"", "Last-Modified: Fri, 21 Dec 2012 00:00:00 GMT", "Content-Range: bytes 0-9/10"];
        const WHOLE: &[&str] =
            &["ETag: \"x\"", "Last-Modified: Fri, 21 Dec 2012 00:00:00 GMT", "Content-Range: bytes 0-99/100"];
        if head.starts_with("HEAD") {
            return Answer { status: 200, headers: DATED, body: "x".repeat(length) };
        }
        reads += 1;
        match reads == 1 || !once {
            true => Answer { status: 206, headers: CUT, body: "x".repeat(10) },
            false => Answer { status: 206, headers: WHOLE, body: "x".repeat(100) },
        }
    })
}

#[test]
fn a_range_that_came_short_is_asked_for_again_where_the_object_is_longer() {
    let server = cut_once(100, true);
    assert_eq!(server.s3_with_keys().get_range(&name("data/1"), 0..100).unwrap().len(), 100);
    assert_eq!((server.asked("GET"), server.asked("HEAD")), (2, 1));
}

#[test]
fn a_range_beyond_the_end_is_damage_once_the_length_was_asked_for() {
    let server = cut_once(10, false);
    let error = server.s3_with_keys().get_range(&name("data/1"), 0..100).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
    assert_eq!((server.asked("GET"), server.asked("HEAD")), (1, 1));
}
