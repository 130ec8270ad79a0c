//! Reads that failed a moment ago, for when the kernel asks for their pages once more, one by one: without this a program would hear of a
//! readahead's deadline only after a second one, and each page of a damaged block would fetch and check the whole block again.
//!
//! Promises: nothing is remembered for longer than it was said to be, nor more of it.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};
use view::Inode;

/// Parts of files that could not be read lately. By inode, because readers of one file wait for each other at its pages.
#[derive(Debug)]
pub(super) struct RecentFailures {
    spans: Mutex<VecDeque<(Span, Instant)>>,
    most: usize,
    time: Duration,
}

/// Bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) inode: Inode,
    pub(super) bytes: Range<u64>,
}

impl Span {
    /// Whether the other lies in it.
    pub(super) fn holds(&self, other: &Span) -> bool {
        self.inode == other.inode && self.bytes.start <= other.bytes.start && other.bytes.end <= self.bytes.end
    }

    fn meets(&self, other: &Span) -> bool {
        self.inode == other.inode && self.bytes.start < other.bytes.end && other.bytes.start < self.bytes.end
    }
}

impl RecentFailures {
    /// Remembers each span for a time, and `most` of them.
    pub(super) fn new(time: Duration, most: usize) -> Self {
        RecentFailures { spans: Mutex::default(), most, time }
    }

    /// Remembers a span.
    pub(super) fn add(&self, span: Span, now: Instant) {
        let mut spans = self.spans.lock();
        if spans.len() >= self.most {
            spans.pop_front();
        }
        spans.push_back((span, now));
    }

    /// Whether a read is part of a span.
    pub(super) fn holds(&self, read: &Span, now: Instant) -> bool {
        self.any(now, |span| span.holds(read))
    }

    /// Whether a read needs any of a span.
    pub(super) fn meets(&self, read: &Span, now: Instant) -> bool {
        self.any(now, |span| span.meets(read))
    }

    fn any(&self, now: Instant, is: impl Fn(&Span) -> bool) -> bool {
        let mut spans = self.spans.lock();
        spans.retain(|(_, since)| now.duration_since(*since) < self.time);
        spans.iter().any(|(span, _)| is(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(1);

    fn span(inode: u64, bytes: Range<u64>) -> Span {
        Span { inode: Inode(inode), bytes }
    }

    #[test]
    fn parts_of_a_failed_read_are_known_for_a_moment() {
        let (lately, now) = (RecentFailures::new(TIME, 100), Instant::now());
        (0..1000).for_each(|n| lately.add(span(7, n * 1000..n * 1000 + 500), now));
        assert!(lately.holds(&span(7, 999_000..999_500), now) && lately.holds(&span(7, 999_100..999_200), now));
        assert!(!lately.holds(&span(8, 999_000..999_500), now) && !lately.holds(&span(7, 999_400..999_600), now));
        assert!(!lately.holds(&span(7, 0..500), now), "only the last ones");
        assert!(!lately.holds(&span(7, 999_000..999_500), now + TIME));
        assert!(lately.spans.lock().is_empty());
    }

    #[test]
    fn reads_that_need_a_part_of_it_meet_a_span() {
        let (lately, now) = (RecentFailures::new(TIME, 100), Instant::now());
        lately.add(span(7, 100..200), now);
        let meets = [0..101, 199..300, 0..300, 150..160].map(|bytes| lately.meets(&span(7, bytes), now));
        assert_eq!(meets, [true; 4]);
        let misses = [0..100, 200..300].map(|bytes| lately.meets(&span(7, bytes), now));
        assert_eq!(misses, [false; 2]);
    }
}
