//! A point that is read as of an earlier position of the log, and whose packs have been collected since: that is told, with the times, and is no damage.

use super::gc::{collect_all, expire, options};
use super::rig::{Rig, noise, restore_options};
use engine::blob::CachePlace;
use engine::error::{Error, Kind};
use engine::maintenance::{CheckOptions, Level, check};
use engine::monitor::Monitor;
use engine::repository::{AsOf, OpenOptions, Repository, Why};
use engine::restore::restore;
use engine::store::{Memory, ObjectName};
use format_spec::log::PointId;
use std::sync::Arc;

/// Two points; the first expires, and what it alone needed is collected. The position before that.
fn collected(folder: &std::path::Path) -> (Rig, u32, [PointId; 2]) {
    let rig = Rig::new(folder, Arc::new(Memory::new()));
    for n in 0..40 {
        rig.write(format!("d{}/{n}", n % 4), &noise(n, 30_000));
    }
    let first = rig.back_up().unwrap().point.unwrap();
    for n in 0..40 {
        rig.write(format!("d{}/{n}", n % 4), &noise(if n % 2 == 0 { n } else { 100 + n }, 30_000));
    }
    let second = rig.back_up().unwrap().point.unwrap();
    let repository = rig.open().unwrap();
    let then = repository.log().view().head;
    expire(&repository, vec![first]);
    assert!(collect_all(&repository, &options()).unwrap().objects_deleted > 0);
    (rig, then, [first, second])
}

fn as_of(rig: &Rig, slot: u32) -> Arc<Repository> {
    let options =
        OpenOptions { as_of: Some(AsOf::Entry(slot)), ..OpenOptions::new(rig.env.clone(), CachePlace::Temporary) };
    Repository::open(rig.store.clone(), rig.password.as_deref(), &options).unwrap()
}

fn restored(repository: &Arc<Repository>, id: &PointId) -> Error {
    let target = tempfile::tempdir().unwrap();
    let done = repository.find_point(&id.to_string()).and_then(|point| {
        restore(repository, &point, b"", target.path(), &restore_options(), &Arc::new(Monitor::new()))
    });
    done.map(|_| ()).unwrap_err()
}

#[test]
fn a_point_that_was_collected_since_says_so_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, then, [first, _]) = collected(folder.path());
    let past = as_of(&rig, then);
    let refused = restored(&past, &first);
    let text = refused.to_string();
    assert_eq!(refused.kind(), Kind::Absent, "{text}");
    let expired = format!("the restore point expired at {}", year());
    assert!(text.contains(&expired) && text.contains(&format!("(log entry {})", then + 1)), "{text}");
    assert!(text.contains(&format!("was collected at {}", year())), "{text}");
    let listing = past.listing().unwrap();
    assert!(listing.unread.iter().all(|point| point.why() == Why::Collected), "{:?}", listing.unread);
}

#[test]
fn a_live_point_whose_packs_were_moved_since_says_that_it_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, then, [_, second]) = collected(folder.path());
    let refused = restored(&as_of(&rig, then), &second);
    assert_eq!(refused.kind(), Kind::Absent, "{refused}");
    assert!(refused.to_string().contains("a collection moved what the restore point needs, at"), "{refused}");
    assert!(refused.advice().unwrap().contains("leave --as-of out"), "{refused}");
    let target = tempfile::tempdir().unwrap();
    rig.restore(&second.to_string(), target.path()).0.unwrap();
}

#[test]
fn a_check_as_of_an_earlier_position_calls_what_was_collected_since_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, then, _) = collected(folder.path());
    for level in [Level::List, Level::Tails, Level::Full] {
        let options = CheckOptions::new(level);
        let report = check(&as_of(&rig, then), &options, &Monitor::new()).unwrap();
        assert_eq!((report.errors, report.uncommitted), (Vec::new(), Vec::new()), "{level:?}");
        assert!(!report.collected.is_empty(), "{level:?}");
        let now = check(&rig.open().unwrap(), &options, &Monitor::new()).unwrap();
        assert_eq!((now.errors, now.collected), (Vec::new(), Vec::new()), "{level:?}");
    }
    // What is needed to this day is damage as of any position.
    let pack = rig.open().unwrap().blobs().live_index().packs().unwrap().pop().unwrap();
    let name = format_spec::names::of_session(pack.kind, pack.id);
    rig.store.delete(ObjectName::new(name.clone()).unwrap().object()).unwrap();
    let head = rig.open().unwrap().log().view().head;
    let report = check(&as_of(&rig, head), &CheckOptions::new(Level::List), &Monitor::new()).unwrap();
    assert!(report.errors.iter().any(|found| found.object == name), "{report:?}");
}

/// Where nothing was collected, what is missing is damage as of any position.
#[test]
fn damage_is_still_damage_as_of_an_earlier_position() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, [_, second]) = collected(folder.path());
    let repository = rig.open().unwrap();
    let then = repository.log().view().head;
    rig.write("more", b"more");
    rig.back_up().unwrap();
    let commit = *repository.log().view().live(&second).unwrap();
    rig.store.delete(engine::restore_point::manifest_name(&commit).unwrap().object()).unwrap();
    assert_eq!(restored(&as_of(&rig, then), &second).kind(), Kind::Damaged);
}

fn year() -> String {
    engine::repository::utc(engine::env::Machine::shared().now()).chars().take(4).collect()
}
