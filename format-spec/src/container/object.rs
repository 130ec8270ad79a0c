//! Reading a whole object: every check that needs no keys happens in `parse`, the seal in `verify`, plaintexts one by one.

use super::directory::{DirectoryEntry, ENTRY_BYTES, TRAILER_BYTES, Trailer};
use super::header::{HEADER_BYTES, Header};
use super::record::{Codec, HEAD_BYTES, RecordHead, kind};
use crate::keys::Cipher;
use crate::{FormatError, Result, codec};

/// A whole object whose every stored byte was checked ([CONT-18]). Its plaintexts still need [`open`](Object::open).
pub struct Object<'a> {
    bytes: &'a [u8],
    header: Header,
    trailer: Trailer,
    entries: Vec<DirectoryEntry>,
}

impl std::fmt::Debug for Object<'_> {
    /// What it is, not its bytes: megabytes of them, and in a clear config a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object").field("header", &self.header).field("records", &self.entries.len()).finish()
    }
}

impl<'a> Object<'a> {
    /// Parses an object and verifies all that needs no keys.
    ///
    /// # Errors
    /// The first rule that is broken, or what is not supported.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let header = Header::decode(bytes)?;
        let trailer = Trailer::decode(bytes, bytes.len() as u64)?;
        let at = usize::try_from(trailer.directory_offset).unwrap_or(usize::MAX);
        let directory = bytes.get(at..bytes.len() - TRAILER_BYTES).ok_or_else(|| {
            FormatError::broken("CONT-14", "place of the directory", "inside the object", trailer.directory_offset)
        })?;
        let entries = trailer.directory(directory, header.length)?;
        let object = Object { bytes, header, trailer, entries };
        for entry in &object.entries {
            let payload = object.payload(entry)?;
            entry.head.check_payload(payload)?;
        }
        let found = *blake3::hash(&bytes[..at]).as_bytes();
        if found != object.trailer.body_hash {
            return Err(FormatError::broken("CONT-16", "body hash", "a match", "none"));
        }
        Ok(object)
    }

    /// Parses an object that has to be of this kind, repository and identity ([CONT-4], [CONT-6]) and verifies its seal.
    pub fn parse_as(
        bytes: &'a [u8],
        expected: &Header,
        cipher_of: impl FnOnce(&Header) -> Cipher,
    ) -> Result<(Self, Cipher)> {
        let object = Object::parse(bytes)?;
        object.header.expect_identity(expected)?;
        let cipher = cipher_of(&object.header);
        object.verify(&cipher)?;
        Ok((object, cipher))
    }

    /// Verifies the seal ([CONT-17]).
    pub fn verify(&self, cipher: &Cipher) -> Result<()> {
        let at = self.bytes.len() - TRAILER_BYTES - self.entries.len() * ENTRY_BYTES;
        let directory = &self.bytes[at..self.bytes.len() - TRAILER_BYTES];
        let found = cipher.directory_seal(&self.bytes[..HEADER_BYTES], &self.trailer.body_hash, directory);
        if found != self.trailer.seal {
            return Err(FormatError::broken(
                "CONT-17",
                "seal of the directory",
                "a match",
                "none: another key, or forged",
            ));
        }
        Ok(())
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The trailer.
    pub fn trailer(&self) -> &Trailer {
        &self.trailer
    }

    /// The records in order.
    pub fn entries(&self) -> &[DirectoryEntry] {
        &self.entries
    }

    /// The object as it is stored.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The payload of one of [`entries`](Self::entries) as it is stored.
    pub fn stored(&self, entry: &DirectoryEntry) -> Result<&'a [u8]> {
        self.payload(entry)
    }

    /// The plaintext of one of [`entries`](Self::entries).
    pub fn open(&self, entry: &DirectoryEntry, cipher: &Cipher) -> Result<Vec<u8>> {
        open_payload(&entry.head, self.payload(entry)?, cipher)
    }

    /// The plaintext of the only record of this kind.
    pub fn open_only(&self, kind: u8, cipher: &Cipher) -> Result<Vec<u8>> {
        let mut found = self.entries.iter().filter(|e| e.head.kind == kind);
        match (found.next(), found.next()) {
            (Some(entry), None) => self.open(entry, cipher),
            (first, _) => {
                let count = if first.is_some() { "several" } else { "none" };
                Err(FormatError::broken("CONT-10", "records of the object's own kind", "one", count))
            }
        }
    }

    fn payload(&self, entry: &DirectoryEntry) -> Result<&'a [u8]> {
        let range = entry.range();
        let inside = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let outside = || FormatError::broken("CONT-14", "place of a record", "inside the object", entry.offset);
        let record = self.bytes.get(inside(range.start)..inside(range.end)).ok_or_else(outside)?;
        let head = RecordHead::decode(record)?;
        if head != entry.head {
            return Err(FormatError::broken("CONT-13", "directory entry", "what the record's head says", "other"));
        }
        Ok(&record[HEAD_BYTES..])
    }
}

