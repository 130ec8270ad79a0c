//! Blobs with several places, and backups upon garbage.

use super::{change, elsewhere, interrupted, rig};
use crate::proofs::gc::{collect_all, expire, options};
use crate::proofs::rig::{copy_of, names_of};
use engine::maintenance::CollectOptions;
use engine::store::{ObjectName, Store};
use format_spec::names;
use std::collections::BTreeSet;

#[test]
fn incident_01_rustic_392_a_blob_stored_twice_survives_prune() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let other = elsewhere(&rig);
    // Both read the same source, and neither may rely on what the other has not published.
    let twice = interrupted(&rig, "data/", move || _ = other.back_up().unwrap());
    let mine = twice.back_up().unwrap().point.unwrap();
    let repository = rig.open().unwrap();
    let large = repository.sealed_store().ids.chunk(&std::fs::read(rig.source.join("d0/0")).unwrap());
    assert_eq!(repository.blobs().live_index().places(&large).unwrap().len(), 2, "both have stored it");
    let theirs = repository.points().unwrap().into_iter().find(|p| p.manifest.id != mine).unwrap().manifest.id;
    for gone in [mine, theirs] {
        // One of the points goes, and with it one of both places; then the other way round.
        let rig = rig.over(copy_of(&*rig.store));
        let repository = rig.open().unwrap();
        let before = packs(&*rig.store).len();
        expire(&repository, vec![gone]);
        let report = collect_all(&repository, &options()).unwrap();
        assert!(report.packs_condemned > 0 && packs(&*rig.store).len() < before, "{report:?}");
        rig.expect_equal();
        // What is left of the two is what the next backups name.
        assert_eq!(rig.expect_healthy().bytes_new, 0);
        assert_eq!(elsewhere(&rig).expect_healthy().bytes_new, 0);
    }
    // Sparse packs that hold the same blobs are packed anew, both of them.
    let newest = repository.points().unwrap().into_iter().map(|p| p.manifest.id).collect();
    change(&rig, 500);
    rig.back_up().unwrap();
    expire(&repository, newest);
    assert!(collect_all(&repository, &options()).unwrap().packs_repacked > 0);
    rig.expect_equal();
}

#[test]
fn incident_02_pbs_psa_2025_00019_a_backup_upon_garbage_meets_the_collector() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let first = rig.back_up().unwrap().point.unwrap();
    change(&rig, 500);
    let second = rig.back_up().unwrap().point.unwrap();
    // Both expire: all is garbage, and published still. The source is as the first one was.
    super::fill(&rig);
    expire(&rig.open().unwrap(), vec![first, second]);
    for lease_seconds in [86_400, -1] {
        for prefix in ["log/", "meta/", "index/", "points/"] {
            let rig = rig.over(copy_of(&*rig.store));
            let other = elsewhere(&rig);
            let collector = CollectOptions { lease_seconds, ..options() };
            let backup = interrupted(&rig, prefix, move || {
                let report = collect_all(&other.open().unwrap(), &collector).unwrap();
                assert!(report.packs_condemned > 0, "{report:?}");
            });
            backup.back_up().unwrap();
            rig.expect_equal();
            collect_all(&rig.open().unwrap(), &CollectOptions { lease_seconds: -1, ..options() }).unwrap();
            rig.expect_equal();
            named(&rig);
        }
    }
}

/// Every pack that the index knows is in the store.
fn named(rig: &crate::proofs::Rig) {
    let there = packs(&*rig.store);
    for pack in rig.open().unwrap().blobs().live_index().packs().unwrap() {
        let name = ObjectName::new(names::of_session(pack.kind, pack.id)).unwrap();
        assert!(there.contains(&name), "{name} is published, not condemned, and gone");
    }
}

fn packs(store: &dyn Store) -> BTreeSet<ObjectName> {
    let is_pack = |n: &ObjectName| n.as_str().starts_with("data/") || n.as_str().starts_with("meta/");
    names_of(store).into_iter().filter(is_pack).collect()
}
