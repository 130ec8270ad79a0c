//! Writes the file of a cached segment: tables stream through rkyv into pages, so that memory does not grow with the rows.
//!
//! Peak memory: one buffer of 1 MiB and 4 bytes for each page of 4 KiB, whatever the tables hold.

use super::layout::{Layout, TableAt};
use super::pages::{PAGE_BYTES, map};
use super::records::Row;
use crate::error::{Error, Result};
use memmap2::Mmap;
use rkyv::api::high::HighSerializer;
use rkyv::rancor::{Failure, Fallible};
use rkyv::ser::allocator::ArenaHandle;
use rkyv::ser::{Allocator, Positional, Writer};
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::{Archive, Place, Serialize};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::marker::PhantomData;

const BUFFER_PAGES: usize = 256;

/// A segment's file being written.
pub(super) struct SegmentWriter<'f> {
    file: &'f File,
    buffer: Vec<u8>,
    written: u64,
    checksums: Vec<u32>,
    /// Why the last write failed; rkyv only learns that it did.
    failed: Option<std::io::Error>,
}

/// Rows that rkyv can serialise.
pub(super) trait Streamed: Row + for<'a, 'w, 'f> Serialize<Serializer<'a, 'w, 'f>> {}
impl<T: Row + for<'a, 'w, 'f> Serialize<Serializer<'a, 'w, 'f>>> Streamed for T {}

/// What rkyv writes with.
pub(super) type Serializer<'a, 'w, 'f> = HighSerializer<&'w mut SegmentWriter<'f>, ArenaHandle<'a>, Failure>;

impl<'f> SegmentWriter<'f> {
    /// Begins to write into the empty `file`.
    pub(super) fn begin(file: &'f File) -> Result<Self> {
        let mut writer = SegmentWriter {
            file,
            buffer: Vec::with_capacity(BUFFER_PAGES * PAGE_BYTES),
            written: 0,
            checksums: Vec::new(),
            failed: None,
        };
        // The header's page is filled in at the end: before that, the file is nothing.
        writer.file.seek(SeekFrom::Start(PAGE_BYTES as u64))?;
        Ok(writer)
    }

    /// Writes the rows as one archive. The first error of the iterator ends the table and is returned.
    pub(super) fn table<T: Streamed>(&mut self, rows: impl Iterator<Item = Result<T>>) -> Result<TableAt> {
        let start = self.position();
        let mut failed = None;
        let rows = rows.map_while(|row| row.map_err(|e| failed = Some(e)).ok());
        let stream = Stream { rows: RefCell::new(rows), count: Cell::new(0), row: PhantomData };
        let written = rkyv::api::high::to_bytes_in::<_, Failure>(&stream, &mut *self).map(|_| ());
        let rows = stream.count.get();
        drop(stream);
        if let Some(e) = failed {
            return Err(e);
        }
        match (written, self.failed.take()) {
            (_, Some(e)) => Err(e.into()),
            (Err(_), None) => Err(Error::new(crate::Kind::Bug, "rkyv could not serialise a table of the index cache")),
            (Ok(()), None) => Ok(TableAt { start, len: self.position() - start, rows }),
        }
    }

    /// Fills the last page with zeros and maps everything written so far.
    pub(super) fn written(&mut self) -> Result<Mmap> {
        let rest = self.buffer.len() % PAGE_BYTES;
        if rest > 0 {
            self.buffer.resize(self.buffer.len() + PAGE_BYTES - rest, 0);
        }
        self.flush()?;
        let len = usize::try_from(self.written).unwrap_or(usize::MAX);
        Ok(map(self.file, PAGE_BYTES as u64, len)?)
    }

    /// Writes the checksums, then the header, and makes both durable.
    pub(super) fn finish(mut self, mut layout: Layout) -> Result<()> {
        drop(self.written()?);
        let table: Vec<u8> = self.checksums.iter().flat_map(|crc| crc.to_le_bytes()).collect();
        layout.body_bytes = self.written;
        layout.checksums_crc = crc32fast::hash(&table);
        self.file.write_all(&table)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&layout.encode())?;
        Ok(self.file.sync_all()?)
    }

    fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes the buffer, which holds whole pages only.
    fn flush(&mut self) -> std::io::Result<()> {
        self.checksums.extend(self.buffer.chunks(PAGE_BYTES).map(crc32fast::hash));
        self.file.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Positional for SegmentWriter<'_> {
    /// Archives hold relative pointers, so each may count from the start of the body.
    fn pos(&self) -> usize {
        usize::try_from(self.position()).unwrap_or(usize::MAX)
    }
}

impl Writer<Failure> for SegmentWriter<'_> {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            let room = BUFFER_PAGES * PAGE_BYTES - self.buffer.len();
            let (head, rest) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(head);
            bytes = rest;
            if self.buffer.len() == BUFFER_PAGES * PAGE_BYTES {
                self.flush().map_err(|e| {
                    self.failed = Some(e);
                    Failure
                })?;
            }
        }
        Ok(())
    }
}

/// A row of a table that was written a moment ago and is mapped without checksums.
pub(super) fn written_row<T: Row>(map: &[u8], table: TableAt, row: u64) -> Option<T> {
    let len = size_of::<T::Archived>();
    let start = usize::try_from(table.start + row * len as u64).ok()?;
    row_of(map.get(start..start.checked_add(len)?)?)
}

/// The row that fills `bytes`.
#[inline]
pub(super) fn row_of<T: Row>(bytes: &[u8]) -> Option<T> {
    rkyv::api::access_with_context::<T::Archived, _, Failure>(
        bytes,
        &mut rkyv::validation::archive::ArchiveValidator::new(bytes),
    )
    .ok()
    .map(T::load)
}

/// Rows that archive as an [`ArchivedVec`] without being collected first.
struct Stream<I, T> {
    rows: RefCell<I>,
    count: Cell<u64>,
    row: PhantomData<T>,
}

impl<I, T: Archive> Archive for Stream<I, T> {
    type Archived = ArchivedVec<T::Archived>;
    type Resolver = VecResolver;

    fn resolve(&self, resolver: VecResolver, out: Place<Self::Archived>) {
        let rows = usize::try_from(self.count.get()).unwrap_or(usize::MAX);
        ArchivedVec::resolve_from_len(rows, resolver, out);
    }
}

impl<S, I, T> Serialize<S> for Stream<I, T>
where
    S: Fallible + Allocator + Writer + ?Sized,
    I: Iterator<Item = T>,
    T: Serialize<S>,
{
    fn serialize(&self, serializer: &mut S) -> Result<VecResolver, S::Error> {
        let mut rows = self.rows.borrow_mut();
        let mut counted = rows.by_ref().inspect(|_| self.count.set(self.count.get() + 1));
        ArchivedVec::serialize_from_unknown_length_iter(&mut counted, serializer)
    }
}
