//! Bytes that are wrong keep their name, nothing good is thrown away with them, and no error turns into another.

use super::{change, rig};
use crate::proofs::Rig;
use crate::proofs::damage::{Action, act, kind_of};
use crate::proofs::gc::{collect_all, expire, options};
use crate::proofs::rig::{copy_of, names_of, shown};
use bytes::Bytes;
use engine::Kind;
use engine::maintenance::repair::{self, RepairOptions, RepairPlan};
use engine::maintenance::{ClockVerdict, CollectOptions, Level, collect, plan_collection};
use engine::monitor::Monitor;
use engine::store::{Fault, Faulty, Memory, ObjectName, RequestKind, StoreExt};
use format_spec::names;
use std::path::Path;
use std::sync::Arc;

/// The same with the store's own type, which can be damaged.
fn damageable(folder: &Path) -> (Rig, Arc<Memory>) {
    let store = Arc::new(Memory::new());
    let rig = Rig::new(folder, store.clone());
    super::fill(&rig);
    rig.back_up().unwrap();
    (rig, store)
}

fn objects(rig: &Rig) -> Vec<(ObjectName, Bytes)> {
    names_of(&*rig.store).into_iter().map(|n| (n.clone(), rig.store.get(&n).unwrap())).collect()
}

#[test]
fn incident_07_borg_10410_bad_bytes_are_not_packed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = damageable(folder.path());
    let first = rig.open().unwrap().find_point("latest").unwrap().manifest.id;
    change(&rig, 500);
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    expire(&repository, vec![first]);
    let plan = plan_collection(&repository, &options(), &Monitor::new()).unwrap();
    let sparse = plan.sparse.iter().find(|p| p.kind == format_spec::container::ObjectKind::DataPack).unwrap();
    let name = ObjectName::new(names::of_session(sparse.kind, sparse.id)).unwrap();
    let mut bytes = store.get(&name).unwrap().to_vec();
    let end = bytes.len() - 200;
    bytes[200..end].iter_mut().for_each(|b| *b ^= 0x55);
    store.replace(&name, bytes.clone().into());
    let report = collect(&repository, &options(), &plan.hash, &ClockVerdict::trusted(), &Monitor::new()).unwrap();
    assert_eq!(report.damaged.iter().map(|f| f.object.as_str()).collect::<Vec<_>>(), [name.as_str()]);
    assert_eq!(store.get(&name).unwrap(), bytes, "it is where it was, as it was");
    // The damage is known afterwards, and by its own name.
    let found = rig.check().unwrap().errors;
    assert!(found.iter().any(|f| f.object == name.as_str()), "{found:?}");
}

#[test]
fn incident_08_borg_3444_looking_and_healing_remove_nothing() {
    for kind in ["data", "meta", "points"] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = damageable(folder.path());
        rig.write("d0/later", b"a second point");
        rig.back_up().unwrap();
        let damaged = names_of(&*store).into_iter().find(|n| kind_of(n) == kind).unwrap();
        assert!(act(Action::Flip(300), &damaged, &store, &*store));
        let before = objects(&rig);
        assert!(!rig.check().unwrap().errors.is_empty());
        assert_eq!(objects(&rig), before, "a check writes nothing");
        rig.write("d0/new", b"new");
        rig.back_up().unwrap();
        collect_all(&rig.open().unwrap(), &options()).unwrap();
        for (name, bytes) in before {
            assert_eq!(rig.store.get(&name).unwrap(), bytes, "{kind}: {name}");
        }
    }
}

/// What repair makes is new; what was there stays as it was, damaged or not, until a collection's grace is over.
#[test]
fn incident_08_borg_1837_a_repair_discards_nothing() {
    for kind in ["data", "meta", "index", "points"] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = damageable(folder.path());
        rig.write("d0/later", b"a second point");
        rig.back_up().unwrap();
        let copy = rig.over(copy_of(&*store));
        let damaged = names_of(&*store).into_iter().find(|n| kind_of(n) == kind).unwrap();
        assert!(act(Action::Flip(300), &damaged, &store, &*store));
        let before = objects(&rig);
        let planned = repaired(&rig, &copy);
        assert!(planned.items.iter().any(|item| item.object == damaged.as_str()), "{kind}: {:?}", planned.items);
        let patient = CollectOptions { grace_seconds: 3600, ..options() };
        collect_all(&rig.open().unwrap(), &patient).unwrap();
        for (name, bytes) in before {
            assert_eq!(rig.store.get(&name).unwrap(), bytes, "{kind}: {name}");
        }
        rig.expect_equal();
        assert_eq!(rig.open().unwrap().points().unwrap().len(), 2, "{kind}");
    }
}

