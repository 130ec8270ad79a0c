//! The real engine under seeded simulation: several processes over one store, faults at any call, and a model of what must come back.
//!
//! A history is a function of its seed. Each actor (2 or 3 writers, of which two may share a job; an expirer, who also rewrites points; 1 or 2
//! collectors; a reader that keeps an old view; at times a checker, and somebody who truncates the log) runs the engine in one thread with its own handle, cache, clock and dice. Every call of the store
//! waits for its turn ([`world`]); when nobody runs, the seed chooses the next call and its fate: done, refused for now, done with its response
//! lost, the process dies before or after it, or stands still while others go on and the clock jumps by up to days. Backups run without
//! threads (`threads: 0`), a check with one. Clocks of single actors may be wrong by hours, days, and years in both directions; keep rules follow the
//! order of commits all the same ([`keeping`]).
//!
//! ```text
//! actors -> gate (one per life) -> turn, fate -> mutant? -> memory
//!    \-> model: attempts, acknowledged, expired
//! ```
//!
//! Held against the model after each crash, after some commits and in the end ([`model`], [`reckoning`]): what was acknowledged is live unless
//! expired, each live point gives every file back, what was expired is gone; no operation ever fails but for now or because others were
//! faster; readers of old views and checks never speak of damage. In the end a collection leaves no object that the log does not name and no pack
//! without a live blob, and a full check is clean.
//!
//! In a share of the seeds the repositories are immutable ([`locks`]): their stores keep versions and locks that end by the clock, which jumps by days
//! between operations, so that locks are extended, lapse and are collected beside each other; somebody may raise the days of locking, and
//! somebody else may hide, overwrite and try to delete what is there, backups and copies ([`attacker`]). Then at each look everything that a live point needs is
//! locked as long as was promised, by the locks that the store shows; nothing that was locked is gone, whoever asked for it; no point whose lock has
//! not ended goes or changes, also where items leave by their own age; and nobody asks the store to delete what it knows to be locked by what it has
//! read of the log.
//!
//! In another share bytes rot in packs that carry parity, and somebody repairs while others back up, expire, collect and copy ([`rot`]). In another
//! the newest entry of the log is damaged now and then, and somebody sets it aside while others go on ([`wreck`]).
//!
//! `CAIRN_SEED=n` replays one history, and prints its calls with `CAIRN_TRACE=1`; `CAIRN_SEEDS=from..to` runs others than the first few.

#![expect(clippy::print_stdout, reason = "what was tried is counted, and a seed is printed so that it can be replayed")]

mod actor;
mod attacker;
mod dice;
mod found;
mod gate;
mod history;
mod keeping;
mod locks;
mod model;
mod mutants;
mod reckoning;
mod roles;
mod rot;
mod source;
mod world;
mod wreck;

use history::{Outcome, run};
use mutants::Mutant;
use parking_lot::Mutex;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use world::Counts;

#[test]
fn every_history_keeps_the_promises() {
    let (seeds, failures, total) = (seeds(), Mutex::new(Vec::new()), Mutex::new(Counts::default()));
    let started = std::time::Instant::now();
    let next = AtomicU64::new(seeds.start);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = run(seed, Mutant::Sound);
                    total.lock().add(&outcome.counts);
                    if !outcome.violations.is_empty() {
                        failures.lock().push((seed, outcome.violations));
                    }
                }
            });
        }
    });
    println!("simulation: {}, {:.1} s", total.into_inner(), started.elapsed().as_secs_f64());
    let mut failures = failures.into_inner();
    failures.sort();
    for (seed, violations) in &failures {
        println!("seed {seed}: {violations:?} (CAIRN_SEED={seed} replays it)");
    }
    assert!(failures.is_empty(), "{} of {} histories break a promise", failures.len(), seeds.end - seeds.start);
}

#[test]
fn a_seed_repeats_its_history() {
    for seed in 1000..1000 + TWICE {
        let told = |o: Outcome| (o.trace, o.counts, o.violations);
        assert_eq!(told(run(seed, Mutant::Sound)), told(run(seed, Mutant::Sound)), "seed {seed}");
    }
}

/// What the environment asks for, or a few.
fn seeds() -> Range<u64> {
    let number = |text: &str| text.trim().parse::<u64>().expect("a number in CAIRN_SEED or CAIRN_SEEDS=from..to");
    if let Ok(one) = std::env::var("CAIRN_SEED") {
        return number(&one)..number(&one) + 1;
    }
    match std::env::var("CAIRN_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("CAIRN_SEEDS=from..to");
            number(from)..number(to)
        }
        Err(_) => 0..FEW,
    }
}

/// Seeds of a run by hand; continuous integration asks for more.
const FEW: u64 = 100;
/// Seeds that are run twice.
const TWICE: u64 = 10;
