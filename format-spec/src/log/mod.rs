//! Log entries (spec/log.md).

use crate::bytes::{Cursor, put_time};
use crate::container::{Header, Object, ObjectKind, ObjectWriter, kind};
use crate::fields::{CRITICAL, Fields, FieldsWriter};
use crate::keys::Secrets;
use crate::{ChunkId, FormatError, RepositoryId, Result, Time};

/// A point's id: 16 random bytes, shown as hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointId(pub [u8; 16]);

impl std::fmt::Display for PointId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl std::fmt::Debug for PointId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// An object as a log entry vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vouched {
    /// The object's ordinal in its session.
    pub ordinal: u32,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its body ([CONT-16]).
    pub body_hash: [u8; 32],
}

/// A pack as a `Publish` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedPack {
    /// Data or metadata.
    pub kind: ObjectKind,
    /// Where and what it is.
    pub object: Vouched,
    /// How many blobs it holds.
    pub blobs: u32,
}

/// What an entry changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A session begins; its number is the slot.
    Open {
        /// The job.
        job: String,
        /// The host that runs it.
        host: String,
        /// The point that it builds on.
        base: Option<PointId>,
    },
    /// Packs become usable by all.
    Publish {
        /// The session that wrote them.
        session: u32,
        /// The packs.
        packs: Vec<PublishedPack>,
        /// The index segment that maps their blobs.
        segment: Vouched,
    },
    /// A restore point becomes visible.
    Commit {
        /// The session that made it.
        session: u32,
        /// The manifest object.
        point: Vouched,
        /// The point's id.
        id: PointId,
        /// Root of its reference set.
        references: ChunkId,
    },
    /// An entry of a kind that this release does not know ([LOG-4]).
    Unknown {
        /// Its kind.
        kind: u16,
        /// True when reading may go on.
        readable: bool,
        /// True when writing may go on too.
        writable: bool,
    },
}

/// One slot of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The slot, from 1.
    pub slot: u32,
    /// BLAKE3 of the object before it.
    pub previous: [u8; 32],
    /// Who tried: 16 random bytes.
    pub attempt: [u8; 16],
    /// For people only.
    pub time: Time,
    /// What it changes.
    pub change: Change,
}

const KNOWN: [(u16, bool); 5] =
    [(1 | CRITICAL, false), (2 | CRITICAL, false), (3 | CRITICAL, false), (4, false), (5 | CRITICAL, false)];

impl LogEntry {
    /// The object `log/<slot>`.
    pub fn encode(&self, repository: RepositoryId, secrets: &Secrets, salt: [u8; 32]) -> Vec<u8> {
        let mut fields = FieldsWriter::new();
        let mut time = Vec::new();
        put_time(&mut time, self.time);
        let (kind_number, treatment) = match &self.change {
            Change::Open { .. } => (1u16, 0u16),
            Change::Publish { .. } => (2, 0),
            Change::Commit { .. } => (3, 0),
            Change::Unknown { kind, readable, writable } => (*kind, if *writable { 2 } else { u16::from(*readable) }),
        };
        let kind_field = [kind_number.to_le_bytes(), treatment.to_le_bytes()].concat();
        fields
            .put(1 | CRITICAL, &u64::from(self.slot).to_le_bytes())
            .put(2 | CRITICAL, &self.previous)
            .put(3 | CRITICAL, &self.attempt)
            .put(4, &time)
            .put(5 | CRITICAL, &kind_field);
        encode_change(&self.change, &mut fields);
        let header = Header::new(ObjectKind::LogEntry, secrets.suite(), repository, 0, self.slot, salt);
        let cipher = secrets.cipher(&header);
        let mut object = ObjectWriter::new(header, cipher);
        object.push_plain(kind::LOG_ENTRY, fields.as_bytes(), 3);
        object.finish().0
    }

