//! A content becomes chunks: read, cut, hash, put.
//!
//! Promises: the same bytes give the same chunks, whatever the sizes of the reads; a window grows
//! only as far as the content needs. A reader that fails halfway leaves chunks that nothing names,
//! and no node that counts.

use crate::chunk::Cutter;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::tree::{ContentBuilder, NodeSink};
use format_spec::ChunkId;
use format_spec::keys::IdKeys;
use format_spec::tree::Content;
use std::io;

/// What cuts and names.
#[derive(Clone, Copy)]
pub(super) struct Contents<'a> {
    pub(super) ids: &'a IdKeys,
    pub(super) cutter: &'a Cutter,
    pub(super) monitor: &'a Monitor,
}

/// Where a content goes.
pub(super) struct Target<'a> {
    /// Takes the bytes of a chunk.
    pub(super) put: &'a mut dyn FnMut(ChunkId, &[u8]) -> Result<()>,
    /// Takes the nodes of a content of many chunks.
    pub(super) nodes: &'a mut dyn NodeSink,
}

impl Contents<'_> {
    /// Reads until `read` gives nothing more: what the entry of the file names, and its length in
    /// bytes. The inner error is the reader's, the outer one ours.
    pub(super) fn store(
        self,
        read: &mut dyn FnMut(&mut [u8]) -> io::Result<usize>,
        window: &mut Vec<u8>,
        into: Target<'_>,
    ) -> Result<io::Result<(Content, u64)>> {
        let mut content = ContentBuilder::new();
        let (mut start, mut end, mut ended) = (0, 0, false);
        loop {
            let wanted = self.cutter.most().min(window.len());
            while !ended && end - start < wanted {
                if end == window.len() {
                    window.copy_within(start..end, 0);
                    (start, end) = (0, end - start);
                }
                self.monitor.check()?;
                match read(window.get_mut(end..).unwrap_or_default()) {
                    Ok(0) => ended = true,
                    Ok(n) => end += n,
                    Err(e) => return Ok(Err(e)),
                }
            }
            let bytes = window.get(start..end).unwrap_or_default();
            if bytes.is_empty() {
                return content.finish(into.nodes).map(Ok);
            }
            let length = self.cutter.cut(bytes);
            if length == bytes.len() && !ended && length < self.cutter.most() {
                // What is at hand has no place to cut: it takes more.
                window.resize((window.len() * 2).max(WINDOW_LEAST).min(self.cutter.most() * 2), 0);
                continue;
            }
            let chunk = bytes.get(..length).unwrap_or_default();
            let id = self.ids.chunk(chunk);
            (into.put)(id, chunk)?;
            let bytes = u32::try_from(length).map_err(|_| Error::new(Kind::Bug, "a chunk of more than 4 GiB"))?;
            content.push(id, bytes, into.nodes)?;
            self.monitor.done(0, length as u64);
            start += length;
        }
    }
}

/// The window of a content that may be small.
pub(super) const WINDOW_LEAST: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Names;
    use format_spec::config::Cutting;
    use format_spec::keys::{Secret, Secrets};
    use testkit::noise;

    struct Nowhere;

    impl NodeSink for Nowhere {
        fn put_node(&mut self, bytes: Vec<u8>, _: &Names) -> Result<ChunkId> {
            Ok(ChunkId(*blake3::hash(&bytes).as_bytes()))
        }
    }

    #[test]
    fn reads_and_windows_of_any_size_give_the_same_chunks() {
        let secrets = Secrets { master: None, dedup: Secret::new([1; 32]) };
        let cutting = Cutting { least: 4096, average: 65_536, most: 262_144 };
        let cutter = Cutter::new(secrets.gear_table(), cutting);
        let (ids, monitor) = (secrets.ids(), Monitor::new());
        let bytes = noise(7, 2_000_000);
        let chunks = |window: usize, step: usize| {
            let (mut at, mut lengths) = (0, Vec::new());
            let mut read = |buffer: &mut [u8]| {
                let n = step.min(buffer.len()).min(bytes.len() - at);
                buffer[..n].copy_from_slice(&bytes[at..at + n]);
                at += n;
                Ok(n)
            };
            let mut put = |_, chunk: &[u8]| {
                lengths.push(chunk.len());
                Ok(())
            };
            let into = Target { put: &mut put, nodes: &mut Nowhere };
            let contents = Contents { ids: &ids, cutter: &cutter, monitor: &monitor };
            let stored = contents.store(&mut read, &mut vec![0; window], into).expect("stores").expect("reads");
            (stored, lengths)
        };
        let whole = chunks(4_000_000, usize::MAX);
        assert_eq!(whole.0.1, 2_000_000);
        assert!(whole.1.len() > 10);
        for (window, step) in [(1, 1000), (WINDOW_LEAST, 7777), (300_000, 1 << 20)] {
            assert_eq!(chunks(window, step), whole, "a window of {window}, reads of {step}");
        }
    }
}
