//! Real servers through a proxy that spoils requests: one policy tries all of them again, whatever their verb.

use super::conformance::{conform, name};
use super::targets::{self, Target};
use bytes::Bytes;
use engine::Kind;
use engine::store::{Options, Outage, Patience, Store, StoreExt, open};
use faultproxy::{Fault, Proxy, Request};
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The servers that are there, each behind a proxy.
fn scenes() -> Vec<(Proxy, Target)> {
    let behind = |(mut target, setting): (Target, &str)| {
        let endpoint = target.options.settings.get_mut(setting).unwrap();
        let proxy = Proxy::start(endpoint).unwrap();
        *endpoint = proxy.endpoint();
        (proxy, target)
    };
    let s3 = targets::s3().map(|target| (target, "aws_endpoint"));
    let azure = targets::azure().map(|target| (target, "azure_storage_endpoint"));
    [s3, azure].into_iter().flatten().map(behind).collect()
}

fn connect(target: &Target, options: Options) -> Arc<dyn Store> {
    open(&target.location, &Options { settings: target.options.settings.clone(), environment: false, ..options })
        .unwrap()
}

/// Every question is answered only when it is asked again: by a status, or by a connection that ends before the server hears of it.
#[test]
fn every_request_is_tried_again_whatever_its_verb() {
    for (proxy, target) in scenes() {
        let asked = Mutex::new(HashSet::new());
        proxy.script(move |request: &Request| {
            let is_first =
                asked.lock().unwrap().insert((request.method.clone(), request.path.clone(), request.lists()));
            let fault = if request.number.is_multiple_of(2) { Fault::ResetBefore } else { Fault::busy(None) };
            is_first.then_some(fault)
        });
        conform(&*connect(&target, Options::default()));
        let seen = proxy.seen();
        let spoiled: BTreeSet<&str> =
            seen.iter().filter(|seen| seen.fault.is_some()).map(|seen| seen.request.method.as_str()).collect();
        for method in ["PUT", "GET", "HEAD", "DELETE"] {
            assert!(spoiled.contains(method), "{method} is not among {spoiled:?}");
        }
        assert!(seen.iter().any(|seen| seen.fault.is_some() && seen.request.lists()));
    }
}

#[test]
fn what_drips_is_given_up_and_tried_again() {
    for (proxy, target) in scenes() {
        let store = connect(&target, Options { drip_window: Duration::from_secs(1), ..Options::default() });
        let content = Bytes::from(vec![7; 200_000]);
        store.put_new(&name("data/1"), content.clone()).unwrap();
        let reads = AtomicU32::new(0);
        proxy.script(move |request| {
            let is_first = request.reads("data") && reads.fetch_add(1, Ordering::SeqCst) == 0;
            is_first.then_some(Fault::Drip { bytes: 100, pause: Duration::from_millis(100) })
        });
        assert_eq!(store.get(&name("data/1")).unwrap(), content);
        assert_eq!(proxy.seen().iter().filter(|seen| seen.request.reads("data")).count(), 2);
        // For ever, it is an error that names the drip.
        proxy.script(|request| {
            request.reads("data").then_some(Fault::Drip { bytes: 100, pause: Duration::from_millis(100) })
        });
        let patience = Patience { start: Duration::from_secs(2), work: Duration::from_secs(2) };
        let store = connect(&target, Options { drip_window: Duration::from_secs(1), patience, ..Options::default() });
        let error = store.get(&name("data/1")).unwrap_err();
        assert!(
            error.kind() == Kind::Transient && error.to_string().contains("bytes came or went in a second"),
            "{error}"
        );
    }
}

/// A connection may stay open for ever though nobody is at its other end any more.
#[test]
fn what_stays_silent_is_given_up_and_asked_again() {
    for (proxy, target) in scenes() {
        let silence = Duration::from_secs(1);
        let store = connect(&target, Options { read_timeout: silence, ..Options::default() });
        store.put_new(&name("data/1"), Bytes::from_static(b"first")).unwrap();
        let asked = Mutex::new(HashSet::new());
        proxy.script(move |request: &Request| {
            let is_first = request.path.contains("data/") && asked.lock().unwrap().insert(request.method.clone());
            is_first.then_some(Fault::HalfOpen)
        });
        assert_eq!(&store.get(&name("data/1")).unwrap()[..], b"first");
        // The server has carried it out, and nobody was told.
        let again = store.put_new(&name("data/2"), Bytes::from_static(b"second")).unwrap_err();
        assert_eq!(again.kind(), Kind::Exists, "{again}");
        assert_eq!(&store.get(&name("data/2")).unwrap()[..], b"second");
        // For ever, it is an error that names the silence.
        proxy.script(|request| request.reads("data").then_some(Fault::HalfOpen));
        let patience = Patience { start: Duration::from_secs(2), work: Duration::from_secs(2) };
        let store = connect(&target, Options { read_timeout: silence, patience, ..Options::default() });
        let error = store.get(&name("data/1")).unwrap_err();
        assert!(error.kind() == Kind::Transient && error.to_string().contains("nothing came for 1 s"), "{error}");
    }
}

/// Slow is not dripping: what comes steadily above the lowest speed is waited for.
#[test]
fn what_is_only_slow_comes_to_its_end() {
    for (proxy, target) in scenes() {
        let store = connect(&target, Options { drip_window: Duration::from_secs(3), ..Options::default() });
        let content = Bytes::from(vec![7; 70_000]);
        store.put_new(&name("data/1"), content.clone()).unwrap();
        proxy.script(|request| {
            request.reads("data").then_some(Fault::Drip { bytes: 1000, pause: Duration::from_millis(100) })
        });
        assert_eq!(store.get(&name("data/1")).unwrap(), content);
        assert_eq!(proxy.seen().iter().filter(|seen| seen.request.reads("data")).count(), 1);
    }
}

#[test]
fn a_truncated_answer_is_read_again_and_a_redirection_is_not_followed() {
    for (proxy, target) in scenes() {
        let store = connect(&target, Options { outage: Arc::new(Outage::default()), ..Options::default() });
        let other = Proxy::start("127.0.0.1:1").unwrap();
        let to = format!("{}/elsewhere", other.endpoint());
        proxy.script(move |_| Some(Fault::Redirect { status: 307, to: to.clone() }));
        let error = store.get(&name("data/1")).unwrap_err();
        assert!(error.kind() == Kind::Input && error.to_string().contains(&other.endpoint()), "{error}");
        assert_eq!(other.connections(), 0);
        proxy.pass();
        let content = Bytes::from(vec![7; 30_000]);
        store.put_new(&name("data/1"), content.clone()).unwrap();
        let reads = AtomicU32::new(0);
        proxy.script(move |_| (reads.fetch_add(1, Ordering::SeqCst) == 0).then_some(Fault::Truncate(10_000)));
        assert_eq!(store.get(&name("data/1")).unwrap(), content);
        assert_eq!(proxy.seen().len(), 2);
    }
}
