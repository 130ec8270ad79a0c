//! What the simulation has found, each as the shortest story that shows it: seeds tell other histories when actors change.

use super::source::{Tree, TreeSource};
use crate::proofs::{Rig, collect_options, expire};
use engine::backup::backup;
use engine::care::{ClockVerdict, collect, plan_collection};
use engine::error::Kind;
use engine::log::Truncation;
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, Memory, Verb};
use format_spec::log::{Change, Purpose};
use format_spec::names;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A writer stands still between storing an object and looking at it; it is fenced, and what it had not published is collected. That is
/// no absence and no damage: its session cannot go on, and another one takes its place.
#[test]
fn a_session_fenced_between_a_put_and_its_look_begins_anew() {
    for folder in ["data/", "meta/", "index/", "points/"] {
        let home = tempfile::tempdir().unwrap();
        let rig = Rig::new(home.path(), Arc::new(Memory::new()));
        rig.write("file", b"bytes");
        let (other, once) = (rig.clone(), AtomicBool::new(true));
        let store = Faulty::new(rig.store.clone(), move |call| {
            if call.verb == Verb::Get && call.name.starts_with(folder) && once.swap(false, Ordering::SeqCst) {
                // Every session looks silent to this collector.
                let options = engine::care::CollectOptions { lease_seconds: -1, ..collect_options() };
                let (repository, monitor) = (other.open().unwrap(), Monitor::new());
                let plan = plan_collection(&repository, &options, &monitor).unwrap();
                let report = collect(&repository, &options, &plan.hash, &ClockVerdict::trusted(), &monitor).unwrap();
                assert!(report.fenced > 0 && report.objects_deleted > 0, "{report:?}");
            }
            None
        });
        let summary = rig.over(Arc::new(store)).back_up();
        assert!(summary.is_ok_and(|s| s.point.is_some()), "{folder}");
        rig.expect_equal();
    }
}

/// An entry of the log is summed up and swept between its put and the look at it: it counts, and its writer is told so.
#[test]
fn an_entry_that_is_swept_before_it_is_read_back_counts() {
    let home = tempfile::tempdir().unwrap();
    let rig = Rig::new(home.path(), Arc::new(Memory::new()));
    let open = || Change::Open { job: "job".into(), host: String::new(), base: None, purpose: Purpose::Care };
    let (other, is_put) = (rig.open().unwrap(), AtomicBool::new(false));
    let grow = move || {
        for _ in 0..2 {
            other.log().append(&**other.env(), &mut |_| Ok(open())).unwrap();
            other.log().checkpoint(&**other.env()).unwrap();
        }
        let how = Truncation { grace_seconds: 0, requests_max: 100, listings_complete: true, versioned: false };
        assert!(other.log().truncate(&**other.env(), &how).unwrap().entries.contains(&1));
    };
    let store = Faulty::new(rig.store.clone(), move |call| {
        if call.name == names::log(1) {
            match call.verb {
                Verb::Put => is_put.store(true, Ordering::SeqCst),
                _ if is_put.swap(false, Ordering::SeqCst) => grow(),
                _ => {}
            }
        }
        None
    });
    let writer = rig.over(Arc::new(store)).open().unwrap();
    assert_eq!(writer.log().append(&**writer.env(), &mut |_| Ok(open())).unwrap(), 1);
    assert_eq!(rig.open().unwrap().log().view().sessions.len(), 3);
}

/// While a collection marks a point, somebody else expires and collects it: that is no damage.
#[test]
fn a_collection_whose_point_is_collected_under_it_speaks_of_no_damage() {
    let home = tempfile::tempdir().unwrap();
    let rig = Rig::new(home.path(), Arc::new(Memory::new()));
    rig.write("file", b"bytes");
    let point = rig.back_up().unwrap().point.unwrap();
    let (other, once) = (rig.open().unwrap(), AtomicBool::new(true));
    let store = Faulty::new(rig.store.clone(), move |call| {
        if call.name.starts_with("meta/") && once.swap(false, Ordering::SeqCst) {
            expire(&other, vec![point]);
            let plan = plan_collection(&other, &collect_options(), &Monitor::new()).unwrap();
            assert!(
                collect(&other, &collect_options(), &plan.hash, &ClockVerdict::trusted(), &Monitor::new())
                    .unwrap()
                    .objects_deleted
                    > 0
            );
        }
        None
    });
    let repository = rig.over(Arc::new(store)).open().unwrap();
    let overtaken = plan_collection(&repository, &collect_options(), &Monitor::new()).unwrap_err();
    assert_eq!(overtaken.kind(), Kind::Conflict, "{overtaken}");
}

/// The root folder is empty, so the point needs no blob, and its reference set has the one row of an empty set.
#[test]
fn a_check_of_a_point_that_needs_nothing_misses_no_pack() {
    let home = tempfile::tempdir().unwrap();
    let rig = Rig::new(home.path(), Arc::new(Memory::new()));
    let source = TreeSource { host: String::new(), tree: Arc::new(Tree::new()), device: 1 };
    backup(&rig.open().unwrap(), &source, &rig.options(), &Arc::new(Monitor::new())).unwrap();
    assert_eq!(rig.check().unwrap().errors, Vec::new());
}

/// A key slot that is out of reach for now is not damaged.
#[test]
fn a_check_that_cannot_reach_a_key_slot_finds_no_damage() {
    let home = tempfile::tempdir().unwrap();
    let rig = Rig::new(home.path(), Arc::new(Memory::new()));
    rig.write("file", b"bytes");
    rig.back_up().unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let now = fails.clone();
    let store = Faulty::new(rig.store.clone(), move |call| {
        (now.load(Ordering::SeqCst) && call.name.starts_with("keys/")).then_some(Fault::Before(Kind::Transient))
    });
    let repository = rig.over(Arc::new(store)).open().unwrap();
    fails.store(true, Ordering::SeqCst);
    let options = engine::care::CheckOptions {
        level: engine::care::Level::List,
        share: None,
        point: None,
        threads: 1,
        remember: None,
    };
    let refused = engine::care::check(&repository, &options, &Monitor::new()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Transient);
}
