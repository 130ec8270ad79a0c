//! Reads that had no answer in time, for the moment in which the kernel asks for their pages once more, one by one: without this a
//! program would hear of a readahead's deadline only after a second one, and of each page's after another.

use crate::limits::{SILENCE, SILENT_RANGES};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

/// The ranges of one open file that were not answered lately.
#[derive(Debug, Default)]
pub(super) struct Silence(Mutex<VecDeque<(Range<u64>, Instant)>>);

impl Silence {
    /// Remembers a range for [`SILENCE`].
    pub(super) fn add(&self, bytes: Range<u64>, now: Instant) {
        let mut ranges = self.0.lock();
        if ranges.len() >= SILENT_RANGES {
            ranges.pop_front();
        }
        ranges.push_back((bytes, now));
    }

    /// Whether a range lies in one that was not answered a moment ago.
    pub(super) fn covers(&self, bytes: &Range<u64>, now: Instant) -> bool {
        let mut ranges = self.0.lock();
        ranges.retain(|(_, since)| now.duration_since(*since) < SILENCE);
        ranges.iter().any(|(silent, _)| silent.start <= bytes.start && bytes.end <= silent.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_unanswered_read_are_known_for_a_moment() {
        let (silence, now) = (Silence::default(), Instant::now());
        (0..100).for_each(|n| silence.add(n * 1000..n * 1000 + 500, now));
        assert!(silence.covers(&(99_000..99_500), now) && silence.covers(&(99_100..99_200), now));
        assert!(!silence.covers(&(99_400..99_600), now) && !silence.covers(&(0..500), now), "only the last ones");
        assert!(!silence.covers(&(99_000..99_500), now + SILENCE));
        assert!(silence.0.lock().is_empty());
    }
}
