//! Real servers: they conform, the probe believes the honest and refuses the liar, and refusals keep their kind.

use super::conformance::{conform, list, name};
use super::targets::{self, Target};
use bytes::Bytes;
use engine::Kind;
use engine::env::Machine;
use engine::store::{ListOptions, Location, Options, Patience, Probed, Store, StoreExt, open, probe};
use std::sync::Arc;
use std::time::Duration;

fn connect(target: &Target) -> Arc<dyn Store> {
    open(&target.location, &target.options).unwrap()
}

fn probed(target: &Target) -> Probed {
    probe(&*connect(target), &*Machine::shared(), &|_| ()).unwrap()
}

#[test]
fn s3_conforms() {
    let Some(target) = targets::s3() else { return };
    conform(&*connect(&target));
}

#[test]
fn azure_conforms() {
    let Some(target) = targets::azure() else { return };
    conform(&*connect(&target));
}

#[test]
fn the_probe_believes_an_honest_s3() {
    let Some(target) = targets::s3() else { return };
    let probed = probed(&target);
    probed.require().unwrap();
    assert!(probed.checksum_enforced, "{probed:?}");
    assert_eq!(probed.versioned, None);
    assert_eq!(list(&*connect(&target), "", None).len(), 0, "the probe cleans up");
}

#[test]
fn the_probe_believes_an_honest_azure() {
    let Some(target) = targets::azure() else { return };
    let probed = probed(&target);
    probed.require().unwrap();
    assert!(probed.checksum_enforced, "{probed:?}");
    assert_eq!(list(&*connect(&target), "", None).len(), 0, "the probe cleans up");
}

#[test]
fn the_probe_refuses_a_liar_by_what_it_does() {
    let Some(target) = targets::liar() else { return };
    let error = probed(&target).require().unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    let message = error.to_string();
    assert!(message.contains("creating an object only if it is absent"), "{message}");
    assert!(message.contains("of 16 parallel creates of one object succeeded"), "{message}");
    assert!(message.contains("ranged reads"), "{message}");
}

#[test]
fn versions_are_named_and_deleted_one_by_one() {
    let Some(target) = targets::s3_versioned() else { return };
    assert_eq!(probed(&target).versioned, Some(true));
    let (store, object) = (connect(&target), name("packs/1"));
    let version = store.put_new(&object, Bytes::from_static(b"one")).unwrap().version.unwrap();
    assert_eq!(store.head_of(&object).unwrap().version.as_deref(), Some(version.as_str()));
    assert_eq!(store.put_new(&object, Bytes::from_static(b"two")).unwrap_err().kind(), Kind::Exists);
    // A plain delete hides the object; the version is still there and goes by its name.
    store.delete(object.object()).unwrap();
    assert_eq!(store.get(&object).unwrap_err().kind(), Kind::Absent);
    store.delete(object.at(Some(&version))).unwrap();
    store.delete(object.at(Some(&version))).unwrap();
}

#[test]
fn a_receipt_claims_an_enforced_checksum_only_where_it_was_proven() {
    for target in [targets::s3(), targets::azure()].into_iter().flatten() {
        let receipt = connect(&target).put_new(&name("a"), Bytes::from_static(b"a")).unwrap();
        assert!(!receipt.checksum_enforced);
        let options = Options { checksum_enforced: true, ..target.options.clone() };
        let store = open(&target.location, &options).unwrap();
        assert!(store.put_new(&name("b"), Bytes::from_static(b"b")).unwrap().checksum_enforced);
        store.delete(name("a").object()).unwrap();
        store.delete(name("b").object()).unwrap();
    }
}

#[test]
fn wrong_credentials_are_denied_and_said_so() {
    let wrong_key = |target: Option<Target>, setting: &str, value: &str| {
        let mut target = target?;
        target.options.settings.insert(setting.to_owned(), value.to_owned());
        let store = connect(&target);
        let error = store.put_new(&name("a"), Bytes::from_static(b"x")).unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{error}");
        assert!(error.advice().unwrap().contains("credentials"));
        assert_eq!(store.list(&ListOptions::below(""), &mut |_| true).unwrap_err().kind(), Kind::Denied);
        Some(())
    };
    wrong_key(targets::s3(), "aws_secret_access_key", "wrong");
    wrong_key(targets::azure(), "azure_storage_account_key", "d3Jvbmc=");
}

#[test]
fn a_missing_container_is_no_repository_and_not_an_absent_object() {
    let cases = [
        targets::azure().map(|t| Target { location: Location::parse("az://missing/x").unwrap(), ..t }),
        targets::s3().map(|t| Target { location: Location::parse("s3://missing-bucket/x").unwrap(), ..t }),
    ];
    for target in cases.into_iter().flatten() {
        let store = connect(&target);
        assert_eq!(store.get(&name("a")).unwrap_err().kind(), Kind::NoRepository, "{}", store.location());
        let listed = store.list(&ListOptions::below(""), &mut |_| true).unwrap_err();
        assert_eq!(listed.kind(), Kind::NoRepository, "{listed}");
    }
}

#[test]
fn a_server_that_is_not_there_is_transient_after_bounded_retries() {
    let settings = [
        ("aws_endpoint", "http://127.0.0.1:1"),
        ("aws_access_key_id", "k"),
        ("aws_secret_access_key", "s"),
        ("aws_allow_http", "true"),
    ];
    let settings = settings.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let options = Options {
        environment: false,
        settings,
        patience: Patience { start: Duration::from_secs(1), ..Patience::default() },
        ..Options::default()
    };
    let store = open(&Location::parse("s3://b/p").unwrap(), &options).unwrap();
    let error = store.get(&name("log/1")).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    assert!(error.to_string().contains("log/1") && error.advice().is_some(), "{error}");
}
