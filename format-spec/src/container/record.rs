//! Records: a head of 32 bytes and a payload ([CONT-8] to [CONT-12]).

use crate::bytes::Cursor;
use crate::{FormatError, Result};

/// Length of a record's head.
pub const HEAD_BYTES: usize = 32;
/// No record holds more plaintext ([CONT-9]), so no block does ([PACK-4]).
pub const PLAIN_BYTES_MAX: usize = 4_194_304;
/// A tag more, when sealed.
pub const STORED_BYTES_MAX: usize = PLAIN_BYTES_MAX + TAG_BYTES;
/// Length of an AES-GCM tag.
pub const TAG_BYTES: usize = 16;
const SYNC: [u8; 4] = [0xD5, 0x52, 0x45, 0x43];

/// Record kinds ([CONT-10]).
pub mod kind {
    /// A block of a pack.
    pub const BLOCK: u8 = 1;
    /// The ids and lengths of a pack's chunks.
    pub const CONTENTS: u8 = 2;
    /// Index segment: summary.
    pub const INDEX_SUMMARY: u8 = 16;
    /// Index segment: pack rows.
    pub const INDEX_PACKS: u8 = 17;
    /// Index segment: block rows.
    pub const INDEX_BLOCKS: u8 = 18;
    /// Index segment: id rows.
    pub const INDEX_IDS: u8 = 19;
    /// Index segment: place rows.
    pub const INDEX_PLACES: u8 = 20;
    /// A log entry's fields.
    pub const LOG_ENTRY: u8 = 32;
    /// A restore point's fields.
    pub const MANIFEST: u8 = 33;
    /// The config's fields.
    pub const CONFIG: u8 = 34;
    /// A key slot's fields.
    pub const KEY_SLOT: u8 = 35;
    /// A checkpoint's fields, or a part of them.
    pub const CHECKPOINT: u8 = 36;
}

/// How a plaintext was encoded before sealing ([CONT-11]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// As it is.
    Raw = 0,
    /// One zstd frame.
    Zstd = 1,
}

impl Codec {
    /// The codec of a head's byte.
    pub fn from_byte(byte: u8) -> Result<Self> {
        match byte {
            0 => Ok(Codec::Raw),
            1 => Ok(Codec::Zstd),
            other => Err(FormatError::unsupported("CONT-11", "a codec", other)),
        }
    }
}

/// A record's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    /// What the record is; unknown kinds are skipped.
    pub kind: u8,
    /// The codec's byte; checked when the record is opened, so that unknown kinds may use unknown codecs.
    pub codec: u8,
    /// Length of the payload.
    pub stored: u32,
    /// Length of the plaintext.
    pub plain: u32,
    /// Which record of the object this is.
    pub position: u32,
    /// CRC of the payload.
    pub crc: u32,
}

impl RecordHead {
    /// The 32 bytes.
    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        out[0..4].copy_from_slice(&SYNC);
        out[4] = self.kind;
        out[5] = self.codec;
        out[8..12].copy_from_slice(&self.stored.to_le_bytes());
        out[12..16].copy_from_slice(&self.plain.to_le_bytes());
        out[16..20].copy_from_slice(&self.position.to_le_bytes());
        out[20..24].copy_from_slice(&self.crc.to_le_bytes());
        let crc = crc32fast::hash(&out[..28]);
        out[28..32].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The 20 bytes that the tag covers besides the payload ([CONT-12]).
    pub fn associated(&self) -> [u8; 20] {
        let mut out = [0; 20];
        out.copy_from_slice(&self.encode()[..20]);
        out
    }

    /// Reads and checks the first 32 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let raw: [u8; HEAD_BYTES] = Cursor::new(bytes, "CONT-8").array()?;
        let mut cursor = Cursor::new(&raw, "CONT-8");
        let sync: [u8; 4] = cursor.array()?;
        let (kind, codec) = (cursor.u8()?, cursor.u8()?);
        let flags = cursor.u16()?;
        let (stored, plain, position, crc) = (cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let zero = cursor.u32()?;
        let (expected, found) = (cursor.u32()?, crc32fast::hash(&raw[..28]));
        if sync != SYNC {
            return Err(FormatError::broken("CONT-8", "sync bytes of a record", "D5524543", "other bytes"));
        }
        if expected != found {
            return Err(FormatError::broken("CONT-8", "record head CRC", expected, found));
        }
        if flags != 0 || zero != 0 {
            return Err(FormatError::broken("CONT-8", "zero fields of a record", 0, flags));
        }
        check_lengths(stored, plain)?;
        Ok(RecordHead { kind, codec, stored, plain, position, crc })
    }

    /// Checks a payload against length and CRC.
    pub fn check_payload(&self, payload: &[u8]) -> Result<()> {
        if payload.len() != self.stored as usize {
            return Err(FormatError::broken("CONT-8", "payload length", self.stored, payload.len()));
        }
        let found = crc32fast::hash(payload);
        if found != self.crc {
            return Err(FormatError::broken("CONT-8", "payload CRC", self.crc, found));
        }
        Ok(())
    }
}

/// [CONT-9].
pub(super) fn check_lengths(stored: u32, plain: u32) -> Result<()> {
    if plain == 0 || plain as usize > PLAIN_BYTES_MAX {
        return Err(FormatError::broken("CONT-9", "plain length", "1..=4194304", plain));
    }
    if stored as usize > STORED_BYTES_MAX {
        return Err(FormatError::broken("CONT-9", "stored length", "at most 4194320", stored));
    }
    Ok(())
}
