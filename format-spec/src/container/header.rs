//! The header of every object: what it is, whose it is, and how it is sealed ([CONT-2] to [CONT-7]).

use crate::bytes::Cursor;
use crate::object_kind::MAGIC;
use crate::{FormatError, ObjectKind, RepositoryId, Result};

/// How an object's payloads are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Suite {
    /// Not at all.
    Clear = 0,
    /// AES-256-GCM, one key an object.
    Aes256Gcm = 1,
}

impl Suite {
    /// The suite of a header's or config's byte.
    pub fn from_byte(byte: u8) -> Result<Self> {
        match byte {
            0 => Ok(Suite::Clear),
            1 => Ok(Suite::Aes256Gcm),
            other => Err(FormatError::unsupported("CONT-7", "a cipher suite", other)),
        }
    }
}

/// Length of a header of version 1.0.
pub const HEADER_BYTES: usize = 96;
const HEADER_BYTES_MAX: u16 = 4096;
const MAJOR: u16 = 1;

/// A header; version and flags are those of this release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the object is.
    pub kind: ObjectKind,
    /// How its payloads are sealed.
    pub suite: Suite,
    /// Where records start: 96, or more in later minor versions.
    pub length: u16,
    /// Flags that ask a writer or collector to stay away when unknown; 0 in version 1.0.
    pub ro_compat: u32,
    /// The repository that it belongs to.
    pub repository: RepositoryId,
    /// The session that wrote it, or 0.
    pub session: u32,
    /// Its ordinal in the session, or its slot, or 0.
    pub ordinal: u32,
    /// Fresh random bytes.
    pub salt: [u8; 32],
}

impl Header {
    /// A header of version 1.0.
    pub fn new(
        kind: ObjectKind,
        suite: Suite,
        repository: RepositoryId,
        session: u32,
        ordinal: u32,
        salt: [u8; 32],
    ) -> Self {
        let length = u16::try_from(HEADER_BYTES).expect("96 fits");
        Header { kind, suite, length, ro_compat: 0, repository, session, ordinal, salt }
    }

    /// The 96 bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..8].copy_from_slice(&MAGIC);
        out[8..10].copy_from_slice(&MAJOR.to_le_bytes());
        out[12] = self.kind as u8;
        out[13] = self.suite as u8;
        out[14..16].copy_from_slice(&self.length.to_le_bytes());
        out[20..24].copy_from_slice(&self.ro_compat.to_le_bytes());
        out[32..48].copy_from_slice(&self.repository.0);
        out[48..52].copy_from_slice(&self.session.to_le_bytes());
        out[52..56].copy_from_slice(&self.ordinal.to_le_bytes());
        out[56..88].copy_from_slice(&self.salt);
        let crc = crc32fast::hash(&out[..92]);
        out[92..96].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads and checks the first 96 bytes of an object.
    ///
    /// # Errors
    /// `Broken` for damage, `Unsupported` for newer versions and unknown incompat flags.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "CONT-2");
        let raw: [u8; HEADER_BYTES] = cursor.array()?;
        if raw[..8] != MAGIC {
            return Err(FormatError::broken("CONT-2", "magic", "a Cairn object", "other bytes"));
        }
        let mut cursor = Cursor::new(&raw[8..], "CONT-2");
        let (major, _minor) = (cursor.u16()?, cursor.u16()?);
        let (kind, suite, length) = (cursor.u8()?, cursor.u8()?, cursor.u16()?);
        let (incompat, ro_compat, _compat) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let zero = cursor.take(4)?;
        let (repository, session, ordinal) = (RepositoryId(cursor.array()?), cursor.u32()?, cursor.u32()?);
        let salt = cursor.array()?;
        let zero_too = cursor.take(4)?;
        let crc = cursor.u32()?;
        let found = crc32fast::hash(&raw[..92]);
        if crc != found {
            return Err(FormatError::broken("CONT-2", "header CRC", crc, found));
        }
        if major != MAJOR {
            return Err(FormatError::unsupported("CONT-3", "a major version other than 1", major));
        }
        if incompat != 0 {
            return Err(FormatError::unsupported("CONT-3", "an incompat flag", incompat));
        }
        if zero != [0; 4] || zero_too != [0; 4] {
            return Err(FormatError::broken("CONT-2", "zero fields", 0, "other"));
        }
        if usize::from(length) < HEADER_BYTES || length > HEADER_BYTES_MAX {
            return Err(FormatError::broken("CONT-5", "header length", "96..=4096", length));
        }
        let (kind, suite) = (ObjectKind::from_byte(kind)?, Suite::from_byte(suite)?);
        Ok(Header { kind, suite, length, ro_compat, repository, session, ordinal, salt })
    }
}
