//! Checkpoints: what the log says up to a slot, in one object ([LOG-21]).
//!
//! Rows here, their bytes in `layout`. Promises: what decodes obeys every rule that one checkpoint alone can break; the hashes that it states are
//! compared with an entry that is at hand. Refuses to say whether it tells the truth beyond that; who may delete what it sums up ([LOG-22]), who reads it ([LOG-23]) and what it proves ([LOG-24]) is the engine's log's concern.

mod layout;
mod long_ago;

use crate::container::{Header, Object, ObjectKind, ObjectWriter, PLAIN_BYTES_MAX, kind};
use crate::keys::Secrets;
use crate::log::{CondemnedPack, ObjectRange, ObjectRef, ObjectRow, PointId, Purpose, RetrievalMode};
use crate::{ChunkId, FormatError, RepositoryId, Result, Time};

/// No checkpoint's fields are longer, in bytes.
pub const PLAIN_TOTAL_MAX: usize = 16 * PLAIN_BYTES_MAX;
/// A checkpoint lists at least the hashes of this many slots, or all.
pub const HASHES_LEAST: usize = 256;

/// The sum of the entries up to a slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// The last slot that it sums up.
    pub slot: u32,
    /// BLAKE3 of the entries of the last slots, the newest last.
    pub hashes: Vec<[u8; 32]>,
    /// For people only.
    pub time: Time,
    /// The number that the next Commit or Rewrite gets.
    pub next_number: u32,
    /// Live points, in the order of their numbers.
    pub points: Vec<PointRow>,
    /// Points that are not live but the base of an open session, in the order of their numbers.
    pub held: Vec<PointRow>,
    /// Segments that count, in the order of their slots.
    pub segments: Vec<SegmentRow>,
    /// Open sessions, rising.
    pub sessions: Vec<SessionRow>,
    /// Packs that were ever condemned, by the slot of their Condemn.
    pub condemned: Vec<CondemnedRow>,
    /// Objects given up and not yet swept, rising.
    pub given_up: Vec<GivenUpRow>,
    /// What the store keeps.
    pub locks: Vec<LockRow>,
    /// *Fields* of all Config entries.
    pub settings: Vec<u8>,
    /// The greatest kind of an entry that forbids writing to who does not know it.
    pub read_only: Option<u16>,
    /// Retrievals that have not ended, rising.
    pub retrievals: Vec<RetrievalRow>,
    /// Suspect packs, rising.
    pub suspects: Vec<SuspectRow>,
    /// Packs that were condemned before anything that is still in use, where there are very many.
    pub condemned_long_ago: Option<CondemnedLongAgo>,
}

/// Packs of several Condemns, with nothing about where their survivors went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CondemnedLongAgo {
    /// At least the slot of each of those Condemns.
    pub slot: u32,
    /// The packs, rising.
    pub packs: Vec<ObjectRange>,
}

/// A restore point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointRow {
    /// The slot of its Commit or Rewrite.
    pub slot: u32,
    /// Its number.
    pub number: u32,
    /// The session that wrote its manifest.
    pub session: u32,
    /// The manifest.
    pub object: ObjectRef,
    /// Its id.
    pub id: PointId,
    /// Root of its reference set.
    pub references: ChunkId,
}

/// An index segment that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentRow {
    /// The slot of the entry that published it.
    pub slot: u32,
    /// The session.
    pub session: u32,
    /// The segment.
    pub object: ObjectRef,
}

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its number.
    pub number: u32,
    /// Above every ordinal that it has published.
    pub next_ordinal: u32,
    /// When it was opened.
    pub opened: Time,
    /// Its last sign of life.
    pub last: Time,
    /// What it is for.
    pub purpose: Purpose,
    /// The point that it builds on.
    pub base: Option<PointId>,
    /// Its job.
    pub job: String,
    /// The host that runs it.
    pub host: String,
}

/// The packs of one Condemn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CondemnedRow {
    /// The slot of the Condemn.
    pub slot: u32,
    /// The packs, rising.
    pub packs: Vec<CondemnedPack>,
}

/// An object that was given up and not yet swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUpRow {
    /// Which.
    pub object: ObjectRow,
    /// The slot of the entry that gave it up.
    pub slot: u32,
    /// That entry's time.
    pub time: Time,
}

/// Objects that the store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRow {
    /// Until when at least.
    pub until: Time,
    /// Which, rising.
    pub objects: Vec<ObjectRange>,
}

