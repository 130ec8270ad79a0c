//! What the simulation has found, each as the shortest story that shows it: seeds tell other histories when actors change.

use super::source::{Tree, TreeSource};
use crate::proofs::{PASSWORD, Rig, collect_options, expire, noise};
use engine::backup::backup;
use engine::error::Kind;
use engine::log::Truncation;
use engine::maintenance::repair::OpeningPlan;
use engine::maintenance::retention::{self, ApplyOptions, Request, RetentionPlan, Scope};
use engine::maintenance::{ClockVerdict, collect, plan_collection};
use engine::monitor::Monitor;
use engine::repository::{Found, Repository};
use engine::store::{Fault, Faulty, Memory, ObjectName, RequestKind, Store, StoreExt};
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
            if call.verb == RequestKind::Get && call.name.starts_with(folder) && once.swap(false, Ordering::SeqCst) {
                // Every session looks silent to this collector.
                let options = engine::maintenance::CollectOptions { lease_seconds: -1, ..collect_options() };
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
                RequestKind::Put => is_put.store(true, Ordering::SeqCst),
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
    let options = engine::maintenance::CheckOptions {
        threads: 1,
        ..engine::maintenance::CheckOptions::new(engine::maintenance::Level::List)
    };
    let refused = engine::maintenance::check(&repository, &options, &Monitor::new()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Transient);
}

/// A process dies after it stored another manifest of a point, and the point is expired. When the newest entry of the log rots then, its repair
/// finds that manifest in a session that is open still: it must not bring the point back.
#[test]
fn a_repair_commits_no_expired_point_again() {
    let home = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let rig = Rig::new(home.path(), memory.clone());
    rig.write("file", b"bytes");
    let point = rig.back_up().unwrap().point.unwrap();
    let (other, stored, dead) = (rig.open().unwrap(), AtomicBool::new(false), AtomicBool::new(false));
    let store = Faulty::new(rig.store.clone(), move |call| {
        if call.verb == RequestKind::Put && call.name.starts_with("points/") {
            stored.store(true, Ordering::SeqCst);
        } else if stored.swap(false, Ordering::SeqCst) {
            expire(&other, vec![point]);
            dead.store(true, Ordering::SeqCst);
        }
        dead.load(Ordering::SeqCst).then_some(Fault::Before(Kind::Denied))
    });
    let dying = rig.over(Arc::new(store)).open().unwrap();
    let words = Request::Tags { points: [point].into(), add: ["seen".to_owned()].into(), remove: [].into() };
    let (scope, monitor) = (Scope::of(words), Arc::new(Monitor::new()));
    let plan = RetentionPlan::make(&dying, &scope, &monitor).unwrap();
    let options = ApplyOptions { hash: plan.hash, threads: 1 };
    retention::apply(&dying, &scope, &options, &ClockVerdict::trusted(), &monitor).unwrap_err();

    let last = rig.open().unwrap();
    let open = Change::Open { job: "job".into(), host: String::new(), base: None, purpose: Purpose::Backup };
    let slot = last.log().append(&**last.env(), &mut |_| Ok(open.clone())).unwrap();
    assert_eq!(last.log().view().sessions.len(), 2, "that of the rewriting is open");
    rot(&memory, slot);
    let plan = plan_opening(&rig);
    assert_eq!((plan.set_aside.as_slice(), plan.points.as_slice()), (&[slot][..], &[][..]));
    plan.apply(&rig.store, &*rig.env, &plan.hash).unwrap();
    let repository = rig.open().unwrap();
    assert_eq!(plan.commit_again(&repository, &Monitor::new()).unwrap(), []);
    assert!(repository.log().view().live(&point).is_none());
}

/// A writer has read what another one published, and opens its session when the entry that said so is damaged and set aside: what only that entry
/// published is not stored for it.
#[test]
fn a_backup_does_not_rely_on_what_an_entry_published_that_is_set_aside() {
    let home = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let rig = Rig::new(home.path(), memory.clone());
    rig.write("file", &noise(1, 300_000));
    let dies = Faulty::new(rig.store.clone(), |call| {
        (call.verb == RequestKind::Put && call.name.starts_with("points/")).then_some(Fault::Before(Kind::Denied))
    });
    rig.over(Arc::new(dies)).back_up().unwrap_err();
    // Everything behind its first publish is taken away, as if it had been killed then.
    let head = rig.open().unwrap().log().view().head;
    let published = (1..=head).find(|slot| {
        let entry = rig.open().unwrap().log().entry(*slot).unwrap().unwrap();
        matches!(entry.change, Change::Publish { .. })
    });
    let published = published.expect("it has published before it died");
    (published + 1..=head).for_each(|slot| memory.delete(ObjectName::new(names::log(slot)).unwrap().object()).unwrap());
    let (other, once) = (rig.clone(), AtomicBool::new(true));
    let store = Faulty::new(rig.store.clone(), move |call| {
        if call.verb == RequestKind::Put && call.name.starts_with("log/") && once.swap(false, Ordering::SeqCst) {
            rot(&memory, published);
            let plan = plan_opening(&other);
            plan.apply(&other.store, &*other.env, &plan.hash).unwrap();
        }
        None
    });
    assert!(rig.over(Arc::new(store)).back_up().unwrap().point.is_some());
    rig.expect_equal();
}

/// Flips a bit of a log entry.
fn rot(memory: &Memory, slot: u32) {
    let name = ObjectName::new(names::log(slot)).unwrap();
    let mut bytes = memory.get(&name).unwrap().to_vec();
    bytes[100] ^= 1;
    memory.replace(&name, bytes.into());
}

/// What a repair plans for a log whose end is damaged.
fn plan_opening(rig: &Rig) -> OpeningPlan {
    let found = Found::look(rig.store.clone()).unwrap();
    let (before, stop) = Repository::open_as_far(&found, Some(PASSWORD), &rig.open_options()).unwrap();
    OpeningPlan::of_log(&rig.store, &before, &stop.unwrap(), None, &Monitor::new()).unwrap()
}
