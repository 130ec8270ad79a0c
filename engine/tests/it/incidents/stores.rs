//! Stores that do not do what they say, and what is never rested upon them.

use super::{change, rig};
use crate::proofs::collect::{collect_all, expire, options};
use crate::proofs::rig::{copy_of, names_of};
use bytes::Bytes;
use engine::care::CollectOptions;
use engine::env::Machine;
use engine::log::Truncation;
use engine::store::{
    Capabilities, Fault, Faulty, Info, Listed, Memory, Mode, ObjectLock, ObjectName, ObjectVersion, Receipt,
    RequestKind, Store, probe, probe_lock,
};
use engine::{Kind, Result};
use format_spec::Time;
use std::ops::Range;
use std::sync::Arc;

#[test]
fn incident_03_pbs_5982_what_a_store_does_not_do_is_refused_and_not_relied_upon() {
    let lying = |lie| Liar { inner: Arc::new(Memory::new()), lie };
    for (lie, named) in [(Lie::CreatesAgain, "if it is absent"), (Lie::ListsHalf, "complete listings")] {
        let refused = probe(&lying(lie), &*Machine::shared(), &|_| ()).unwrap().require().unwrap_err();
        assert_eq!(refused.kind(), Kind::Unsupported);
        assert!(refused.to_string().contains(named), "{refused}");
    }
    // Where listings were not proven to be complete, no entry of the log is deleted on their word.
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    rig.back_up().unwrap();
    let repository = rig.open().unwrap();
    repository.log().checkpoint(&*rig.env).unwrap();
    rig.back_up().unwrap();
    repository.refresh().unwrap();
    repository.log().checkpoint(&*rig.env).unwrap();
    let before = names_of(&*rig.store);
    let how = Truncation { grace_seconds: 0, requests_max: u64::MAX, listings_complete: false, versioned: false };
    assert!(repository.log().truncate(&*rig.env, &how).unwrap().stopped.is_some());
    assert_eq!(names_of(&*rig.store), before);
    let proven = Truncation { listings_complete: true, ..how };
    assert!(!repository.log().truncate(&*rig.env, &proven).unwrap().entries.is_empty());
    rig.expect_equal();
}

#[test]
fn incident_05_restic_4612_a_listing_that_fails_or_shows_nothing_deletes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path());
    let first = rig.back_up().unwrap().point.unwrap();
    change(&rig, 500);
    rig.back_up().unwrap();
    let impatient = CollectOptions { lease_seconds: -1, ..options() };
    for has_garbage in [false, true] {
        if has_garbage {
            expire(&rig.open().unwrap(), vec![first]);
        }
        for lie in [Lie::ListsNothing, Lie::ListsHalf] {
            let copy = copy_of(&*rig.store);
            let before = names_of(&*copy);
            let lying = rig.over(Arc::new(Liar { inner: copy.clone(), lie }));
            let report = collect_all(&lying.open().unwrap(), &impatient).unwrap();
            assert_eq!(
                report.objects_deleted > 0,
                has_garbage,
                "{lie:?}: what the log gives up, and nothing else: {report:?}"
            );
            let honest = rig.over(copy.clone());
            honest.expect_equal();
            if !has_garbage {
                let left = names_of(&*copy);
                assert!(before.iter().all(|name| left.contains(name)), "{lie:?}");
            }
        }
        let copy = copy_of(&*rig.store);
        let before = names_of(&*copy);
        for kind in [Kind::Denied, Kind::Absent, Kind::Damaged] {
            let failing =
                Faulty::new(copy.clone(), move |call| (call.verb == RequestKind::List).then_some(Fault::Before(kind)));
            let failing = rig.over(Arc::new(failing));
            let failed = failing.open().and_then(|repository| collect_all(&repository, &impatient));
            assert_eq!(failed.map(|_| ()).unwrap_err().kind(), kind, "an error stays one");
        }
        assert_eq!(names_of(&*copy), before);
    }
}

