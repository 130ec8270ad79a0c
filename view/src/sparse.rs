//! Where a file has data and where it has holes.

use format_spec::tree::Entry;

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// The next byte of data.
    Data,
    /// The next byte of a hole; the end of the file counts as one.
    Hole,
}

/// The first place at or after `offset` that is what is sought; `None` (ENXIO) beyond the end or when only a hole follows.
pub(super) fn seek(entry: &Entry, offset: u64, what: Seek) -> Option<u64> {
    if offset >= entry.size {
        return None;
    }
    let run = |at: u64| {
        let runs = entry.extents.as_deref()?;
        let next = runs.partition_point(|r| r.offset.saturating_add(r.bytes) <= at);
        Some(runs.get(next).map(|r| (r.offset, r.offset.saturating_add(r.bytes))))
    };
    match (what, run(offset)) {
        (Seek::Data, None) => Some(offset),
        (Seek::Hole, None) => Some(entry.size),
        (Seek::Data, Some(next)) => next.map(|(start, _)| start.max(offset)),
        (Seek::Hole, Some(Some((start, end)))) if start <= offset => Some(end),
        (Seek::Hole, Some(_)) => Some(offset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use format_spec::tree::{Extent, Kind};

    fn file(size: u64, extents: Option<Vec<Extent>>) -> Entry {
        Entry { mode: 0o644, inode: 1, device: 1, size, extents, ..Entry::new(b"f".to_vec(), Kind::File) }
    }

    #[test]
    fn dense_files_are_data_up_to_their_end() {
        let entry = file(10, None);
        assert_eq!(seek(&entry, 3, Seek::Data), Some(3));
        assert_eq!(seek(&entry, 3, Seek::Hole), Some(10));
        assert_eq!(seek(&entry, 10, Seek::Data), None);
    }

    #[test]
    fn sparse_files_show_their_runs_and_holes() {
        let run = |offset, bytes| Extent { offset, bytes };
        let entry = file(1000, Some(vec![run(100, 50), run(400, 100)]));
        let data: Vec<_> = [0, 100, 149, 150, 499, 500].map(|at| seek(&entry, at, Seek::Data)).into();
        assert_eq!(data, [Some(100), Some(100), Some(149), Some(400), Some(499), None]);
        let holes: Vec<_> = [0, 100, 149, 150, 400, 500].map(|at| seek(&entry, at, Seek::Hole)).into();
        assert_eq!(holes, [Some(0), Some(150), Some(150), Some(150), Some(500), Some(500)]);
        assert_eq!(seek(&file(1000, Some(Vec::new())), 0, Seek::Data), None);
    }
}