impl Header {
    /// Checks that this header is of the object that was asked for ([CONT-4], [CONT-6], [CONT-7]).
    pub fn expect_identity(&self, expected: &Header) -> Result<()> {
        let differs = |rule, what, a: String, b: String| Err(FormatError::broken(rule, what, a, b));
        if self.kind != expected.kind {
            return differs("CONT-4", "object kind", format!("{:?}", expected.kind), format!("{:?}", self.kind));
        }
        if self.repository != expected.repository {
            return differs("CONT-6", "repository id", expected.repository.to_string(), self.repository.to_string());
        }
        if (self.session, self.ordinal) != (expected.session, expected.ordinal) {
            let name = |h: &Header| format!("{:08x}/{:08x}", h.session, h.ordinal);
            return differs("CONT-4", "session and ordinal", name(expected), name(self));
        }
        if self.suite != expected.suite {
            return differs("CONT-7", "suite", format!("{:?}", expected.suite), format!("{:?}", self.suite));
        }
        Ok(())
    }
}

/// Reads one record from `head ‖ payload`, checks it and opens it: for ranged reads of single blocks ([READ-4]).
pub fn open_record(bytes: &[u8], cipher: &Cipher) -> Result<(RecordHead, Vec<u8>)> {
    let head = RecordHead::decode(bytes)?;
    let payload = &bytes[HEAD_BYTES..];
    head.check_payload(payload)?;
    Ok((head, open_payload(&head, payload, cipher)?))
}

fn open_payload(head: &RecordHead, payload: &[u8], cipher: &Cipher) -> Result<Vec<u8>> {
    // Parity is not sealed under any suite ([CONT-12]).
    let cipher = if head.kind == kind::PARITY { &Cipher::Clear } else { cipher };
    let encoded = cipher.open(head, payload)?;
    codec::decode(Codec::from_byte(head.codec)?, &encoded, head.plain as usize)
}

#[cfg(test)]
mod tests {
    use super::super::{ObjectKind, Suite};
    use super::*;
    use crate::RepositoryId;

    #[test]
    fn a_wrong_identity_cites_its_own_rule() {
        let header = |kind, suite, id, session| Header::new(kind, suite, RepositoryId([id; 16]), session, 2, [0; 32]);
        let expected = header(ObjectKind::DataPack, Suite::Clear, 1, 3);
        let rule = |found: Header| found.expect_identity(&expected).map_err(|e| e.rule());
        assert_eq!(rule(expected.clone()), Ok(()));
        assert_eq!(rule(header(ObjectKind::MetaPack, Suite::Clear, 1, 3)), Err("CONT-4"));
        assert_eq!(rule(header(ObjectKind::DataPack, Suite::Clear, 1, 4)), Err("CONT-4"));
        assert_eq!(rule(header(ObjectKind::DataPack, Suite::Clear, 2, 3)), Err("CONT-6"));
        assert_eq!(rule(header(ObjectKind::DataPack, Suite::Aes256Gcm, 1, 3)), Err("CONT-7"));
    }
}
