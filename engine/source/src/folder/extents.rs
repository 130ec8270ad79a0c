//! Where a sparse file has data.
//!
//! Promises: the runs rise, do not touch, lie within the size, and cover all data; a file system that cannot tell holes makes
//! a dense file. Never more than [`RUNS_MAX`] runs: of a file with more, the shortest holes are read as zeros.

use format_spec::tree::Extent;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;

/// More runs than this are joined over their shortest holes: an entry is held in memory whole, and 16 bytes for each of
/// 16,384 runs are as much as an entry should ever cost.
pub(super) const RUNS_MAX: usize = 16_384;

/// The runs of data in the first `size` bytes; `None` for a file without holes, or where holes cannot be told.
pub(super) fn runs_of_data(fd: &OwnedFd, size: u64) -> io::Result<Option<Vec<Extent>>> {
    let mut runs: Vec<Extent> = Vec::new();
    let mut hole_min = 1;
    let mut at = 0;
    while at < size {
        let start = match seek(fd, SeekFrom::Data(at)) {
            Ok(start) => start.min(size),
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let end = match seek(fd, SeekFrom::Hole(start)) {
            Ok(end) => end.min(size),
            Err(Errno::NXIO) => break,
            Err(e) => return Err(e.into()),
        };
        if start < end {
            push(&mut runs, Extent { offset: start, bytes: end - start }, hole_min);
        }
        if runs.len() > RUNS_MAX {
            hole_min = join_half(&mut runs);
        }
        // A file that changes under the search must not hold it up for ever.
        at = end.max(at + 1);
    }
    let dense = matches!(runs.as_slice(), [Extent { offset: 0, bytes }] if *bytes == size);
    Ok((!dense).then_some(runs))
}

/// Appends a run, over a hole shorter than `hole_min` to the run before.
fn push(runs: &mut Vec<Extent>, run: Extent, hole_min: u64) {
    match runs.last_mut() {
        Some(last) if run.offset.saturating_sub(last.offset + last.bytes) < hole_min => {
            last.bytes = run.offset + run.bytes - last.offset;
        }
        _ => runs.push(run),
    }
}

/// Joins runs over the shorter half of the holes; the length from which holes are kept.
fn join_half(runs: &mut Vec<Extent>) -> u64 {
    let ends = runs.iter().map(|run| run.offset + run.bytes);
    let mut holes: Vec<u64> =
        runs.iter().skip(1).zip(ends).map(|(next, end)| next.offset.saturating_sub(end)).collect();
    let middle = holes.len() / 2;
    let hole_min = if holes.is_empty() { 1 } else { holes.select_nth_unstable(middle).1.saturating_add(1) };
    for run in std::mem::take(runs) {
        push(runs, run, hole_min);
    }
    hole_min
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_runs_are_joined_over_their_shortest_holes() {
        let mut runs = Vec::new();
        let mut hole_min = 1;
        for n in 0..100_000u64 {
            let offset = n * 100 + if n % 1000 == 0 { 50 } else { 0 };
            push(&mut runs, Extent { offset, bytes: 10 }, hole_min);
            if runs.len() > RUNS_MAX {
                hole_min = join_half(&mut runs);
            }
        }
        assert!(runs.len() <= RUNS_MAX && runs.len() > 1, "{} runs", runs.len());
        assert!(runs.windows(2).all(|w| w[0].offset + w[0].bytes < w[1].offset));
        assert_eq!(runs.last().map(|r| r.offset + r.bytes), Some(99_999 * 100 + 10));
    }
}
