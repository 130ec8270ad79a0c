//! What the probe finds out about locks that hold, and about those that do not.

use engine::Kind;
use engine::env::{Machine, Seeded, SharedEnv};
use engine::store::{LockProbed, Memory, OldestVersionLayer, Store, probe_lock};
use std::sync::Arc;
use testkit::stores::{Lie, Lying};

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

#[test]
fn each_lie_about_locks_is_found_and_refused_by_name() {
    let cases = [
        (Lie::DropsTheLock, "is shown: none", "locks on new objects"),
        (Lie::DeletesNothing, "a locked version was deleted", "refusing to delete what is locked"),
        (Lie::HidesUnderAMarker, "a locked version was deleted", "refusing to delete what is locked"),
        (Lie::Shortens, "of a raised lock", "never shortening"),
        (Lie::DeniesAllDeletes, "not because it is locked", "refusing to delete what is locked"),
        (Lie::NamesNoVersion, "got no version", "locks on new objects"),
        (Lie::HasNoClock, "no date in the answers", "a clock of its own"),
    ];
    let clock = Machine::shared();
    for (lie, observed, missing) in cases {
        let liar = Lying::new(Arc::new(Memory::locking(Arc::clone(&clock))), lie);
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
