//! Reading packs: one block from a ranged read, or the list of blobs from the tail.

use crate::error::{Error, Kind, Result};
use format_spec::container::{DirectoryEntry, HEADER_BYTES, Header, TRAILER_BYTES, Trailer, kind, open_record};
use format_spec::keys::Cipher;
use format_spec::pack::Contents;

/// Opens one block from `head ‖ payload`, as an index place names it.
///
/// # Errors
/// `Damaged` when a checksum, the tag or the length fails.
pub fn open_block(record: &[u8], cipher: &Cipher) -> Result<Vec<u8>> {
    let (head, plain) = open_record(record, cipher)?;
    if head.kind != kind::BLOCK {
        return Err(Error::new(Kind::Damaged, format!("a record of kind {} stands where a block should", head.kind)));
    }
    Ok(plain)
}

/// What a pack's tail tells: its trailer and directory.
#[derive(Debug)]
pub struct PackTail {
    /// The trailer.
    pub trailer: Trailer,
    /// The records.
    pub entries: Vec<DirectoryEntry>,
    directory: Vec<u8>,
}

impl PackTail {
    /// How much of the tail is needed for the directory, read from the trailer.
    pub fn bytes_needed(tail: &[u8], object_bytes: u64) -> Result<u64> {
        Ok(Trailer::decode(tail, object_bytes)?.tail_bytes())
    }

    /// Reads trailer and directory from a tail that is long enough.
    pub fn parse(tail: &[u8], object_bytes: u64) -> Result<Self> {
        let trailer = Trailer::decode(tail, object_bytes)?;
        let needed = usize::try_from(trailer.tail_bytes()).unwrap_or(usize::MAX);
        let directory = tail.len().checked_sub(needed).map(|start| &tail[start..tail.len() - TRAILER_BYTES]);
        let short = || Error::new(Kind::Damaged, "the tail ends before the directory begins");
        let directory = directory.ok_or_else(short)?.to_vec();
        let header_bytes = u16::try_from(HEADER_BYTES).expect("96 fits");
        let entries = trailer.directory(&directory, header_bytes)?;
        Ok(PackTail { trailer, entries, directory })
    }

    /// The contents record's place.
    pub fn contents_entry(&self) -> Result<&DirectoryEntry> {
        let missing = || Error::new(Kind::Damaged, "a pack without a contents record");
        self.entries.iter().find(|e| e.head.kind == kind::CONTENTS).ok_or_else(missing)
    }

    /// Verifies the directory's seal with the pack's header and opens the contents record's bytes.
    pub fn contents(&self, header: &Header, cipher: &Cipher, record: &[u8]) -> Result<Contents> {
        let seal = cipher.directory_seal(&header.encode(), &self.trailer.body_hash, &self.directory);
        if seal != self.trailer.seal {
            return Err(Error::new(Kind::Damaged, "the seal of the directory does not match: another pack, or forged"));
        }
        let (head, plain) = open_record(record, cipher)?;
        if head != self.contents_entry()?.head {
            let what = "the head of the contents record is not what the directory says [CONT-13]";
            return Err(Error::new(Kind::Damaged, what));
        }
        Ok(Contents::decode(&plain, &self.entries)?)
    }
}
