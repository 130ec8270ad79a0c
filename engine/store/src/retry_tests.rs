use super::*;
use crate::StoreExt;
use crate::{Counts, Fault, Faulty, Memory, MeteredStore, RequestKind, Say};
use base::env::Seeded;
use base::error::Error;
use parking_lot::Mutex;

/// A store with retries over faults, on a clock that nobody waits for.
struct Scene {
    store: Retry,
    counts: Arc<Counts>,
    env: SharedEnv,
    said: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    fn new(faulty: Faulty) -> Scene {
        let counted = MeteredStore::new(Arc::new(faulty));
        let (counts, env) = (counted.counts(), Seeded::shared(1));
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let say = Say::new(move |text| heard.lock().push(text.to_owned()));
        let outage = Arc::new(Outage::new(Some(say)));
        let store = Retry::timed(Arc::new(counted), Patience::default(), outage, Arc::clone(&env));
        Scene { store, counts, env, said }
    }

    /// Over a store that fails for now between these seconds.
    fn away(from: f64, until: f64) -> Scene {
        let clock: Arc<Mutex<Option<SharedEnv>>> = Arc::default();
        let read = Arc::clone(&clock);
        let scene = Scene::new(Faulty::new(Arc::new(Memory::new()), move |_| {
            let now = read.lock().as_ref().map_or(0.0, |env| env.elapsed());
            (from..until).contains(&now).then_some(Fault::Before(Kind::Transient))
        }));
        *clock.lock() = Some(Arc::clone(&scene.env));
        scene
    }

    fn put(&self, name: &str) -> Result<Receipt> {
        self.store.put_new(&ObjectName::new(name).unwrap(), Bytes::from_static(b"x"))
    }
}

fn name() -> ObjectName {
    ObjectName::new("a/b").unwrap()
}

#[test]
fn passing_failures_are_retried_and_others_are_not() {
    let scene = Scene::new(Faulty::new(Arc::new(Memory::new()), |call| match call.number {
        1 | 2 => Some(Fault::Before(Kind::Transient)),
        4 => Some(Fault::Before(Kind::Denied)),
        _ => None,
    }));
    scene.put("a/b").unwrap();
    assert_eq!(scene.counts.requests(RequestKind::Put), 3);
    assert_eq!(scene.store.get(&name()).unwrap_err().kind(), Kind::Denied);
    assert_eq!(scene.counts.requests(RequestKind::Get), 1);
}

/// At the start a wrong address is likelier than an outage; in mid-work it is the other way round.
#[test]
fn a_store_that_never_answered_is_asked_for_a_minute_and_one_that_did_for_a_quarter_of_an_hour() {
    let scene = Scene::away(0.0, f64::MAX);
    assert_eq!(scene.put("a/b").unwrap_err().kind(), Kind::Transient);
    let start = scene.env.elapsed();
    assert!((59.0..62.0).contains(&start), "{start}");
    let scene = Scene::away(1.0, f64::MAX);
    scene.put("a/b").unwrap();
    scene.env.sleep(Duration::from_secs(1));
    let begun = scene.env.elapsed();
    assert_eq!(scene.put("a/c").unwrap_err().kind(), Kind::Transient);
    let work = scene.env.elapsed() - begun;
    assert!((899.0..902.0).contains(&work), "{work}");
    // Whoever asks then does not wait for all that time again.
    let begun = scene.env.elapsed();
    assert_eq!(scene.put("a/d").unwrap_err().kind(), Kind::Transient);
    assert!(scene.env.elapsed() - begun < 1.0);
}

/// An attempt may take half a minute, and work that ends makes some more of them.
#[test]
fn what_begins_right_after_a_request_was_given_up_fails_untried() {
    let scene = Scene::away(0.0, f64::MAX);
    assert_eq!(scene.put("a/b").unwrap_err().kind(), Kind::Transient);
    let tried = scene.counts.requests(RequestKind::Put);
    let untried = scene.put("a/c").unwrap_err();
    assert_eq!((untried.kind(), scene.counts.requests(RequestKind::Put)), (Kind::Transient, tried));
    assert_ne!(untried.object(), Some("a/b"), "the other object is not blamed");
    // A mount asks again a little later.
    scene.env.sleep(Duration::from_secs(6));
    scene.put("a/c").unwrap_err();
    assert_eq!(scene.counts.requests(RequestKind::Put), tried + 1);
}

#[test]
fn an_outage_of_minutes_is_survived_and_told_in_two_lines() {
    let scene = Scene::away(1.0, 180.0);
    scene.put("a/b").unwrap();
    scene.env.sleep(Duration::from_secs(1));
    scene.put("a/c").unwrap();
    let back = scene.env.elapsed();
    assert!((180.0..191.0).contains(&back), "{back}");
    let said = scene.said.lock();
    assert!(said[0].starts_with("the store does not answer; trying for 14 more minutes ("), "{said:?}");
    assert!(said[1].starts_with("the store answers again, after "), "{said:?}");
    assert_eq!(said.len(), 2);
}

#[test]
fn the_store_is_left_alone_for_as_long_as_it_asked() {
    let scene = Scene::new(Faulty::new(Arc::new(Memory::new()), |_| None));
    let (attempts, env) = (Mutex::new(Vec::new()), Arc::clone(&scene.env));
    let attempt = || {
        attempts.lock().push(env.elapsed());
        match attempts.lock().len() {
            1 => Err(Error::new(Kind::Transient, "busy").retry_after(Some(Duration::from_secs(30)))),
            _ => Ok(()),
        }
    };
    scene.store.always(attempt).unwrap();
    let attempts = attempts.lock();
    assert!((30.0..31.0).contains(&(attempts[1] - attempts[0])), "{attempts:?}");
}

#[test]
fn a_put_whose_answer_was_lost_says_exists() {
    let faulty =
        Faulty::new(Arc::new(Memory::new()), |call| (call.number == 1).then_some(Fault::After(Kind::Transient)));
    let scene = Scene::new(faulty);
    assert_eq!(scene.put("a/b").unwrap_err().kind(), Kind::Exists);
    assert_eq!(&scene.store.get(&name()).unwrap()[..], b"x");
}

#[test]
fn pauses_grow_and_are_bounded() {
    let at = |retries| pause(retries, 1.0);
    assert_eq!(at(0), PAUSE_FIRST);
    assert_eq!(at(1), PAUSE_FIRST * 2);
    assert_eq!(at(40), PAUSE_MAX);
    assert_eq!(pause(0, 0.0), PAUSE_FIRST / 2);
}
