//! Writing one file: whole or not at all where something was there before, holes as holes, verified again if asked.

use super::attributes;
use super::folder::Folder;
use super::item::{First, Held, Inode, Item, Ours};
use super::restoring::Restoring;
use super::target::refused;
use super::{Overwrite, Told};
use crate::blob::Blobs;
use crate::error::{Error, Kind, Result};
use crate::reader::{Account, ContentReader, dense_runs};
use crate::tree::{pieces, stored_bytes};
use format_spec::tree::{Content, Entry};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Files longer than this are written beside their place and renamed, so that a killed restore leaves no half file under the name.
const DIRECT_BYTES_MAX: u64 = 1 << 20;
/// So often a partial file is made again where somebody keeps taking its name.
const CREATES_MAX: usize = 16;
/// Runs of zeros at least this long become holes with `--sparse`.
const HOLE_BYTES: usize = 4096;

/// A file to be restored.
pub(super) struct FileTask {
    pub(super) folder: Arc<Folder>,
    pub(super) entry: Entry,
    pub(super) path: Vec<u8>,
    /// What read-ahead has planned for it.
    pub(super) account: Arc<Account>,
    /// The inode that is what the point has, once there is one; of first names of link groups only.
    pub(super) ours: Option<Ours>,
}

impl FileTask {
    fn is_ours(&self, first: First) {
        self.ours.iter().for_each(|ours| _ = ours.set(first));
    }

    /// Counted and told, or of a dry run: it would be.
    fn is_restored(&self, shared: &Restoring) {
        shared.counts.files.fetch_add(1, Ordering::Relaxed);
        shared.counts.bytes.fetch_add(self.entry.size, Ordering::Relaxed);
        shared.tell(&self.path, &Told::Restored);
    }
}

/// Restores the file; errors are about this file alone unless their kind says otherwise.
pub(super) fn restore_file(
    task: &FileTask,
    shared: &Restoring,
    blobs: &Arc<Blobs>,
    used: &mut dyn FnMut(u64),
) -> Result<()> {
    let options = &shared.options;
    let (folder, entry) = (&task.folder, &task.entry);
    let here = Held::take(folder.fd(), &entry.name).map_err(|e| refused(e, &task.path))?;
    match &here {
        Some(held) if options.overwrite == Overwrite::Never => {
            shared.counts.files_unchanged.fetch_add(1, Ordering::Relaxed);
            if options.verify && !(held.kind() == FileType::RegularFile && has_same_bytes(task, held, shared, blobs)?) {
                shared.differs(&task.path);
            }
            return Ok(());
        }
        Some(held) if held.kind() == FileType::RegularFile && keep(task, held, shared, blobs)? => {
            shared.counts.files_unchanged.fetch_add(1, Ordering::Relaxed);
            if !options.dry_run {
                for problem in attributes::set(held.item(), entry, shared.owners()) {
                    shared.warn(&task.path, problem);
                }
            }
            task.is_ours(First::Is(held.inode()));
            return Ok(());
        }
        Some(held) if held.kind() == FileType::Directory => folder.clear(&entry.name, &task.path)?,
        _ => {}
    }
    if options.dry_run {
        task.is_ours(First::WouldBe);
        task.is_restored(shared);
        return Ok(());
    }
    let is_direct = here.is_none() && entry.size <= DIRECT_BYTES_MAX;
    let name = if is_direct { entry.name.clone() } else { beside(&entry.name) };
    let file = create(folder, &name, is_direct).map_err(|e| refused(e, &task.path))?;
    let published = fill(task, &file, shared, blobs, used).and_then(|()| {
        if !is_direct {
            rustix::fs::renameat(folder.fd(), &name[..], folder.fd(), &entry.name[..])
                .map_err(|e| refused(e, &task.path))?;
        }
        rustix::fs::fstat(&file).map_err(|e| refused(e, &task.path))
    });
    match published {
        Ok(stat) => task.is_ours(First::Is(Inode::of(&stat))),
        Err(e) => {
            // Half a file must not stay, nor a whole one under another name.
            let _ = rustix::fs::unlinkat(folder.fd(), &name[..], AtFlags::empty());
            return Err(e);
        }
    }
    task.is_restored(shared);
    Ok(())
}

/// Makes a file that nobody else has open. What a killed restore left under the name of a partial file goes first.
fn create(folder: &Folder, name: &[u8], is_direct: bool) -> rustix::io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..CREATES_MAX {
        match rustix::fs::openat(folder.fd(), name, flags, Mode::RUSR | Mode::WUSR) {
            Err(Errno::EXIST) if !is_direct => match rustix::fs::unlinkat(folder.fd(), name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(e),
            },
            made => return made.map(File::from),
        }
    }
    Err(Errno::EXIST)
}

/// Writes the bytes and sets the attributes.
fn fill(task: &FileTask, file: &File, shared: &Restoring, blobs: &Arc<Blobs>, used: &mut dyn FnMut(u64)) -> Result<()> {
    let (options, entry) = (&shared.options, &task.entry);
    let written = write(file, entry, blobs, options.sparse, used)
        .and_then(|()| if options.verify { expect_written(file, entry, blobs) } else { Ok(()) });
    written.map_err(|failed| failed.told(task, shared))?;
    if options.sparse || entry.extents.is_some() {
        // The length stands before the data: without this, a power cut could leave holes under the final time.
        file.sync_data().map_err(|e| refused(e, &task.path))?;
    }
    for problem in attributes::set(Item::open(file.as_fd()), entry, shared.owners()) {
        shared.warn(&task.path, problem);
    }
    Ok(())
}

