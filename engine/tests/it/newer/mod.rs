//! A restore point that needs a newer release: whole, told apart from damage everywhere, and kept with all that it needs.

mod forge;

use crate::proofs::gc::{collect_all, expire, options};
use crate::proofs::rig::{Rig, contents, noise, restore_options};
use engine::error::Kind;
use engine::maintenance::Level;
use engine::maintenance::repair::{RepairOptions, plan};
use engine::maintenance::retention::{Request, RetentionPlan, Scope};
use engine::monitor::Monitor;
use engine::repository::{Repository, Why};
use engine::restore::restore;
use engine::restore_point::manifest_name;
use engine::store::{Faulty, Memory, RequestKind};
use forge::{make_newer, newer};
use format_spec::log::PointId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Three points that share little; the first of them needs a newer release.
fn with_newer(folder: &std::path::Path) -> (Rig, Vec<PointId>) {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    let mut points = Vec::new();
    for n in 0..3 {
        rig.write("big", &noise(n, 3_000_000));
        rig.write("same", b"in all of them");
        points.push(rig.back_up().unwrap().point.unwrap());
    }
    make_newer(&rig.open().unwrap(), points[0]);
    (rig, points)
}

#[test]
fn a_collection_keeps_all_that_a_point_of_a_newer_release_needs() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.write("big", &noise(1, 3_000_000));
    let first = rig.back_up().unwrap().point.unwrap();
    let then = contents(&rig.source);
    rig.write("big", &noise(2, 3_000_000));
    let second = rig.back_up().unwrap().point.unwrap();
    rig.write("big", &noise(3, 3_000_000));
    rig.back_up().unwrap();
    // As the newer release would read it: the manifest before, whose tree is the same.
    let known = rig.open().unwrap();
    let point = known.find_point(&first.to_string()).unwrap();
    make_newer(&known, first);
    let repository = rig.open().unwrap();
    expire(&repository, vec![second]);
    let report = collect_all(&repository, &options()).unwrap();
    assert!(report.objects_deleted > 0, "what the second point alone needed is gone: {report:?}");
    let target = tempfile::tempdir().unwrap();
    let monitor = Arc::new(Monitor::new());
    restore(&known, &point, b"", target.path(), &restore_options(), &monitor).unwrap();
    assert_eq!(contents(&target.path().join(rig.source.strip_prefix("/").unwrap())), then);
}

#[test]
fn what_needs_a_newer_release_is_listed_apart_from_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, points) = with_newer(folder.path());
    let repository = rig.open().unwrap();
    let damaged = repository.log().view().live(&points[1]).copied().unwrap();
    rig.store.delete(manifest_name(&damaged).unwrap().object()).unwrap();
    let listing = repository.listing().unwrap();
    let ids: Vec<PointId> = listing.points.iter().map(|point| point.manifest.id).collect();
    assert_eq!(ids, [points[2]]);
    let of = |id: PointId| listing.unread.iter().find(|point| point.commit.id == id).unwrap();
    assert_eq!((of(points[0]).why(), of(points[1]).why()), (Why::Unsupported, Why::Damaged));
    let what = of(points[0]).what();
    assert!(what.starts_with("it needs a newer release of cairn") && what.contains("found 99"), "{what}");
    assert!(of(points[0]).advice().contains("newer release") && !of(points[0]).advice().contains("expire"));
    assert!(of(points[1]).advice().contains("cairn expire"));
}

#[test]
fn a_check_and_a_repair_plan_call_it_no_damage_and_offer_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _) = with_newer(folder.path());
    let report = rig.check().unwrap();
    assert_eq!((report.errors.len(), report.unsupported.len(), report.points), (0, 1, 2), "{report:?}");
    assert!(report.unsupported[0].what.contains("CONT-19"), "{:?}", report.unsupported);
    let options = RepairOptions { level: Level::Full, from: None, threads: 2 };
    let plan = plan(&rig.open().unwrap(), &options, &Monitor::new()).unwrap();
    assert_eq!((plan.items.len(), plan.unsupported.len(), plan.changes_something()), (0, 1, false), "{plan:?}");
}

#[test]
fn no_plan_of_retention_lets_it_go() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, points) = with_newer(folder.path());
    let repository = rig.open().unwrap();
    let plan = |ids: BTreeSet<PointId>| {
        let scope = Scope::of(Request::Points(ids));
        RetentionPlan::make(&repository, &scope, &Monitor::new())
    };
    let other = plan([points[1]].into()).unwrap();
    assert_eq!((other.unread.len(), other.given_up.len()), (1, 0));
    assert_eq!(other.unread[0].why(), Why::Unsupported);
    let refused = plan([points[0], points[1]].into()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported, "{refused}");
    assert_eq!(repository.find_id(&points[0].to_string()).unwrap_err().kind(), Kind::Unsupported);
}

/// Bytes that the log does not state are damage, whatever they say that they need.
#[test]
fn another_object_that_claims_to_be_newer_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Memory::new());
    let rig = Rig::new(folder.path(), store.clone());
    rig.write("a", b"a");
    let id = rig.back_up().unwrap().point.unwrap();
    let repository = rig.open().unwrap();
    let live = || *repository.log().view().live(&id).unwrap();
    let old = manifest_name(&live()).unwrap();
    make_newer(&repository, id);
    let name = manifest_name(&live()).unwrap();
    let other = newer(&repository, &old, live().session, [8; 32]);
    assert_eq!(other.len() as u64, live().object.bytes, "the length alone would tell");
    store.replace(&name, other);
    let listing = rig.open().unwrap().listing().unwrap();
    assert_eq!(listing.unread[0].why(), Why::Damaged, "{:?}", listing.unread);
}

#[test]
fn the_log_is_read_on_once_for_a_loss_and_not_at_each_listing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    rig.write("a", b"a");
    let id = rig.back_up().unwrap().point.unwrap();
    rig.write("a", b"b");
    rig.back_up().unwrap();
    let commit = *rig.open().unwrap().log().view().live(&id).unwrap();
    rig.store.delete(manifest_name(&commit).unwrap().object()).unwrap();
    let listings = Arc::new(AtomicUsize::new(0));
    let counted = listings.clone();
    let store = Faulty::new(rig.store.clone(), move |call| {
        counted
            .fetch_add(usize::from(call.verb == RequestKind::List && call.name.starts_with("log")), Ordering::SeqCst);
        None
    });
    let repository: Arc<Repository> = rig.over(Arc::new(store)).open().unwrap();
    let asked = || {
        let before = listings.load(Ordering::SeqCst);
        assert_eq!(repository.listing().unwrap().unread.len(), 1);
        listings.load(Ordering::SeqCst) - before
    };
    assert!(asked() > 0, "the point may have left");
    assert_eq!(asked() + asked(), 0, "it has not");
}
