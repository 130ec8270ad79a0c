//! Whoever stood still, or has not looked for long: what he puts, and what he commits, is locked all the same.

use super::place::{in_memory, verified};
use crate::proofs::rig::Rig;
use bytes::Bytes;
use engine::backup::backup;
use engine::log::Log;
use engine::monitor::Monitor;
use engine::source::folder::FolderSource;
use engine::source::rules::Rules;
use engine::store::{Faulty, ObjectName, OldestVersionLayer, RequestKind, StoreExt};
use format_spec::log::{Change, Purpose};
use format_spec::{ObjectId, names};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn open(job: &str) -> Change {
    Change::Open { job: job.to_owned(), host: String::new(), base: None, purpose: Purpose::Backup }
}

/// Days from now until the lock of an object ends, in whole.
fn days_left(rig: &Rig, name: &ObjectName) -> i64 {
    let lock = rig.store.lock_of(name).unwrap().expect("it is locked");
    (lock.until.seconds - rig.env.now().seconds).div_euclid(86_400)
}

/// A put is on its way for days: shorter than its lock was reckoned for, and longer, so that the store refuses it.
#[test]
fn what_is_put_after_a_long_stand_is_locked_as_if_it_were_put_then() {
    for days in [12, 40] {
        let folder = tempfile::tempdir().unwrap();
        let (rig, _, clock) = in_memory(folder.path(), Some(5));
        let (stand, once) = (clock.clone(), AtomicBool::new(true));
        let slow = Faulty::new(rig.store.clone(), move |call| {
            if call.verb == RequestKind::Put && once.swap(false, Ordering::SeqCst) {
                stand.turn_days(days);
            }
            None
        });
        let repository = rig.over(Arc::new(slow)).open().unwrap();
        let name = ObjectName::new(names::of_session(
            format_spec::container::ObjectKind::DataPack,
            ObjectId { session: 1, ordinal: 0 },
        ))
        .unwrap();
        repository.sealed_store().store.put_new(&name, Bytes::from_static(b"a pack")).unwrap();
        assert!(days_left(&rig, &name) >= 15, "after {days} days: {}", days_left(&rig, &name));
    }
}

/// Found by the simulation: a process that has had the repository open for long knows no checkpoint that others wrote, and opening needs it, all the
/// more when the entries before it have gone.
#[test]
fn a_commit_by_who_has_read_on_for_long_locks_the_newest_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, _, clock) = in_memory(folder.path(), Some(5));
    rig.write("a", b"a");
    rig.back_up().unwrap();
    let old = rig.open().unwrap();
    let other = rig.open().unwrap();
    other.log().append(&*rig.env, &mut |_| Ok(open("other"))).unwrap();
    let slot = other.log().checkpoint(&*rig.env).unwrap().unwrap();
    clock.turn_days(14);
    rig.write("a", b"b");
    let source = FolderSource::new(std::slice::from_ref(&rig.source), Rules::default()).unwrap();
    backup(&old, &source, &rig.options(), &Arc::new(Monitor::new())).unwrap();
    assert_eq!(old.log().view().since, 0, "it has read on");
    assert_eq!(verified(&rig).gaps, []);
    assert!(days_left(&rig, &ObjectName::new(names::checkpoint(slot)).unwrap()) >= 15);
}

/// An entry turns up between the locks and the commit, put by somebody whose lock falls short.
#[test]
fn an_entry_that_turns_up_before_the_commit_is_locked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, _) = in_memory(folder.path(), Some(5));
    rig.write("a", b"a");
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    let (then, commit) = (repository.log().view(), repository.log().view().commits[0]);
    let manifest = ObjectId { session: commit.session, ordinal: commit.object.ordinal };
    let secured = repository.secure(manifest, commit.references, &Monitor::new()).unwrap();
    // Somebody who locks nothing at all.
    let bare = Arc::new(OldestVersionLayer::new(memory));
    let config = blake3::hash(&bare.get(&ObjectName::new(names::CONFIG).unwrap()).unwrap());
    let log = Log::new(bare.clone(), repository.id(), repository.sealed_store().secrets.clone(), *config.as_bytes());
    let slot = log.append(&*rig.env, &mut |_| Ok(open("theirs"))).unwrap();
    let name = ObjectName::new(names::log(slot)).unwrap();
    assert_eq!(bare.lock_of(&name).unwrap(), None);
    repository.refresh().unwrap();
    assert!(repository.is_secured(secured.as_ref(), &then, &repository.log().view()).unwrap());
    assert!(days_left(&rig, &name) >= 15);
}
