//! Key slots that somebody planted: what they may cost, in which order slots are tried, and how that is given up.

use super::Rig;
use super::rig::{CHEAP, PASSWORD, shown};
use bytes::Bytes;
use engine::error::Error;
use engine::repository::{Found, OpenOptions, Repository, SlotBounds, SlotId, Trying, Watch};
use engine::store::{Faulty, Memory, ObjectName, RequestKind, Store, StoreExt};
use engine::{Kind, Result};
use format_spec::RepositoryId;
use format_spec::container::{Header, ObjectKind, ObjectWriter, Suite, kind};
use format_spec::fields::{CRITICAL, FieldsWriter};
use format_spec::key_slot::Cost;
use format_spec::keys::Cipher;
use format_spec::names;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// As costly as the format allows: 4 GiB and many minutes.
const COSTLIEST: Cost = Cost { memory_kib: 4_194_304, passes: 64, lanes: 1 };

/// A slot that no password opens, as whoever can write to the store makes it: no key is needed for that.
fn plant(store: &dyn Store, repository: RepositoryId, id: SlotId, cost: Cost) {
    let mut fields = FieldsWriter::new();
    let numbers: Vec<u8> = [cost.memory_kib, cost.passes, cost.lanes].iter().flat_map(|n| n.to_le_bytes()).collect();
    fields
        .put(1 | CRITICAL, &id)
        .put(2 | CRITICAL, &[1])
        .put(3 | CRITICAL, &numbers)
        .put(4 | CRITICAL, &[7; 16])
        .put(7 | CRITICAL, &[7; 80]);
    let header = Header::new(ObjectKind::KeySlot, Suite::Clear, repository, 0, 0, [7; 32]);
    let mut object = ObjectWriter::new(header, Cipher::Clear);
    object.push_plain(kind::KEY_SLOT, fields.as_bytes(), 3);
    store.put_new(&ObjectName::new(names::key_slot(id)).unwrap(), Bytes::from(object.finish().0)).unwrap();
}

fn options(rig: &Rig) -> OpenOptions {
    OpenOptions::new(rig.env.clone(), rig.cache.clone())
}

fn open(rig: &Rig, password: &[u8], trying: Trying) -> Result<Arc<Repository>> {
    Found::look(rig.store.clone())?.trying(trying).open(Some(password), &options(rig))
}

/// Which slots are read, in this order.
fn reading(rig: &Rig) -> (Rig, Arc<Mutex<Vec<String>>>) {
    let read = Arc::new(Mutex::new(Vec::new()));
    let seen = read.clone();
    let faulty = Faulty::new(rig.store.clone(), move |call| {
        if call.verb == RequestKind::Get && call.name.starts_with("keys/") {
            seen.lock().push(call.name.to_owned());
        }
        None
    });
    (rig.over(Arc::new(faulty)), read)
}

#[test]
fn planted_slots_cost_nothing_where_an_honest_one_opens() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let id = rig.open().unwrap().id();
    for n in 0..24 {
        plant(&*rig.store, id, [n; 8], COSTLIEST);
    }
    // Within the bounds, and a hundred times as costly as the honest one.
    plant(&*rig.store, id, [24; 8], Cost { memory_kib: 1 << 20, passes: 16, lanes: 1 });
    let begin = Instant::now();
    let repository = rig.open().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10), "a planted slot was tried before the honest one");
    assert!(repository.opened_by().is_some());
    // Slots that cannot be derived at all end nothing, either.
    plant(&*rig.store, id, [25; 8], Cost { memory_kib: 0, passes: 1, lanes: 1 });
    plant(&*rig.store, id, [26; 8], Cost { memory_kib: 64, passes: 0, lanes: 1 });
    rig.open().unwrap();
}

#[test]
fn slots_above_the_bounds_are_named_with_what_allows_them() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let repository = rig.open().unwrap();
    let mine = repository.add_slot(b"mine", "costly", Cost { memory_kib: 256, passes: 3, lanes: 1 }).unwrap();
    let bounds = |memory_kib, passes| Trying {
        bounds: SlotBounds { memory_kib, passes, ..SlotBounds::default() },
        ..Trying::default()
    };
    for (memory_kib, passes) in [(128, 16), (1024, 2)] {
        let error = open(&rig, b"mine", bounds(memory_kib, passes)).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::WrongPassword, "{}", shown(&error));
        assert_eq!(error.object(), Some(&*format!("keys/{mine}")));
        assert!(error.advice().is_some_and(|advice| advice.contains("--key-cost-max 256KiBx3")), "{}", shown(&error));
    }
    open(&rig, b"mine", bounds(256, 3)).unwrap();
    open(&rig, PASSWORD, bounds(128, 2)).unwrap();
}

