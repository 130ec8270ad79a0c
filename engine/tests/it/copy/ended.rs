//! A copy that ends at any call of either store: the next one goes on, and nothing is wrong in between.

use super::{Pair, Which};
use crate::proofs::rig::noise;
use engine::Kind;
use engine::store::{Fault, Faulty, Store};
use std::sync::Arc;

fn pair(folder: &std::path::Path) -> Pair {
    let pair = Pair::new(folder);
    for round in 0..2u64 {
        pair.source.write(format!("file-{round}"), &noise(round, 90_000));
        pair.source.write("text", format!("round {round}").repeat(99).as_bytes());
        pair.source.back_up().unwrap();
    }
    pair
}

/// Everything fails from the nth call on, the first time after its effect or before it: as for a process that was killed there.
fn dies_at(n: u64) -> impl Fn(&engine::store::fault::Call) -> Option<Fault> + Send + Sync + 'static {
    move |call| match call.number.checked_sub(n)? {
        0 if n.is_multiple_of(2) => Some(Fault::After(Kind::Denied)),
        _ => Some(Fault::Before(Kind::Denied)),
    }
}

/// Copies over a store that dies at each of its calls in turn, until it lives to the end; how often it died.
fn die_everywhere(over: impl Fn(&Pair, Arc<Faulty>) -> Pair, store: impl Fn(&Pair) -> Arc<dyn Store>) -> u64 {
    for at in 1..200 {
        let folder = tempfile::tempdir().unwrap();
        let pair = pair(folder.path());
        let dying = over(&pair, Arc::new(Faulty::new(store(&pair), dies_at(at))));
        let first = dying.source.open().and_then(|_| dying.target.open()).and_then(|_| dying.copy(Which::All));
        assert_eq!(pair.target.check().unwrap().errors, Vec::new(), "after call {at}");
        let done = pair.copy(Which::All).unwrap_or_else(|e| panic!("after call {at}: {e}"));
        assert_eq!(done.copied.len() as u64 + done.present, 2, "after call {at}: {done:?}");
        pair.expect_equal();
        pair.expect_same_points();
        if first.is_ok() {
            return at - 1;
        }
    }
    panic!("it never ends");
}

#[test]
fn a_target_that_dies_at_any_call_is_continued_by_the_next_copy() {
    let store = |pair: &Pair| pair.target.store.clone();
    let over = |pair: &Pair, dying: Arc<Faulty>| Pair {
        source: pair.source.clone(),
        target: pair.target.over(dying),
        spool: pair.spool.clone(),
    };
    let died = die_everywhere(over, store);
    assert!(died > 20, "only {died} calls were tried");
}

#[test]
fn a_source_that_dies_at_any_call_is_continued_by_the_next_copy() {
    let store = |pair: &Pair| pair.source.store.clone();
    let over = |pair: &Pair, dying: Arc<Faulty>| Pair {
        source: pair.source.over(dying),
        target: pair.target.clone(),
        spool: pair.spool.clone(),
    };
    let died = die_everywhere(over, store);
    assert!(died > 10, "only {died} calls were tried");
}
