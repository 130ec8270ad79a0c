//! Collection: what nobody needs goes, what somebody needs stays, whoever is at work beside it.

use super::rig::{Rig, contents, names_of, noise};
use engine::error::Kind;
use engine::maintenance::{ClockVerdict, CollectOptions, collect, plan_collection};
use engine::monitor::Monitor;
use engine::store::{Memory, StoreExt};
use std::sync::Arc;

pub(crate) use testkit::rig::{collect_all, collect_options as options, expire};

fn bytes_of(rig: &Rig) -> u64 {
    names_of(&*rig.store).iter().map(|n| rig.store.head_of(n).expect("is there").bytes).sum()
}

#[test]
fn dead_packs_go_and_survivors_move() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = Rig::with_two_points(folder.path(), Arc::<Memory>::default());
    let before = bytes_of(&rig);
    let repository = rig.open().unwrap();
    let nothing = collect_all(&repository, &options()).unwrap();
    assert_eq!((nothing.packs_condemned, nothing.objects_deleted), (0, 0), "all of it is needed");
    expire(&repository, vec![first]);
    let report = collect_all(&repository, &options()).unwrap();
    assert!(report.packs_repacked > 0 && report.bytes_freed > report.bytes_written, "{report:?}");
    assert!(bytes_of(&rig) + 1_000_000 < before, "{} of {before}", bytes_of(&rig));
    rig.expect_equal();
    assert_eq!(collect_all(&repository, &options()).unwrap().packs_condemned, 0, "nothing is left to collect");
}

#[test]
fn a_base_whose_packs_moved_twice_is_built_upon() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::<Memory>::default());
    let mut points = vec![rig.back_up().unwrap().point.unwrap()];
    for round in 1..4 {
        rig.change(round);
        points.push(rig.back_up().unwrap().point.unwrap());
        let repository = rig.open().unwrap();
        // The newest stays where it is named by places that move under it.
        expire(&repository, vec![points.remove(0)]);
        let report = collect_all(&repository, &options()).unwrap();
        assert!(report.packs_repacked > 0, "round {round}: {report:?}");
        rig.expect_equal();
    }
    // Nothing changed in the source: the base's set is translated and nothing else.
    let last = rig.expect_healthy();
    assert_eq!(last.chunks_new, 0);
    let repository = rig.open().unwrap();
    expire(&repository, points);
    collect_all(&repository, &options()).unwrap();
    rig.expect_equal();
}

#[test]
fn a_reader_with_an_old_view_reads_on() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = Rig::with_two_points(folder.path(), Arc::<Memory>::default());
    let old = rig.open().unwrap();
    let point = old.find_point("latest").unwrap();
    let collector = rig.open().unwrap();
    expire(&collector, vec![first]);
    assert!(collect_all(&collector, &options()).unwrap().objects_deleted > 0);
    // The packs that the old view names are gone from the store.
    let target = tempfile::tempdir().unwrap();
    let restored = engine::restore::restore(
        &old,
        &point,
        &rig.inside(),
        target.path(),
        &super::rig::restore_options(),
        &Arc::new(Monitor::new()),
    );
    restored.expect("restores through the moves");
    assert_eq!(contents(target.path()), contents(&rig.source));
}

#[test]
fn a_plan_of_yesterday_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = Rig::with_point(folder.path(), Arc::<Memory>::default());
    let repository = rig.open().unwrap();
    let plan = plan_collection(&repository, &options(), &Monitor::new()).unwrap();
    rig.change(1);
    rig.back_up().unwrap();
    expire(&repository, vec![first]);
    let refused = collect(&repository, &options(), &plan.hash, &ClockVerdict::trusted(), &Monitor::new()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.to_string().contains("moved on"), "{refused}");
}

#[test]
fn a_plan_with_a_grace_is_not_applied_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::<Memory>::default());
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    let later = CollectOptions { grace_seconds: 3600, ..options() };
    let plan = plan_collection(&repository, &later, &Monitor::new()).unwrap();
    let refused = collect(&repository, &options(), &plan.hash, &ClockVerdict::trusted(), &Monitor::new()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Input);
    collect(&repository, &later, &plan.hash, &ClockVerdict::trusted(), &Monitor::new()).unwrap();
}