    /// Reads the object `log/<slot>`; that `previous` fits is for the caller to check ([LOG-3]).
    pub fn decode(bytes: &[u8], slot: u32, repository: RepositoryId, secrets: &Secrets) -> Result<Self> {
        let expected = Header::new(ObjectKind::LogEntry, secrets.suite(), repository, 0, slot, [0; 32]);
        let (object, cipher) = Object::parse_as(bytes, &expected, |h| secrets.cipher(h))?;
        let plain = object.open_only(kind::LOG_ENTRY, &cipher)?;
        let mut known = KNOWN.to_vec();
        let kind_field = {
            // The kind decides which tags are known, so look at it first; unknown kinds may carry anything.
            let all: Vec<(u16, bool)> = (0..=255).flat_map(|t| [(t, true), (t | CRITICAL, true)]).collect();
            Fields::parse(&plain, &all)?.array::<4>(5 | CRITICAL, "LOG-2")?
        };
        let (number, treatment) =
            (u16::from_le_bytes([kind_field[0], kind_field[1]]), u16::from_le_bytes([kind_field[2], kind_field[3]]));
        if treatment > 2 {
            return Err(FormatError::unsupported("LOG-2", "a treatment of entries", treatment));
        }
        match number {
            1 => known.extend([64, 65, 66].map(|t| (t, false))),
            2 => known.extend([64, 65, 66].map(|t| (t | CRITICAL, false))),
            3 => known.extend([64, 65, 66, 67].map(|t| (t | CRITICAL, false))),
            _ => known.extend((64..=255).flat_map(|t| [(t, true), (t | CRITICAL, true)])),
        }
        let fields = Fields::parse(&plain, &known)?;
        let stated = u64::from_le_bytes(fields.array(1 | CRITICAL, "LOG-2")?);
        if stated != u64::from(slot) {
            return Err(FormatError::broken("LOG-3", "slot", slot, stated));
        }
        let change = match number {
            1 => decode_open(&fields)?,
            2 => decode_publish(&fields)?,
            3 => decode_commit(&fields)?,
            kind => Change::Unknown { kind, readable: treatment >= 1, writable: treatment >= 2 },
        };
        let time = fields.time(4)?.unwrap_or_default();
        let (previous, attempt) = (fields.array(2 | CRITICAL, "LOG-2")?, fields.array(3 | CRITICAL, "LOG-2")?);
        Ok(LogEntry { slot, previous, attempt, time, change })
    }
}

fn encode_change(change: &Change, fields: &mut FieldsWriter) {
    match change {
        Change::Open { job, host, base } => {
            fields.put(64, job.as_bytes()).put(65, host.as_bytes());
            if let Some(base) = base {
                fields.put(66, &base.0);
            }
        }
        Change::Publish { session, packs, segment } => {
            let mut rows = Vec::with_capacity(packs.len() * 56);
            for pack in packs {
                rows.extend_from_slice(&pack.object.ordinal.to_le_bytes());
                rows.extend_from_slice(&[pack.kind as u8, 0, 0, 0]);
                rows.extend_from_slice(&pack.object.bytes.to_le_bytes());
                rows.extend_from_slice(&pack.blobs.to_le_bytes());
                rows.extend_from_slice(&[0; 4]);
                rows.extend_from_slice(&pack.object.body_hash);
            }
            fields
                .put(64 | CRITICAL, &session.to_le_bytes())
                .put(65 | CRITICAL, &rows)
                .put(66 | CRITICAL, &encode_vouched(segment));
        }
        Change::Commit { session, point, id, references } => {
            fields
                .put(64 | CRITICAL, &session.to_le_bytes())
                .put(65 | CRITICAL, &encode_vouched(point))
                .put(66 | CRITICAL, &id.0)
                .put(67 | CRITICAL, &references.0);
        }
        Change::Unknown { .. } => {}
    }
}

fn decode_open(fields: &Fields<'_>) -> Result<Change> {
    let base = fields.get(66).map(|_| fields.array(66, "LOG-5").map(PointId)).transpose()?;
    Ok(Change::Open { job: fields.text(64, "LOG-5")?, host: fields.text(65, "LOG-5")?, base })
}

