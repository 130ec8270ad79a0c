use super::*;

#[test]
fn causes_are_told_apart_by_the_words_of_the_libraries() {
    let tls = |text: &str| Trouble::read(format!("error sending request: client error (Connect): {text}"), true, "h");
    let flaw = |text: &str| match tls(&format!("invalid peer certificate: {text}")) {
        Trouble::Certificate(flaw, _) => flaw,
        other => panic!("{other:?}"),
    };
    for (text, expected) in [
        ("Expired", Flaw::Expired),
        ("certificate expired: verification time 5 (UNIX), but certificate is not valid after 4", Flaw::Expired),
        ("certificate not valid yet: verification time 5 (UNIX)", Flaw::NotYetValid),
        ("certificate not valid for name \"a\"; certificate is only valid for DnsName(\"b\")", Flaw::OtherName),
        ("NotValidForName", Flaw::OtherName),
        ("UnknownIssuer", Flaw::UnknownIssuer),
        ("BadSignature", Flaw::Other),
    ] {
        assert_eq!(flaw(text), expected, "{text}");
    }
    assert_eq!(tls("received corrupt message of type InvalidContentType"), Trouble::PlainServer);
    assert!(matches!(tls("Connection reset by peer (os error 104)"), Trouble::Lost(_)));
    let plain = |text: &str| Trouble::read(text.to_owned(), false, "h");
    assert_eq!(plain("invalid HTTP version parsed"), Trouble::TlsServer);
    let dns = "dns error: failed to lookup address information: ";
    assert_eq!(plain(&format!("{dns}Name or service not known")), Trouble::NoSuchHost("h".into()));
    assert!(matches!(plain(&format!("{dns}Temporary failure in name resolution")), Trouble::Lost(_)));
}

#[test]
fn what_cannot_pass_ends_at_the_start_and_is_waited_for_later() {
    let kinds = |trouble: Trouble| (trouble.verdict(false).0, trouble.verdict(true).0);
    for trouble in
        [Trouble::NoSuchHost("h".into()), Trouble::PlainServer, Trouble::TlsServer, Trouble::Foreign("a web page")]
    {
        assert_eq!(kinds(trouble.clone()), (Kind::Input, Kind::Transient), "{trouble}");
    }
    for flaw in [Flaw::Expired, Flaw::NotYetValid, Flaw::OtherName, Flaw::UnknownIssuer, Flaw::Other] {
        assert_eq!(kinds(Trouble::Certificate(flaw, String::new())), (Kind::Denied, Kind::Denied), "{flaw:?}");
    }
    for trouble in [Trouble::Lost("reset".into()), Trouble::Silent(Duration::from_secs(60)), Trouble::Drips(1000)] {
        assert_eq!(kinds(trouble.clone()), (Kind::Transient, Kind::Transient), "{trouble}");
    }
}

#[test]
fn each_flaw_of_a_certificate_has_its_own_advice() {
    let advice = |flaw: Flaw| Trouble::Certificate(flaw, String::new()).verdict(false).1;
    assert!(advice(Flaw::UnknownIssuer).contains("CAIRN_CA_FILE"));
    for flaw in [Flaw::Expired, Flaw::NotYetValid, Flaw::OtherName] {
        assert!(!advice(flaw).contains("CA_FILE"), "{flaw:?}");
    }
    assert!(advice(Flaw::Expired).contains("renew") && advice(Flaw::OtherName).contains("name"));
}

#[test]
fn pages_and_what_is_not_a_listing_come_from_no_store() {
    let judge = |asked, status, kind: &str, body: &str| {
        let headers = [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
        expect_store(asked, StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    };
    let page = Err(Trouble::Foreign("a web page"));
    for body in ["<!DOCTYPE html><p>Log in", "\n <HTML>", "\u{feff}<html lang=en>"] {
        assert_eq!(judge(Asked::Other, 200, "text/plain", body), page, "{body:?}");
    }
    assert_eq!(judge(Asked::Head, 200, "text/html; charset=utf-8", ""), page);
    assert_eq!(judge(Asked::Other, 404, "text/html", "<html>"), page);
    let no_listing = Err(Trouble::Foreign("not a listing"));
    assert_eq!(judge(Asked::List, 200, "application/json", "{}"), no_listing);
    assert_eq!(judge(Asked::List, 200, "application/xml", ""), no_listing);
    let listing = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"x\">";
    assert_eq!(judge(Asked::List, 200, "application/xml", listing), Ok(()));
    // Gateways in front of stores word their own errors as pages; the status tells what to do.
    for status in [403, 500, 502, 503, 504] {
        assert_eq!(judge(Asked::Other, status, "text/html", "<html>"), Ok(()));
    }
    // Some servers say so of every answer that has no body.
    for (asked, status, kind) in
        [(Asked::Head, 404, "text/html"), (Asked::Other, 200, "text/html"), (Asked::Head, 200, "")]
    {
        assert_eq!(judge(asked, status, kind, ""), Ok(()), "{asked:?} {status} {kind}");
    }
    assert_eq!(judge(Asked::Other, 200, "text/html", "\u{89}CRN"), Ok(()));
    assert_eq!(
        judge(Asked::Other, 400, "text/plain", "Client sent an HTTP request to an HTTPS server.\n"),
        Err(Trouble::TlsServer)
    );
}
