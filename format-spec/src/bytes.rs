//! Reading little-endian fields from untrusted bytes: a cursor that never panics and never allocates by a length that it read.

use crate::{FormatError, Result, Time};

/// A cursor over bytes; every read is checked and fails with the rule that the caller names.
#[derive(Clone)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    rule: &'static str,
}

impl std::fmt::Debug for Cursor<'_> {
    /// Never the bytes: they may be a secret's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cursor({} bytes left, {})", self.rest.len(), self.rule)
    }
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`; failures cite `rule`.
    pub fn new(bytes: &'a [u8], rule: &'static str) -> Self {
        Cursor { rest: bytes, rule }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let Some((head, rest)) = self.rest.split_at_checked(n) else {
            return Err(FormatError::broken(self.rule, "bytes left", n, self.rest.len()));
        };
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// A 16-bit number.
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// A 32-bit number.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A 64-bit number.
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A signed 64-bit number.
    pub fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A time of 12 bytes ([CONT-19]).
    pub fn time(&mut self) -> Result<Time> {
        let (seconds, nanos) = (self.i64()?, self.u32()?);
        if nanos > 999_999_999 {
            return Err(FormatError::broken("CONT-19", "nanoseconds", "at most 999999999", nanos));
        }
        Ok(Time { seconds, nanos })
    }

    /// `n` bytes that must be zero.
    pub fn zero(&mut self, n: usize, what: &'static str) -> Result<()> {
        if self.take(n)?.iter().any(|b| *b != 0) {
            return Err(FormatError::broken(self.rule, what, 0, "other"));
        }
        Ok(())
    }

    /// The end: nothing may be left.
    pub fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(FormatError::broken(self.rule, "bytes after the end", 0, self.rest.len()))
    }
}

/// Appends a time of 12 bytes.
pub fn put_time(out: &mut Vec<u8>, time: Time) {
    out.extend_from_slice(&time.seconds.to_le_bytes());
    out.extend_from_slice(&time.nanos.to_le_bytes());
}
