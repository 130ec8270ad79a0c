//! A start that is cut off at any call: the next one finishes it, and asks for nothing twice.

use super::shelf::{Shelf, wish};
use engine::Kind;
use engine::monitor::Monitor;
use engine::price::Budget;
use engine::retrieval::{RetrievalState, start};
use engine::store::{Fault, Faulty, RequestKind, RetrievalMode, StorageClass, Store};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Opens over a store that dies at the nth call after it was armed, and remembers which packs were asked for with success.
fn killed_at(nth: u64, fault: Fault) -> bool {
    let shelf = Shelf::new(StorageClass::DeepArchive);
    let armed = Arc::new(AtomicU64::new(0));
    let asked: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let plan_of = |armed: Arc<AtomicU64>| {
        let asked = asked.clone();
        move |call: &engine::store::fault::Call| {
            let at = match armed.load(Ordering::SeqCst) {
                0 => 0,
                _ => armed.fetch_add(1, Ordering::SeqCst),
            };
            let dies = at == nth;
            let dead = at > nth;
            let is_asked = call.verb == RequestKind::Retrieve && !dead && !(dies && matches!(fault, Fault::Before(_)));
            if is_asked {
                *asked.lock().entry(call.name.clone()).or_default() += 1;
            }
            match (dies, dead) {
                (true, _) => Some(fault),
                (_, true) => Some(Fault::Before(Kind::Denied)),
                _ => None,
            }
        }
    };
    let store: Arc<dyn Store> = Arc::new(Faulty::new(shelf.store.clone(), plan_of(armed.clone())));
    let repository = shelf.rig.over(store).open().unwrap();
    let plan = shelf.plan(&repository, "", &wish(RetrievalMode::Bulk, 2)).unwrap();
    armed.store(1, Ordering::SeqCst);
    let died = start(&repository, &plan, &Budget::default(), &Monitor::new()).is_err();
    let calls = armed.load(Ordering::SeqCst);
    // The next run, on another machine.
    let whole: Arc<dyn Store> = Arc::new(Faulty::new(shelf.store.clone(), plan_of(Arc::default())));
    let next = shelf.rig.over(whole).open().unwrap();
    let done = shelf.start(&next, "", &wish(RetrievalMode::Bulk, 2));
    assert!(done.retrieval.is_some(), "call {nth}: {done:?}");
    assert!(asked.lock().len() == 3 && asked.lock().values().all(|n| *n == 1), "call {nth}: {:?}", asked.lock());
    let states = shelf.states(&next);
    assert_eq!(states, [RetrievalState::Retrieving], "call {nth}: one retrieval, however often it was begun");
    assert!(calls < 100, "{calls} calls");
    died
}

#[test]
fn a_start_that_dies_at_any_call_is_finished_by_the_next() {
    for fault in [Fault::Before(Kind::Denied), Fault::After(Kind::Denied)] {
        let deaths = (1..100).take_while(|nth| killed_at(*nth, fault)).count();
        assert!(deaths >= 4, "only {deaths} calls: the log and three packs at least");
    }
}
