//! What all actors of a history share: the store, the clock, and the turn.
//!
//! Promises: one actor runs at a time. Each call of a store waits for its turn; once nobody runs, the seed chooses who does and what becomes of the
//! call. So a history is a function of its seed: the calls, their order and their fates, which [`World::trace`] sums up.

use super::dice::Dice;
use super::locks::{Locking, Place};
use super::mutants::Mutant;
use super::wreck::Wreck;
use engine::env::{Env, SharedEnv};
use engine::store::{ObjectName, RequestKind};
use format_spec::Time;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is done.
    Go,
    /// It fails for now, and nothing was done.
    Refused,
    /// It is done, and fails all the same.
    Lost,
    /// The actor's process dies before it.
    DiesBefore,
    /// And after it.
    DiesAfter,
}

/// How often what happens in this history; per mille of calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) refused: u64,
    pub(super) lost: u64,
    pub(super) dies: u64,
    pub(super) pauses: u64,
    /// The same actor goes on; small values mix the actors' calls finely.
    pub(super) stays: u64,
}

/// What happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) histories: u64,
    pub(super) operations: u64,
    pub(super) calls: u64,
    pub(super) crashes: u64,
    pub(super) refused: u64,
    pub(super) lost: u64,
    pub(super) pauses: u64,
    pub(super) points: u64,
    pub(super) expired: u64,
    pub(super) condemned: u64,
    pub(super) deleted: u64,
    pub(super) fenced: u64,
    pub(super) rewritten: u64,
    pub(super) truncated: u64,
    pub(super) copied: u64,
    /// Histories with locks.
    pub(super) locking: u64,
    pub(super) extended: u64,
    /// Deletes that a lock refused.
    pub(super) withheld: u64,
    /// Locks read back.
    pub(super) locks_read: u64,
    pub(super) raised: u64,
    /// What somebody did who wanted to destroy.
    pub(super) attacks: u64,
    /// Actors whose clocks are years off.
    pub(super) far_clocks: u64,
    /// Plans by keep rules, or by the age of items, that were carried out.
    pub(super) ruled: u64,
    /// Objects in which a byte rotted.
    pub(super) rotted: u64,
    /// Repairs that gave something back.
    pub(super) repaired: u64,
    /// Newest entries that were damaged.
    pub(super) wrecked: u64,
    /// And set aside.
    pub(super) set_aside: u64,
    /// Points that were committed again after that.
    pub(super) committed_again: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Counts) {
        for (sum, more) in self.all_mut().into_iter().zip(other.clone().all_mut()) {
            *sum += *more;
        }
    }

    fn all_mut(&mut self) -> [&mut u64; 28] {
        let Counts { histories: a, operations: b, calls: c, crashes: d, refused: e, lost: f, pauses: g, .. } = self;
        let Counts { points: h, expired: i, rewritten: j, condemned: k, deleted: l, fenced: m, .. } = self;
        let Counts { truncated: n, copied: o, locking: p, extended: q, withheld: r, .. } = self;
        let Counts { locks_read: s, raised: t, attacks: u, far_clocks: v, ruled: w, rotted: x, repaired: y, .. } = self;
        let Counts { wrecked: z, set_aside: aa, committed_again: ab, .. } = self;
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, ab]
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { histories, operations, calls, crashes, refused, lost, pauses, .. } = self;
        let Counts { points, expired, rewritten, condemned, deleted, fenced, truncated, copied, .. } = self;
        let Counts { locking, extended, withheld, locks_read, raised, attacks, .. } = self;
        let Counts { far_clocks, ruled, rotted, repaired, .. } = self;
        write!(
            f,
            "{histories} seeds, {operations} operations, {calls} calls, {crashes} crashes, {lost} lost responses, "
        )?;
        write!(f, "{refused} calls refused, {pauses} pauses; {points} points committed, {expired} expired, ")?;
        write!(f, "{rewritten} rewritten, {condemned} packs condemned, {deleted} objects deleted, ")?;
        write!(f, "{fenced} sessions fenced, {truncated} log entries truncated, {copied} points copied; ")?;
        write!(
            f,
            "{locking} seeds with locks, {extended} extended, {locks_read} read back, {withheld} deletes refused, "
        )?;
        write!(
            f,
            "days raised {raised} times, {attacks} attacks; {far_clocks} clocks years off, {ruled} plans by rules, "
        )?;
        let Counts { wrecked, set_aside, committed_again, .. } = self;
        write!(
            f,
            "{rotted} objects rotted, {repaired} repairs; {wrecked} newest entries damaged, {set_aside} set aside, "
        )?;
        write!(f, "{committed_again} points committed again")
    }
}

