//! Reading one file: fill, open, cut, hash, put; and look again whether it changed meanwhile.

use super::READ_BUFFER_BYTES;
use super::compare::in_part;
use super::content::{Contents, Target};
use super::event::{Read, Slot};
use crate::blob::Writer;
use crate::error::{Error, Kind, Result};
use crate::monitor::Monitor;
use crate::restore_point::{Ledger, NewNodes, PointSink};
use crate::source::{Failure, Found, ItemReader, Outcome};
use format_spec::tree::{ENTRY_BYTES_MAX, Entry, Extent};
use std::sync::Arc;

/// A file that waits for a reader.
pub(super) struct FileJob {
    found: Option<Found>,
    slot: Arc<Slot>,
    done: bool,
}

impl FileJob {
    pub(super) fn new(found: Found, slot: Arc<Slot>) -> Self {
        FileJob { found: Some(found), slot, done: false }
    }
}

impl Drop for FileJob {
    /// A job that nobody finished must not leave the assembler waiting.
    fn drop(&mut self) {
        if !self.done {
            self.slot
                .set(Err(Error::new(Kind::Interrupted, "the session has ended, or a reading thread has panicked")));
        }
    }
}

/// What all readers share.
pub(super) struct Reading<'a> {
    pub(super) writer: &'a Writer,
    pub(super) contents: Contents<'a>,
    pub(super) new_nodes: &'a NewNodes,
    pub(super) ledger: &'a Ledger,
    pub(super) monitor: &'a Monitor,
}

impl Reading<'_> {
    /// One reader's thread: its buffer is made once.
    pub(super) fn run(&self, jobs: &crossbeam_channel::Receiver<FileJob>) {
        let mut buffer = vec![0; READ_BUFFER_BYTES];
        while let Ok(mut job) = jobs.recv() {
            if let Some(found) = job.found.take() {
                job.slot.set(self.read(found, &mut buffer));
                job.done = true;
            }
        }
    }

    /// Stores one file, or says why it could not be read. Errors end the session.
    fn read(&self, found: Found, buffer: &mut Vec<u8>) -> Result<Read> {
        let Found { mut entry, path, opens } = found;
        let group = entry.link_group;
        let lost = |failure| {
            self.monitor.done(1, 0);
            Ok(Read::Lost { failure, group, instead: None })
        };
        let report = |outcome, reason: String| {
            self.ledger.record(&Failure { path: path.clone(), outcome, reason }, self.monitor);
        };
        let opened = opens.fill(&mut entry).and_then(|problems| Ok((problems, opens.open(&entry)?)));
        let (problems, mut reader) = match opened {
            Ok(opened) => opened,
            Err(e) => return lost(Failure::of(path, &e)),
        };
        problems.into_iter().for_each(|why| self.ledger.record(&in_part(&path, &why), self.monitor));
        let stored = match self.content(&mut entry, &mut *reader, buffer)? {
            Ok(stored) => stored,
            Err(e) => return lost(Failure { path, outcome: Outcome::Failed, reason: e.to_string() }),
        };
        settle_size(&mut entry, stored);
        if stored == 0
            && let Some(reason) = reader.empty_is_a_failure()
        {
            self.monitor.done(1, 0);
            let failure = Failure { path, outcome: Outcome::Failed, reason };
            return Ok(Read::Lost { failure, group, instead: Some(Box::new(entry)) });
        }
        match reader.changed() {
            Ok(None) => {}
            Ok(Some(reason)) => report(Outcome::Changed, reason),
            Err(e) => report(Outcome::Changed, e.to_string()),
        }
        if shorten(&mut entry) {
            self.ledger.record(&in_part(&path, &"the longest are longer than an entry may be"), self.monitor);
        }
        self.monitor.done(1, 0);
        Ok(Read::Stored(Box::new(entry)))
    }

    /// Reads, cuts and puts the content; returns the number of bytes stored. The inner error is the source's, the outer one ours.
    fn content(
        &self,
        entry: &mut Entry,
        reader: &mut dyn ItemReader,
        window: &mut Vec<u8>,
    ) -> Result<std::io::Result<u64>> {
        match reader.extents() {
            Ok(extents) => entry.extents = extents,
            Err(e) => return Ok(Err(e)),
        }
        // A file that fails halfway leaves nodes that nothing names: they must not be accounted for.
        let new_nodes = NewNodes::default();
        let mut sink = PointSink::new(self.writer, self.contents.ids, &new_nodes);
        let mut put = |id, chunk: &[u8]| self.writer.put_chunk(id, chunk.to_vec()).map(|_| ());
        let into = Target { put: &mut put, nodes: &mut sink };
        let stored = self.contents.store(&mut |buffer| reader.read(buffer), window, into)?;
        Ok(match stored {
            Ok((content, bytes)) => {
                entry.content = content;
                self.new_nodes.absorb(new_nodes)?;
                Ok(bytes)
            }
            Err(e) => Err(e),
        })
    }
}

/// Makes size and runs say what was stored: a stream's size is known only now, and a file may have shrunk.
fn settle_size(entry: &mut Entry, stored: u64) {
    match &mut entry.extents {
        None => entry.size = stored,
        Some(extents) => {
            let promised: u64 = extents.iter().map(|e| e.bytes).sum();
            if promised != stored {
                cut_runs(extents, stored);
                entry.size = extents.last().map_or(0, |e| e.offset + e.bytes);
            }
        }
    }
}

fn cut_runs(extents: &mut Vec<Extent>, stored: u64) {
    let mut left = stored;
    for extent in extents.iter_mut() {
        extent.bytes = extent.bytes.min(left);
        left -= extent.bytes;
    }
    extents.retain(|e| e.bytes > 0);
}

/// An entry that is too long loses its longest attributes; true when one was lost.
fn shorten(entry: &mut Entry) -> bool {
    let mut lost = false;
    loop {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        if bytes.len() < ENTRY_BYTES_MAX || entry.xattrs.is_empty() {
            return lost;
        }
        lost = true;
        let longest = entry.xattrs.iter().enumerate().max_by_key(|(_, x)| x.1.len()).map(|(at, _)| at);
        longest.map(|at| entry.xattrs.remove(at));
    }
}
