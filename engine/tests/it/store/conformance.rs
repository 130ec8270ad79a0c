//! What every store must do, whatever lies behind it.

use crate::immutability::place::Clock;
use bytes::Bytes;
use engine::Kind;
use engine::env::Machine;
use engine::immutability::{Cover, LockPolicy, LockSettings, Locks, ObjectLockLayer};
use engine::store::{
    Asked, Availability, Faulty, Limits, ListOptions, Listed, Memory, MeteredStore, Mode, ObjectLock, ObjectName,
    OldestVersionLayer, Provider, PutOptions, RequestKind, RetrievalMode, Retry, StorageClass, StorageClassLayer,
    Store, StoreExt, Throttled, TierStatus,
};
use format_spec::config::{Class, RetentionKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The suite. The store must be empty, and is left empty.
pub(crate) fn conform(store: &dyn Store) {
    create_once(store);
    reads(store);
    absences(store);
    listings(store);
    many_threads(store);
    clean(store);
}

/// What every store must do that says it locks. It is seen by the rule of the oldest version; what is locked stays in it.
pub(crate) fn conform_locks(store: &dyn Store) {
    let capabilities = store.capabilities().unwrap();
    assert!(capabilities.locks && capabilities.versions);
    let now = store.now().unwrap();
    let lock = |minutes: i64| {
        let mut until = now;
        until.seconds += minutes * 60;
        ObjectLock::new(Mode::Governance, until)
    };
    let (object, bytes) = (name("locks/a"), Bytes::from_static(b"locked"));
    let version = store.put(&object, bytes.clone(), &PutOptions::locked(&lock(10))).unwrap().version.unwrap();
    let version = Some(version.as_str());
    assert_eq!(store.get(&object).unwrap(), bytes);
    assert_eq!(store.head_of(&object).unwrap().version.as_deref(), version);
    assert_eq!(store.lock_of(object.at(version)).unwrap(), Some(lock(10)));
    assert_eq!(store.lock_of(&object).unwrap(), Some(lock(10)));
    assert_eq!(kind(store.put(&object, bytes.clone(), &PutOptions::locked(&lock(10)))), Kind::Exists);
    for named in [version, None] {
        let refused = store.delete(object.at(named)).unwrap_err();
        assert_eq!(refused.kind(), Kind::Immutable, "{refused}");
        assert_eq!(refused.object(), Some(object.as_str()));
    }
    assert_eq!(store.extend_lock(object.at(version), &lock(20)).unwrap(), lock(20));
    assert_eq!(store.extend_lock(object.object(), &lock(5)).unwrap(), lock(20), "only ever raised");
    assert_eq!(kind(store.put(&name("locks/past"), bytes, &PutOptions::locked(&lock(-10)))), Kind::Input);

    let absent = name("locks/absent");
    assert!(store.versions(&absent).unwrap().is_empty());
    assert_eq!(kind(store.lock_of(&absent)), Kind::Absent);
    assert_eq!(kind(store.extend_lock(absent.object(), &lock(5))), Kind::Absent);
}

/// What every store must do that keeps storage classes: `class` is one of its archives, where a retrieval in `mode` takes `thaw_seconds` of
/// the clock that `turn` turns. The store must be empty, and is left empty.
pub(crate) fn conform_archive(
    store: &dyn Store,
    class: StorageClass,
    mode: RetrievalMode,
    turn: &dyn Fn(i64),
    thaw_seconds: i64,
) {
    let (cold, warm, bytes) =
        (name("data/00000001/00000001"), name("log/0000000000000001"), Bytes::from_static(b"cold"));
    let terms = PutOptions::in_class(class);
    let reach = |expected: fn(Availability) -> bool, what: &str| {
        let (told, mut listed) = (store.tier_of(&cold).unwrap(), None);
        assert!(expected(told.availability), "{what}: {told:?}");
        let mut visit = |shown: Listed| {
            listed = (shown.name == cold).then(|| shown.tier());
            true
        };
        store.list(&ListOptions::below("data").with_tiers(), &mut visit).unwrap();
        assert_eq!(listed, Some(told), "{what}: a listing tells what the object tells");
        let oldest = ListOptions::below("data").oldest().with_tiers();
        store.list(&oldest, &mut |shown| shown.tier() == told).unwrap();
        match told.availability.is_readable() {
            true => assert_eq!(store.get(&cold).unwrap(), bytes, "{what}"),
            false => assert_eq!(kind(store.get(&cold)), Kind::Archived, "{what}"),
        }
    };
    let retrieve = |days| store.retrieve(cold.object(), mode, days).unwrap();
    let put = store.put(&cold, bytes.clone(), &terms).unwrap();
    store.put(&warm, bytes.clone(), &PutOptions::default()).unwrap();
    // Nobody can read it to compare: the store does.
    assert_eq!(store.put(&cold, bytes.clone(), &terms).unwrap(), put);
    assert_eq!(kind(store.put(&cold, Bytes::from_static(b"COLD"), &terms)), Kind::Exists);
    assert_eq!(kind(store.put(&warm, bytes.clone(), &PutOptions::default())), Kind::Exists);
    reach(|reach| reach == Availability::Archived, "as it was put");
    let error = store.get_range(&cold, 0..1).unwrap_err();
    assert_eq!((error.kind(), error.object()), (Kind::Archived, Some(cold.as_str())), "{error}");
    assert!(error.advice().unwrap().contains("cairn retrieve"), "{error:?}");
    assert_eq!(store.tier_of(&warm).unwrap().availability, Availability::Online);
    assert_eq!(store.get(&warm).unwrap(), bytes);

    assert_eq!(kind(store.retrieve(cold.object(), mode, 0)), Kind::Input);
    assert_eq!((retrieve(1), retrieve(1)), (Asked::Accepted, Asked::Underway));
    reach(|reach| reach == Availability::Retrieving, "asked for");
    turn(thaw_seconds);
    let azure = class.provider() == Provider::Azure;
    if azure {
        reach(|reach| reach == Availability::Online, "moved out of the archive");
        assert_eq!(retrieve(1), Asked::Ready);
        turn(40 * 86_400);
        reach(|reach| reach == Availability::Online, "until it is sent back");
    } else {
        reach(|reach| matches!(reach, Availability::Ready { until: Some(_) }), "restored");
        assert_eq!(retrieve(9), Asked::Accepted, "its days are changed");
        turn(5 * 86_400);
        reach(|reach| matches!(reach, Availability::Ready { until: Some(_) }), "for more days");
        turn(6 * 86_400);
    }
    store.rest_again(cold.object(), class).unwrap();
    reach(|reach| reach == Availability::Archived, "as before");
    assert_eq!(retrieve(1), Asked::Accepted, "and once more");

    let absent = name("data/00000001/00000009");
    assert_eq!(kind(store.tier_of(&absent)), Kind::Absent);
    assert_eq!(kind(store.retrieve(absent.object(), mode, 1)), Kind::Absent);
    for object in [cold, warm] {
        store.delete(object.object()).unwrap();
    }
}

#[test]
fn memory_conforms() {
    conform(&Memory::new());
}

#[test]
fn memory_with_locks_conforms_by_the_rule_of_the_oldest_version() {
    let store = OldestVersionLayer::new(Arc::new(Memory::locking(Machine::shared())));
    conform(&store);
    conform_locks(&store);
}

#[test]
fn memory_with_an_archive_conforms_with_versions_and_without() {
    let cases = [
        (StorageClass::Glacier, RetrievalMode::Expedited),
        (StorageClass::DeepArchive, RetrievalMode::Bulk),
        (StorageClass::Archive, RetrievalMode::High),
    ];
    for (class, mode) in cases {
        let clock = Clock::new();
        let plain = Memory::archiving(clock.clone(), 60);
        conform(&plain);
        conform_archive(&plain, class, mode, &|seconds| clock.turn_seconds(seconds), 60);
        let locking = OldestVersionLayer::new(Arc::new(Memory::locking(clock.clone()).with_archive(60)));
        conform_archive(&locking, class, mode, &|seconds| clock.turn_seconds(seconds), 60);
    }
}

/// A decorator that kept something to itself would be found out here.
#[test]
fn every_decorator_passes_classes_and_retrievals_on() {
    let clock = Clock::new();
    let place: Arc<dyn Store> = Arc::new(Memory::locking(clock.clone()).with_archive(60));
    let limits = Limits { upload_bytes_per_second: Some(1 << 30), download_bytes_per_second: Some(1 << 30) };
    let faulty = Arc::new(Faulty::new(place, |_| None));
    let retried = Arc::new(Retry::new(faulty, Default::default(), Default::default()));
    let limited = Arc::new(Throttled::new(retried, limits));
    let counted = MeteredStore::new(Arc::new(OldestVersionLayer::new(limited)));
    let counts = counted.counts();
    let store = StorageClassLayer::new(Arc::new(counted) as Arc<dyn Store>, StorageClass::StandardIa);
    conform_archive(&store, StorageClass::Glacier, RetrievalMode::Standard, &|s| clock.turn_seconds(s), 60);
    assert!(counts.requests(RequestKind::Retrieve) >= 5);
}

#[test]
fn class_and_lock_go_in_one_put_in_whichever_order_they_are_asked_for() {
    let wish = LockSettings {
        class: Class::Copy,
        retention_kind: RetentionKind::Snapshot,
        period: Some("1y".parse().unwrap()),
        mode: Mode::Compliance,
        cover: Cover::WholePeriod,
        generation_days: 30,
    };
    for locks_first in [true, false] {
        let env = Machine::shared();
        let place: Arc<dyn Store> = Arc::new(Memory::locking(env.clone()).with_archive(60));
        let counted = Arc::new(MeteredStore::new(Arc::new(OldestVersionLayer::new(place))));
        let counts = counted.counts();
        let (below, class) = (counted as Arc<dyn Store>, StorageClass::DeepArchive);
        let locks = Arc::new(Locks::new(LockPolicy::new(wish).unwrap(), env));
        let store: Arc<dyn Store> = match locks_first {
            true => Arc::new(StorageClassLayer::new(Arc::new(ObjectLockLayer::new(below, locks)), class)),
            false => Arc::new(ObjectLockLayer::new(Arc::new(StorageClassLayer::new(below, class)), locks)),
        };
        for (text, expected) in [("data/00000001/00000001", class), ("meta/00000001/00000002", StorageClass::Standard)]
        {
            let before = counts.requests(RequestKind::Put) + counts.requests(RequestKind::Lock);
            store.put_new(&name(text), Bytes::from_static(b"x")).unwrap();
            assert_eq!(counts.requests(RequestKind::Put) + counts.requests(RequestKind::Lock), before + 1, "{text}");
            assert_eq!(store.tier_of(&name(text)).unwrap().class, Some(expected), "{text}");
            assert_eq!(store.lock_of(&name(text)).unwrap().unwrap().mode, Mode::Compliance, "{text}");
        }
        // Whose answer was lost is put again, and is done.
        store.put_new(&name("data/00000001/00000001"), Bytes::from_static(b"x")).unwrap();
    }
}

#[test]
fn a_store_without_classes_takes_no_request_for_one_lightly() {
    let folder = tempfile::tempdir().unwrap();
    let location = engine::store::Location::Folder(folder.path().to_owned());
    let local = engine::store::open_versioned(&location, &engine::store::Options::default()).unwrap().store;
    for store in [local, Arc::new(Memory::new()) as Arc<dyn Store>] {
        let (object, terms) = (name("a"), PutOptions::in_class(StorageClass::StandardIa));
        assert_eq!(kind(store.put(&object, Bytes::new(), &terms)), Kind::Unsupported);
        assert_eq!(kind(store.get(&object)), Kind::Absent, "nothing is stored in another class");
        store.put(&object, Bytes::new(), &PutOptions::default()).unwrap();
        assert_eq!(
            store.tier_of(&object).unwrap(),
            TierStatus { class: None, availability: Availability::Online, bytes: 0 }
        );
        assert_eq!(kind(store.retrieve(object.object(), RetrievalMode::Standard, 1)), Kind::Unsupported);
        assert_eq!(kind(store.rest_again(object.object(), StorageClass::Archive)), Kind::Unsupported);
    }
}

#[test]
fn a_store_without_locks_takes_no_request_for_one_lightly() {
    let folder = tempfile::tempdir().unwrap();
    let location = engine::store::Location::Folder(folder.path().to_owned());
    let local = engine::store::open_versioned(&location, &engine::store::Options::default()).unwrap().store;
    for store in [local, Arc::new(Memory::new()) as Arc<dyn Store>] {
        let (object, lock) = (name("a"), ObjectLock::new(Mode::Governance, Machine::shared().now()));
        assert_eq!(kind(store.put(&object, Bytes::new(), &PutOptions::locked(&lock))), Kind::Unsupported);
        assert_eq!(kind(store.get(&object)), Kind::Absent, "nothing is stored without the lock");
        store.put_new(&object, Bytes::new()).unwrap();
        assert_eq!(kind(store.extend_lock(object.object(), &lock)), Kind::Unsupported);
        assert_eq!(store.lock_of(&object).unwrap(), None);
        let versions = store.versions(&object).unwrap();
        assert_eq!((versions.len(), versions[0].id.as_deref(), versions[0].marker), (1, None, false));
    }
}

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

pub(crate) fn list(store: &dyn Store, prefix: &str, after: Option<&str>) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let after = after.map(name);
    store
        .list(&ListOptions::below(prefix).after(after.as_ref()), &mut |l| {
            assert!(found.insert(l.name.to_string(), l.bytes).is_none(), "{} was listed twice", l.name);
            true
        })
        .unwrap();
    found
}

