//! A store that is full: who makes room is not stopped by it, and a run that failed for it keeps nothing back.

use super::expire;
use super::gc::{collect_all, options};
use super::rig::{Rig, names_of, noise, shown};
use engine::Kind;
use engine::maintenance::plan_collection;
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, Memory, RequestKind};
use std::sync::Arc;

/// The same store, in which puts of some names fail.
fn failing(rig: &Rig, kind: Kind, names: &'static [&'static str]) -> Rig {
    let fails = move |name: &str| names.iter().any(|folder| name.starts_with(folder));
    let plan = move |call: &engine::store::fault::Call| {
        (call.verb == RequestKind::Put && fails(&call.name)).then_some(Fault::Before(kind))
    };
    rig.over(Arc::new(Faulty::new(rig.store.clone(), plan)))
}

#[test]
fn a_run_that_ends_with_an_error_closes_its_session_and_what_it_left_goes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::new(Memory::new()));
    for kind in [Kind::NoSpace, Kind::Denied, Kind::Unsupported] {
        let error = failing(&rig, kind, &["meta/", "points/"]).back_up().unwrap_err();
        assert_eq!(error.kind(), kind, "{}", shown(&error));
        let repository = rig.open().unwrap();
        assert!(repository.log().view().sessions.is_empty(), "{kind:?}");
        // By the usual options, under which an open session would be waited for.
        let usual = engine::maintenance::CollectOptions { grace_seconds: 86_400, ..options() };
        let data = || names_of(&*rig.store).iter().filter(|name| name.as_str().starts_with("data/")).count();
        assert!(data() > 0, "{kind:?}: something was stored");
        let done = collect_all(&repository, &usual).unwrap();
        assert!(done.bytes_freed > 3_000_000 && data() == 0, "{kind:?}: {done:?}");
    }
    rig.back_up().unwrap();
    rig.expect_healthy();
}

#[test]
fn a_run_whose_store_does_not_answer_says_nothing_more_and_the_plan_names_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::new(Memory::new()));
    failing(&rig, Kind::Transient, &["meta/", "points/"]).back_up().unwrap_err();
    let repository = rig.open().unwrap();
    let plan = plan_collection(&repository, &options(), &Monitor::new()).unwrap();
    let [held] = &plan.holding[..] else { panic!("{:?}", plan.holding) };
    assert!(held.unpublished > 0 && held.unpublished_bytes > 3_000_000, "{held:?}");
    assert_eq!((plan.orphans, held.packs), (0, 0));
    let fence = engine::maintenance::CollectOptions { fence: [held.session].into(), ..options() };
    assert!(collect_all(&repository, &fence).unwrap().bytes_freed >= held.unpublished_bytes);
}

#[test]
fn what_is_dead_goes_where_nothing_can_be_stored_and_sparse_packs_wait_for_room() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::new(Memory::new()));
    rig.write("alone", &noise(77, 9_000_000));
    let first = rig.back_up().unwrap().point.unwrap();
    std::fs::remove_file(rig.source.join("alone")).unwrap();
    rig.change(1);
    rig.back_up().unwrap();
    expire(&rig.open().unwrap(), vec![first]);
    let full = failing(&rig, Kind::NoSpace, &["data/", "meta/", "index/"]).open().unwrap();
    let plan = plan_collection(&full, &options(), &Monitor::new()).unwrap();
    assert!(!plan.dead.is_empty() && !plan.sparse.is_empty(), "both kinds are in it");
    let dead = plan.dead.iter().map(|pack| pack.bytes).sum::<u64>();
    let done = collect_all(&full, &options()).unwrap();
    assert!(done.is_short_of_room && done.packs_repacked == 0 && done.bytes_freed >= dead, "{done:?}");
    assert_eq!(done.packs_condemned, plan.dead.len() as u64);
    assert!(full.log().view().sessions.is_empty());
    rig.expect_equal();
    let rest = collect_all(&rig.open().unwrap(), &options()).unwrap();
    assert!(!rest.is_short_of_room && rest.packs_repacked > 0, "{rest:?}");
    rig.expect_equal();
    rig.expect_healthy();
}
