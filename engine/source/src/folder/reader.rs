//! One regular file being read.
//!
//! Promises: never reads beyond the size that the walk saw or, if that is less, the size at `open`, so a file that grows for
//! ever ends and what was read belongs to the attributes that are stored with it. A file that shrinks ends early; within the
//! runs of a sparse file the missing bytes read as zeros, so that the runs keep the lengths that were told.

use super::attributes::{Stat, stat_at};
use super::extents::runs_of_data;
use crate::ItemReader;
use format_spec::Time;
use format_spec::tree::{Entry, Extent};
use rustix::fs::{Advice, AtFlags, fadvise};
use std::io;
use std::os::fd::OwnedFd;

/// A file at a position.
pub(super) struct FileReader {
    fd: OwnedFd,
    seen: (u64, Time, Time),
    allocated: u64,
    size: u64,
    /// The runs still to be read, the next one last; `None` while the file is read as dense.
    runs: Option<Vec<Extent>>,
    offset: u64,
    short: bool,
}

impl FileReader {
    /// Takes the file over from `open`, where `stat` was asked.
    pub(super) fn new(fd: OwnedFd, seen: &Entry, stat: &Stat) -> FileReader {
        let size = stat.size.min(seen.size);
        if size >= ADVISED_BYTES_MIN {
            // Only advice: a file system that takes none is read all the same.
            let _ = fadvise(&fd, 0, None, Advice::Sequential);
        }
        FileReader {
            fd,
            seen: (seen.size, seen.mtime, seen.ctime),
            allocated: stat.allocated,
            size,
            runs: None,
            offset: 0,
            short: false,
        }
    }

    fn read_at(&self, buffer: &mut [u8], bytes: u64) -> io::Result<usize> {
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        loop {
            match rustix::io::pread(&self.fd, &mut *buffer, self.offset) {
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn read_dense(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.read_at(buffer, self.size.saturating_sub(self.offset))?;
        self.offset += n as u64;
        self.short |= n == 0 && self.offset < self.size && !buffer.is_empty();
        Ok(n)
    }

    fn read_run(&mut self, run: Extent, buffer: &mut [u8]) -> io::Result<(usize, Extent)> {
        self.offset = run.offset;
        let mut n = self.read_at(buffer, run.bytes)?;
        if n == 0 {
            self.short = true;
            n = usize::try_from(run.bytes).unwrap_or(usize::MAX).min(buffer.len());
            buffer.get_mut(..n).unwrap_or_default().fill(0);
        }
        Ok((n, Extent { offset: run.offset + n as u64, bytes: run.bytes - n as u64 }))
    }
}

impl ItemReader for FileReader {
    fn extents(&mut self) -> io::Result<Option<Vec<Extent>>> {
        if self.allocated >= self.size {
            return Ok(None);
        }
        let Some(runs) = runs_of_data(&self.fd, self.size)? else { return Ok(None) };
        self.runs = Some(runs.iter().rev().copied().collect());
        Ok(Some(runs))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(runs) = &mut self.runs else { return self.read_dense(buffer) };
        let Some(run) = runs.pop() else { return Ok(0) };
        let (n, rest) = self.read_run(run, buffer)?;
        if let (Some(runs), true) = (&mut self.runs, rest.bytes > 0) {
            runs.push(rest);
        }
        Ok(n)
    }

    fn changed(&mut self) -> io::Result<Option<String>> {
        let now = stat_at(&self.fd, c"", AtFlags::EMPTY_PATH)?;
        let (size, mtime, ctime) = self.seen;
        Ok(if now.size != size {
            Some(format!("its size changed from {size} to {} bytes while it was backed up", now.size))
        } else if now.mtime != mtime {
            Some("it was modified while it was backed up".to_owned())
        } else if now.ctime != ctime {
            Some("its attributes or names changed while it was backed up".to_owned())
        } else if self.short {
            Some("it was shorter for a moment while it was backed up".to_owned())
        } else {
            None
        })
    }
}

/// Files from this size on are announced to the kernel as read from front to back.
const ADVISED_BYTES_MIN: u64 = 1 << 20;