pub(super) struct World {
    pub(super) backups: Arc<Place>,
    /// Where the repository for copies is.
    pub(super) copies: Arc<Place>,
    /// Whether and how both are locked.
    pub(super) locking: Option<Locking>,
    pub(super) mutant: Mutant,
    /// Whether objects rot.
    pub(super) rots: bool,
    /// Backups' objects in which a byte has rotted.
    pub(super) rotten: Mutex<BTreeSet<ObjectName>>,
    /// The newest entry of the log, where it is damaged.
    pub(super) wreck: Mutex<Option<Wreck>>,
    /// Somebody's clock is hours off or more.
    pub(super) has_far_clocks: AtomicBool,
    /// Those that ever were.
    wrecked: Mutex<BTreeSet<ObjectName>>,
    rates: Rates,
    turns: Mutex<Turns>,
    wakes: Vec<Condvar>,
    /// Milliseconds since the epoch.
    clock: Arc<AtomicI64>,
}

struct Turns {
    states: Vec<State>,
    running: Option<usize>,
    last: usize,
    dice: Dice,
    trace: blake3::Hasher,
    counts: Counts,
    violations: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Has not come to its first call.
    Starts,
    Runs,
    Waits,
    /// Until so many calls were granted to anybody.
    Pauses(u64),
    Ended,
}

impl World {
    pub(super) fn new(seed: u64, actors: usize, rates: Rates, mutant: Mutant) -> Arc<Self> {
        let (clock, locking) = (Arc::new(AtomicI64::new(START_MS)), Locking::of(seed));
        let place = |believes| Arc::new(Place::new(locking.is_some(), believes, Arc::new(TrueTime(clock.clone()))));
        let (backups, copies) = (place(false), place(mutant == Mutant::BelievesNewestCopies));
        let turns = Turns {
            states: vec![State::Starts; actors],
            running: None,
            last: 0,
            dice: Dice::new(seed, 1),
            trace: blake3::Hasher::new(),
            counts: Counts { histories: 1, locking: u64::from(locking.is_some()), ..Counts::default() },
            violations: Vec::new(),
        };
        Arc::new(World {
            backups,
            copies,
            locking,
            mutant,
            rots: World::rots(seed),
            rotten: Mutex::default(),
            wreck: Mutex::default(),
            has_far_clocks: AtomicBool::new(false),
            wrecked: Mutex::default(),
            rates,
            turns: Mutex::new(turns),
            wakes: (0..actors).map(|_| Condvar::new()).collect(),
            clock,
        })
    }

    /// Whether objects rot in the history of a seed. Has dice of its own, as locks have.
    pub(super) fn rots(seed: u64) -> bool {
        Locking::of(seed).is_none() && Dice::new(seed, 9).chance(150)
    }

    /// Whether newest entries of the log are damaged in the history of a seed.
    pub(super) fn wrecks(seed: u64) -> bool {
        Locking::of(seed).is_none() && !World::rots(seed) && Dice::new(seed, 11).chance(250)
    }

    /// An entry is damaged from now on.
    pub(super) fn wreck_begins(&self, wreck: Wreck) {
        self.wrecked.lock().insert(wreck.name.clone());
        *self.wreck.lock() = Some(wreck);
        self.count(|c| c.wrecked += 1);
    }

