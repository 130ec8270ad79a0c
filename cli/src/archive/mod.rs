//! A folder of a restore point as one stream: `cat POINT:FOLDER --as tar|zip`.
//!
//! Promises: entries in canonical order, paths relative to the folder, every byte verified by the reader. What a format cannot
//! hold is warned of, never dropped silently.

mod tar;
mod zip;

pub(crate) use self::tar::write_tar;
pub(crate) use self::zip::write_zip;

use engine::Result;
use engine::monitor::Monitor;
use engine::reader::ContentReader;
use engine::repository::Repository;
use engine::tree::{Step, Walk};
use format_spec::tree::Entry;
use std::io::{self, Read};
use std::sync::Arc;

/// A format being written.
trait Archive {
    /// Adds one entry; `path` is relative, raw, never empty. `content` yields exactly `entry.size` bytes of a file.
    fn add(&mut self, path: &[u8], entry: &Entry, content: Option<&mut dyn Read>, monitor: &Monitor) -> io::Result<()>;
}

/// Walks everything below `root` into the archive; the root itself has no name and is left out.
fn fill(repo: &Arc<Repository>, root: &Entry, archive: &mut dyn Archive, monitor: &Monitor) -> Result<()> {
    let mut walk = Walk::start(repo.nodes(), root);
    while let Some(step) = walk.step()? {
        let Step::Enter(seen) = step else { continue };
        monitor.check()?;
        if seen.path.is_empty() {
            continue;
        }
        let entry: &Entry = seen.entry;
        let mut content = match entry.kind {
            format_spec::tree::Kind::File => Some(Content::open(repo, entry)?),
            _ => None,
        };
        let reader = content.as_mut().map(|content| content as &mut dyn Read);
        archive.add(seen.path, entry, reader, monitor).map_err(|e| match e.downcast::<engine::Error>() {
            Ok(e) => e,
            Err(e) => engine::Error::from(e).on("stdout"),
        })?;
        monitor.done(1, entry.size);
    }
    Ok(())
}

/// A file's bytes from its start, holes as zeros.
pub(crate) struct Content {
    reader: ContentReader,
    offset: u64,
    bytes: u64,
}

impl Content {
    /// Opens a file.
    ///
    /// # Errors
    /// As the engine's reader.
    pub(crate) fn open(repo: &Arc<Repository>, entry: &Entry) -> Result<Content> {
        Ok(Content { reader: ContentReader::open(repo.blobs(), entry)?, offset: 0, bytes: entry.size })
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let read = self.reader.read_at(self.offset, buffer).map_err(io::Error::other)?;
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
