//! What the simulation has found, each as the shortest story that shows it: seeds tell other histories when actors change.

use crate::proofs::{Rig, collect_options};
use engine::care::{collect, plan_collection};
use engine::error::Kind;
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, Memory, Verb};
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
                let report = collect(&repository, &options, &plan.hash, &monitor).unwrap();
                assert!(report.fenced > 0 && report.objects_deleted > 0, "{report:?}");
            }
            None
        });
        let summary = rig.over(Arc::new(store)).back_up();
        assert!(summary.is_ok_and(|s| s.point.is_some()), "{folder}");
        rig.expect_equal();
    }
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
    let options = engine::care::CheckOptions { level: engine::care::Level::List, share: None, point: None, threads: 1 };
    let refused = engine::care::check(&repository, &options, &Monitor::new()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Transient);
}
