//! Rows that single fields of a manifest hold: what its name needs, what its source's log was, what it shrank from.

use crate::bytes::Cursor;
use crate::log::PointId;
use crate::{ChunkId, FormatError, RepositoryId, Result};

/// Roots of the maps that belong to a point. Each counts among what names a blob; the reference set is not among them, for it
/// does not name itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maps {
    /// Of the link map.
    pub links: Option<ChunkId>,
    /// Of the ledger's exceptions ([POINT-4]).
    pub exceptions: Option<ChunkId>,
    /// Of what the source wrote down ([POINT-16]).
    pub state: Option<ChunkId>,
}

impl Maps {
    /// Those that there are.
    pub fn roots(self) -> impl Iterator<Item = ChunkId> {
        [self.links, self.exceptions, self.state].into_iter().flatten()
    }
}

/// How far the second of a point's start tells it from other points ([POINT-12]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Alone {
    /// From all points of the repository, those that are to come and those that are gone included.
    InRepository = 1,
    /// From all points of its host (or organisation) and job.
    InJob = 2,
    /// From none for sure: its name needs more.
    Nowhere = 3,
}

/// What a point's name needs, as it was settled at its commit ([POINT-12]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Naming {
    /// How far its second suffices.
    pub alone: Alone,
    /// No point of its host and job up to and including it is called by a later second alone; seconds since 1970.
    pub latest: i64,
}

impl Naming {
    pub(super) fn encode(self) -> Vec<u8> {
        [&[self.alone as u8][..], &self.latest.to_le_bytes()].concat()
    }

    pub(super) fn decode(mut cursor: Cursor<'_>) -> Result<Self> {
        let alone = match cursor.array::<1>()?[0] {
            1 => Alone::InRepository,
            2 => Alone::InJob,
            3 => Alone::Nowhere,
            other => return Err(FormatError::broken("POINT-12", "how far the second suffices", "1 to 3", other)),
        };
        let latest = i64::from_le_bytes(cursor.array()?);
        cursor.end()?;
        Ok(Naming { alone, latest })
    }
}

/// An entry of a repository's log, as somebody who copied from it had read it ([POINT-14]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    /// Whose log it is.
    pub repository: RepositoryId,
    /// The entry's slot.
    pub slot: u32,
    /// BLAKE3 of its object.
    pub hash: [u8; 32],
}

impl Seen {
    pub(super) fn encode(self) -> Vec<u8> {
        [&self.repository.0[..], &self.slot.to_le_bytes(), &self.hash].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "POINT-14");
        let row = Seen { repository: RepositoryId(cursor.array()?), slot: cursor.u32()?, hash: cursor.array()? };
        cursor.end()?;
        if row.slot == 0 {
            return Err(FormatError::broken("POINT-14", "the slot of an entry that was seen", "at least 1", 0));
        }
        Ok(row)
    }
}

/// The point that a shrunken one was held against: the newest complete one of its job that had not shrunk itself ([POINT-10]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shrunken {
    /// Its id.
    pub than: PointId,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Its items, folders included.
    pub items: u64,
}

impl Shrunken {
    pub(super) fn encode(self) -> Vec<u8> {
        [&self.than.0[..], &self.bytes.to_le_bytes(), &self.items.to_le_bytes()].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "POINT-1");
        let row = Shrunken { than: PointId(cursor.array()?), bytes: cursor.u64()?, items: cursor.u64()? };
        cursor.end()?;
        Ok(row)
    }
}
