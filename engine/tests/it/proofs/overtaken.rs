//! A check that lasts while others expire, collect and fold: what they took away is no damage, and what is damaged is.

use super::gc::{collect_all, expire, options};
use super::rig::{Rig, noise};
use engine::Kind;
use engine::maintenance::{CheckOptions, CheckReport, Level, check};
use engine::monitor::Monitor;
use engine::repository::Repository;
use engine::store::{Faulty, Memory, ObjectName, RequestKind};
use format_spec::container::ObjectKind;
use format_spec::log::PointId;
use format_spec::names;
use parking_lot::Mutex;
use std::sync::Arc;

/// Two points that share most of what they need; the first.
fn two_points(folder: &std::path::Path) -> (Rig, PointId) {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    for n in 0..30 {
        rig.write(format!("d{}/{n}", n % 3), &noise(n, 4_000));
    }
    let first = rig.back_up().unwrap().point.unwrap();
    for n in (0..30).step_by(2) {
        rig.write(format!("d{}/{n}", n % 3), &noise(500 + n, 4_000));
    }
    rig.back_up().unwrap();
    (rig, first)
}

type Work = Box<dyn FnOnce() + Send>;

/// A repository over a store that does `work` once: before the first read of a name that begins so, after it was opened.
fn interrupted(rig: &Rig, prefix: &'static str, work: impl FnOnce() + Send + 'static) -> Arc<Repository> {
    let armed: Arc<Mutex<Option<Work>>> = Arc::default();
    let trap = armed.clone();
    let store = Faulty::new(rig.store.clone(), move |call| {
        if call.verb != RequestKind::Put && call.name.starts_with(prefix) {
            let work = trap.lock().take();
            if let Some(work) = work {
                work();
            }
        }
        None
    });
    let repository = rig.over(Arc::new(store)).open().unwrap();
    *armed.lock() = Some(Box::new(work));
    repository
}

/// Expires a point and gives back what nobody else needs: survivors move, packs go.
fn take_away(rig: &Rig, point: PointId) -> impl FnOnce() + Send + 'static {
    let rig = rig.clone();
    move || {
        let other = rig.open().unwrap();
        expire(&other, vec![point]);
        let report = collect_all(&other, &options()).unwrap();
        assert!(report.packs_repacked > 0 && report.objects_deleted > 0, "{report:?}");
    }
}

fn check_at(repository: &Arc<Repository>, level: Level) -> CheckReport {
    let options = CheckOptions::new(level);
    check(repository, &options, &Monitor::new()).unwrap()
}

#[test]
fn what_a_sweep_takes_away_under_a_check_is_no_damage() {
    for (level, moment) in [
        (Level::List, "keys/"),
        (Level::List, "points/"),
        (Level::List, "data"),
        (Level::Tails, "meta/"),
        (Level::Tails, "data/"),
        (Level::Full, "index/"),
        (Level::Full, "meta/"),
        (Level::Full, "data/"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, first) = two_points(folder.path());
        let repository = interrupted(&rig, moment, take_away(&rig, first));
        let report = check_at(&repository, level);
        assert_eq!(report.errors, Vec::new(), "{level:?} overtaken at {moment}");
        assert!(
            repository.log().view().commits.len() == 1 || level == Level::List,
            "the trap at {moment} was not sprung"
        );
    }
}

#[test]
fn a_check_of_a_point_that_is_expired_and_swept_under_it_says_so_and_calls_nothing_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = two_points(folder.path());
    let repository = interrupted(&rig, "meta/", take_away(&rig, first));
    let point = repository.find_point(&first.to_string()).unwrap();
    let options = CheckOptions { point: Some(point), ..CheckOptions::new(Level::Full) };
    let error = check(&repository, &options, &Monitor::new()).unwrap_err();
    assert!(error.kind() == Kind::Absent && error.to_string().contains("expired meanwhile"), "{error}");
}

#[test]
fn damage_is_still_found_by_a_check_that_is_overtaken() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, first) = two_points(folder.path());
    let spoil = {
        let (rig, take_away) = (rig.clone(), take_away(&rig, first));
        move || {
            take_away();
            let known = rig.open().unwrap().blobs().live_index().packs().unwrap();
            let pack = known.iter().find(|p| p.kind == ObjectKind::DataPack).expect("a data pack is left");
            rig.store.delete(ObjectName::new(names::of_session(pack.kind, pack.id)).unwrap().object()).unwrap();
        }
    };
    // The check knows the pack before it goes; or it learns of it afterwards, where the point is looked at again.
    let repository = interrupted(&rig, "keys/", spoil);
    let report = check_at(&repository, Level::Full);
    let found: Vec<&str> = report.errors.iter().map(|f| f.object.as_str()).collect();
    assert!(found.iter().any(|object| object.starts_with("data/")), "{found:?}");
}
