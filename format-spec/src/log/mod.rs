//! Log entries (spec/log.md): the frame of every entry here, what entries change in `change`, their fields in `fields`, tables inside them in `rows`.

mod change;
pub(crate) mod fields;
pub(crate) mod rows;

pub use change::{Change, KeyChange, Purpose, RetrievalMode, RetrievalStep};
pub use rows::{CondemnedPack, ObjectRange, ObjectRef, ObjectRow, PublishedPack, Run, Survivors};

use crate::bytes::put_time;
use crate::container::{Header, Object, ObjectKind, ObjectWriter, kind};
use crate::fields::{CRITICAL, Fields, FieldsWriter};
use crate::keys::Secrets;
use crate::{FormatError, RepositoryId, Result, Time};

pub use crate::PointId;

/// The greatest entry kind that this release knows ([LOG-4]): one that is not greater forbids it nothing.
pub const KIND_KNOWN_MAX: u16 = 14;
/// The kind of `Suspect` ([LOG-27]): a checkpoint that has suspect packs names it, so that older releases only read ([LOG-21]).
pub const KIND_SUSPECT: u16 = 14;

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
        let mut row = FieldsWriter::new();
        let mut time = Vec::new();
        put_time(&mut time, self.time);
        let (kind_number, treatment) = fields::number(&self.change);
        let kind_field = [kind_number.to_le_bytes(), treatment.to_le_bytes()].concat();
        row.put(1 | CRITICAL, &u64::from(self.slot).to_le_bytes())
            .put(2 | CRITICAL, &self.previous)
            .put(3 | CRITICAL, &self.attempt)
            .put(4, &time)
            .put(5 | CRITICAL, &kind_field);
        fields::encode(&self.change, &mut row);
        let header = Header::new(ObjectKind::LogEntry, secrets.suite(), repository, 0, self.slot, salt);
        let cipher = secrets.cipher(&header);
        let mut object = ObjectWriter::new(header, cipher);
        object.push_plain(kind::LOG_ENTRY, row.as_bytes(), 3);
        object.finish().0
    }

    /// Whether these bytes are an object of this slot that somebody with the keys has sealed ([CONT-17]), whatever it says. What is not makes
    /// the slot void in a repository with immutability ([LOG-25]).
    pub fn is_sealed(bytes: &[u8], slot: u32, repository: RepositoryId, secrets: &Secrets) -> bool {
        let expected = Header::new(ObjectKind::LogEntry, secrets.suite(), repository, 0, slot, [0; 32]);
        Object::parse_as(bytes, &expected, |h| secrets.cipher(h)).is_ok()
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
        known.extend(fields::known(number));
        let own = Fields::parse(&plain, &known)?;
        let stated = u64::from_le_bytes(own.array(1 | CRITICAL, "LOG-2")?);
        if stated != u64::from(slot) {
            return Err(FormatError::broken("LOG-3", "slot", slot, stated));
        }
        let change = fields::decode(number, treatment, &own)?;
        if let Change::SetAside { first } = change
            && !(1..slot).contains(&first)
        {
            return Err(FormatError::broken(
                "LOG-28",
                "first slot that is set aside",
                format!("1 to {}", slot - 1),
                first,
            ));
        }
        let time = own.time(4)?.unwrap_or_default();
        let (previous, attempt) = (own.array(2 | CRITICAL, "LOG-2")?, own.array(3 | CRITICAL, "LOG-2")?);
        Ok(LogEntry { slot, previous, attempt, time, change })
    }
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
    fn what_nobody_with_the_keys_has_sealed_is_told_from_what_is_not_understood() {
        let secrets = |n| Secrets { master: Some(Secret::new([n; 32])), dedup: Secret::new([1; 32]) };
        let repository = RepositoryId([2; 16]);
        let change = Change::Unknown { kind: 40, readable: false, writable: false };
        let entry = LogEntry { slot: 7, previous: [4; 32], attempt: [5; 16], time: Time::new(0, 0), change };
        let bytes = entry.encode(repository, &secrets(1), [3; 32]);
        let is_sealed = |bytes: &[u8], slot, n| LogEntry::is_sealed(bytes, slot, repository, &secrets(n));
        assert!(is_sealed(&bytes, 7, 1));
        // [LOG-25] Another slot's entry, another key, a flipped bit, and junk.
        assert!(
            !is_sealed(&bytes, 8, 1) && !is_sealed(&bytes, 7, 2) && !is_sealed(b"junk", 7, 1) && !is_sealed(&[], 7, 1)
        );
        let mut flipped = bytes.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        assert!(!is_sealed(&flipped, 7, 1));
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
