//! Whose turn it is: users take turns, so that whoever asks for thousands of things delays nobody who asks for one.
//!
//! ```text
//!            uid 1000:  job job job job ...          turns
//!  push -->  uid 1001:  job                  --->    1000, 1001, 1000, 1000 ...   --> take
//! ```
//! Promises: jobs of one user in their order, users in turn; never more jobs of one user under way than their share, so that a
//! worker is left for the next one; never more waiting than the bounds allow. Pure: no clock, no thread, no lock.

use std::collections::{HashMap, VecDeque};

/// Jobs in lines by user.
pub(super) struct Fair<J> {
    lines: HashMap<u32, Line<J>>,
    /// Users whose line is not empty, each once; the first one's turn is next.
    turns: VecDeque<u32>,
    waiting: usize,
    bounds: Bounds,
}

/// How much there may be of everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Jobs that wait, in sum.
    pub(super) waiting: usize,
    /// Jobs of one user that wait.
    pub(super) waiting_of_one: usize,
    /// Jobs of one user that are under way.
    pub(super) busy_of_one: usize,
}

struct Line<J> {
    jobs: VecDeque<J>,
    busy: usize,
}

impl<J> Fair<J> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Fair { lines: HashMap::new(), turns: VecDeque::new(), waiting: 0, bounds }
    }

    /// How many jobs wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Puts a job at the end of its user's line; gives it back when there is no room.
    pub(super) fn push(&mut self, uid: u32, job: J) -> Result<(), J> {
        let full = self.waiting >= self.bounds.waiting;
        if full || self.lines.get(&uid).is_some_and(|line| line.jobs.len() >= self.bounds.waiting_of_one) {
            return Err(job);
        }
        let line = self.lines.entry(uid).or_insert_with(|| Line { jobs: VecDeque::new(), busy: 0 });
        if line.jobs.is_empty() {
            self.turns.push_back(uid);
        }
        line.jobs.push_back(job);
        self.waiting += 1;
        Ok(())
    }

    /// The next job of the next user who has less than their share under way. It counts as under way until [`Fair::leave`].
    pub(super) fn take(&mut self) -> Option<(u32, J)> {
        for _ in 0..self.turns.len() {
            let uid = self.turns.pop_front()?;
            let Some(line) = self.lines.get_mut(&uid) else { continue };
            if line.busy >= self.bounds.busy_of_one {
                self.turns.push_back(uid);
                continue;
            }
            let Some(job) = line.jobs.pop_front() else { continue };
            line.busy += 1;
            self.waiting -= 1;
            if !line.jobs.is_empty() {
                self.turns.push_back(uid);
            }
            return Some((uid, job));
        }
        None
    }

    /// A job of this user is over, or is no longer waited for.
    pub(super) fn leave(&mut self, uid: u32) {
        let Some(line) = self.lines.get_mut(&uid) else { return };
        line.busy = line.busy.saturating_sub(1);
        if line.busy == 0 && line.jobs.is_empty() {
            self.lines.remove(&uid);
        }
    }

    /// All that wait; nobody waits afterwards.
    pub(super) fn drain(&mut self) -> Vec<J> {
        self.turns.clear();
        self.waiting = 0;
        let jobs = self.lines.values_mut().flat_map(|line| line.jobs.drain(..)).collect();
        self.lines.retain(|_, line| line.busy > 0);
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { waiting: 100, waiting_of_one: 60, busy_of_one: 3 };

    fn flooded() -> Fair<u32> {
        let mut fair = Fair::new(BOUNDS);
        (0..50).for_each(|n| fair.push(1, n).unwrap());
        fair
    }

    #[test]
    fn a_single_job_is_next_however_many_another_user_has() {
        let mut fair = flooded();
        fair.push(2, 1000).unwrap();
        fair.push(3, 2000).unwrap();
        let taken: Vec<_> = (0..4).map_while(|_| fair.take()).collect();
        assert_eq!(taken, [(1, 0), (2, 1000), (3, 2000), (1, 1)]);
    }

    #[test]
    fn nobody_has_more_than_their_share_under_way() {
        let mut fair = flooded();
        assert_eq!((0..10).map_while(|_| fair.take()).count(), 3);
        fair.push(2, 1000).unwrap();
        assert_eq!(fair.take(), Some((2, 1000)), "the share of one leaves room for another");
        assert_eq!(fair.take(), None);
        fair.leave(1);
        assert_eq!(fair.take(), Some((1, 3)));
    }

    #[test]
    fn lines_are_bounded_for_one_user_and_for_all() {
        let mut fair = flooded();
        (50..60).for_each(|n| fair.push(1, n).unwrap());
        assert_eq!(fair.push(1, 60), Err(60));
        (0..40).for_each(|n| fair.push(2, n).unwrap());
        assert_eq!((fair.push(3, 7), fair.waiting()), (Err(7), 100));
        assert_eq!((fair.drain().len(), fair.waiting()), (100, 0));
        assert!(fair.lines.is_empty() && fair.take().is_none());
    }

    #[test]
    fn lines_of_users_who_left_are_forgotten() {
        let mut fair = Fair::new(BOUNDS);
        for uid in 0..50 {
            fair.push(uid, uid).unwrap();
            assert_eq!(fair.take(), Some((uid, uid)));
            fair.leave(uid);
        }
        fair.leave(99);
        assert!(fair.lines.is_empty() && fair.turns.is_empty());
    }
}
