use super::*;
use crate::{Capabilities, Info, Listed, Memory, ObjectVersion, OldestVersionLayer, Receipt};
use base::env::{Machine, Seeded, SharedEnv};
use std::ops::Range;
use std::sync::Arc;

fn tried(store: &dyn Store, clock: &SharedEnv) -> LockProbed {
    probe_lock(store, &**clock, &|_| ()).unwrap()
}

#[test]
fn a_store_whose_locks_hold_passes() {
    let clock = Machine::shared();
    let memory: Arc<dyn Store> = Arc::new(Memory::locking(Arc::clone(&clock)));
    for store in [Arc::clone(&memory), Arc::new(OldestVersionLayer::new(memory)) as Arc<dyn Store>] {
        let probed = tried(&*store, &clock);
        probed.require().unwrap();
        assert_eq!(probed.lines().len(), 4);
        assert!(probed.lines().iter().all(|line| line.ends_with("=yes")), "{probed:?}");
    }
}

#[test]
fn a_store_without_locks_is_refused_by_name() {
    let error = tried(&Memory::new(), &Machine::shared()).require().unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("the place says that it locks nothing"), "{error}");
}

#[test]
fn clocks_that_differ_by_more_than_five_minutes_are_refused() {
    // The seeded clock stands years before the machine's.
    let store = Memory::locking(Machine::shared());
    let error = tried(&store, &Seeded::shared(1)).require().unwrap_err();
    assert_eq!(error.kind(), Kind::Input);
    assert!(error.to_string().contains("clock differs"), "{error}");
}

/// Locks, but lies in one way.
#[derive(Debug)]
struct Liar {
    inner: Memory,
    lie: Lie,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    DropsTheLock,
    ShowsTheLockAndDeletes,
    HidesUnderAMarker,
    Shortens,
    DeniesAllDeletes,
    NamesNoVersion,
    HasNoClock,
}

impl Store for Liar {
    fn location(&self) -> String {
        "liar:".to_owned()
    }
    fn now(&self) -> Result<Time> {
        match self.lie {
            Lie::HasNoClock => Err(Error::new(Kind::Unsupported, "no date in the answers")),
            _ => self.inner.now(),
        }
    }
    fn capabilities(&self) -> Result<Capabilities> {
        self.inner.capabilities()
    }
    fn put_new(&self, name: &ObjectName, bytes: Bytes) -> Result<Receipt> {
        self.inner.put_new(name, bytes)
    }
    fn put_locked(&self, name: &ObjectName, bytes: Bytes, retention: &ObjectLock) -> Result<Receipt> {
        match self.lie {
            Lie::DropsTheLock => self.inner.put_new(name, bytes),
            Lie::NamesNoVersion => self.inner.put_new(name, bytes).map(|_| Receipt::default()),
            _ => self.inner.put_locked(name, bytes, retention),
        }
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
        self.inner.list(prefix, after, visit)
    }
    fn list_oldest(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        self.inner.list_oldest(prefix, after, visit)
    }
    fn delete(&self, name: &ObjectName, version: Option<&str>) -> Result<()> {
        match self.lie {
            Lie::ShowsTheLockAndDeletes => Ok(()),
            Lie::HidesUnderAMarker => self.inner.delete(name, None),
            Lie::DeniesAllDeletes => Err(Error::new(Kind::Denied, "no right to delete").on(name)),
            _ => self.inner.delete(name, version),
        }
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
    fn extend_retention(&self, name: &ObjectName, version: Option<&str>, wanted: &ObjectLock) -> Result<ObjectLock> {
        match self.lie {
            Lie::Shortens => Ok(*wanted),
            Lie::DropsTheLock => Ok(ObjectLock::new(Mode::Governance, Time::default())),
            _ => self.inner.extend_retention(name, version, wanted),
        }
    }
}

#[test]
fn each_lie_about_locks_is_found_and_refused_by_name() {
    let cases = [
        (Lie::DropsTheLock, "is shown: none", "locks on new objects"),
        (Lie::ShowsTheLockAndDeletes, "a locked version was deleted", "refusing to delete what is locked"),
        (Lie::HidesUnderAMarker, "a locked version was deleted", "refusing to delete what is locked"),
        (Lie::Shortens, "of a raised lock", "never shortening"),
        (Lie::DeniesAllDeletes, "not because it is locked", "refusing to delete what is locked"),
        (Lie::NamesNoVersion, "got no version", "locks on new objects"),
        (Lie::HasNoClock, "no date in the answers", "a clock of its own"),
    ];
    let clock = Machine::shared();
    for (lie, observed, missing) in cases {
        let liar = Liar { inner: Memory::locking(Arc::clone(&clock)), lie };
        let error = match probe_lock(&liar, &*clock, &|_| ()) {
            Ok(probed) => probed.require().unwrap_err(),
            Err(e) => e,
        };
        assert_eq!(error.kind(), Kind::Unsupported, "{lie:?}: {error}");
        let message = error.to_string();
        assert!(message.contains(observed) && message.contains(missing), "{lie:?}: {message}");
        assert!(!message.contains("probe/"), "nobody knows the probe's objects: {message}");
    }
}
