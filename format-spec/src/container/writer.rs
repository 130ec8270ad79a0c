//! Writing an object: records in order, then directory and trailer.

use super::directory::{DirectoryEntry, ENTRY_BYTES, TRAILER_BYTES, Trailer, encode_directory};
use super::header::Header;
use super::record::{Codec, HEAD_BYTES, RecordHead};
use crate::keys::Cipher;

/// An object under construction, in memory.
pub struct ObjectWriter {
    header: Header,
    cipher: Cipher,
    bytes: Vec<u8>,
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
        ObjectWriter { header, cipher, bytes, entries: Vec::new() }
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
        let entry = DirectoryEntry { offset: self.bytes.len() as u64, head };
        self.bytes.extend_from_slice(&head.encode());
        self.bytes.extend_from_slice(&encoded);
        self.entries.push(entry);
        entry
    }

    /// Encodes a small plaintext and appends it.
    pub fn push_plain(&mut self, kind: u8, plain: &[u8], level: i32) -> DirectoryEntry {
        let (codec, encoded) = crate::codec::encode(plain, level);
        self.push(kind, codec, plain.len(), encoded)
    }

    /// How long the object would be if it ended now.
    pub fn finished_bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * ENTRY_BYTES + TRAILER_BYTES
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

    /// Ends the object: its bytes and their body hash.
    pub fn finish(mut self) -> (Vec<u8>, [u8; 32]) {
        let directory = encode_directory(&self.entries);
        let body_hash = *blake3::hash(&self.bytes).as_bytes();
        let trailer = Trailer {
            directory_offset: self.bytes.len() as u64,
            records: u32::try_from(self.entries.len()).expect("bounded by the pack's size"),
            seal: self.cipher.directory_seal(&self.header.encode(), &body_hash, &directory),
            body_hash,
            object_bytes: (self.bytes.len() + directory.len() + TRAILER_BYTES) as u64,
            directory_crc: crc32fast::hash(&directory),
        };
        self.bytes.extend_from_slice(&directory);
        self.bytes.extend_from_slice(&trailer.encode());
        (self.bytes, body_hash)
    }
}