#[test]
fn only_so_many_slots_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let repository = rig.open().unwrap();
    for n in 0..20u8 {
        plant(&*rig.store, repository.id(), [0, 0, 0, 0, 0, 0, 0, n], CHEAP);
    }
    let (watched, read) = reading(&rig);
    let few = Trying { bounds: SlotBounds { slots: 8, ..SlotBounds::default() }, ..Trying::default() };
    let error = open(&watched, b"wrong", few.clone()).map(|_| ()).unwrap_err();
    assert_eq!((error.kind(), read.lock().len()), (Kind::WrongPassword, 8), "{}", shown(&error));
    assert!(error.advice().is_some_and(|advice| advice.contains("--key-cost-max")), "{}", shown(&error));
    // The slot that opened here last is behind those, and goes first all the same.
    read.lock().clear();
    let first = repository.opened_by();
    let opened = open(&watched, PASSWORD, Trying { first, ..few }).unwrap();
    assert_eq!((opened.opened_by(), read.lock().len()), (first, 1));
}

#[test]
fn the_slot_that_opened_last_goes_first_and_a_stale_memory_of_it_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let repository = rig.open().unwrap();
    let old = repository.opened_by();
    let first = |first| Trying { first, ..Trying::default() };
    let slot = repository.slot_in_use().unwrap();
    let replaced = repository.replace_slot(&slot, b"new", None, CHEAP).unwrap();
    let opened = open(&rig, b"new", first(old)).unwrap();
    assert_eq!(opened.slot_in_use(), Some(replaced.new));
    // It is there, and another password is given.
    repository.add_slot(b"third", "", CHEAP).unwrap();
    open(&rig, b"third", first(opened.opened_by())).unwrap();
    // It is damaged.
    plant(&*rig.store, repository.id(), [9; 8], Cost { memory_kib: 0, passes: 0, lanes: 0 });
    open(&rig, b"third", first(Some([9; 8]))).unwrap();
    let error = open(&rig, b"wrong", first(opened.opened_by())).map(|_| ()).unwrap_err();
    assert!(error.advice().is_some(), "{}", shown(&error));
}

/// Gives up when told to, and notes what took long.
#[derive(Default)]
struct Impatient {
    stop: AtomicBool,
    told: Mutex<Vec<String>>,
}

impl Watch for Impatient {
    fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::new(Kind::Interrupted, "enough")) } else { Ok(()) }
    }

    fn slow(&self, what: &str) {
        self.told.lock().push(what.to_owned());
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_slow_slot_is_named_and_given_up_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let id = rig.open().unwrap().id();
    // Minutes of work in little memory.
    plant(&*rig.store, id, [0xab; 8], Cost { memory_kib: 65_536, passes: 2_000, lanes: 1 });
    plant(&*rig.store, id, [0xac; 8], Cost { memory_kib: 262_144, passes: 64, lanes: 1 });
    let watch = Arc::new(Impatient::default());
    let bounds = SlotBounds { passes: 64, ..SlotBounds::default() };
    let begin = Instant::now();
    let trying = Trying { bounds, watch: watch.clone(), first: None };
    let error = open(&rig, b"wrong", trying.clone()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted, "{}", shown(&error));
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    let told = watch.told.lock().join("\n");
    assert!(told.contains("keys/acacacacacacacac") && told.contains("256 MiB of memory and 64 passes"), "{told}");
    // Nor is anything begun once somebody wants to stop.
    assert_eq!(open(&rig, PASSWORD, trying).map(|_| ()).unwrap_err().kind(), Kind::Interrupted);
}

#[test]
fn sealing_anew_tries_no_slot_above_the_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), Arc::new(Memory::new()));
    let repository = rig.open().unwrap();
    plant(&*rig.store, repository.id(), [0; 8], COSTLIEST);
    let begin = Instant::now();
    let done = repository.reseal_slots(PASSWORD, None, CHEAP).unwrap();
    assert!(done.len() == 1 && begin.elapsed() < Duration::from_secs(10));
    assert!(!repository.opens_slot("0000000000000000", PASSWORD).unwrap());
    assert!(repository.opens_slot(&done[0].new, PASSWORD).unwrap() && !repository.opens_any_slot(b"wrong").unwrap());
}
