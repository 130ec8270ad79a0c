//! A content that is read while it arrives.

use super::call::Sent;
use bytes::Bytes;
use std::io::{self, Read};

/// The bytes of one answer. Fewer than the service has promised are an error, not an end.
pub struct Content<'c> {
    sent: Sent<'c>,
    runtime: tokio::runtime::Handle,
    rest: Bytes,
    promised: Option<u64>,
    given: u64,
}

impl<'c> Content<'c> {
    pub(super) fn new(sent: Sent<'c>, runtime: tokio::runtime::Handle) -> Self {
        let promised = sent.length();
        Content { sent, runtime, rest: Bytes::new(), promised, given: 0 }
    }

    /// The status: whether a range was given, or all of it.
    pub fn status(&self) -> u16 {
        self.sent.status()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.sent.header(name)
    }

    /// How many bytes the service has promised.
    pub fn promised(&self) -> Option<u64> {
        self.promised
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !buffer.is_empty() {
            match self.runtime.block_on(self.sent.chunk()) {
                Ok(Some(chunk)) => self.rest = chunk,
                Ok(None) => {
                    return match self.promised.filter(|promised| self.given < *promised) {
                        Some(promised) => {
                            let what = format!("{} of {promised} bytes came", self.given);
                            Err(io::Error::new(io::ErrorKind::UnexpectedEof, what))
                        }
                        None => Ok(0),
                    };
                }
                // Without the address, which is as good as a key.
                Err(e) => return Err(io::Error::other(e.without_url())),
            }
        }
        let n = self.rest.len().min(buffer.len());
        let given = self.rest.split_to(n);
        if let Some(room) = buffer.get_mut(..n) {
            room.copy_from_slice(&given);
        }
        self.given += n as u64;
        Ok(n)
    }
}
