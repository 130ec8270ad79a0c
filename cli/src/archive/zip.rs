//! zip: files, folders and symbolic links with their owners, modes and times, stored without compression, large ones as zip64.
//!
//! Its table of contents comes last, and it comes only when everything before it was sent: whatever ends the work early, a panic
//! included, ends the archive without one. What zip cannot carry is counted and said at the end, once for each kind.

use super::gate::{Gate, Pass};
use super::steady::Steady;
use super::{Archive, Content};
use crate::output::human;
use engine::monitor::Monitor;
use format_spec::Time;
use format_spec::tree::{Entry, Kind};
use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use zip::write::{ExtendedFileOptions, FileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

/// How every archive begins.
pub(super) const FIRST: &[u8] = b"PK";

/// A zip being written.
pub(super) struct Zip<'w> {
    /// `None` once it is finished.
    writer: Option<ZipWriter<StreamWriter<Gate<'w>>>>,
    pass: Rc<Cell<Pass>>,
    names: HashSet<String>,
    groups: HashSet<[u8; 16]>,
    lost: Lost,
}

/// How many items lose what.
#[derive(Default)]
struct Lost {
    attributes: u64,
    modes: u64,
    times: u64,
    names: u64,
    holes: u64,
}

impl<'w> Zip<'w> {
    pub(super) fn new(out: Steady<'w>) -> Self {
        let pass = Rc::new(Cell::new(Pass::Data));
        let gate = Gate::new(out, Rc::clone(&pass));
        let writer = Some(ZipWriter::new_stream(gate));
        Zip { writer, pass, names: HashSet::new(), groups: HashSet::new(), lost: Lost::default() }
    }

    /// A name that the archive does not have yet.
    fn name(&mut self, path: &[u8], monitor: &Monitor) -> String {
        let mut name = human::name(path);
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        if std::str::from_utf8(path) != Ok(name.as_str()) {
            monitor.warn(path, format!("zip names are UTF-8 without control characters: it is called {name}"));
        }
        name
    }

    fn count(&mut self, entry: &Entry) {
        self.lost.attributes += u64::from(!entry.xattrs.is_empty());
        self.lost.modes += u64::from(entry.mode & !0o777 != 0);
        self.lost.times += u64::from(i32::try_from(entry.mtime.seconds).is_err());
        self.lost.holes += u64::from(entry.extents.is_some());
        self.lost.names += u64::from(entry.link_group.is_some_and(|group| !self.groups.insert(group)));
    }
}

impl Archive for Zip<'_> {
    fn add(
        &mut self,
        path: &[u8],
        entry: &Entry,
        content: Option<&mut Content<'_>>,
        monitor: &Monitor,
    ) -> io::Result<()> {
        if !matches!(entry.kind, Kind::File | Kind::Folder | Kind::Symlink) {
            monitor.warn(path, "left out: zip has no devices, pipes and sockets");
            return Ok(());
        }
        let target = human::name(&entry.target);
        if target.as_bytes() != entry.target {
            monitor.warn(path, "left out: it is a link to a name that is not UTF-8 or has control characters");
            return Ok(());
        }
        let name = self.name(path, monitor);
        self.count(entry);
        let writer = self.writer.as_mut().expect("it is there until it is finished");
        match (entry.kind, content) {
            (Kind::Folder, _) => {
                self.pass.set(Pass::Folder);
                let added = writer.add_directory(name, options(entry)?);
                self.pass.set(Pass::Data);
                added?;
            }
            (Kind::Symlink, _) => writer.add_symlink(name, target, options(entry)?)?,
            (_, content) => {
                writer.start_file(name, options(entry)?)?;
                content.map(|content| io::copy(content, writer)).transpose()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, monitor: &Monitor) -> io::Result<()> {
        let writer = self.writer.take().expect("it is finished once");
        self.pass.set(Pass::End);
        writer.finish()?.into_inner().finish()?;
        let lost = &self.lost;
        for (number, one, many, why) in [
            (lost.attributes, "item", "items", "with extended attributes or access lists, which are left out"),
            (lost.modes, "item", "items", "with a set-id or sticky bit, which is left out"),
            (lost.times, "item", "items", "with a time before 1901 or after 2038, which few unpackers read"),
            (lost.names, "further name", "further names", "of a file, which are files of their own here"),
            (lost.holes, "file", "files", "with holes, which are zeros here"),
        ] {
            if number > 0 {
                let counted = human::counted(number, one, many);
                monitor.warn(b"zip", format!("{counted} {why}; --as tar keeps them"));
            }
        }
        Ok(())
    }
}

impl Drop for Zip<'_> {
    /// What was not finished gets no table of contents, which its writer would add when it is dropped.
    fn drop(&mut self) {
        if self.writer.is_some() {
            self.pass.set(Pass::Nothing);
        }
    }
}

fn options(entry: &Entry) -> io::Result<FileOptions<'static, ExtendedFileOptions>> {
    let mut options = FileOptions::<ExtendedFileOptions>::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(entry.mode)
        .large_file(entry.size >= LARGE_BYTES)
        .last_modified_time(modified(entry).unwrap_or_default());
    if let Ok(seconds) = i32::try_from(entry.mtime.seconds) {
        // Bit 0: the modification time, and no other.
        options.add_extra_data(UNIX_TIME, [&[1][..], &seconds.to_le_bytes()].concat(), false)?;
    }
    if let Some(ticks) = ticks(entry.mtime) {
        let times = [ticks.to_le_bytes(); 3].concat();
        options.add_extra_data(NTFS, [&[0, 0, 0, 0, 1, 0, 24, 0][..], &times].concat(), false)?;
    }
    let (uid, gid) = (entry.uid.to_le_bytes(), entry.gid.to_le_bytes());
    options.add_extra_data(UNIX_OWNER, [&[1, 4][..], &uid, &[4], &gid].concat(), false)?;
    Ok(options)
}

/// Steps of 100 ns since 1601.
fn ticks(time: Time) -> Option<u64> {
    let seconds = u64::try_from(time.seconds.checked_add(SECONDS_1601_TO_1970)?).ok()?;
    seconds.checked_mul(10_000_000)?.checked_add(u64::from(time.nanos / 100))
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
const SECONDS_1601_TO_1970: i64 = 11_644_473_600;
/// Extra fields of Info-ZIP and PKWARE: times in seconds, times in 100 ns, numeric owners.
const UNIX_TIME: u16 = 0x5455;
const NTFS: u16 = 0x000a;
const UNIX_OWNER: u16 = 0x7875;
