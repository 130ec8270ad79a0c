use super::*;

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
        ("409 Conflict", s3("ConditionalRequestConflict", ""), Verb::Put, Kind::Transient),
        ("409 Conflict", s3("BlobArchived", ""), Verb::Get, Kind::Archived),
        ("409 Conflict", s3("BlobAlreadyExists", ""), Verb::Put, Kind::Exists),
        ("409 Conflict", s3("BlobImmutableDueToPolicy", ""), Verb::Delete, Kind::Immutable),
        ("403 Forbidden", s3("InvalidObjectState", ""), Verb::Get, Kind::Archived),
        ("403 Forbidden", s3("AccessDenied", "protected by Object Lock."), Verb::Delete, Kind::Immutable),
        ("403 Forbidden", s3("AccessDenied", "Access Denied"), Verb::Delete, Kind::Denied),
        ("403 Forbidden", s3("SignatureDoesNotMatch", ""), Verb::Get, Kind::Denied),
        ("403 Forbidden", s3("QuotaExceeded", ""), Verb::Put, Kind::NoSpace),
        ("404 Not Found", s3("NoSuchBucket", ""), Verb::Get, Kind::NoRepository),
        ("404 Not Found", s3("ContainerNotFound", ""), Verb::List, Kind::NoRepository),
        ("404 Not Found", s3("NoSuchKey", ""), Verb::Get, Kind::Absent),
        ("400 Bad Request", s3("BadDigest", ""), Verb::Put, Kind::Transient),
        ("503 Slow Down", s3("SlowDown", ""), Verb::Put, Kind::Transient),
        ("501 Not Implemented", s3("NotImplemented", ""), Verb::Put, Kind::Unsupported),
    ];
    for (status, body, verb, kind) in cases {
        assert_eq!(client_error(status, &body).kind(verb).0, kind, "{status} {body} {verb:?}");
    }
}

#[test]
fn statuses_decide_where_no_code_is_known() {
    let cases = [
        (404, Verb::Head, Kind::Absent),
        (404, Verb::Put, Kind::NoRepository),
        (403, Verb::Head, Kind::Denied),
        (412, Verb::Put, Kind::Exists),
        (409, Verb::Put, Kind::Exists),
        (409, Verb::Get, Kind::Transient),
        (416, Verb::Get, Kind::Damaged),
        (429, Verb::Get, Kind::Transient),
        (500, Verb::Put, Kind::Transient),
        (507, Verb::Put, Kind::NoSpace),
        (301, Verb::Get, Kind::Input),
        (400, Verb::Put, Kind::Input),
    ];
    for (status, verb, kind) in cases {
        assert_eq!(Answer::of(status, None, "<html>no code</html>").kind(verb).0, kind, "{status} {verb:?}");
        assert_eq!(client_error(&status.to_string(), "").kind(verb).0, kind, "{status} {verb:?}");
    }
}

#[test]
fn silence_is_transient_and_a_full_answer_to_a_ranged_read_is_unsupported() {
    let refused = Answer::read("Generic S3 error: Error performing GET - HTTP error: connection refused");
    assert_eq!(refused.kind(Verb::Get).0, Kind::Transient);
    let whole = Answer::read("Generic S3 error: Received non-partial response when range requested");
    assert_eq!(whole.kind(Verb::Get).0, Kind::Unsupported);
}

#[test]
fn a_code_in_a_header_counts_where_the_body_is_empty() {
    assert_eq!(Answer::of(409, Some("BlobArchived"), "").kind(Verb::Head).0, Kind::Archived);
}

#[test]
fn a_hostile_body_makes_a_short_message() {
    let body = format!("<Code>{}</Code>{}", "x".repeat(5000), "\n<b>".repeat(5000));
    let answer = Answer { status: None, ..Answer::read(&body) };
    assert_eq!(answer.code, None);
    let message = answer.error_on(Verb::Get, "log/7").to_string();
    assert!(message.len() < 500 && !message.contains('\n'), "{message}");
}

/// A certificate that is not trusted is no bad weather: trying again changes nothing, and the cause stands at the end of the chain.
#[test]
fn an_untrusted_certificate_is_found_in_the_last_cause_and_not_tried_again() {
    #[derive(Debug)]
    struct Chain(&'static str, Option<Box<Chain>>);
    impl std::fmt::Display for Chain {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }
    impl std::error::Error for Chain {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|e| e as _)
        }
    }
    let tls = Chain("invalid peer certificate: UnknownIssuer", None);
    let source =
        Box::new(Chain("error sending request", Some(Box::new(Chain("client error (Connect)", Some(Box::new(tls)))))));
    let error =
        classify(&object_store::Error::Generic { store: "S3", source }, Verb::Get, &Name::new("config").unwrap());
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    assert!(
        error.to_string().contains("certificate of the server") && error.to_string().contains("UnknownIssuer"),
        "{error}"
    );
    assert!(error.advice().unwrap().contains("CAIRN_CA_FILE"));
}
