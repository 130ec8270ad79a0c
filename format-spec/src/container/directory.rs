//! The directory and the trailer: an object's own table, read from its tail ([CONT-13] to [CONT-17]).

use super::record::{HEAD_BYTES, RecordHead, check_lengths};
use crate::bytes::Cursor;
use crate::{FormatError, Result};

/// Length of a directory entry.
pub const ENTRY_BYTES: usize = 24;
/// Length of the trailer.
pub const TRAILER_BYTES: usize = 104;
/// [CONT-1].
pub const RECORDS_MAX: u32 = 1_000_000;
const END_MAGIC: [u8; 4] = [0x4E, 0x52, 0x43, 0x89];

/// Where a record is, and its head's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Where the head begins in the object.
    pub offset: u64,
    /// The head, as the directory repeats it.
    pub head: RecordHead,
}

impl DirectoryEntry {
    /// The bytes of head and payload in the object.
    pub fn range(&self) -> std::ops::Range<u64> {
        self.offset..self.offset + HEAD_BYTES as u64 + u64::from(self.head.stored)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.head.stored.to_le_bytes());
        out.extend_from_slice(&self.head.plain.to_le_bytes());
        out.extend_from_slice(&self.head.crc.to_le_bytes());
        out.extend_from_slice(&[self.head.kind, self.head.codec, 0, 0]);
    }

    fn decode(cursor: &mut Cursor<'_>, position: u32) -> Result<Self> {
        let offset = cursor.u64()?;
        let (stored, plain, crc) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let (kind, codec) = (cursor.u8()?, cursor.u8()?);
        cursor.zero(2, "flags of a directory entry")?;
        check_lengths(stored, plain)?;
        Ok(DirectoryEntry { offset, head: RecordHead { kind, codec, stored, plain, position, crc } })
    }
}

/// Encodes a directory.
pub(super) fn encode_directory(entries: &[DirectoryEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    entries.iter().for_each(|e| e.encode(&mut out));
    out
}

/// The last 104 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// Where the directory begins.
    pub directory_offset: u64,
    /// How many records there are.
    pub records: u32,
    /// The directory's seal ([CONT-17]).
    pub seal: [u8; 32],
    /// BLAKE3 of everything before the directory.
    pub body_hash: [u8; 32],
    /// Length of the whole object.
    pub object_bytes: u64,
    /// CRC of the directory.
    pub directory_crc: u32,
}

impl Trailer {
    /// The 104 bytes.
    pub fn encode(&self) -> [u8; TRAILER_BYTES] {
        let mut out = [0; TRAILER_BYTES];
        out[0..8].copy_from_slice(&self.directory_offset.to_le_bytes());
        out[8..12].copy_from_slice(&self.records.to_le_bytes());
        out[12..16].copy_from_slice(&24u32.to_le_bytes());
        out[16..48].copy_from_slice(&self.seal);
        out[48..80].copy_from_slice(&self.body_hash);
        out[80..88].copy_from_slice(&self.object_bytes.to_le_bytes());
        out[88..92].copy_from_slice(&self.directory_crc.to_le_bytes());
        out[92..96].copy_from_slice(&104u32.to_le_bytes());
        let crc = crc32fast::hash(&out[..96]);
        out[96..100].copy_from_slice(&crc.to_le_bytes());
        out[100..104].copy_from_slice(&END_MAGIC);
        out
    }

    /// Reads the trailer of an object of `object_bytes` from its last bytes.
    pub fn decode(tail: &[u8], object_bytes: u64) -> Result<Self> {
        let Some(start) = tail.len().checked_sub(TRAILER_BYTES) else {
            return Err(FormatError::broken("CONT-15", "object length", "at least a trailer", tail.len()));
        };
        let raw = &tail[start..];
        if raw[100..] != END_MAGIC {
            return Err(FormatError::broken("CONT-15", "end magic", "4E524389", "other bytes: truncated?"));
        }
        let mut cursor = Cursor::new(raw, "CONT-15");
        let (directory_offset, records, entry_bytes) = (cursor.u64()?, cursor.u32()?, cursor.u32()?);
        let (seal, body_hash, length) = (cursor.array()?, cursor.array()?, cursor.u64()?);
        let (directory_crc, trailer_bytes, crc) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let found = crc32fast::hash(&raw[..96]);
        if crc != found {
            return Err(FormatError::broken("CONT-15", "trailer CRC", crc, found));
        }
        if entry_bytes as usize != ENTRY_BYTES || trailer_bytes as usize != TRAILER_BYTES {
            return Err(FormatError::unsupported("CONT-15", "another directory layout", entry_bytes));
        }
        if length != object_bytes {
            return Err(FormatError::broken("CONT-15", "object length", length, object_bytes));
        }
        if records == 0 || records > RECORDS_MAX {
            return Err(FormatError::broken("CONT-1", "number of records", "1..=1000000", records));
        }
        let directory_bytes = u64::from(records) * ENTRY_BYTES as u64;
        let expected = directory_offset.checked_add(directory_bytes + TRAILER_BYTES as u64);
        if expected != Some(object_bytes) {
            return Err(FormatError::broken("CONT-14", "place of the directory", object_bytes, directory_offset));
        }
        Ok(Trailer { directory_offset, records, seal, body_hash, object_bytes, directory_crc })
    }

    /// Length of directory and trailer together: how much of the tail is needed.
    pub fn tail_bytes(&self) -> u64 {
        self.object_bytes - self.directory_offset
    }

    /// Reads the directory. `bytes` is the directory without the trailer, `header_bytes` the header's length.
    pub fn directory(&self, bytes: &[u8], header_bytes: u16) -> Result<Vec<DirectoryEntry>> {
        let found = crc32fast::hash(bytes);
        if found != self.directory_crc {
            return Err(FormatError::broken("CONT-15", "directory CRC", self.directory_crc, found));
        }
        let mut cursor = Cursor::new(bytes, "CONT-13");
        let mut entries = Vec::with_capacity(bytes.len() / ENTRY_BYTES);
        let mut next = u64::from(header_bytes);
        for position in 0..self.records {
            let entry = DirectoryEntry::decode(&mut cursor, position)?;
            if entry.offset != next {
                return Err(FormatError::broken("CONT-14", "offset of a record", next, entry.offset));
            }
            next = entry.range().end;
            entries.push(entry);
        }
        cursor.end()?;
        if next != self.directory_offset {
            return Err(FormatError::broken("CONT-14", "end of the records", self.directory_offset, next));
        }
        Ok(entries)
    }
}
