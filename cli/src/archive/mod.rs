//! A folder of a restore point as one stream: `cat POINT:FOLDER --as tar|zip`.
//!
//! Promises: entries in canonical order, paths relative to the folder, every byte verified by the reader. What a format cannot
//! hold is warned of, never dropped silently. A stream that ends early, however it ends, is refused by whoever unpacks it:
//! what has been sent ends inside of something from the first moment on ([`steady`]).

mod gate;
mod pax;
mod steady;
mod tar;
mod zip;

pub(crate) use self::steady::Out;

use self::steady::Steady;
use engine::Result;
use engine::monitor::Monitor;
use engine::reader::ContentReader;
use engine::repository::Repository;
use engine::tree::{Step, Walk};
use format_spec::tree::{Entry, Kind};
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

/// What kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// With owners, links, devices, holes, access lists and extended attributes
    Tar,
    /// With owners, modes, times and symbolic links
    Zip,
}

/// An archive of which only the first bytes have been sent: less than any unpacker takes for an archive.
pub(crate) struct Begun<'w> {
    format: Format,
    out: Steady<'w>,
}

impl<'w> Begun<'w> {
    /// Begins an archive, before anything can fail: some unpackers take an empty file for an empty archive.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn new(format: Format, out: &'w mut dyn Out) -> io::Result<Self> {
        let first = match format {
            Format::Tar => tar::FIRST,
            Format::Zip => zip::FIRST,
        };
        Ok(Begun { format, out: Steady::begin(out, first)? })
    }

    /// Writes everything below `root`.
    ///
    /// # Errors
    /// The reader's, and those of `out`.
    pub(crate) fn write(self, repo: &Arc<Repository>, root: &Entry, monitor: &Monitor) -> Result<()> {
        let mut archive: Box<dyn Archive + '_> = match self.format {
            Format::Tar => Box::new(tar::Tar::new(self.out, root)),
            Format::Zip => Box::new(zip::Zip::new(self.out)),
        };
        fill(repo, root, &mut *archive, monitor)?;
        archive.finish(monitor).map_err(failed)
    }
}

/// A format being written.
trait Archive {
    /// Adds one entry; `path` is relative, raw, never empty. `content` is of files.
    fn add(
        &mut self,
        path: &[u8],
        entry: &Entry,
        content: Option<&mut Content<'_>>,
        monitor: &Monitor,
    ) -> io::Result<()>;

    /// Ends the archive: only now it is one.
    fn finish(self: Box<Self>, monitor: &Monitor) -> io::Result<()>;
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
            Kind::File => Some(Content::open(repo, entry, monitor)?),
            _ => None,
        };
        archive.add(seen.path, entry, content.as_mut(), monitor).map_err(failed)?;
        monitor.done(1, entry.size);
    }
    Ok(())
}

fn failed(e: io::Error) -> engine::Error {
    match e.downcast::<engine::Error>() {
        Ok(e) => e,
        Err(e) => engine::Error::from(e).on("stdout"),
    }
}

/// A file's bytes from its start, holes as zeros.
pub(crate) struct Content<'m> {
    reader: ContentReader,
    offset: u64,
    bytes: u64,
    monitor: &'m Monitor,
}

impl<'m> Content<'m> {
    /// Opens a file.
    ///
    /// # Errors
    /// As the engine's reader.
    pub(crate) fn open(repo: &Arc<Repository>, entry: &Entry, monitor: &'m Monitor) -> Result<Content<'m>> {
        Ok(Content { reader: ContentReader::open(repo.blobs(), entry)?, offset: 0, bytes: entry.size, monitor })
    }

    /// Reads on from this offset.
    fn go_to(&mut self, offset: u64) {
        self.offset = offset;
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.monitor.check().map_err(io::Error::other)?;
        let left = usize::try_from(self.bytes.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let read = self.reader.read_at(self.offset, buffer).map_err(io::Error::other)?;
        if read == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "a file ends before its size"));
        }
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
