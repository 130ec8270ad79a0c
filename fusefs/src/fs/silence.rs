//! Reads that had no answer in time, for the moment in which the kernel asks for their pages once more, one by one: without this a
//! program would hear of a readahead's deadline only after a second one, and of each page's after another.

use crate::limits::{SILENCE, SILENT_READS};
use crate::view::Inode;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

/// The reads that were not answered lately. By inode, because readers of one file wait for each other at its pages.
#[derive(Debug, Default)]
pub(super) struct Silence(Mutex<VecDeque<(Span, Instant)>>);

/// Bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) inode: Inode,
    pub(super) bytes: Range<u64>,
}

impl Span {
    fn holds(&self, other: &Span) -> bool {
        self.inode == other.inode && self.bytes.start <= other.bytes.start && other.bytes.end <= self.bytes.end
    }
}

impl Silence {
    /// Remembers a read for [`SILENCE`].
    pub(super) fn add(&self, read: Span, now: Instant) {
        let mut reads = self.0.lock();
        if reads.len() >= SILENT_READS {
            reads.pop_front();
        }
        reads.push_back((read, now));
    }

    /// Whether a read is part of one that was not answered a moment ago.
    pub(super) fn covers(&self, read: &Span, now: Instant) -> bool {
        let mut reads = self.0.lock();
        reads.retain(|(_, since)| now.duration_since(*since) < SILENCE);
        reads.iter().any(|(silent, _)| silent.holds(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_unanswered_read_are_known_for_a_moment() {
        let (silence, now) = (Silence::default(), Instant::now());
        let span = |inode, bytes| Span { inode: Inode(inode), bytes };
        (0..1000).for_each(|n| silence.add(span(7, n * 1000..n * 1000 + 500), now));
        assert!(silence.covers(&span(7, 999_000..999_500), now) && silence.covers(&span(7, 999_100..999_200), now));
        assert!(!silence.covers(&span(8, 999_000..999_500), now) && !silence.covers(&span(7, 999_400..999_600), now));
        assert!(!silence.covers(&span(7, 0..500), now), "only the last ones");
        assert!(!silence.covers(&span(7, 999_000..999_500), now + SILENCE));
        assert!(silence.0.lock().is_empty());
    }
}
