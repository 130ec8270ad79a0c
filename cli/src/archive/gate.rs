//! What stands between the writer of a zip and its reader: nothing of an archive that was not finished, and headers that are right.
//!
//! Promises: the table of contents leaves at once, when all of it is there, and only of an archive that is finished. Of folders the
//! writer says that a descriptor follows their data, and writes none; unzip then takes the entries for overlapping ones. So the bit is cleared in
//! both of a folder's headers.

use super::steady::Steady;
use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

/// What goes through a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Headers and data.
    Data,
    /// The end of the entry before, and the header of a folder.
    Folder,
    /// The table of contents.
    End,
    /// Nothing: the archive ended early.
    Nothing,
}

/// What the writer writes to.
pub(super) struct Gate<'w> {
    out: Steady<'w>,
    pass: Rc<Cell<Pass>>,
    data: Vec<u8>,
    folder: Vec<u8>,
    end: Vec<u8>,
}

impl<'w> Gate<'w> {
    pub(super) fn new(out: Steady<'w>, pass: Rc<Cell<Pass>>) -> Self {
        Gate { out, pass, data: Vec::new(), folder: Vec::new(), end: Vec::new() }
    }

    /// Sends everything: only now it is an archive.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.settle();
        self.out.send(&self.data)?;
        for at in folders(&self.end) {
            clear_descriptor(&mut self.end, at + 8);
        }
        self.out.hold(&self.end);
        self.out.finish()
    }

    fn settle(&mut self) {
        if let Some(at) = local_header(&self.folder) {
            clear_descriptor(&mut self.folder, at + 6);
        }
        self.data.append(&mut self.folder);
    }
}

impl Write for Gate<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.pass.get() {
            Pass::Folder => {
                self.settle_before(bytes);
                self.folder.extend_from_slice(bytes);
            }
            Pass::Data => {
                self.settle();
                self.data.extend_from_slice(bytes);
                if self.data.len() >= BUFFER_BYTES {
                    self.out.send(&std::mem::take(&mut self.data))?;
                }
            }
            Pass::End => self.end.extend_from_slice(bytes),
            Pass::Nothing => {}
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Gate<'_> {
    /// Folders may follow each other: what ends in a whole header of one is settled before the next one begins.
    fn settle_before(&mut self, bytes: &[u8]) {
        if bytes.starts_with(LOCAL) && local_header(&self.folder).is_some() {
            self.settle();
        }
    }
}

/// Where the local header lies with which these bytes end.
fn local_header(bytes: &[u8]) -> Option<usize> {
    let ends_here = |at: &usize| {
        let lengths = [number(bytes, at + 26), number(bytes, at + 28)];
        lengths.iter().try_fold(at + 30, |end, length| Some(end + (*length)?)) == Some(bytes.len())
    };
    (0..bytes.len()).rev().filter(|at| bytes.get(*at..).is_some_and(|b| b.starts_with(LOCAL))).find(ends_here)
}

/// Where the headers of folders lie in what ends an archive: the descriptor of the last entry, then the table of contents.
fn folders(end: &[u8]) -> Vec<usize> {
    let mut all = Vec::new();
    let first = end.windows(CENTRAL.len()).take(DESCRIPTOR_BYTES_MAX + 1).position(|b| b == CENTRAL);
    let mut at = first.unwrap_or(end.len());
    while end.get(at..).is_some_and(|b| b.starts_with(CENTRAL))
        && let (Some(name), Some(extra), Some(comment)) =
            (number(end, at + 28), number(end, at + 30), number(end, at + 32))
    {
        if end.get(at + 45 + name) == Some(&b'/') {
            all.push(at);
        }
        at += 46 + name + extra + comment;
    }
    all
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at + 2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])))
}

/// Bit 3 of the flags says that a descriptor follows the data.
fn clear_descriptor(bytes: &mut [u8], flags: usize) {
    if let Some(byte) = bytes.get_mut(flags) {
        *byte &= !(1 << 3);
    }
}

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
/// Signature, checksum, and two lengths of zip64.
const DESCRIPTOR_BYTES_MAX: usize = 24;
const BUFFER_BYTES: usize = 1 << 16;
