//! Where a file's data lies: its runs, laid end to end in what is stored. Pure.

use crate::error::{Error, Kind, Result};
use format_spec::tree::{Entry, Extent, Kind as ItemKind};
use std::ops::Range;

/// The runs of data of one file.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    pub(super) size: u64,
    pub(super) stored: u64,
    /// Each run and the stored bytes before it, in order.
    runs: Vec<(Extent, u64)>,
}

impl Dense {
    /// The runs of a file's entry.
    ///
    /// # Errors
    /// `Input` when the entry is no file.
    pub(crate) fn of(entry: &Entry) -> Result<Self> {
        if entry.kind != ItemKind::File {
            return Err(Error::new(Kind::Input, "not a file").on(String::from_utf8_lossy(&entry.name)));
        }
        let mut stored = 0u64;
        let runs = dense_runs(entry).into_iter().map(|run| {
            let before = stored;
            stored = stored.saturating_add(run.bytes);
            (run, before)
        });
        let runs = runs.collect();
        Ok(Dense { size: entry.size, stored, runs })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    /// The stored bytes of a range of the file that lies in one run.
    pub(super) fn whole(&self, range: Range<u64>) -> Option<Range<u64>> {
        let (run, before) = self.run_at(range.start)?;
        let inside = range.start..range.end;
        let fits = !inside.is_empty() && inside.start >= run.offset && inside.end <= run.offset + run.bytes;
        fits.then(|| before + (inside.start - run.offset)..before + (inside.end - run.offset))
    }

    /// The parts of a range of the file that hold data: where each begins in the file, and its stored bytes.
    pub(super) fn parts(&self, range: Range<u64>) -> impl Iterator<Item = (u64, Range<u64>)> + '_ {
        let first = self.runs.partition_point(|(run, _)| run.offset + run.bytes <= range.start);
        let runs = self.runs.get(first..).unwrap_or_default().iter();
        runs.take_while(move |(run, _)| run.offset < range.end).filter_map(move |(run, before)| {
            let (from, to) = (run.offset.max(range.start), (run.offset + run.bytes).min(range.end));
            (from < to).then(|| (from, before + (from - run.offset)..before + (to - run.offset)))
        })
    }

    /// The bytes of the file around `offset` that lie in these stored bytes, as far as its run reaches.
    pub(super) fn around(&self, offset: u64, stored: &Range<u64>) -> Option<Range<u64>> {
        let (run, before) = self.run_at(offset).filter(|(run, _)| run.offset <= offset)?;
        let start = run.offset + stored.start.saturating_sub(before);
        let end = run.offset + stored.end.saturating_sub(before).min(run.bytes);
        Some(start..end)
    }

    fn run_at(&self, offset: u64) -> Option<(Extent, u64)> {
        let at = self.runs.partition_point(|(run, _)| run.offset + run.bytes <= offset);
        self.runs.get(at).copied()
    }
}

/// A file's runs of data; a dense file is one run.
pub(crate) fn dense_runs(entry: &Entry) -> Vec<Extent> {
    match &entry.extents {
        Some(runs) => runs.clone(),
        None if entry.size == 0 => Vec::new(),
        None => vec![Extent { offset: 0, bytes: entry.size }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(runs: &[(u64, u64)], size: u64) -> Dense {
        let mut stored = 0;
        let runs = runs.iter().map(|(offset, bytes)| {
            let before = stored;
            stored += bytes;
            (Extent { offset: *offset, bytes: *bytes }, before)
        });
        let runs = runs.collect();
        Dense { size, stored, runs }
    }

    #[test]
    fn ranges_of_a_sparse_file_are_found_in_what_is_stored() {
        let dense = dense(&[(100, 50), (400, 100)], 1000);
        let parts: Vec<_> = dense.parts(120..450).collect();
        assert_eq!(parts, [(120, 20..50), (400, 50..100)]);
        assert_eq!(dense.parts(150..400).count(), 0);
        assert_eq!(dense.whole(410..500), Some(60..150));
        assert_eq!(dense.whole(410..501), None);
        assert_eq!(dense.whole(90..110), None);
        assert_eq!(dense.whole(600..600), None);
        assert_eq!(dense.around(410, &(30..80)), Some(400..430), "the piece begins in the run before");
        assert_eq!(dense.around(120, &(30..80)), Some(130..150));
        assert_eq!(dense.around(300, &(30..80)), None);
    }
}