    /// It is not any more, or counts for nothing.
    pub(super) fn wreck_ends(&self, wreck: &Wreck) {
        let mut now = self.wreck.lock();
        if now.as_ref().is_some_and(|now| now.name == wreck.name) {
            *now = None;
        }
    }

    /// Whether this object is, or was, an entry that was damaged.
    pub(super) fn was_wrecked(&self, object: &str) -> bool {
        self.wrecked.lock().iter().any(|name| name.as_str() == object)
    }

    /// Waits for the turn of a call, and says what becomes of it.
    pub(super) fn turn(&self, actor: usize, verb: RequestKind, name: &str) -> Fate {
        let mut turns = self.turns.lock();
        let mut state = State::Waits;
        loop {
            self.give_up_turn(&mut turns, actor, state);
            self.wait(&mut turns, actor);
            turns.counts.calls += 1;
            assert!(turns.counts.calls < CALLS_MAX, "the history does not end");
            let step = i64::try_from(turns.dice.below(40)).expect("small");
            self.clock.fetch_add(step, Ordering::SeqCst);
            if let Some(calls) = self.pause(&mut turns) {
                turns.note(actor, verb, name, "pauses");
                state = State::Pauses(turns.counts.calls + calls);
                continue;
            }
            let fate = turns.fate(&self.rates);
            turns.note(actor, verb, name, &format!("{fate:?}"));
            return fate;
        }
    }

    /// The actor has done all it had to do.
    pub(super) fn leave(&self, actor: usize) {
        let mut turns = self.turns.lock();
        self.give_up_turn(&mut turns, actor, State::Ended);
    }

    /// Whether something has rotted: what is called damaged then may be.
    pub(super) fn has_rotten(&self) -> bool {
        !self.rotten.lock().is_empty()
    }

    /// A promise was broken.
    pub(super) fn violation(&self, what: String) {
        self.turns.lock().violations.push(what);
    }

    /// Whether one was: then there is no use in going on.
    pub(super) fn is_over(&self) -> bool {
        !self.turns.lock().violations.is_empty()
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.turns.lock().violations.clone()
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.turns.lock().counts);
    }

    pub(super) fn counts(&self) -> Counts {
        self.turns.lock().counts
    }

    /// The hash of all calls so far, with their fates.
    pub(super) fn trace(&self) -> [u8; 32] {
        *self.turns.lock().trace.finalize().as_bytes()
    }

    pub(super) fn sleep(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// The right time.
    pub(super) fn time(&self) -> Time {
        time(self.clock.load(Ordering::SeqCst))
    }

    /// The clock and the dice of one actor, whose clock is wrong by `skew_seconds`.
    pub(super) fn env(self: &Arc<Self>, seed: u64, actor: u64, skew_seconds: i64) -> SharedEnv {
        Arc::new(Clock { world: self.clone(), skew_ms: skew_seconds * 1000, seed, actor, draws: AtomicU64::new(0) })
    }

    fn wait(&self, turns: &mut MutexGuard<'_, Turns>, actor: usize) {
        while turns.running != Some(actor) {
            let waited = self.wakes[actor].wait_for(turns, STUCK);
            assert!(!waited.timed_out(), "the history is stuck: {:?}", turns.states);
        }
        turns.states[actor] = State::Runs;
    }

    fn give_up_turn(&self, turns: &mut Turns, actor: usize, state: State) {
        turns.states[actor] = state;
        if turns.running == Some(actor) {
            turns.running = None;
        }
        if turns.running.is_none()
            && let Some(next) = turns.choose(self.rates.stays)
        {
            turns.running = Some(next);
            turns.last = next;
            self.wakes[next].notify_all();
        }
    }

    /// For how many calls of others the actor stands still, if it does; the clock jumps.
    fn pause(&self, turns: &mut Turns) -> Option<u64> {
        if !turns.dice.chance(self.rates.pauses) {
            return None;
        }
        turns.counts.pauses += 1;
        let hours = turns.dice.of(if self.locking.is_some() { &[0, 5, 30, 80, 190] } else { &[0, 1, 5, 30, 80] });
        self.sleep(hours * 3600 + 300);
        Some(20 + turns.dice.below(300))
    }
}