/// Plans and applies until nothing is left to heal (what a lost node names is known once it is back); the first plan.
pub(super) fn repaired(rig: &Rig, copy: &Rig) -> RepairPlan {
    let options = || RepairOptions { level: Level::Full, from: Some(copy.open().unwrap()), threads: 2 };
    let mut first = None;
    for _ in 0..4 {
        let before = names_of(&*rig.store);
        let plan = repair::plan(&rig.open().unwrap(), &options(), &Monitor::new()).unwrap();
        assert_eq!(names_of(&*rig.store), before, "a plan writes nothing");
        if !plan.heals_something() {
            break;
        }
        repair::apply(&rig.open().unwrap(), &options(), &plan.hash, &Arc::new(Monitor::new())).unwrap();
        first.get_or_insert(plan);
    }
    first.expect("something was healed")
}

#[test]
fn incident_12_atlas_341_objects_that_change_places_are_damaged() {
    for kind in ["data", "meta", "points", "index"] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, store) = damageable(folder.path());
        change(&rig, 500);
        rig.back_up().unwrap();
        let name = names_of(&*store).into_iter().find(|n| kind_of(n) == kind).unwrap();
        assert!(act(Action::Swap, &name, &store, &*store), "{kind}: two of them are there");
        match rig.check() {
            Ok(report) => assert!(report.errors.iter().any(|f| f.object == name.as_str()), "{kind}: {report:?}"),
            Err(e) => assert_eq!(e.kind(), Kind::Damaged, "{kind}: {}", shown(&e)),
        }
        let target = tempfile::tempdir().unwrap();
        let (done, warnings) = rig.restore("latest", target.path());
        match done {
            // What is left out is said, and is nobody's absence.
            Ok(summary) => assert_eq!(summary.damaged > 0, !warnings.is_empty(), "{kind}"),
            Err(e) => assert_eq!(e.kind(), Kind::Damaged, "{kind}: {}", shown(&e)),
        }
        for (path, bytes) in crate::proofs::rig::contents(target.path()) {
            if target.path().join(&path).is_file() {
                assert_eq!(bytes, std::fs::read(rig.source.join(&path)).unwrap(), "{kind}: {}", path.display());
            }
        }
    }
}

#[test]
fn incident_12_borg_cve_2016_10099_no_error_of_the_store_turns_into_another() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.back_up().unwrap();
    for kind in [Kind::Denied, Kind::Archived, Kind::Transient, Kind::NoSpace] {
        for prefix in ["log/", "index/", "points/", "meta/", "data/", "keys/"] {
            let store = Faulty::new(rig.store.clone(), move |call| {
                (call.verb == RequestKind::Get && call.name.starts_with(prefix)).then_some(Fault::Before(kind))
            });
            let refused = rig.over(Arc::new(store));
            let target = tempfile::tempdir().unwrap();
            match refused.restore("latest", target.path()) {
                (Err(error), _) => assert_eq!(error.kind(), kind, "{prefix}: {}", shown(&error)),
                // Each file is told with its own refusal, and none is called damaged.
                (Ok(summary), warnings) => {
                    assert_eq!((prefix, summary.files, summary.damaged), ("data/", 0, 0), "{kind:?}");
                    let wanted = if kind == Kind::Archived { (31, 0) } else { (0, 31) };
                    assert_eq!((summary.archived, summary.denied), wanted, "{kind:?}");
                    assert_eq!(warnings.len(), 31);
                    assert!(warnings.iter().all(|w| w.contains("an injected fault")), "{warnings:?}");
                }
            }
            let checked = refused.check();
            let is_told = match &checked {
                Err(e) => e.kind() == kind,
                // A check goes on beside what is archived: data may be, and is counted apart; all else is named.
                Ok(report) if prefix == "data/" => kind == Kind::Archived && report.packs_archived > 0,
                Ok(report) => kind == Kind::Archived && report.errors.iter().any(|f| f.object.starts_with(prefix)),
            };
            assert!(is_told, "{prefix}, {kind:?}: {checked:?}");
        }
    }
    // What is not there, where it is nobody's damage.
    let absent = rig.open().unwrap().find_point("ffffffff").map(|_| ()).unwrap_err();
    assert_eq!(absent.kind(), Kind::Absent);
    assert_eq!(
        Rig { password: Some(b"other".to_vec()), ..rig }.open().map(|_| ()).unwrap_err().kind(),
        Kind::WrongPassword
    );
}
