use super::super::secret::Secret;
use super::super::source::Keys;
use super::*;
use parking_lot::Mutex as Lock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Gives what it is told to, in order, and counts.
struct Given {
    answers: Lock<Vec<Result<Option<i64>, Lack>>>,
    asked: AtomicUsize,
}

impl Fetch for Given {
    fn fetch(&self) -> Pending<'_, Result<Fresh, Lack>> {
        Box::pin(async {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let life = self.answers.lock().remove(0)?;
            let now = Machine::shared().now().seconds;
            let expires = life.map(|life| Time::new(now + life, 0));
            let keys = Keys { id: format!("key{number}"), secret: Secret::new("s"), token: None };
            Ok(Fresh { keys, expires })
        })
    }

    fn name(&self) -> String {
        "the test".into()
    }
}

fn renewed(answers: Vec<Result<Option<i64>, Lack>>) -> Renewed<Given> {
    Renewed::new(Given { answers: Lock::new(answers), asked: AtomicUsize::new(0) })
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn id(of: &Renewed<Given>) -> Result<String, Lack> {
    wait(of.get()).map(|keys| keys.key_id.clone())
}

#[test]
fn what_does_not_end_is_fetched_once() {
    for life in [None, Some(3600)] {
        let of = renewed(vec![Ok(life)]);
        assert_eq!((id(&of).unwrap(), id(&of).unwrap()), ("key1".into(), "key1".into()));
    }
}

#[test]
fn what_ends_soon_is_fetched_again_before_its_end() {
    // A life of four seconds is due after three.
    let of = renewed(vec![Ok(Some(4)), Ok(None)]);
    assert_eq!(id(&of).unwrap(), "key1");
    std::thread::sleep(Duration::from_millis(3100));
    assert_eq!(id(&of).unwrap(), "key2");
}

#[test]
fn what_still_holds_is_used_where_others_cannot_be_fetched() {
    let of = renewed(vec![Ok(Some(8)), Err(Lack::away("away", "wait"))]);
    assert_eq!(id(&of).unwrap(), "key1");
    wait(async { of.state.lock().await.held.as_mut().unwrap().times.as_mut().unwrap().0 = 0 });
    // The second time nobody is asked: an answer more than there is would panic.
    assert_eq!((id(&of).unwrap(), id(&of).unwrap()), ("key1".into(), "key1".into()));
    wait(async { of.state.lock().await.held.as_mut().unwrap().times = Some((0, 0)) });
    assert_eq!(id(&of).unwrap_err().to_string(), "away");
}

#[test]
fn what_has_ended_when_it_comes_is_refused() {
    let of = renewed(vec![Ok(Some(-1))]);
    let why = id(&of).unwrap_err().to_string();
    assert!(why.contains("the test") && why.contains("expired"), "{why}");
}

#[test]
fn a_reason_is_kept_beside_the_request() {
    let answers = Lock::new(vec![Err(Lack::refused("no", "do"))]);
    let of = Renewed::provider(Given { answers, asked: AtomicUsize::new(0) });
    let heard = wait(crate::remote::line::listening(false, async {
        of.get_credential().await.unwrap_err();
        heard()
    }));
    assert_eq!(heard.lack.unwrap().to_string(), "no");
}
