use super::*;
use crate::{Memory, ObjectRef, OldestVersionLayer, Receipt, forward};
use crate::{PutOptions, StoreExt};
use base::env::{Machine, Seeded, SharedEnv};
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
    forward!(inner: read, head, list, versions, retrieve, rest_again, capabilities, room, fresh);

    fn location(&self) -> String {
        "liar:".to_owned()
    }
    fn now(&self) -> Result<Time> {
        match self.lie {
            Lie::HasNoClock => Err(Error::new(Kind::Unsupported, "no date in the answers")),
            _ => self.inner.now(),
        }
    }
    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        match self.lie {
            Lie::DropsTheLock => self.inner.put(name, bytes, &PutOptions { lock: None, ..*options }),
            Lie::NamesNoVersion if options.lock.is_some() => {
                self.inner.put_new(name, bytes).map(|_| Receipt::default())
            }
            _ => self.inner.put(name, bytes, options),
        }
    }
    fn delete(&self, object: ObjectRef<'_>) -> Result<()> {
        match self.lie {
            Lie::ShowsTheLockAndDeletes => Ok(()),
            Lie::HidesUnderAMarker => self.inner.delete(object.name.object()),
            Lie::DeniesAllDeletes => Err(Error::new(Kind::Denied, "no right to delete").on(object.name)),
            _ => self.inner.delete(object),
        }
    }
    fn extend_lock(&self, object: ObjectRef<'_>, wanted: &ObjectLock) -> Result<ObjectLock> {
        match self.lie {
            Lie::Shortens => Ok(*wanted),
            Lie::DropsTheLock => Ok(ObjectLock::new(Mode::Governance, Time::default())),
            _ => self.inner.extend_lock(object, wanted),
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
