//! The names that a session gives to its objects: its number, and an ordinal that is taken once ([LOG-7]).
//!
//! Promises: no ordinal is given out twice, by this process or by those that got a range of their own. Refuses to give out more
//! than its range has.

use crate::error::{Error, Kind, Result};
use format_spec::ObjectId;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Ordinals of one session that nobody else takes.
#[derive(Debug)]
pub struct Ordinals {
    session: u32,
    next: AtomicU32,
    end: u32,
}

impl Ordinals {
    /// All ordinals of a session that was just opened.
    pub fn all(session: u32) -> Self {
        Ordinals::within(session, 0..u32::MAX)
    }

    /// Those that the opener of a session has reserved for this process.
    pub fn within(session: u32, range: Range<u32>) -> Self {
        Ordinals { session, next: AtomicU32::new(range.start), end: range.end }
    }

    /// The session that they belong to.
    pub fn session(&self) -> u32 {
        self.session
    }

    /// The name of one more object.
    ///
    /// # Errors
    /// `Conflict` when all are taken.
    pub fn take(&self) -> Result<ObjectId> {
        self.reserve(1).map(|range| ObjectId { session: self.session, ordinal: range.start })
    }

    /// So many ordinals in a row, for another process of the session.
    ///
    /// # Errors
    /// `Conflict` when there are not as many left.
    pub fn reserve(&self, count: u32) -> Result<Range<u32>> {
        let after = |next: u32| next.checked_add(count).filter(|after| *after <= self.end);
        let taken = self.next.fetch_update(Ordering::SeqCst, Ordering::SeqCst, after);
        taken.map(|start| start..start + count).map_err(|next| {
            let left = self.end - next;
            Error::new(Kind::Conflict, format!("{count} objects were to be named, and {left} names are left"))
                .on(format!("session {}", self.session))
                .advise("run the backup again: what was published is not stored twice")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ordinal_is_given_out_twice() {
        let all = Ordinals::all(7);
        assert_eq!(all.take().unwrap(), ObjectId { session: 7, ordinal: 0 });
        let range = all.reserve(3).unwrap();
        assert_eq!(range, 1..4);
        assert_eq!(all.take().unwrap().ordinal, 4);
        let theirs = Ordinals::within(7, range);
        let taken: Vec<u32> = (0..3).map(|_| theirs.take().unwrap().ordinal).collect();
        assert_eq!(taken, [1, 2, 3]);
        assert_eq!(theirs.take().unwrap_err().kind(), Kind::Conflict);
        assert_eq!(theirs.reserve(u32::MAX).unwrap_err().kind(), Kind::Conflict);
    }
}
