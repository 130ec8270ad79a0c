//! What leaves for the archive's reader, so cut that nothing which ends early looks whole.
//!
//! Unpackers take an archive that ends between two members for a whole one: tar has no table of contents, and GNU tar, bsdtar
//! and Python want no end blocks. So whatever has been sent ends inside of something, until [`Steady::finish`]:
//!
//! ```text
//! sent                                                held back
//! first bytes of the first header                     -
//! ... header | data of a member but its last byte     last byte, padding, the next headers
//! ... everything                                      -                                        (finished)
//! ```
//!
//! Promises: it holds at every moment, not only when an error is noticed: a process that is killed leaves no whole archive
//! either. What leaves across the border of two members is one write of a few kilobytes, which pipes do not part; where a full
//! disk takes only some of it, that part is taken back.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, Write};

/// Where an archive goes.
pub(crate) trait Out: Write {
    /// Takes the last `bytes` bytes back, where that is possible.
    fn take_back(&mut self, bytes: u64) {
        let _ = bytes;
    }
}

impl Out for File {
    fn take_back(&mut self, bytes: u64) {
        // Of a pipe there is no way back, and none is needed: it takes a small write whole.
        if self.metadata().is_ok_and(|m| m.is_file())
            && let Some(length) = self.stream_position().ok().and_then(|at| at.checked_sub(bytes))
        {
            // The command fails already, with the reason.
            let _ = self.set_len(length);
        }
    }
}

#[cfg(test)]
impl Out for Vec<u8> {}

/// A stream that ends inside of something until it is finished.
pub(super) struct Steady<'w> {
    out: &'w mut dyn Out,
    held: Vec<u8>,
    /// The first bytes of what is held back, if they have been sent already.
    begun: usize,
}

impl<'w> Steady<'w> {
    /// Sends `first`, with which the first thing that is held or sent must begin.
    pub(super) fn begin(out: &'w mut dyn Out, first: &[u8]) -> io::Result<Self> {
        let mut steady = Steady { out, held: first.to_vec(), begun: 0 };
        steady.leave()?;
        steady.begun = first.len();
        Ok(steady)
    }

    /// Takes what must not be the last thing that was sent: headers, padding.
    pub(super) fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Sends all that is held, and of `data`, a part of a member's data, all but the last byte.
    pub(super) fn send(&mut self, data: &[u8]) -> io::Result<()> {
        let Some((last, before)) = data.split_last() else { return Ok(()) };
        if self.begun > 0 {
            // What was sent already may go beyond what is held.
            self.held.extend_from_slice(before);
            self.leave()?;
        } else if let Some((first, middle)) = before.split_first() {
            self.held.push(*first);
            self.leave()?;
            self.out.write_all(middle)?;
        }
        self.held.push(*last);
        Ok(())
    }

    /// Sends everything.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.leave()?;
        self.out.flush()
    }

    /// Sends what is held as one write; all of it or, where that can be done, nothing.
    fn leave(&mut self) -> io::Result<()> {
        let begun = self.begun.min(self.held.len());
        self.begun -= begun;
        let held = self.held.get(begun..).unwrap_or_default();
        let mut sent = 0;
        while let Some(rest) = held.get(sent..).filter(|rest| !rest.is_empty()) {
            let failed = match self.out.write(rest) {
                Ok(0) => io::Error::from(ErrorKind::WriteZero),
                Ok(n) => {
                    sent += n;
                    continue;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => e,
            };
            self.out.take_back(sent as u64);
            return Err(failed);
        }
        self.held.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a number of bytes, then is full.
    struct Full {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.room - self.bytes.len());
            if n == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.bytes.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Out for Full {
        fn take_back(&mut self, bytes: u64) {
            self.bytes.truncate(self.bytes.len() - usize::try_from(bytes).unwrap());
        }
    }

    #[test]
    fn the_last_byte_of_a_member_leaves_with_the_next_one() {
        let mut out = Vec::new();
        let mut steady = Steady::begin(&mut out, b"he").unwrap();
        steady.hold(b"header");
        steady.send(b"data").unwrap();
        steady.hold(b"--header");
        assert_eq!(steady.held, b"a--header");
        steady.send(b"1").unwrap();
        assert_eq!(steady.held, b"a--header1");
        steady.finish().unwrap();
        assert_eq!(out, b"headerdata--header1");
    }

    #[test]
    fn what_was_sent_first_is_sent_once_however_it_comes_again() {
        for first in [&b""[..], b"h", b"he", b"header"] {
            for held in [0, 1, 2, 7] {
                let mut out = Vec::new();
                let mut steady = Steady::begin(&mut out, first).unwrap();
                steady.hold(&b"headerdata"[..held]);
                steady.send(&b"headerdata"[held..]).unwrap();
                steady.finish().unwrap();
                assert_eq!(out, b"headerdata", "{first:?} {held}");
            }
        }
    }

    #[test]
    fn a_full_disk_keeps_nothing_that_ends_between_two_members() {
        for room in 9..14 {
            let mut out = Full { bytes: Vec::new(), room };
            let mut steady = Steady::begin(&mut out, b"h").unwrap();
            steady.hold(b"h");
            steady.send(b"12345678").unwrap();
            steady.hold(b"h");
            assert_eq!(steady.send(b"12345").unwrap_err().kind(), ErrorKind::StorageFull);
            let sent = String::from_utf8(out.bytes).unwrap();
            assert!(sent == "h1234567" || sent.starts_with("h12345678h1"), "{sent}");
        }
    }
}