#[test]
fn a_grace_keeps_the_objects_and_not_the_packs() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_garbage(folder.path(), Arc::<Memory>::default());
    let repository = rig.open().unwrap();
    let later = CollectOptions { grace_seconds: 3600, ..options() };
    let report = collect_all(&repository, &later).unwrap();
    assert!(report.packs_condemned > 0 && report.waiting > 0 && report.sweep_after.is_some(), "{report:?}");
    assert_eq!(report.objects_deleted, 0);
    rig.expect_equal();
    let report = collect_all(&repository, &options()).unwrap();
    assert!(report.objects_deleted > 0 && report.packs_condemned == 0, "{report:?}");
    rig.expect_equal();
}

#[test]
fn orphans_of_ended_sessions_go_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::<Memory>::default());
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    let put = |name: &str| {
        rig.store
            .put_new(&engine::store::ObjectName::new(name).unwrap(), bytes::Bytes::from_static(b"left behind"))
            .unwrap();
    };
    // Session 1 has committed; session 7 is not opened yet; a foreign name is nobody's.
    put("data/00000001/00000fff");
    put("points/00000001/00000ffe");
    put("data/00000fff/00000000");
    put("somebody/else");
    let report = collect_all(&repository, &options()).unwrap();
    assert_eq!(report.objects_deleted, 2, "{report:?}");
    let left: Vec<String> = names_of(&*rig.store).iter().map(ToString::to_string).collect();
    assert!(left.contains(&"data/00000fff/00000000".to_owned()) && left.contains(&"somebody/else".to_owned()));
    rig.expect_equal();
}

#[test]
fn a_damaged_survivor_keeps_its_pack() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_garbage(folder.path(), Arc::<Memory>::default());
    let repository = rig.open().unwrap();
    let plan = plan_collection(&repository, &options(), &Monitor::new()).unwrap();
    let sparse = plan.sparse.first().expect("a pack with survivors");
    let name = engine::store::ObjectName::new(format_spec::names::of_session(sparse.kind, sparse.id)).unwrap();
    let mut bytes = rig.store.get(&name).unwrap().to_vec();
    let end = bytes.len() - 200;
    bytes[200..end].iter_mut().for_each(|b| *b ^= 0x55);
    rig.store.delete(name.object()).unwrap();
    rig.store.put_new(&name, bytes.into()).unwrap();
    let report = collect(&repository, &options(), &plan.hash, &ClockVerdict::trusted(), &Monitor::new()).unwrap();
    assert_eq!(report.damaged.iter().map(|f| f.object.as_str()).collect::<Vec<_>>(), [name.as_str()]);
    assert!(rig.store.head_of(&name).is_ok(), "bad bytes are neither moved nor removed");
}

#[test]
fn a_limit_stops_cleanly_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_garbage(folder.path(), Arc::<Memory>::default());
    let repository = rig.open().unwrap();
    let few = CollectOptions { requests_max: Some(4), ..options() };
    let mut runs = 0;
    while collect_all(&repository, &few).unwrap().is_partial {
        runs += 1;
        rig.expect_equal();
        assert!(runs < 100);
    }
    assert!(runs > 0, "the limit was never reached");
    rig.expect_equal();
}

#[test]
fn many_segments_are_folded() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let mut points = Vec::new();
    for n in 0..40 {
        rig.write(format!("{n}"), &noise(n, 500));
        points.push(rig.back_up().unwrap().point.unwrap());
    }
    let repository = rig.open().unwrap();
    let before = repository.log().view().segments.len();
    assert!(before > 64, "{before} segments");
    points.truncate(20);
    expire(&repository, points);
    let report = collect_all(&repository, &options()).unwrap();
    let after = repository.log().view().segments.len();
    assert!(report.segments_folded > 30 && after < 50, "{before} segments became {after}: {report:?}");
    rig.expect_equal();
    repository.rebuild_index().unwrap();
    rig.expect_healthy();
}

#[test]
fn a_plan_of_other_options_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::with_files(folder.path(), Arc::<Memory>::default());
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    let usual = CollectOptions { grace_seconds: 86_400, ..options() };
    let plan = plan_collection(&repository, &usual, &Monitor::new()).unwrap();
    let refused = collect(&repository, &options(), &plan.hash, &ClockVerdict::trusted(), &Monitor::new()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Input);
    assert!(refused.to_string().contains("with --grace 86400s"), "{refused}");
    assert!(
        refused.to_string().contains("not with --grace 0s") && !refused.to_string().contains("moved on"),
        "{refused}"
    );
}
