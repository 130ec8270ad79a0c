//! Levels of a check: each proves what it says, asks the store for no more than that, and the one without keys needs none.

use super::damage::{Action, act, kind_of};
use super::rig::{copy_of, names_of};
use super::{Rig, noise};
use bytes::Bytes;
use engine::maintenance::{CheckOptions, CheckReport, Level, check, check_stored};
use engine::monitor::Monitor;
use engine::store::{Faulty, Memory, ObjectName, RequestKind, Store, StoreExt};
use format_spec::container::{Object, kind};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;

fn rig(folder: &Path) -> (Rig, Arc<Memory>) {
    let store = Arc::new(Memory::new());
    let rig = Rig::with_parity(folder, store.clone(), 5);
    for n in 0..30 {
        rig.write(format!("d{}/{n}.txt", n % 3), format!("file number {n}").as_bytes());
    }
    rig.write("large", &noise(1, 700_000));
    rig.back_up().unwrap();
    rig.write("more", &noise(2, 300_000));
    rig.back_up().unwrap();
    (rig, store)
}

fn check_at(rig: &Rig, level: Level) -> CheckReport {
    let options = CheckOptions::new(level);
    check(&rig.open().unwrap(), &options, &Monitor::new()).unwrap()
}

fn largest(store: &Memory, kind: &str) -> ObjectName {
    let names = names_of(store).into_iter().filter(|n| kind_of(n) == kind);
    names.max_by_key(|n| store.head_of(n).unwrap().bytes).unwrap()
}

#[test]
fn a_list_is_one_listing_and_no_request_a_pack() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path());
    let calls: Arc<Mutex<Vec<(RequestKind, String)>>> = Arc::default();
    let seen = calls.clone();
    let counting = Faulty::new(store, move |call| {
        seen.lock().push((call.verb, call.name.clone()));
        None
    });
    let report = check_at(&rig.over(Arc::new(counting)), Level::List);
    assert_eq!((report.errors, report.packs), (Vec::new(), 6));
    let calls = calls.lock();
    let about = |folder: &str| calls.iter().filter(|(_, name)| name.starts_with(folder)).collect::<Vec<_>>();
    assert_eq!(about("data"), [&(RequestKind::List, "data".to_owned())]);
    assert_eq!(about("meta"), [&(RequestKind::List, "meta".to_owned())]);
}

#[test]
fn each_level_finds_what_it_promises_and_no_lower_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, store) = rig(folder.path());
    let levels = [Level::List, Level::Tails, Level::Stored, Level::Full];
    for level in levels {
        assert_eq!(check_at(&rig, level).errors, Vec::new(), "{level:?}");
    }
    let cases = [
        (Harm::Delete, Level::List),
        (Harm::Shorter, Level::List),
        (Harm::Longer, Level::List),
        (Harm::Flip(Place::Trailer), Level::Tails),
        (Harm::Flip(Place::Block), Level::Stored),
        (Harm::Flip(Place::Parity), Level::Stored),
    ];
    for (harm, from) in cases {
        let copy = copy_of(&*store);
        let pack = largest(&copy, "data");
        harm.be_done(&copy, &pack);
        for level in levels {
            let errors = check_at(&rig.over(copy.clone()), level).errors;
            let found = errors.iter().any(|f| f.object == pack.as_str());
            assert_eq!(found, level >= from, "{harm:?} at {level:?}: {errors:?}");
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Harm {
    Delete,
    Shorter,
    Longer,
    Flip(Place),
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Block,
    Parity,
    Trailer,
}

impl Harm {
    fn be_done(self, store: &Memory, name: &ObjectName) {
        let mut bytes = store.get(name).unwrap().to_vec();
        let end = bytes.len();
        let offset = |bytes: &[u8], kind: u8| {
            let object = Object::parse(bytes).unwrap();
            let entry = *object.entries().iter().find(|e| e.head.kind == kind).unwrap();
            usize::try_from(entry.offset).unwrap() + 2000
        };
        match self {
            Harm::Delete => return store.delete(name.object()).unwrap(),
            Harm::Shorter => bytes.truncate(end - 1),
            Harm::Longer => bytes.push(0),
            Harm::Flip(Place::Trailer) => bytes[end - 50] ^= 1,
            Harm::Flip(Place::Block) => {
                let at = offset(&bytes, kind::BLOCK);
                bytes[at] ^= 1;
            }
            Harm::Flip(Place::Parity) => {
                let at = offset(&bytes, kind::PARITY);
                bytes[at] ^= 1;
            }
        }
        store.replace(name, Bytes::from(bytes));
    }
}

#[test]
fn a_worker_without_keys_finds_every_damaged_object_and_needs_only_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = rig(folder.path());
    let keyless = |store: &Memory| check_stored(store, 3, &Monitor::new()).unwrap();
    let clean = keyless(&store);
    let names = names_of(&*store);
    assert_eq!((clean.errors, clean.objects, clean.packs), (Vec::new(), names.len() as u64, 6));
    assert_eq!(clean.packs_with_parity, 6);
    let total: u64 = names.iter().map(|n| store.head_of(n).unwrap().bytes).sum();
    assert_eq!(clean.bytes_read, total);
    for name in &names {
        for action in [Action::Flip(3), Action::Flip(500), Action::Flip(999), Action::Truncate(500), Action::Empty] {
            let copy = copy_of(&*store);
            assert!(act(action, name, &copy, &*store));
            let found: Vec<String> = keyless(&copy).errors.into_iter().map(|f| f.object).collect();
            assert_eq!(found, [name.as_str()], "{action:?}");
        }
    }
}

#[test]
fn a_worker_without_keys_finds_swapped_objects_and_a_gap_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = rig(folder.path());
    let copy = copy_of(&*store);
    let packs: Vec<ObjectName> = names_of(&*copy).into_iter().filter(|n| kind_of(n) == "data").collect();
    let [a, b] = &packs[..] else { panic!("{packs:?}") };
    let (of_a, of_b) = (copy.get(a).unwrap(), copy.get(b).unwrap());
    copy.replace(a, of_b);
    copy.replace(b, of_a);
    copy.delete(ObjectName::new(format_spec::names::log(3)).unwrap().object()).unwrap();
    let found = check_stored(&*copy, 2, &Monitor::new()).unwrap().errors;
    let objects: Vec<&str> = found.iter().map(|f| &f.object[..]).collect();
    assert_eq!(objects, [a.as_str(), b.as_str(), "log"], "{found:?}");
    assert!(found[0].what.contains("CONT-4") && found[2].what.contains("1 entry is missing"), "{found:?}");
    let nothing = check_stored(&Memory::new(), 2, &Monitor::new()).unwrap_err();
    assert_eq!(nothing.kind(), engine::Kind::NoRepository);
    copy.replace(a, Bytes::new());
}