fn decode_publish(fields: &Fields<'_>) -> Result<Change> {
    let session = u32::from_le_bytes(fields.array(64 | CRITICAL, "LOG-6")?);
    let mut rows = fields.cursor(65 | CRITICAL, "LOG-6")?;
    let mut packs = Vec::new();
    while rows.remaining() > 0 {
        let ordinal = rows.u32()?;
        let kind = ObjectKind::from_byte(rows.u8()?)?;
        if !matches!(kind, ObjectKind::DataPack | ObjectKind::MetaPack) {
            return Err(FormatError::broken("LOG-6", "kind of a published object", "a pack", format!("{kind:?}")));
        }
        rows.zero(3, "zero bytes of a pack's row")?;
        let (bytes, blobs) = (rows.u64()?, rows.u32()?);
        rows.zero(4, "zero bytes of a pack's row")?;
        packs.push(PublishedPack { kind, object: Vouched { ordinal, bytes, body_hash: rows.array()? }, blobs });
    }
    Ok(Change::Publish { session, packs, segment: decode_vouched(fields.cursor(66 | CRITICAL, "LOG-6")?)? })
}

fn decode_commit(fields: &Fields<'_>) -> Result<Change> {
    Ok(Change::Commit {
        session: u32::from_le_bytes(fields.array(64 | CRITICAL, "LOG-10")?),
        point: decode_vouched(fields.cursor(65 | CRITICAL, "LOG-10")?)?,
        id: PointId(fields.array(66 | CRITICAL, "LOG-10")?),
        references: ChunkId(fields.array(67 | CRITICAL, "LOG-10")?),
    })
}

fn encode_vouched(object: &Vouched) -> Vec<u8> {
    let mut out = object.ordinal.to_le_bytes().to_vec();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&object.bytes.to_le_bytes());
    out.extend_from_slice(&object.body_hash);
    out
}

fn decode_vouched(mut cursor: Cursor<'_>) -> Result<Vouched> {
    let ordinal = cursor.u32()?;
    cursor.zero(4, "zero bytes of an object's row")?;
    let vouched = Vouched { ordinal, bytes: cursor.u64()?, body_hash: cursor.array()? };
    cursor.end()?;
    Ok(vouched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Suite;
    use crate::keys::{Cipher, Secret};

    /// Decodes an entry of this kind and treatment with one more field.
    fn decode(kind_number: u16, treatment: u16, tag: u16) -> Result<LogEntry> {
        let secrets = Secrets { master: None, dedup: Secret::new([1; 32]) };
        let header = Header::new(ObjectKind::LogEntry, Suite::Clear, RepositoryId([2; 16]), 0, 7, [3; 32]);
        let mut fields = FieldsWriter::new();
        fields.put(1 | CRITICAL, &7u64.to_le_bytes()).put(2 | CRITICAL, &[4; 32]).put(3 | CRITICAL, &[5; 16]);
        fields.put(5 | CRITICAL, &[kind_number.to_le_bytes(), treatment.to_le_bytes()].concat()).put(tag, &[]);
        let mut object = ObjectWriter::new(header, Cipher::Clear);
        object.push_plain(kind::LOG_ENTRY, fields.as_bytes(), 3);
        LogEntry::decode(&object.finish().0, 7, RepositoryId([2; 16]), &secrets)
    }

    #[test]
    fn a_critical_field_of_another_kind_is_unknown() {
        assert!(decode(1, 0, 65).is_ok());
        assert_eq!(decode(1, 0, 67 | CRITICAL).map_err(|e| e.rule()), Err("CONT-19"), "Open has no field 67c");
        assert!(decode(40, 2, 67 | CRITICAL).is_ok(), "an unknown kind may carry anything from 64 to 255");
        assert_eq!(decode(40, 2, 63 | CRITICAL).map_err(|e| e.rule()), Err("CONT-19"));
    }

    #[test]
    fn an_unknown_treatment_stops_the_reader() {
        let change = |treatment| decode(40, treatment, 64).map(|e| e.change);
        assert_eq!(change(0), Ok(Change::Unknown { kind: 40, readable: false, writable: false }));
        assert_eq!(change(1), Ok(Change::Unknown { kind: 40, readable: true, writable: false }));
        assert_eq!(change(2), Ok(Change::Unknown { kind: 40, readable: true, writable: true }));
        assert!(change(3).is_err_and(|e| e.is_unsupported() && e.rule() == "LOG-2"));
    }
}
