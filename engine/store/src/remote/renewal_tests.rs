use super::*;
use crate::remote::runtime::wait;
use std::sync::atomic::AtomicBool;

/// Gives this number, unless it is away.
fn numbered(number: u64, away: &Arc<AtomicBool>) -> Source<u64> {
    let away = Arc::clone(away);
    provider(move || {
        let lost = object_store::Error::Generic { store: "test", source: "away".into() };
        std::future::ready(if away.load(Ordering::SeqCst) { Err(lost) } else { Ok(Arc::new(number)) })
    })
}

/// Credentials whose sources are numbered by steps of `step`, how often they were opened, and whether they are out of reach.
fn scene(step: u64) -> (Arc<Renewing<u64>>, Arc<AtomicU64>, Arc<AtomicBool>) {
    let (opened, away) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, out_of_reach) = (Arc::clone(&opened), Arc::clone(&away));
    let renewing = Renewing::new(numbered(1, &away), move || {
        let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(numbered(1 + number * step, &out_of_reach))
    });
    assert_eq!(*wait(async { Ok(renewing.provider().get_credential().await.unwrap()) }).unwrap(), 1);
    (renewing, opened, away)
}

fn renew(renewing: &Renewing<u64>, seen: u64) -> Option<bool> {
    wait(async { Ok(renewing.renew(seen).await.ok()) }).unwrap()
}

#[test]
fn others_are_used_by_all_who_were_refused_and_are_asked_for_once() {
    let (renewing, opened, _) = scene(1);
    assert_eq!((renew(&renewing, 0), renew(&renewing, 0)), (Some(true), Some(true)));
    assert_eq!(opened.load(Ordering::SeqCst), 1);
    assert_eq!(*wait(async { Ok(renewing.provider().get_credential().await.unwrap()) }).unwrap(), 2);
    // Whoever is refused with these, too, is refused.
    assert_eq!(renew(&renewing, renewing.count()), Some(false));
    assert_eq!(opened.load(Ordering::SeqCst), 1);
}

#[test]
fn the_same_ones_change_nothing() {
    let (renewing, opened, _) = scene(0);
    assert_eq!((renew(&renewing, 0), renew(&renewing, 0)), (Some(false), Some(false)));
    assert_eq!((opened.load(Ordering::SeqCst), renewing.count()), (1, 0));
}

#[test]
fn a_source_that_is_away_is_asked_again() {
    let (renewing, opened, away) = scene(1);
    away.store(true, Ordering::SeqCst);
    assert_eq!(renew(&renewing, 0), None);
    away.store(false, Ordering::SeqCst);
    assert_eq!(renew(&renewing, 0), Some(true));
    assert_eq!(opened.load(Ordering::SeqCst), 2);
}
