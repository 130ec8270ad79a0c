//! What objects there are ([CONT-4]): names speak of them, too, without knowing how they are sealed.

use crate::{FormatError, Result};

/// The first bytes of every object (CONT-2).
pub(crate) const MAGIC: [u8; 8] = [0x89, b'C', b'R', b'N', 0x0D, 0x0A, 0x1A, 0x0A];

/// Whether bytes begin as every object of Cairn does (CONT-2).
pub fn has_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// What an object is ([CONT-4]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ObjectKind {
    /// Blocks of file chunks.
    DataPack = 1,
    /// Blocks of tree nodes.
    MetaPack = 2,
    /// A map from ids to places.
    IndexSegment = 3,
    /// A restore point's manifest.
    RestorePoint = 4,
    /// One slot of the log.
    LogEntry = 5,
    /// A sum of log entries.
    Checkpoint = 6,
    /// The repository's parameters.
    Config = 7,
    /// Secrets wrapped by one password.
    KeySlot = 8,
}

impl ObjectKind {
    /// Every kind, for tests and tables.
    pub const ALL: [ObjectKind; 8] = [
        ObjectKind::DataPack,
        ObjectKind::MetaPack,
        ObjectKind::IndexSegment,
        ObjectKind::RestorePoint,
        ObjectKind::LogEntry,
        ObjectKind::Checkpoint,
        ObjectKind::Config,
        ObjectKind::KeySlot,
    ];

    /// The kind of a header's byte.
    pub fn from_byte(byte: u8) -> Result<Self> {
        let unknown = || FormatError::unsupported("CONT-4", "an object kind", byte);
        ObjectKind::ALL.into_iter().find(|k| *k as u8 == byte).ok_or_else(unknown)
    }
}
