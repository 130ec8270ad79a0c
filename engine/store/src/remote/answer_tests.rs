use super::*;
use crate::remote::line::{Flaw, Trouble};

fn client_error(status: &str, body: &str) -> Answer {
    Answer::read(&format!(
        "Object at location a/b already exists: Error performing PUT http://x/a/b in 3.1ms - Server returned non-2xx \
         status code: {status}: {body}"
    ))
}

fn s3(code: &str, message: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>")
}

#[test]
fn codes_decide_before_statuses() {
    let cases = [
        ("409 Conflict", s3("ConditionalRequestConflict", ""), Operation::Put, Kind::Transient),
        ("409 Conflict", s3("BlobArchived", ""), Operation::Get, Kind::Archived),
        ("409 Conflict", s3("BlobAlreadyExists", ""), Operation::Put, Kind::Exists),
        ("409 Conflict", s3("BlobImmutableDueToPolicy", ""), Operation::Delete, Kind::Immutable),
        ("403 Forbidden", s3("InvalidObjectState", ""), Operation::Get, Kind::Archived),
        ("403 Forbidden", s3("AccessDenied", "protected by Object Lock."), Operation::Delete, Kind::Immutable),
        ("403 Forbidden", s3("AccessDenied", "Access Denied"), Operation::Delete, Kind::Denied),
        ("403 Forbidden", s3("SignatureDoesNotMatch", ""), Operation::Get, Kind::Denied),
        ("403 Forbidden", s3("QuotaExceeded", ""), Operation::Put, Kind::NoSpace),
        ("404 Not Found", s3("NoSuchBucket", ""), Operation::Get, Kind::NoRepository),
        ("404 Not Found", s3("ContainerNotFound", ""), Operation::List, Kind::NoRepository),
        ("404 Not Found", s3("NoSuchKey", ""), Operation::Get, Kind::Absent),
        ("400 Bad Request", s3("BadDigest", ""), Operation::Put, Kind::Transient),
        ("503 Slow Down", s3("SlowDown", ""), Operation::Put, Kind::Transient),
        ("501 Not Implemented", s3("NotImplemented", ""), Operation::Put, Kind::Unsupported),
    ];
    for (status, body, verb, kind) in cases {
        assert_eq!(client_error(status, &body).kind(verb).0, kind, "{status} {body} {verb:?}");
    }
}

#[test]
fn statuses_decide_where_no_code_is_known() {
    let cases = [
        (404, Operation::Head, Kind::Absent),
        (404, Operation::Put, Kind::NoRepository),
        (403, Operation::Head, Kind::Denied),
        (412, Operation::Put, Kind::Exists),
        (409, Operation::Put, Kind::Exists),
        (409, Operation::Get, Kind::Transient),
        (416, Operation::Get, Kind::Damaged),
        (429, Operation::Get, Kind::Transient),
        (500, Operation::Put, Kind::Transient),
        (507, Operation::Put, Kind::NoSpace),
        (301, Operation::Get, Kind::Input),
        (400, Operation::Put, Kind::Input),
    ];
    for (status, verb, kind) in cases {
        assert_eq!(Answer::of(status, None, "<html>no code</html>").kind(verb).0, kind, "{status} {verb:?}");
        assert_eq!(client_error(&status.to_string(), "").kind(verb).0, kind, "{status} {verb:?}");
    }
}

