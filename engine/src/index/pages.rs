//! The mapped body of a cached segment, in pages of 4 KiB with a CRC-32 each.
//!
//! Promises: a byte leaves only after its page was compared with its checksum, once, on first touch; a page that differs is
//! `Damaged`. Refuses to interpret bytes. Home of the engine's only `unsafe` block.

use crate::error::{Error, Kind, Result};
use memmap2::Mmap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a page: the unit in which damage is found.
pub(super) const PAGE_BYTES: usize = 4096;

/// A mapped body and its checksums.
pub(super) struct Pages {
    map: Mmap,
    checksums: Vec<u32>,
    /// One bit a page: set once its checksum held.
    checked: Box<[AtomicU64]>,
    path: PathBuf,
}

impl Pages {
    /// Maps the body of `file`: `checksums.len()` pages from `start` on. The caller has compared the file's length.
    pub(super) fn map(file: &File, path: &Path, start: u64, checksums: Vec<u32>) -> Result<Self> {
        let map = map(file, start, checksums.len() * PAGE_BYTES).map_err(|e| Error::from(e).on(path.display()))?;
        let checked = (0..checksums.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Pages { map, checksums, checked, path: path.to_owned() })
    }

    /// Length of the body in bytes.
    pub(super) fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// `len` bytes from `start` on, checked.
    pub(super) fn bytes(&self, start: u64, len: usize) -> Result<&[u8]> {
        let from = usize::try_from(start).unwrap_or(usize::MAX);
        let Some(bytes) = from.checked_add(len).and_then(|end| self.map.get(from..end)) else {
            return Err(self.damaged(format!("{len} bytes at {start} lie outside of its {} bytes", self.map.len())));
        };
        if len > 0 {
            let last = (from + len - 1) / PAGE_BYTES;
            for page in from / PAGE_BYTES..=last {
                self.check(page)?;
            }
        }
        Ok(bytes)
    }

    /// A part of the body without asking its checksums, to learn where tables lie.
    pub(super) fn unread(&self, start: u64, len: u64) -> Option<&[u8]> {
        let from = usize::try_from(start).ok()?;
        self.map.get(from..from.checked_add(usize::try_from(len).ok()?)?)
    }

    /// An error that names this file.
    pub(super) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::new(Kind::Damaged, format!("the index cache is damaged: {what}"))
            .on(self.path.display())
            .advise("nothing is lost: run `cairn cache drop`, the next command rebuilds the cache from the repository")
    }

    #[inline]
    fn check(&self, page: usize) -> Result<()> {
        let bit = 1u64 << (page % 64);
        match self.checked.get(page / 64) {
            Some(word) if word.load(Ordering::Relaxed) & bit != 0 => Ok(()),
            word => self.check_first(page, word, bit),
        }
    }

    #[cold]
    fn check_first(&self, page: usize, word: Option<&AtomicU64>, bit: u64) -> Result<()> {
        let bytes = self.map.get(page * PAGE_BYTES..(page + 1) * PAGE_BYTES);
        let (Some(bytes), Some(expected), Some(word)) = (bytes, self.checksums.get(page), word) else {
            return Err(self.damaged(format!("page {page} is outside of the file")));
        };
        let found = crc32fast::hash(bytes);
        if found != *expected {
            return Err(self.damaged(format!("page {page} has checksum {found:08x}, written was {expected:08x}")));
        }
        // Relaxed is enough: the bit guards nothing but itself, the mapped bytes never change.
        word.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }
}

/// Maps `len` bytes of a finished part of a cache file, read-only.
#[expect(unsafe_code, reason = "memmap2 cannot promise that nobody changes the file; the cache's own rules do")]
pub(super) fn map(file: &File, start: u64, len: usize) -> std::io::Result<Mmap> {
    // SAFETY: cache files are written once, under a name of their own, and only appended to while they are written; the
    // mapped range is never written again. Afterwards they are only unlinked, which keeps mapped bytes alive. Files of other
    // releases are refused before they are mapped. Whoever edits a cache file behind our back can show us other bytes,
    // never another type: they are read as `u8` arrays or as rkyv rows, for which every bit pattern is valid.
    unsafe { memmap2::MmapOptions::new().offset(start).len(len).map(file) }
}
