//! Expiry beside writers, and expiry that is killed.

use super::apply::{Scene, items};
use super::*;
use crate::proofs::noise;
use crate::proofs::rig::copy_of;
use engine::Kind;
use engine::store::{Fault, Faulty, RequestKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const TIME: &str = "2026-01-01T00:00:00Z";

/// Lets another writer commit a point of `job` just before the expiry's own entry is put.
fn overtaken_by(job: &str) -> (Scene, engine::Result<engine::maintenance::retention::Applied>) {
    let scene = Scene::new();
    scene.write("file", b"1", TIME);
    scene.back_up(TIME);
    scene.back_up("2026-01-02T00:00:00Z");
    let scope = Scope { job: Some("test".parse().unwrap()), ..by(Rules { last: Some(1), ..Rules::default() }) };
    let plan = scene.plan(&scope);
    let other = crate::proofs::Rig { job: job.to_owned(), ..scene.rig.clone() };
    let first = AtomicBool::new(true);
    let store = Faulty::new(scene.rig.store.clone(), move |call| {
        if call.verb == RequestKind::Put && call.name.starts_with("log/") && first.swap(false, Ordering::SeqCst) {
            other.back_up().unwrap();
        }
        None
    });
    let applied = scene.over(Arc::new(store)).apply(&scope, plan.hash);
    (scene, applied)
}

#[test]
fn a_point_that_comes_just_before_the_entry_outdates_the_plan() {
    let (scene, applied) = overtaken_by("test");
    assert_eq!(applied.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(scene.live().len(), 3);
}

#[test]
fn a_point_of_another_job_does_not() {
    let (scene, applied) = overtaken_by("other");
    assert_eq!(applied.unwrap().expired.len(), 1);
    assert_eq!(scene.live().len(), 2);
}

/// The process dies at the nth call of the store, for every n: nothing is half done, and the same request finishes it.
#[test]
fn expiry_that_is_killed_at_any_call_has_done_whole_points() {
    let scene = Scene::new();
    scene.write("old", &noise(1, 3000), "2024-01-01T00:00:00Z");
    scene.write("a/old", &noise(2, 3000), "2024-01-01T00:00:00Z");
    scene.write("a/young", &noise(3, 3000), "2025-12-01T00:00:00Z");
    let leaves = scene.back_up("2024-12-01T00:00:00Z");
    let begins = scene.back_up("2025-01-01T00:00:00Z");
    let one = scene.back_up("2026-01-01T00:00:00Z");
    scene.write("new", b"new", "2026-01-01T00:00:00Z");
    let two = scene.back_up("2026-01-02T00:00:00Z");
    let scope = items("10m");
    let hash = scene.plan(&scope).hash;
    let few = |id| if id == two { 3 } else { 2 };
    let calls = AtomicU64::new(0);
    let tried = crate::proofs::parallel(|n| {
        let store = copy_of(&*scene.rig.store);
        let dead = Arc::new(AtomicBool::new(false));
        let dies = dead.clone();
        let faulty = Faulty::new(store.clone(), move |call| {
            dies.fetch_or(call.number >= n, Ordering::SeqCst);
            dies.load(Ordering::SeqCst).then_some(Fault::Before(Kind::Denied))
        });
        let done = scene.over(Arc::new(faulty)).apply_if_open(&scope, hash);
        let after = scene.over(store);
        assert_eq!(after.rig.check().unwrap().errors, Vec::new(), "killed at call {n}");
        for id in after.live() {
            let names = after.names(id).len();
            assert!(names == few(id) || names == few(id) + 2, "killed at call {n}: {id} has {names} names");
        }
        after.plan_and_apply(&scope);
        assert_eq!(after.live(), [begins, one, two], "killed at call {n}");
        assert!(!after.live().contains(&leaves));
        assert_eq!(after.names(one).len(), few(one));
        calls.fetch_max(n, Ordering::SeqCst);
        done.is_err()
    });
    println!("{tried} calls of the store, killed at each");
    assert!(tried > 20);
}
