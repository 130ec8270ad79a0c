//! How a file is read: in order (by up to two readers at once) or at random. Pure.
//!
//! Offsets are those of the stored content: of a sparse file its runs laid end to end, so that holes are no jumps.

/// A reader that goes forward, found in the order of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Behind the furthest byte that it asked for.
    next: u64,
    /// When it last asked, in requests.
    seen: u64,
}

/// The readers of one open file.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    runs: [Option<Run>; RUNS],
    /// Ends of the last requests that belonged to no run.
    recent: [Option<u64>; 4],
    requests: u64,
    last: Option<(u64, u64)>,
}

/// Two programs that copy one file at once, or one that reads its head and its tail.
pub(super) const RUNS: usize = 2;
/// The kernel's own read-ahead comes out of order by about as much.
const TOLERANCE: u64 = 2 * 1024 * 1024;
/// A hop over this much is still a reader that goes forward.
const HOP: u64 = 1024 * 1024;

/// What a request is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// A run that was known.
    Goes(usize),
    /// A run that begins here, in the place of an older one.
    Begins(usize),
    Random,
}

impl Pattern {
    /// Takes a request in. The same request asked again (first in memory, then with patience) changes nothing.
    pub(super) fn note(&mut self, start: u64, end: u64) -> Access {
        self.requests += 1;
        let near =
            |run: &Run| start.saturating_add(TOLERANCE) >= run.next && start <= run.next.saturating_add(TOLERANCE);
        let known =
            self.runs.iter_mut().enumerate().find_map(|(at, run)| Some((at, run.as_mut().filter(|r| near(r))?)));
        if let Some((at, run)) = known {
            (run.next, run.seen) = (run.next.max(end), self.requests);
            return Access::Goes(at);
        }
        if self.last.replace((start, end)) == Some((start, end)) {
            return Access::Random;
        }
        let follows = self.recent.iter().flatten().any(|e| (*e..=e.saturating_add(HOP)).contains(&start));
        if start == 0 || follows {
            let oldest = |at: &usize| self.runs[*at].map_or(0, |run| run.seen);
            let at = (0..RUNS).min_by_key(oldest).unwrap_or(0);
            self.runs[at] = Some(Run { next: end, seen: self.requests });
            return Access::Begins(at);
        }
        self.recent.rotate_right(1);
        self.recent[0] = Some(end);
        Access::Random
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: u64 = 1024;

    #[test]
    fn reading_from_the_start_is_a_run_at_once() {
        let mut pattern = Pattern::default();
        assert_eq!(pattern.note(0, 128 * K), Access::Begins(0));
        assert_eq!(pattern.note(256 * K, 384 * K), Access::Goes(0), "out of order");
        assert_eq!(pattern.note(128 * K, 256 * K), Access::Goes(0));
        assert_eq!(pattern.note(384 * K, 512 * K), Access::Goes(0));
    }

    #[test]
    fn a_second_request_behind_the_first_makes_a_run_and_jumps_make_none() {
        let mut pattern = Pattern::default();
        let far = 1 << 30;
        assert_eq!(pattern.note(far, far + 4 * K), Access::Random);
        assert_eq!(pattern.note(far, far + 4 * K), Access::Random, "asked again with patience");
        assert_eq!(pattern.note(9 * far, 9 * far + 4 * K), Access::Random);
        assert_eq!(pattern.note(5 * far, 5 * far + 4 * K), Access::Random);
        assert_eq!(pattern.note(far + 4 * K, far + 8 * K), Access::Begins(0));
        assert_eq!(pattern.note(3 * far, 3 * far + 4 * K), Access::Random);
        assert_eq!(pattern.note(far + 8 * K, far + 12 * K), Access::Goes(0));
    }

    #[test]
    fn two_readers_of_one_file_keep_their_runs_and_a_third_takes_the_older() {
        let mut pattern = Pattern::default();
        let far = 1 << 30;
        assert_eq!(pattern.note(0, 128 * K), Access::Begins(0));
        pattern.note(far, far + K);
        assert_eq!(pattern.note(far + K, far + 2 * K), Access::Begins(1));
        assert_eq!(pattern.note(128 * K, 256 * K), Access::Goes(0));
        assert_eq!(pattern.note(far + 2 * K, far + 3 * K), Access::Goes(1));
        pattern.note(5 * far, 5 * far + K);
        assert_eq!(pattern.note(5 * far + K, 5 * far + 2 * K), Access::Begins(0), "the one that asked longer ago");
    }
}
