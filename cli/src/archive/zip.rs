//! zip: files, folders and symbolic links with their modes and times, stored without compression, large ones as zip64.

use super::{Archive, fill};
use crate::say::human;
use engine::Result;
use engine::monitor::Monitor;
use engine::repository::Repository;
use format_spec::tree::{Entry, Kind};
use std::io::{self, Read, Write};
use std::sync::Arc;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Writes everything below `root` as zip.
///
/// # Errors
/// The reader's, and stdout's.
pub(crate) fn write_zip(repo: &Arc<Repository>, root: &Entry, out: &mut dyn Write, monitor: &Monitor) -> Result<()> {
    let mut archive = Zip { writer: ZipWriter::new_stream(out) };
    fill(repo, root, &mut archive, monitor)?;
    let finish = || -> io::Result<()> { archive.writer.finish()?.into_inner().flush() };
    finish().map_err(|e| engine::Error::from(e).on("stdout"))
}

struct Zip<'w> {
    writer: ZipWriter<StreamWriter<&'w mut dyn Write>>,
}

impl Archive for Zip<'_> {
    fn add(&mut self, path: &[u8], entry: &Entry, content: Option<&mut dyn Read>, monitor: &Monitor) -> io::Result<()> {
        let name = human::name(path);
        if std::str::from_utf8(path) != Ok(name.as_str()) {
            monitor.warn(path, format!("zip names are UTF-8 without control characters: it is called {name}"));
        }
        match (entry.kind, content) {
            (Kind::Folder, _) => self.writer.add_directory(name, options(entry))?,
            (Kind::Symlink, _) => self.writer.add_symlink(name, human::name(&entry.target), options(entry))?,
            (Kind::File, Some(content)) => {
                self.writer.start_file(name, options(entry))?;
                io::copy(content, &mut self.writer)?;
            }
            _ => monitor.warn(path, "left out: zip has no devices, pipes and sockets"),
        }
        Ok(())
    }
}

fn options(entry: &Entry) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(entry.mode)
        .large_file(entry.size >= LARGE_BYTES)
        .last_modified_time(modified(entry).unwrap_or_default())
}

/// zip keeps local times of 1980 to 2107 in steps of two seconds; these are UTC.
fn modified(entry: &Entry) -> Option<DateTime> {
    let at = human::instant(entry.mtime)?;
    let small = |n: i8| u8::try_from(n).ok();
    let (month, day) = (small(at.month())?, small(at.day())?);
    let (hour, minute, second) = (small(at.hour())?, small(at.minute())?, small(at.second())?);
    DateTime::from_date_and_time(u16::try_from(at.year()).ok()?, month, day, hour, minute, second).ok()
}

/// From here on lengths need zip64; a margin for what a writer counts on top.
const LARGE_BYTES: u64 = 4_000_000_000;
