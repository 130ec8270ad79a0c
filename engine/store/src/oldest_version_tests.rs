use super::*;
use crate::{Fault, Faulty, Memory, MeteredStore, Mode, RequestKind, StoreExt};
use base::env::{Env, SharedEnv};
use format_spec::Time;
use parking_lot::Mutex;

/// A clock that is set by hand.
pub(crate) struct Set(Mutex<i64>);

impl Set {
    pub(crate) fn at(seconds: i64) -> Arc<Self> {
        Arc::new(Set(Mutex::new(seconds)))
    }
    pub(crate) fn go(&self, seconds: i64) {
        *self.0.lock() += seconds;
    }
}

impl Env for Set {
    fn now(&self) -> Time {
        Time::new(*self.0.lock(), 0)
    }
    fn elapsed(&self) -> f64 {
        0.0
    }
    fn random(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.fill(7);
        Ok(())
    }
}

struct Bench {
    clock: Arc<Set>,
    memory: Arc<Memory>,
    store: OldestVersionLayer,
}

fn bench() -> Bench {
    let clock = Set::at(1000);
    let memory = Arc::new(Memory::locking(Arc::clone(&clock) as SharedEnv));
    Bench { clock, store: OldestVersionLayer::new(Arc::clone(&memory) as Arc<dyn Store>), memory }
}

fn name() -> ObjectName {
    ObjectName::new("log/0000000000000001").unwrap()
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn listed(store: &dyn Store) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    store
        .list(&ListOptions::below(""), &mut |l| {
            found.push((l.name.to_string(), l.bytes));
            true
        })
        .unwrap();
    found
}

fn until(seconds: i64) -> ObjectLock {
    ObjectLock::new(Mode::Compliance, Time::new(seconds, 0))
}

#[test]
fn a_marker_hides_nothing_and_an_overwrite_changes_nothing() {
    let Bench { memory, store, .. } = bench();
    store.put(&name(), text("genuine"), &PutOptions::locked(&until(2000))).unwrap();
    for attack in 0..4 {
        // Known to this reader, and new to another.
        for reader in [&store, &OldestVersionLayer::new(Arc::clone(&memory) as Arc<dyn Store>)] {
            assert_eq!(reader.get(&name()).unwrap(), "genuine", "{attack}");
            assert_eq!(reader.get_range(&name(), 1..4).unwrap(), "enu");
            assert_eq!(reader.get_tail(&name(), 3).unwrap(), (text("ine"), 7));
            assert_eq!(reader.head_of(&name()).unwrap().bytes, 7);
            assert_eq!(reader.get_range(&name(), 3..8).unwrap_err().kind(), Kind::Damaged);
            assert_eq!(listed(reader), [(name().to_string(), 7)]);
        }
        match attack {
            0 => memory.delete(name().object()).unwrap(),
            1 => memory.replace(&name(), text("a longer forgery")),
            _ => memory.delete(name().object()).unwrap(),
        }
        assert_ne!(memory.get(&name()).ok(), Some(text("genuine")), "the plain view is fooled");
    }
}

#[test]
fn a_put_over_a_marker_is_refused_where_an_object_lies_below() {
    let Bench { memory, store, .. } = bench();
    store.put(&name(), text("genuine"), &PutOptions::locked(&until(2000))).unwrap();
    memory.delete(name().object()).unwrap();
    assert_eq!(store.put_new(&name(), text("again")).unwrap_err().kind(), Kind::Exists);
    assert_eq!(store.put(&name(), text("again"), &PutOptions::locked(&until(2000))).unwrap_err().kind(), Kind::Exists);
    assert_eq!(store.get(&name()).unwrap(), "genuine");
    // What was put for a moment is gone, unless its own lock keeps it; it is not read in either case.
    let versions = memory.versions(&name()).unwrap();
    assert_eq!(versions.iter().map(|v| (v.marker, v.bytes)).collect::<Vec<_>>(), [(false, 7), (true, 0), (false, 5)]);
    // Over a marker with nothing below, a put is a create.
    let other = ObjectName::new("log/2").unwrap();
    memory.delete(other.object()).unwrap();
    store.put_new(&other, text("first")).unwrap();
    assert_eq!(store.get(&other).unwrap(), "first");
}