#[test]
fn incident_15_kopia_1067_a_lock_that_is_not_kept_is_an_error() {
    let clock = Machine::shared();
    let until = Time { seconds: clock.now().seconds + 3600, nanos: 0 };
    let (name, lock) = (ObjectName::new("data/locked").unwrap(), ObjectLock::new(Mode::Governance, until));
    // A place without locks: refused by name, and a put with a lock is no put without one.
    let plain = Memory::new();
    let refused = probe_lock(&plain, &*clock, &|_| ()).unwrap().require().unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported);
    assert_eq!(plain.put_locked(&name, Bytes::from_static(b"x"), &lock).unwrap_err().kind(), Kind::Unsupported);
    assert_eq!(plain.extend_retention(&name, None, &lock).unwrap_err().kind(), Kind::Unsupported);
    // A place that takes locks and forgets them.
    let forgetful = Liar { inner: Arc::new(Memory::locking(clock.clone())), lie: Lie::DropsLocks };
    let refused = probe_lock(&forgetful, &*clock, &|_| ()).unwrap().require().unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported);
    assert!(refused.to_string().contains("locks on new objects"), "{refused}");
    // One that keeps them: read back, and enforced.
    let keeping = Memory::locking(clock.clone());
    probe_lock(&keeping, &*clock, &|_| ()).unwrap().require().unwrap();
    let version = keeping.put_locked(&name, Bytes::from_static(b"x"), &lock).unwrap().version;
    assert_eq!(keeping.retention(&name, version.as_deref()).unwrap(), Some(lock));
    assert_eq!(keeping.delete(&name, version.as_deref()).unwrap_err().kind(), Kind::Immutable);
}

/// A store that lies in one way.
#[derive(Debug)]
struct Liar {
    inner: Arc<Memory>,
    lie: Lie,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    CreatesAgain,
    ListsHalf,
    ListsNothing,
    DropsLocks,
}

impl Store for Liar {
    fn location(&self) -> String {
        "liar:".to_owned()
    }

    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        if self.lie == Lie::CreatesAgain {
            self.inner.replace(name, bytes);
            return Ok(Receipt::default());
        }
        self.inner.put_new(name, bytes)
    }

    fn get(&self, name: &ObjectName) -> Result<Bytes> {
        self.inner.get(name)
    }

    fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range(name, range)
    }

    fn get_tail(&self, name: &ObjectName, bytes_max: u64) -> Result<(Bytes, u64)> {
        self.inner.get_tail(name, bytes_max)
    }

    fn head(&self, name: &ObjectName) -> Result<Info> {
        self.inner.head(name)
    }

    fn list(&self, prefix: &str, after: Option<&ObjectName>, visit: &mut dyn FnMut(Listed) -> bool) -> Result<()> {
        let mut shown = 0;
        self.inner.list(prefix, after, &mut |listed| {
            shown += 1;
            // Without a key slot nobody gets as far as to delete.
            let is_hidden =
                prefix != "keys" && (self.lie == Lie::ListsNothing || self.lie == Lie::ListsHalf && shown % 2 == 0);
            is_hidden || visit(listed)
        })
    }

    fn delete(&self, name: &ObjectName, version: Option<&str>) -> Result<()> {
        self.inner.delete(name, version)
    }

    fn now(&self) -> Result<Time> {
        self.inner.now()
    }

    fn capabilities(&self) -> Result<Capabilities> {
        self.inner.capabilities()
    }

    fn put_locked(&self, name: &ObjectName, bytes: Bytes, _: &ObjectLock) -> Result<Receipt> {
        self.inner.put_new(name, bytes)
    }

    fn versions(&self, name: &ObjectName) -> Result<Vec<ObjectVersion>> {
        self.inner.versions(name)
    }

    fn get_version(&self, name: &ObjectName, version: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_version(name, version, range)
    }

    fn retention(&self, name: &ObjectName, version: Option<&str>) -> Result<Option<ObjectLock>> {
        self.inner.retention(name, version)
    }
}