fn kind<T: std::fmt::Debug>(result: engine::Result<T>) -> Kind {
    result.unwrap_err().kind()
}

fn create_once(store: &dyn Store) {
    let object = name("log/0000000000000001");
    store.put_new(&object, Bytes::from_static(b"first")).unwrap();
    let error = store.put_new(&object, Bytes::from_static(b"second")).unwrap_err();
    assert_eq!(error.kind(), Kind::Exists, "{error}");
    assert_eq!(error.object(), Some(object.as_str()), "{error}");
    assert_eq!(&store.get(&object).unwrap()[..], b"first");
    store.delete(object.object()).unwrap();
    store.put_new(&object, Bytes::from_static(b"third")).unwrap();
    assert_eq!(&store.get(&object).unwrap()[..], b"third");
}

fn reads(store: &dyn Store) {
    let content: Bytes = (0..300_000_u32).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect();
    let object = name("packs/00/000000000a.pack_1-x");
    store.put_new(&object, content.clone()).unwrap();
    assert_eq!(store.get(&object).unwrap(), content);
    assert_eq!(store.head_of(&object).unwrap().bytes, 300_000);
    for range in [0..1, 0..300_000, 299_999..300_000, 1000..200_000, 5..5, 300_000..300_000] {
        let expected = content.slice(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap());
        assert_eq!(store.get_range(&object, range.clone()).unwrap(), expected, "{range:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "a wrong range is the point")]
    for range in [299_999..300_001, 300_000..300_001, 400_000..400_010, 300_001..300_001, 0..u64::MAX, 10..5] {
        assert_eq!(kind(store.get_range(&object, range.clone())), Kind::Damaged, "{range:?}");
    }
    for bytes_max in [0_usize, 1, 4096, 300_000] {
        let tail = store.get_tail(&object, bytes_max as u64).unwrap();
        assert_eq!(tail, (content.slice(300_000 - bytes_max..), 300_000), "{bytes_max}");
    }
    assert_eq!(store.get_tail(&object, u64::MAX / 2).unwrap(), (content, 300_000));

    let empty = name("packs/00/empty");
    store.put_new(&empty, Bytes::new()).unwrap();
    assert_eq!(store.get(&empty).unwrap(), Bytes::new());
    assert_eq!(store.get_tail(&empty, 10).unwrap(), (Bytes::new(), 0));
    assert_eq!(store.get_range(&empty, 0..0).unwrap(), Bytes::new());
    assert_eq!(kind(store.get_range(&empty, 0..1)), Kind::Damaged);
}

fn absences(store: &dyn Store) {
    let object = name("log/0000000000000099");
    assert_eq!(kind(store.get(&object)), Kind::Absent);
    assert_eq!(kind(store.get_range(&object, 0..1)), Kind::Absent);
    assert_eq!(kind(store.get_range(&object, 0..0)), Kind::Absent);
    assert_eq!(kind(store.get_tail(&object, 1)), Kind::Absent);
    assert_eq!(kind(store.head_of(&object)), Kind::Absent);
    store.delete(object.object()).unwrap();
    assert!(store.get(&object).unwrap_err().to_string().contains(object.as_str()));
    // Neither a prefix of a name nor a name below an object is an object.
    assert_eq!(kind(store.get(&name("log"))), Kind::Absent);
    assert_eq!(kind(store.get(&name("log/0000000000000001/x"))), Kind::Absent);
}

fn listings(store: &dyn Store) {
    let mut made = BTreeMap::new();
    for number in 0..30_u64 {
        let text = format!("index/{:02}/{number:016x}", number % 3);
        store.put_new(&name(&text), Bytes::from(vec![1; usize::try_from(number).unwrap()])).unwrap();
        made.insert(text, number);
    }
    // A neighbour that shares the prefix's letters is not below it.
    store.put_new(&name("index-2/x"), Bytes::new()).unwrap();
    assert_eq!(list(store, "index", None), made);
    let below =
        |prefix: &str| made.iter().filter(|(n, _)| n.starts_with(prefix)).map(|(n, b)| (n.clone(), *b)).collect();
    assert_eq!(list(store, "index/01", None), below("index/01/"));
    assert_eq!(list(store, "nothing", None), BTreeMap::new());
    let whole = list(store, "", None);
    assert!(whole.contains_key("log/0000000000000001") && whole.contains_key("index-2/x") && whole.len() > 30);

    let middle = made.keys().nth(15).unwrap().clone();
    let later: BTreeMap<_, _> = made.iter().filter(|(n, _)| **n > middle).map(|(n, b)| (n.clone(), *b)).collect();
    assert_eq!(list(store, "index", Some(&middle)), later);
    // After a name that is not there, too.
    assert_eq!(list(store, "index", Some(&format!("{middle}0"))), later);
    let last = made.keys().last().unwrap();
    assert_eq!(list(store, "index", Some(last)), BTreeMap::new());

    let mut seen = 0;
    store
        .list(&ListOptions::below("index"), &mut |_| {
            seen += 1;
            seen < 5
        })
        .unwrap();
    assert_eq!(seen, 5, "the visitor ends the listing");
    let now = Machine::shared().now().seconds;
    let mut is_recent = |listed: Listed| {
        let stored = listed.stored.expect("every store that we know tells when").seconds;
        assert!((now - 120..=now + 5).contains(&stored), "{}: stored at {stored}, and it is {now}", listed.name);
        true
    };
    store.list(&ListOptions::below("index"), &mut is_recent).unwrap();
    store.list(&ListOptions::below("index").oldest(), &mut is_recent).unwrap();
}

/// Far more threads than the room has of its own: nothing may block for ever, and a create has one winner.
fn many_threads(store: &dyn Store) {
    let contested = name("race/one");
    let winners: usize = std::thread::scope(|scope| {
        let (store, contested) = (&store, &contested);
        let work = |number: usize| {
            let own = name(&format!("race/own-{number:02}"));
            store.put_new(&own, Bytes::from(vec![7; number])).unwrap();
            assert_eq!(store.get(&own).unwrap().len(), number);
            match store.put_new(contested, Bytes::from(vec![9; number])) {
                Ok(_) => 1,
                Err(e) => {
                    assert_eq!(e.kind(), Kind::Exists, "{e}");
                    0
                }
            }
        };
        let threads: Vec<_> = (0..64).map(|number| scope.spawn(move || work(number))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(winners, 1);
    assert_eq!(list(store, "race", None).len(), 65);
}

fn clean(store: &dyn Store) {
    for text in list(store, "", None).into_keys() {
        store.delete(name(&text).object()).unwrap();
        assert_eq!(kind(store.get(&name(&text))), Kind::Absent, "{text}");
    }
    assert_eq!(list(store, "", None), BTreeMap::new());
}