#[test]
fn silence_is_transient_and_a_full_answer_to_a_ranged_read_is_unsupported() {
    let refused = Answer::read("Generic S3 error: Error performing GET - HTTP error: connection refused");
    assert_eq!(refused.kind(Operation::Get).0, Kind::Transient);
    let whole = Answer::read("Generic S3 error: Received non-partial response when range requested");
    assert_eq!(whole.kind(Operation::Get).0, Kind::Unsupported);
    // A server may call the whole a part. What is less than asked for was cut on its way.
    for (text, kind) in [
        ("Generic S3 error: Requested 0..1, got 0..1000", Kind::Unsupported),
        ("Generic S3 error: Requested 5..9, got 0..9", Kind::Unsupported),
        // The last ten bytes were asked for, and the first ones came.
        ("Generic S3 error: Requested 990..1000, got 0..11", Kind::Unsupported),
        ("Generic S3 error: Requested 0..100, got 0..10", Kind::Transient),
    ] {
        let heard = Heard { status: Some(206), ..Heard::default() };
        let error = Answer { heard, ..Answer::read(text) }.error_on(Operation::Get, "a");
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[test]
fn a_code_in_a_header_counts_where_the_body_is_empty() {
    assert_eq!(Answer::of(409, Some("BlobArchived"), "").kind(Operation::Head).0, Kind::Archived);
}

#[test]
fn a_hostile_body_makes_a_short_message() {
    let body = format!("<Code>{}</Code>{}", "x".repeat(5000), "\n<b>".repeat(5000));
    let answer = Answer { status: None, ..Answer::read(&body) };
    assert_eq!(answer.code, None);
    let message = answer.error_on(Operation::Get, "log/7").to_string();
    assert!(message.len() < 500 && !message.contains('\n'), "{message}");
}

/// A certificate that is not trusted is no bad weather: trying again changes nothing.
#[test]
fn what_was_heard_decides_where_there_is_no_answer_or_one_that_leads_elsewhere() {
    let of = |heard: Heard| Answer { heard, ..Answer::default() }.error_on(Operation::Get, "config");
    let trouble = |trouble, has_answered| of(Heard { trouble: Some(trouble), has_answered, ..Heard::default() });
    let untrusted = trouble(Trouble::Certificate(Flaw::UnknownIssuer, "UnknownIssuer".into()), false);
    assert_eq!(untrusted.kind(), Kind::Denied);
    assert!(untrusted.to_string().contains("UnknownIssuer") && untrusted.advice().unwrap().contains("CAIRN_CA_FILE"));
    let page = || Trouble::Foreign("a web page");
    assert_eq!((trouble(page(), false).kind(), trouble(page(), true).kind()), (Kind::Input, Kind::Transient));

    // A file with a token that is not there is no outage.
    let unsent = |has_answered| of(Heard { nothing_sent: true, has_answered, ..Heard::default() }).kind();
    assert_eq!((unsent(false), unsent(true)), (Kind::Input, Kind::Transient));

    let region = Some("eu-west-1".to_owned());
    for status in [301, 307, 400] {
        let moved = of(Heard { status: Some(status), region: region.clone(), has_answered: true, ..Heard::default() });
        assert_eq!(moved.kind(), Kind::Input);
        assert!(moved.advice().unwrap().contains("AWS_REGION=eu-west-1"), "{moved}");
    }
    let elsewhere = Some("https://b.example".to_owned());
    let moved = of(Heard { status: Some(307), elsewhere, ..Heard::default() });
    assert_eq!(moved.kind(), Kind::Input);
    assert!(moved.to_string().contains("https://b.example (307)"), "{moved}");
    assert_eq!(of(Heard { status: Some(302), has_answered: true, ..Heard::default() }).kind(), Kind::Transient);
}

#[test]
fn a_refusal_without_a_code_is_explained_by_clocks_that_are_apart() {
    let of = |clock_ahead| {
        let heard = Heard { clock_ahead, ..Heard::default() };
        Answer { heard, ..Answer::of(403, None, "") }.error_on(Operation::Head, "config")
    };
    assert!(of(Some(3600)).advice().unwrap().contains("60 minutes behind"), "{}", of(Some(3600)));
    assert!(of(Some(-1200)).advice().unwrap().contains("20 minutes ahead of"));
    for near in [Some(0), Some(-899), None] {
        assert_eq!(of(near).advice(), Some(ADVICE_KEYS));
    }
}

#[test]
fn the_request_is_not_quoted_beside_the_object() {
    let name = "probe/00112233445566778899aabbccddeeff/whole";
    for text in [
        format!("Generic S3 error: Error performing GET http://h/b/{name} in 3.1ms - HTTP error: decoding failed"),
        format!(
            "Generic S3 error: Error performing PUT http://h/b/{name} in 2s, after 1 retries, max_retries: 1, retry_timeout: 1s  - HTTP error: decoding failed"
        ),
    ] {
        for heard in [
            Heard::default(),
            Heard { nothing_sent: true, ..Heard::default() },
            Heard { status: Some(200), ..Heard::default() },
        ] {
            let message = Answer { heard, ..Answer::read(&text) }.error_on(Operation::Get, name).to_string();
            assert_eq!(message.matches(name).count(), 1, "{message}");
            assert!(message.ends_with("Generic S3 error: HTTP error: decoding failed"), "{message}");
        }
    }
}

#[test]
fn how_long_to_stay_away_goes_with_the_error() {
    let pause = Some(std::time::Duration::from_secs(30));
    let heard = Heard { status: Some(503), retry_after: pause, ..Heard::default() };
    let busy = Answer { heard, ..Answer::of(503, None, "") }.error_on(Operation::Put, "a");
    assert_eq!((busy.kind(), busy.pause()), (Kind::Transient, pause));
}