impl Turns {
    /// Who runs next, once everybody has come to a call or ended.
    fn choose(&mut self, stays: u64) -> Option<usize> {
        if self.states.iter().any(|s| matches!(s, State::Starts | State::Runs)) {
            return None;
        }
        let calls = self.counts.calls;
        let is_ready = |s: &State| match s {
            State::Waits => true,
            State::Pauses(until) => *until <= calls,
            _ => false,
        };
        let ready: Vec<usize> = (0..self.states.len()).filter(|n| is_ready(&self.states[*n])).collect();
        if ready.is_empty() {
            let paused = self.states.iter().enumerate().filter_map(|(n, s)| match s {
                State::Pauses(until) => Some((*until, n)),
                _ => None,
            });
            return paused.min().map(|(_, n)| n);
        }
        if ready.contains(&self.last) && self.dice.chance(stays) {
            return Some(self.last);
        }
        Some(ready[self.dice.index(ready.len())])
    }

    fn fate(&mut self, rates: &Rates) -> Fate {
        let fate = match self.dice.below(1000) {
            n if n < rates.refused => Fate::Refused,
            n if n < rates.refused + rates.lost => Fate::Lost,
            n if n < rates.refused + rates.lost + rates.dies => self.dice.of(&[Fate::DiesBefore, Fate::DiesAfter]),
            _ => Fate::Go,
        };
        match fate {
            Fate::Go => {}
            Fate::Refused => self.counts.refused += 1,
            Fate::Lost => self.counts.lost += 1,
            Fate::DiesBefore | Fate::DiesAfter => self.counts.crashes += 1,
        }
        fate
    }

    fn note(&mut self, actor: usize, verb: RequestKind, name: &str, fate: &str) {
        let line = format!("{actor} {verb:?} {name} {fate}\n");
        if *PRINTS {
            print!("{line}");
        }
        self.trace.update(line.as_bytes());
    }
}

/// One actor's clock and dice.
struct Clock {
    world: Arc<World>,
    skew_ms: i64,
    seed: u64,
    actor: u64,
    draws: AtomicU64,
}

impl Env for Clock {
    fn now(&self) -> Time {
        time(self.world.clock.load(Ordering::SeqCst) + self.skew_ms)
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds since the start of a history are few")]
    fn elapsed(&self) -> f64 {
        (self.world.clock.load(Ordering::SeqCst) - START_MS) as f64 / 1000.0
    }

    fn random(&self, bytes: &mut [u8]) -> engine::Result<()> {
        let draw = self.draws.fetch_add(1, Ordering::SeqCst);
        let mut hasher = blake3::Hasher::new();
        [self.seed, self.actor, draw].iter().for_each(|n| _ = hasher.update(&n.to_le_bytes()));
        hasher.finalize_xof().fill(bytes);
        Ok(())
    }

    /// One call at a time, so that a history repeats itself.
    fn threads(&self, _: usize) -> usize {
        1
    }
}

/// The stores' clock, which is right. They have no dice.
struct TrueTime(Arc<AtomicI64>);

impl Env for TrueTime {
    fn now(&self) -> Time {
        time(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> f64 {
        0.0
    }

    fn random(&self, bytes: &mut [u8]) -> engine::Result<()> {
        bytes.fill(0);
        Ok(())
    }
}

fn time(ms: i64) -> Time {
    Time { seconds: ms / 1000, nanos: u32::try_from(ms % 1000).expect("after the epoch") * 1_000_000 }
}

/// Some day in 2026.
const START_MS: i64 = 1_780_000_000_000;
/// A history has a few thousand calls.
const CALLS_MAX: u64 = 200_000;
/// Nobody computes for so long between two calls, on any machine that tests run on.
const STUCK: Duration = Duration::from_secs(120);
/// `CAIRN_TRACE=1` prints each call.
pub(super) static PRINTS: std::sync::LazyLock<bool> =
    std::sync::LazyLock::new(|| std::env::var_os("CAIRN_TRACE").is_some());
