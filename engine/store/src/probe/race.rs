//! The race: many parallel creates of one object, several rounds.

use super::{Place, Probed};
use crate::{ObjectName, StoreExt};
use base::error::{Error, Kind, Result};
use base::threads;
use bytes::Bytes;
use parking_lot::RwLock;

/// Runs the rounds and writes down whether each had exactly one winner whose bytes stand.
pub(super) fn try_out(place: &Place<'_>, probed: &mut Probed) -> Result<()> {
    let mut atomic = true;
    let mut undecided = 0;
    while probed.rounds < ROUNDS {
        let name = place.name(&format!("race-{}", probed.rounds + undecided))?;
        let outcome = round(place, &name)?;
        if outcome.winners.is_empty() && outcome.content_is_known && undecided < ROUNDS {
            // The winner's answer was lost and its second attempt was refused: true to the contract, but no proof.
            undecided += 1;
            continue;
        }
        probed.rounds += 1;
        if let Some(fault) = outcome.fault() {
            atomic = false;
            probed.observed.push(fault);
            break;
        }
    }
    probed.create_is_atomic = atomic && later_create_is_refused(place, probed)?;
    Ok(())
}

struct Outcome {
    /// The numbers of the contenders that were told they had created the object.
    winners: Vec<usize>,
    content_is_known: bool,
    content_is_winners: bool,
}

impl Outcome {
    fn fault(&self) -> Option<String> {
        match self.winners.len() {
            1 if self.content_is_winners => None,
            1 => Some(format!(
                "one of {CONTENDERS} parallel creates of one object succeeded, but another one's bytes were kept"
            )),
            n => Some(format!("{n} of {CONTENDERS} parallel creates of one object succeeded")),
        }
    }
}

fn round(place: &Place<'_>, name: &ObjectName) -> Result<Outcome> {
    // Closed until all of them are there.
    let gate = RwLock::new(());
    let contend = |number: usize| {
        drop(gate.read());
        place.put(name, content(number))
    };
    let results: Result<Vec<Result<bool>>> = std::thread::scope(|scope| {
        let contend = &contend;
        let closed = gate.write();
        let contending = (0..CONTENDERS).map(|number| threads::scoped(scope, move || contend(number)));
        let contending: Result<Vec<_>> = contending.collect();
        drop(closed);
        Ok(contending?.into_iter().map(|thread| judge(thread.join())).collect())
    });
    let mut winners = Vec::new();
    for (number, result) in results?.into_iter().enumerate() {
        if result? {
            winners.push(number);
        }
    }
    let kept = place.store.get(name)?;
    Ok(Outcome {
        content_is_known: (0..CONTENDERS).any(|number| kept == content(number)),
        content_is_winners: winners.first().is_some_and(|winner| kept == content(*winner)),
        winners,
    })
}

/// Whether a contender won; errors other than a taken name end the probe.
fn judge<T>(joined: std::thread::Result<Result<T>>) -> Result<bool> {
    match joined {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(e)) if e.kind() == Kind::Exists => Ok(false),
        Ok(Err(e)) => Err(e),
        Err(_) => Err(Error::new(Kind::Bug, "a contender of the race panicked")),
    }
}

/// A create long after the first one is refused and changes nothing.
fn later_create_is_refused(place: &Place<'_>, probed: &mut Probed) -> Result<bool> {
    let name = place.name("twice")?;
    place.put(&name, content(0))?;
    let again = place.put(&name, content(1));
    let refused = match &again {
        Ok(_) => false,
        Err(e) if e.kind() == Kind::Exists => true,
        Err(_) => return again.map(|_| false),
    };
    let kept = place.store.get(&name)? == content(0);
    if !refused || !kept {
        probed.observed.push("an object that existed could be created again".to_owned());
    }
    Ok(refused && kept)
}

fn content(number: usize) -> Bytes {
    Bytes::from(format!("contender {number:02}"))
}

const CONTENDERS: usize = 16;
/// Liars fail the first; each round costs seconds on servers whose contenders poll for a lock.
const ROUNDS: u32 = 3;