/// A retrieval that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievalRow {
    /// The slot of the entry that began it.
    pub slot: u32,
    /// That entry's time.
    pub begun: Time,
    /// The time of the entry that changed it last.
    pub changed: Time,
    /// How fast it was to be.
    pub mode: RetrievalMode,
    /// How long objects are to stay readable.
    pub days: u32,
    /// Which, rising.
    pub objects: Vec<ObjectRange>,
    /// What somebody wanted to read, for people.
    pub about: String,
}

/// A pack that was found damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuspectRow {
    /// Which.
    pub pack: ObjectRow,
    /// The slot of the entry that says so.
    pub slot: u32,
}

impl Checkpoint {
    /// The object `checkpoint/<slot>`.
    pub fn encode(&self, repository: RepositoryId, secrets: &Secrets, salt: [u8; 32]) -> Vec<u8> {
        let header = Header::new(ObjectKind::Checkpoint, secrets.suite(), repository, 0, self.slot, salt);
        let cipher = secrets.cipher(&header);
        let mut object = ObjectWriter::new(header, cipher);
        for part in layout::encode(self).chunks(PLAIN_BYTES_MAX) {
            object.push_plain(kind::CHECKPOINT, part, 3);
        }
        object.finish().0
    }

    /// Bytes of its fields in a row; no object is made of more than [`PLAIN_TOTAL_MAX`].
    pub fn plain_bytes(&self) -> usize {
        layout::encode(self).len()
    }

    /// Whether somebody with the keys has sealed these bytes as the checkpoint of this slot ([CONT-17]), whatever they say.
    pub fn is_sealed(bytes: &[u8], slot: u32, repository: RepositoryId, secrets: &Secrets) -> bool {
        let expected = Header::new(ObjectKind::Checkpoint, secrets.suite(), repository, 0, slot, [0; 32]);
        Object::parse_as(bytes, &expected, |h| secrets.cipher(h)).is_ok()
    }

    /// Reads the object `checkpoint/<slot>`.
    pub fn decode(bytes: &[u8], slot: u32, repository: RepositoryId, secrets: &Secrets) -> Result<Self> {
        let expected = Header::new(ObjectKind::Checkpoint, secrets.suite(), repository, 0, slot, [0; 32]);
        let (object, cipher) = Object::parse_as(bytes, &expected, |h| secrets.cipher(h))?;
        let parts: Vec<_> = object.entries().iter().filter(|e| e.head.kind == kind::CHECKPOINT).collect();
        // The sum is bounded before the first part is opened: each may be a long frame of few bytes.
        let total: usize = parts.iter().map(|e| e.head.plain as usize).sum();
        if total == 0 || total > PLAIN_TOTAL_MAX {
            return Err(FormatError::broken("LOG-21", "bytes of a checkpoint's fields", "1..=67108864", total));
        }
        let mut plain = Vec::new();
        for part in parts {
            plain.extend_from_slice(&object.open(part, &cipher)?);
        }
        layout::decode(&plain, slot)
    }

    /// The hash that is stated of a slot's entry; zeros for a void slot, `None` where the hashes do not reach back to it.
    pub fn hash_of(&self, slot: u32) -> Option<&[u8; 32]> {
        let back = self.slot.checked_sub(slot)? as usize;
        self.hashes.len().checked_sub(back + 1).and_then(|at| self.hashes.get(at))
    }

    /// Whether the entry of the checkpoint's own slot is the one that it states, and follows the one that it states before. That slot alone is
    /// proof: an entry of an earlier one may be void ([LOG-24]).
    ///
    /// # Errors
    /// [LOG-21].
    pub fn expect_entry(&self, object_hash: &[u8; 32], previous: &[u8; 32]) -> Result<()> {
        let hex = |hash: &[u8; 32]| blake3::Hash::from_bytes(*hash).to_hex();
        let agree = |what, stated: &[u8; 32], found: &[u8; 32]| match stated == found {
            true => Ok(()),
            false => Err(FormatError::broken("LOG-21", what, hex(stated), hex(found))),
        };
        let own = self.hash_of(self.slot).unwrap_or(&[0; 32]);
        agree("hash of the checkpoint's own slot", own, object_hash)?;
        // Of void slots nothing is stated: the entry follows the last one before them.
        let before = (1..self.slot).rev().map_while(|slot| self.hash_of(slot)).find(|hash| **hash != [0; 32]);
        before.map_or(Ok(()), |stated| agree("hash of the slot before the checkpoint's own", stated, previous))
    }
}
