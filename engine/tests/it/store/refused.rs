//! What is said where a store refuses, or is refused: the cause, and what helps; nothing of the names that only the probe knows.

use super::answering::{Answer, Server};
use super::conformance::name;
use super::targets::{self, Target};
use engine::env::Machine;
use engine::store::{StorageClass, Store, StoreExt, open, probe, probe_class};
use engine::{Error, Kind};
use std::sync::Arc;

fn azure(server: &Server) -> Arc<dyn Store> {
    let settings = [
        ("azure_storage_endpoint", "HERE/account"),
        ("azure_storage_account_name", "account"),
        ("azure_storage_account_key", "c2VjcmV0"),
        ("azure_allow_http", "true"),
    ];
    server.store("az://box/x", &settings)
}

/// The answer to a trial of a class.
fn refusal_of_class(store: &dyn Store, class: StorageClass) -> Error {
    probe_class(store, &*Machine::shared(), class, &|_| ()).unwrap_err()
}

fn expect_refused_class(error: &Error, class: StorageClass) {
    let message = error.to_string();
    assert_eq!(error.kind(), Kind::Unsupported, "{message}");
    assert!(message.contains(&format!("the store does not have the storage class {class} (400 ")), "{message}");
    assert!(error.advice().unwrap().contains("another storage class"), "{message}: {:?}", error.advice());
    assert!(!message.contains("probe/"), "{message}");
}

#[test]
fn a_class_that_the_store_does_not_have_is_named_as_the_cause_whatever_the_code() {
    let refusing = |code: &'static str| Server::start(move |_| Answer::refusal(400, code));
    for code in ["InvalidArgument", "InvalidStorageClass"] {
        let server = refusing(code);
        expect_refused_class(&refusal_of_class(&*server.s3_with_keys(), StorageClass::Glacier), StorageClass::Glacier);
        assert_eq!(server.asked("PUT"), 1, "{code} is asked for once");
    }
    for code in ["InvalidHeaderValue", "AccessTierNotSupportedForBlobType", "BlobAccessTierNotSupportedForAccountType"]
    {
        let server = refusing(code);
        expect_refused_class(&refusal_of_class(&*azure(&server), StorageClass::Cold), StorageClass::Cold);
        assert_eq!(server.asked("PUT"), 1, "{code} is asked for once");
    }
    // What is no matter of classes is told as it is.
    let server = refusing("EntityTooLarge");
    let error = refusal_of_class(&*server.s3_with_keys(), StorageClass::Glacier);
    assert_eq!(error.kind(), Kind::Input, "{error}");
    assert!(!error.to_string().contains("probe/"), "{error}");
}

#[test]
#[ignore = "nightly: Ceph takes half a minute to start"]
fn ceph_without_the_class_is_told_so() {
    let Some(target) = targets::ceph() else { return };
    let store = open(&target.location, &target.options).unwrap();
    for class in [StorageClass::Glacier, StorageClass::StandardIa] {
        expect_refused_class(&refusal_of_class(&*store, class), class);
    }
}

/// What a server that overwrites is told by the probe.
fn refusal_of(server: &str, target: &Target) -> Error {
    let store = open(&target.location, &target.options).unwrap();
    let probed = probe(&*store, &*Machine::shared(), &|_| ()).unwrap_or_else(|e| panic!("{server}: {e}"));
    probed.require().unwrap_err()
}

#[test]
fn a_server_that_overwrites_is_not_sent_to_another_bucket_and_nothing_is_quoted_twice() {
    let servers = [("rclone", targets::liar()), ("JuiceFS", targets::juicefs()), ("s3rver", targets::s3rver())];
    for (server, target) in servers {
        let Some(target) = target else { return };
        let error = refusal_of(server, &target);
        let (message, advice) = (error.to_string(), error.advice().unwrap());
        assert_eq!(error.kind(), Kind::Unsupported, "{server}: {message}");
        assert!(advice.starts_with("use a store that honours these"), "{server}: {advice}");
        assert!(!advice.contains("bucket") && !advice.contains("place"), "{server}: {advice}");
        for words in ["probe/", "http://", "Error performing"] {
            assert!(!message.contains(words), "{server}: {words} in {message}");
        }
        assert_eq!(message.matches("creating an object only if it is absent").count(), 1, "{server}: {message}");
    }
}

#[test]
#[ignore = "nightly: Ceph takes half a minute to start"]
fn ceph_that_keeps_versions_is_sent_to_a_bucket_that_keeps_none() {
    let Some(target) = targets::ceph_versioned() else { return };
    let error = refusal_of("Ceph", &target);
    assert!(error.advice().unwrap().contains("a bucket without versioning"), "{:?}", error.advice());
}

/// An error that ends the probe names the store, and the object's random name nowhere.
#[test]
fn a_probe_that_ends_names_the_store() {
    let server = Server::start(|_| Answer::refusal(403, "AccessDenied"));
    for store in [server.s3_with_keys(), azure(&server)] {
        let error = probe(&*store, &*Machine::shared(), &|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{error}");
        assert_eq!(error.object(), Some(&*store.location()), "{error}");
        assert!(!error.to_string().contains("probe/"), "{error}");
    }
}

/// The answer to a head request has no body, so nothing says that the clock was the reason; only its date does.
#[test]
fn a_head_that_is_refused_without_a_word_is_explained_by_clocks_that_are_apart() {
    const LONG_AGO: &[&str] = &["Date: Tue, 15 Nov 1994 08:12:31 GMT"];
    const YET_TO_COME: &[&str] = &["Date: Thu, 15 Nov 2091 08:12:31 GMT"];
    for (headers, words) in [
        (LONG_AGO, "set the clock of this machine: it is "),
        (YET_TO_COME, "behind that of the store"),
        (&[][..], "check the credentials"),
    ] {
        let skewed = || Server::start(move |_| Answer { headers, ..Answer::refusal(403, "RequestTimeTooSkewed") });
        let servers = [skewed(), skewed()];
        for store in [servers[0].s3_with_keys(), azure(&servers[1])] {
            let error = store.head_of(&name("config")).unwrap_err();
            assert_eq!(error.kind(), Kind::Denied, "{error}");
            assert!(error.advice().unwrap().contains(words), "{words}: {:?}", error.advice());
            // With a body the code says so by itself.
            let error = store.get(&name("config")).unwrap_err();
            assert!(error.advice().unwrap().contains("set the clock of this machine"), "{:?}", error.advice());
        }
        for server in servers {
            assert_eq!((server.asked("HEAD"), server.asked("GET")), (1, 1));
        }
    }
}
