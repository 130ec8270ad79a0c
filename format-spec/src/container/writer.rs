//! Writing an object: records in order, then directory and trailer.

use super::directory::{DirectoryEntry, ENTRY_BYTES, TRAILER_BYTES, Trailer, encode_directory};
use super::header::{HEADER_BYTES, Header};
use super::record::{Codec, HEAD_BYTES, RecordHead};
use crate::keys::Cipher;
use crate::{FormatError, Result};

/// An object under construction, in memory; or elsewhere, as far as somebody [took](ObjectWriter::take) it.
pub struct ObjectWriter {
    header: Header,
    cipher: Cipher,
    /// Header and records, without those that were taken.
    bytes: Vec<u8>,
    /// Length of what was taken, and the hash of it.
    taken: usize,
    hasher: blake3::Hasher,
    entries: Vec<DirectoryEntry>,
}

impl std::fmt::Debug for ObjectWriter {
    /// What it is, not its bytes: megabytes of them, and in a clear config a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectWriter").field("header", &self.header).field("records", &self.entries.len()).finish()
    }
}

impl ObjectWriter {
    /// Begins an object with this header; `cipher` must be the header's.
    pub fn new(header: Header, cipher: Cipher) -> Self {
        let bytes = header.encode().to_vec();
        ObjectWriter { header, cipher, bytes, taken: 0, hasher: blake3::Hasher::new(), entries: Vec::new() }
    }

    /// Goes on with an object of which header and some records are there.
    ///
    /// # Errors
    /// The rule that the records break.
    pub fn resume(header: Header, cipher: Cipher, body: Vec<u8>) -> Result<Self> {
        let entries = entries_of(&body)?;
        Ok(ObjectWriter { header, cipher, bytes: body, taken: 0, hasher: blake3::Hasher::new(), entries })
    }

    /// Appends a record of `encoded` bytes that stand for `plain_bytes` of plaintext; returns its place.
    pub fn push(&mut self, kind: u8, codec: Codec, plain_bytes: usize, mut encoded: Vec<u8>) -> DirectoryEntry {
        let narrow = |n: usize| u32::try_from(n).expect("records are bounded by 4 MiB and objects by 256 MB");
        let mut head = RecordHead {
            kind,
            codec: codec as u8,
            stored: narrow(encoded.len() + self.cipher.overhead()),
            plain: narrow(plain_bytes),
            position: narrow(self.entries.len()),
            crc: 0,
        };
        self.cipher.seal(&head, &mut encoded);
        head.crc = crc32fast::hash(&encoded);
        let entry = DirectoryEntry { offset: (self.taken + self.bytes.len()) as u64, head };
        self.bytes.extend_from_slice(&head.encode());
        self.bytes.extend_from_slice(&encoded);
        self.entries.push(entry);
        entry
    }

    /// Appends a record that is never sealed: parity stands over what is stored ([CONT-12]).
    pub fn push_clear(&mut self, kind: u8, bytes: &[u8]) -> DirectoryEntry {
        let sealed = std::mem::replace(&mut self.cipher, Cipher::Clear);
        let entry = self.push(kind, Codec::Raw, bytes.len(), bytes.to_vec());
        self.cipher = sealed;
        entry
    }

    /// Header and records so far, without what was taken: what parity covers.
    pub fn body(&self) -> &[u8] {
        &self.bytes
    }

    /// Hands over header and records since the last time, for who keeps them elsewhere. [`finish`](Self::finish) then gives only what follows
    /// them.
    pub fn take(&mut self) -> Vec<u8> {
        self.hasher.update(&self.bytes);
        self.taken += self.bytes.len();
        std::mem::take(&mut self.bytes)
    }

    /// Header and records so far, without what was taken, and no end.
    pub fn into_body(self) -> Vec<u8> {
        self.bytes
    }

    /// Encodes a small plaintext and appends it.
    pub fn push_plain(&mut self, kind: u8, plain: &[u8], level: i32) -> DirectoryEntry {
        let (codec, encoded) = crate::codec::encode(plain, level);
        self.push(kind, codec, plain.len(), encoded)
    }

    /// How long the object would be if it ended now.
    pub fn finished_bytes(&self) -> usize {
        self.taken + self.bytes.len() + self.entries.len() * ENTRY_BYTES + TRAILER_BYTES
    }

    /// How much a record of `encoded_bytes` adds to the finished object.
    pub fn record_cost(&self, encoded_bytes: usize) -> usize {
        encoded_bytes + self.cipher.overhead() + HEAD_BYTES + ENTRY_BYTES
    }

    /// Number of records so far.
    pub fn records(&self) -> usize {
        self.entries.len()
    }

    /// The header as it was begun.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Ends the object: its bytes, without what was taken, and the body hash of all of it.
    pub fn finish(self) -> (Vec<u8>, [u8; 32]) {
        let ObjectWriter { header, cipher, bytes, taken, mut hasher, entries } = self;
        let body_hash = *hasher.update(&bytes).finalize().as_bytes();
        let seal = |directory: &[u8]| cipher.directory_seal(&header.encode(), &body_hash, directory);
        (close(bytes, taken, &entries, body_hash, seal), body_hash)
    }
}

/// Directory and trailer of an object of which everything before them is there: they follow from the records' heads, but for a seal that is keyed,
/// which `seal` gives from header, directory and body hash.
///
/// # Errors
/// The rule that the records break.
pub fn complete(body: Vec<u8>, seal: impl FnOnce(&[u8], &[u8], &[u8; 32]) -> [u8; 32]) -> Result<Vec<u8>> {
    let entries = entries_of(&body)?;
    let body_hash = *blake3::hash(&body).as_bytes();
    let header = body.get(..HEADER_BYTES).unwrap_or_default().to_vec();
    Ok(close(body, 0, &entries, body_hash, |directory| seal(&header, directory, &body_hash)))
}

/// The directory of header and records, read from the heads.
fn entries_of(body: &[u8]) -> Result<Vec<DirectoryEntry>> {
    let mut entries = Vec::new();
    let mut at = usize::from(Header::decode(body)?.length);
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let head = RecordHead::decode(rest)?;
        if usize::try_from(head.position) != Ok(entries.len()) {
            return Err(FormatError::broken("CONT-8", "position of a record", entries.len(), head.position));
        }
        entries.push(DirectoryEntry { offset: at as u64, head });
        at += HEAD_BYTES + head.stored as usize;
    }
    if at != body.len() {
        return Err(FormatError::broken("CONT-14", "end of the records", body.len(), at));
    }
    Ok(entries)
}

/// Appends directory and trailer to what stands behind the first `taken` bytes.
fn close(
    mut bytes: Vec<u8>,
    taken: usize,
    entries: &[DirectoryEntry],
    body_hash: [u8; 32],
    seal: impl FnOnce(&[u8]) -> [u8; 32],
) -> Vec<u8> {
    let directory = encode_directory(entries);
    let trailer = Trailer {
        directory_offset: (taken + bytes.len()) as u64,
        records: u32::try_from(entries.len()).expect("bounded by the pack's size"),
        seal: seal(&directory),
        body_hash,
        object_bytes: (taken + bytes.len() + directory.len() + TRAILER_BYTES) as u64,
        directory_crc: crc32fast::hash(&directory),
    };
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(&trailer.encode());
    bytes
}
