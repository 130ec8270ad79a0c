//! Breadth-first search over all states that can be reached. Exact: a state is looked up by its value, never by a fingerprint alone. The first
//! counterexample found is one of the shortest.

use super::protocol::{Protocol, Step};
use super::state::{Fault, State};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

/// What a search has seen.
#[derive(Default)]
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) transitions: usize,
    /// States in which a chunk of a live point is reached through two moves or more.
    pub(super) moved_twice: usize,
    /// States with a void entry in the log's past.
    pub(super) voids: usize,
    pub(super) counterexample: Option<Counterexample>,
}

pub(super) struct Counterexample {
    pub(super) fault: Fault,
    pub(super) steps: Vec<Step>,
    pub(super) last: State,
}

/// All states reachable from the start, or those up to the first fault.
pub(super) fn explore(protocol: &Protocol) -> Explored {
    let mut seen = Seen::default();
    seen.insert(protocol.start(), 0);
    let mut explored = Explored::default();
    let mut next = Vec::new();
    let mut at = 0;
    while let Some(&state) = seen.states.get(at) {
        explored.moved_twice += usize::from(state.moved_twice());
        explored.voids += usize::from(state.voids != 0);
        let fault = protocol.fault_of(&state);
        if fault != Fault::None {
            let steps = trace(protocol, &seen, at);
            explored.counterexample = Some(Counterexample { fault, steps, last: state });
            break;
        }
        next.clear();
        protocol.steps(&state, &mut next);
        explored.transitions += next.len();
        for (_, state) in &next {
            seen.insert(*state, at);
        }
        at += 1;
    }
    explored.states = seen.states.len();
    explored
}

/// Walks back to the start, and asks again which step led from each state to the next.
fn trace(protocol: &Protocol, seen: &Seen, mut at: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut next = Vec::new();
    while at != 0 {
        let before = seen.parents[at] as usize;
        next.clear();
        protocol.steps(&seen.states[before], &mut next);
        steps.extend(next.iter().find(|(_, state)| *state == seen.states[at]).map(|(step, _)| *step));
        at = before;
    }
    steps.reverse();
    steps
}

/// States in the order in which they were found, and an open hash table of their numbers.
#[derive(Default)]
struct Seen {
    states: Vec<State>,
    parents: Vec<u32>,
    /// Number of a state plus one; 0 is free. Its length is a power of two.
    slots: Vec<u32>,
}

impl Seen {
    fn insert(&mut self, state: State, parent: usize) {
        if self.slots.len() < 2 * (self.states.len() + 1) {
            self.grow();
        }
        let slot = self.slot_of(&state);
        if self.slots[slot] == 0 {
            self.states.push(state);
            self.parents.push(number(parent));
            self.slots[slot] = number(self.states.len());
        }
    }

    /// The slot that holds the state, or the free one where it belongs.
    fn slot_of(&self, state: &State) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = number_of_hash(BuildHasherDefault::<Mix>::default().hash_one(state)) & mask;
        while let Some(at) = self.slots[slot].checked_sub(1) {
            if self.states[at as usize] == *state {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![0; (4 * self.slots.len()).max(1 << 12)];
        for at in 0..self.states.len() {
            let slot = self.slot_of(&self.states[at]);
            self.slots[slot] = number(at + 1);
        }
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).expect("a model of that many states would not fit in memory")
}

fn number_of_hash(hash: u64) -> usize {
    usize::try_from(hash >> 32).expect("32 bits fit")
}

/// A cheap hash: the standard one costs more than the step.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u8(*byte);
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(word.into());
    }

    fn write_isize(&mut self, discriminant: isize) {
        self.write_u64(discriminant.unsigned_abs() as u64);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