#[test]
fn of_two_creates_with_a_marker_between_them_the_older_one_wins_and_each_knows() {
    // The attacker's marker comes between A's put and A's look, and B puts over it.
    let Bench { memory, store: b, .. } = bench();
    let between = Arc::clone(&memory);
    let a = OldestVersionLayer::new(Arc::new(Faulty::new(Arc::clone(&memory) as Arc<dyn Store>, move |call| {
        if call.verb == RequestKind::List {
            between.delete(name().object()).unwrap();
            assert_eq!(b.put_new(&name(), text("b")).unwrap_err().kind(), Kind::Exists);
        }
        None::<Fault>
    })));
    a.put_new(&name(), text("a")).unwrap();
    assert_eq!(OldestVersionLayer::new(memory).get(&name()).unwrap(), "a");
}

#[test]
fn a_put_below_which_somebody_else_was_first_is_no_success() {
    let Bench { memory, store, .. } = bench();
    memory.put_new(&name(), text("junk")).unwrap();
    memory.delete(name().object()).unwrap();
    assert_eq!(store.put_new(&name(), text("ours")).unwrap_err().kind(), Kind::Exists);
    assert_eq!(store.get(&name()).unwrap(), "junk", "the caller compares and sees that it is not ours");
}

#[test]
fn deleting_frees_every_version_and_is_refused_by_a_lock_until_it_ends() {
    let Bench { clock, memory, store } = bench();
    store.put(&name(), text("genuine"), &PutOptions::locked(&until(2000))).unwrap();
    memory.replace(&name(), text("forged"));
    memory.delete(name().object()).unwrap();
    let refused = store.delete(name().object()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Immutable);
    assert!(refused.to_string().contains("compliance until 1970-01-01T00:33:20Z"), "{refused}");
    assert_eq!(memory.versions(&name()).unwrap().len(), 1, "what nobody locked is gone");
    assert_eq!(store.get(&name()).unwrap(), "genuine");
    clock.go(1000);
    store.delete(name().object()).unwrap();
    assert!(memory.versions(&name()).unwrap().is_empty());
    assert_eq!(store.get(&name()).unwrap_err().kind(), Kind::Absent);
    store.delete(name().object()).unwrap();
}

#[test]
fn a_remembered_version_that_is_gone_is_looked_up_again() {
    let Bench { memory, store, .. } = bench();
    let first = store.put_new(&name(), text("first")).unwrap().version.unwrap();
    assert_eq!(store.get(&name()).unwrap(), "first");
    memory.delete(name().at(Some(&first))).unwrap();
    assert_eq!(store.get(&name()).unwrap_err().kind(), Kind::Absent);
    memory.put_new(&name(), text("second")).unwrap();
    assert_eq!(store.get(&name()).unwrap(), "second");
}

#[test]
fn locks_are_asked_of_the_oldest_version_and_only_raised() {
    let Bench { memory, store, .. } = bench();
    let version = store.put(&name(), text("genuine"), &PutOptions::locked(&until(2000))).unwrap().version;
    memory.replace(&name(), text("forged"));
    assert_eq!(store.lock_of(&name()).unwrap(), Some(until(2000)));
    assert_eq!(store.extend_lock(name().object(), &until(3000)).unwrap(), until(3000));
    assert_eq!(store.extend_lock(name().object(), &until(1500)).unwrap(), until(3000));
    assert_eq!(memory.lock_of(name().at(version.as_deref())).unwrap(), Some(until(3000)));
    assert_eq!(memory.lock_of(&name()).unwrap(), None, "the forged version has none");
}

#[test]
fn a_name_read_again_costs_no_listing() {
    let Bench { memory, .. } = bench();
    let counted = MeteredStore::new(memory);
    let counts = counted.counts();
    let store = OldestVersionLayer::new(Arc::new(counted));
    store.put_new(&name(), text("x")).unwrap();
    for _ in 0..5 {
        store.get(&name()).unwrap();
    }
    assert_eq!([RequestKind::Put, RequestKind::List, RequestKind::Get].map(|v| counts.requests(v)), [1, 1, 5]);
}

#[test]
fn a_store_without_versions_is_refused() {
    let store = OldestVersionLayer::new(Arc::new(Memory::new()));
    assert_eq!(store.put_new(&name(), text("x")).unwrap_err().kind(), Kind::Unsupported);
}
