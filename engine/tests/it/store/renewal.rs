//! Credentials that end in mid-run: others are fetched once, whatever was asked, and the request is tried again with them.
//!
//! One server is the store and the service that gives credentials, which it numbers. The store takes one number and no other.

use super::answering::{Answer, Server};
use super::conformance::name;
use bytes::Bytes;
use engine::Kind;
use engine::store::{ListOptions, Store, StoreExt};
use std::sync::Arc;

/// The service of an Amazon machine, whose credentials are numbered from 1; `None` where somebody else is asked.
fn of_machine(head: &str, given: &mut u32) -> Option<Answer> {
    let line = head.lines().next()?;
    if line.starts_with("PUT /latest/api/token") {
        return Some(Answer::new(200, "token"));
    }
    let role = line.split_once("/security-credentials/")?.1;
    if role.starts_with(' ') {
        return Some(Answer::new(200, "role"));
    }
    *given += 1;
    let body = format!(
        "{{\"Code\":\"Success\",\"AccessKeyId\":\"KEY{given}\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\
         \"Expiration\":\"2099-01-01T00:00:00Z\"}}"
    );
    Some(Answer::new(200, body))
}

/// An S3 that takes the credentials of this number.
fn s3_that_takes(number: u32) -> Server {
    let mut given = 0;
    Server::start(move |head| match of_machine(head, &mut given) {
        Some(answer) => answer,
        None if head.contains(&format!("KEY{number}")) => Answer::refusal(404, "NoSuchKey"),
        None => Answer::refusal(400, "ExpiredToken"),
    })
}

fn s3(server: &Server) -> Arc<dyn Store> {
    let settings = [("aws_endpoint", "HERE"), ("aws_allow_http", "true"), ("aws_metadata_endpoint", "HERE")];
    server.store("s3://box/x", &settings)
}

const GIVEN: &str = "/security-credentials/role";

#[test]
fn an_expired_token_is_renewed_once_whatever_was_asked() {
    let asks: [fn(&dyn Store) -> Kind; 6] = [
        |store| store.get(&name("config")).unwrap_err().kind(),
        |store| store.get_range(&name("config"), 1..9).unwrap_err().kind(),
        // To a head request there is no word about the reason.
        |store| store.head_of(&name("config")).unwrap_err().kind(),
        |store| store.list(&ListOptions::below(""), &mut |_| true).unwrap_err().kind(),
        // Our own requests are signed in their addresses.
        |store| store.lock_of(&name("config")).unwrap_err().kind(),
        |store| store.put_new(&name("config"), Bytes::from_static(b"x")).unwrap_err().kind(),
    ];
    for (number, ask) in asks.into_iter().enumerate() {
        let server = s3_that_takes(2);
        let store = s3(&server);
        assert_ne!(ask(&*store), Kind::Denied, "{number}");
        assert_eq!(server.asked(GIVEN), 2, "{number}");
        // It goes on with these.
        assert_eq!(store.get(&name("config")).unwrap_err().kind(), Kind::Absent);
        assert_eq!(server.asked(GIVEN), 2, "{number}");
    }
}

#[test]
fn credentials_that_are_refused_again_end_the_request() {
    let server = s3_that_takes(99);
    let store = s3(&server);
    for asked in [2, 3] {
        let error = store.get(&name("config")).unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{error}");
        assert!(error.advice().unwrap().contains("have expired"), "{error:?}");
        assert_eq!((server.asked("/box/"), server.asked(GIVEN)), (asked, 2));
    }
    // Those that cannot change are not tried a second time.
    let server = s3_that_takes(99);
    assert_eq!(server.s3_with_keys().get(&name("config")).unwrap_err().kind(), Kind::Denied);
    assert_eq!(server.asked("/box/"), 1);
}

#[test]
fn a_refused_permission_asks_for_no_other_credentials() {
    let mut given = 0;
    let server =
        Server::start(move |head| of_machine(head, &mut given).unwrap_or_else(|| Answer::refusal(403, "AccessDenied")));
    assert_eq!(s3(&server).get(&name("config")).unwrap_err().kind(), Kind::Denied);
    assert_eq!((server.asked("/box/"), server.asked(GIVEN)), (1, 1));
}

#[test]
fn an_identity_of_azure_is_asked_for_another_token_after_a_401() {
    let mut given = 0;
    let server = Server::start(move |head| {
        if head.contains("/credentials/role") {
            given += 1;
            let body =
                format!("{{\"access_token\":\"T{given}\",\"expires_on\":\"4070908800\",\"token_type\":\"Bearer\"}}");
            return Answer::new(200, body);
        }
        match head.contains("Bearer T2") {
            true => Answer::refusal(404, "BlobNotFound"),
            false => Answer::refusal(401, "InvalidAuthenticationInfo"),
        }
    });
    let settings = [
        ("azure_storage_endpoint", "HERE"),
        ("azure_allow_http", "true"),
        ("azure_storage_account_name", "acc"),
        ("azure_msi_endpoint", "HERE/credentials/role"),
    ];
    let store = server.store("az://box/x", &settings);
    assert_eq!(store.get(&name("config")).unwrap_err().kind(), Kind::Absent);
    assert_eq!(store.head_of(&name("config")).unwrap_err().kind(), Kind::Absent);
    assert_eq!((server.asked("/box/"), server.asked("/credentials/role")), (3, 2));
}