/// Which side of a file's way failed: what the store refuses is another matter than what the target does.
enum Failed {
    Read(Error),
    Write(std::io::Error),
}

impl Failed {
    /// The item's error. What the store does not give is counted.
    fn told(self, task: &FileTask, shared: &Restoring) -> Error {
        match self {
            Failed::Read(e) => {
                shared.cannot_read(&e);
                e.on(String::from_utf8_lossy(&task.path))
            }
            Failed::Write(e) => refused(e, &task.path),
        }
    }
}

impl From<Error> for Failed {
    fn from(e: Error) -> Self {
        Failed::Read(e)
    }
}

impl From<std::io::Error> for Failed {
    fn from(e: std::io::Error) -> Self {
        Failed::Write(e)
    }
}

/// Whether the file that is there is the point's: by its size and time, and with `verify` by its bytes. Where others may
/// write, one with more names than the point's is not: it may be somebody's way to have another file changed.
fn keep(task: &FileTask, held: &Held, shared: &Restoring, blobs: &Arc<Blobs>) -> Result<bool> {
    let FileTask { folder, entry, .. } = task;
    let stat = &held.stat;
    if shared.options.overwrite == Overwrite::Always
        || folder.is_exposed && stat.st_nlink > 1 && entry.link_group.is_none()
    {
        return Ok(false);
    }
    let same_size = u64::try_from(stat.st_size).is_ok_and(|n| n == entry.size);
    let same_time = stat.st_mtime == entry.mtime.seconds && u64::from(entry.mtime.nanos) == stat.st_mtime_nsec;
    Ok(same_size && same_time && (!shared.options.verify || has_same_bytes(task, held, shared, blobs)?))
}

/// Whether the file that is there has the point's bytes; one that cannot be read has not.
fn has_same_bytes(task: &FileTask, held: &Held, shared: &Restoring, blobs: &Arc<Blobs>) -> Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(fd) = rustix::fs::openat(task.folder.fd(), &task.entry.name[..], flags, Mode::empty()) else {
        return Ok(false);
    };
    if !rustix::fs::fstat(&fd).is_ok_and(|stat| Inode::of(&stat) == held.inode()) {
        return Ok(false);
    }
    let file = File::from(fd);
    if !file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() == task.entry.size) {
        return Ok(false);
    }
    match is_same(&file, &task.entry, blobs) {
        Ok(same) => Ok(same),
        Err(Failed::Write(_)) => Ok(false),
        Err(failed) => Err(failed.told(task, shared)),
    }
}

/// The name of a file that is not whole yet: short whatever the name's length, and the same on the next run.
fn beside(name: &[u8]) -> Vec<u8> {
    format!(".cairn-partial-{}", &blake3::hash(name).to_hex()[..16]).into_bytes()
}

fn write(
    file: &File,
    entry: &Entry,
    blobs: &Arc<Blobs>,
    sparse: bool,
    used: &mut dyn FnMut(u64),
) -> Result<(), Failed> {
    let runs = dense_runs(entry);
    let holes = sparse || entry.extents.is_some();
    if holes && entry.size > 0 {
        file.set_len(entry.size)?;
    }
    // One small chunk is the common case: no tree, no runs.
    if let (Content::Chunk(id), None) = (entry.content, &entry.extents) {
        let chunk = blobs.chunk(&id)?;
        if chunk.len() as u64 != entry.size {
            let short = Error::new(Kind::Damaged, "its chunk is not as long as the file");
            return Err(short.on(format!("chunk {id}")).into());
        }
        put(file, &chunk, 0, sparse)?;
        used(entry.size);
        return Ok(());
    }
    let mut run = runs.iter().copied();
    let mut at = run.next();
    for piece in pieces(&**blobs, entry.content, stored_bytes(entry), 0..u64::MAX)? {
        let chunk = blobs.chunk(&piece?.id)?;
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let Some(current) = &mut at else {
                return Err(Error::new(Kind::Damaged, "the content is longer than the file").into());
            };
            let n = usize::try_from(current.bytes).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at(n);
            put(file, now, current.offset, sparse)?;
            (current.offset, current.bytes) = (current.offset + n as u64, current.bytes - n as u64);
            rest = later;
            if current.bytes == 0 {
                at = run.next();
            }
        }
        used(chunk.len() as u64);
    }
    if at.is_some() {
        return Err(Error::new(Kind::Damaged, "the content is shorter than the file").into());
    }
    Ok(())
}

fn put(file: &File, bytes: &[u8], offset: u64, sparse: bool) -> std::io::Result<()> {
    if !sparse {
        return file.write_all_at(bytes, offset);
    }
    for (n, part) in bytes.chunks(HOLE_BYTES).enumerate() {
        if part.iter().any(|b| *b != 0) {
            file.write_all_at(part, offset + (n * HOLE_BYTES) as u64)?;
        }
    }
    Ok(())
}

/// Reads the written file back.
fn expect_written(file: &File, entry: &Entry, blobs: &Arc<Blobs>) -> Result<(), Failed> {
    if is_same(file, entry, blobs)? {
        return Ok(());
    }
    Err(Error::new(Kind::Damaged, "what was written reads back differently").advise("check the target's disk").into())
}

/// Compares a file with the point, part by part.
fn is_same(file: &File, entry: &Entry, blobs: &Arc<Blobs>) -> Result<bool, Failed> {
    let content = ContentReader::open(blobs, entry)?;
    let (mut wanted, mut found) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut offset = 0;
    while offset < entry.size {
        let n = content.read_at(offset, &mut wanted)?;
        file.read_exact_at(&mut found[..n], offset)?;
        if wanted[..n] != found[..n] {
            return Ok(false);
        }
        offset += n as u64;
    }
    Ok(true)
}
