//! The names in one folder, in byte order.
//!
//! Promises: names are raw bytes and strictly rising, even if the folder changes while it is listed; a name costs its length,
//! two bytes and eight for its place, so a folder of a million files stays in some tens of megabytes.
//! Refuses to: ask for attributes; that happens name by name as the walk is pulled.

use super::attributes::kind_of;
use format_spec::tree::Kind;
use rustix::fs::RawDir;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

/// Names with the kind that the listing told, laid end to end: `kind name NUL kind name NUL ..`.
#[derive(Default)]
pub(super) struct Names {
    laid: Vec<u8>,
    starts: Vec<usize>,
    next: usize,
}

impl Names {
    /// Reads the whole listing through `buffer`. An error keeps the names that came before it.
    pub(super) fn list(fd: &OwnedFd, buffer: &mut [MaybeUninit<u8>]) -> (Names, io::Result<()>) {
        let mut names = Names::default();
        let listed = names.read(fd, buffer);
        let laid = &names.laid;
        names.starts.sort_unstable_by(|a, b| bytes_at(laid, *a).cmp(bytes_at(laid, *b)));
        names.starts.dedup_by(|a, b| bytes_at(laid, *a) == bytes_at(laid, *b));
        (names, listed)
    }

    fn read(&mut self, fd: &OwnedFd, buffer: &mut [MaybeUninit<u8>]) -> io::Result<()> {
        let mut dir = RawDir::new(fd, buffer);
        while let Some(item) = dir.next() {
            let item = item?;
            let name = item.file_name();
            if name == c"." || name == c".." || name.is_empty() {
                continue;
            }
            self.starts.push(self.laid.len());
            self.laid.push(kind_of(item.file_type()).map_or(0, |kind| kind as u8));
            self.laid.extend_from_slice(name.to_bytes_with_nul());
        }
        Ok(())
    }

    /// The next name in byte order; whether it is a folder, where the listing told.
    pub(super) fn next(&mut self) -> Option<(&CStr, Option<bool>)> {
        let start = *self.starts.get(self.next)?;
        self.next += 1;
        let folder = match self.laid.get(start) {
            None | Some(0) => None,
            Some(kind) => Some(*kind == Kind::Folder as u8),
        };
        Some((name_at(&self.laid, start), folder))
    }

    /// Whether `name` was listed.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.starts.binary_search_by(|start| bytes_at(&self.laid, *start).cmp(name)).is_ok()
    }
}

fn name_at(laid: &[u8], start: usize) -> &CStr {
    laid.get(start + 1..).and_then(|tail| CStr::from_bytes_until_nul(tail).ok()).unwrap_or_default()
}

fn bytes_at(laid: &[u8], start: usize) -> &[u8] {
    name_at(laid, start).to_bytes()
}
