//! What objects are called (spec/names.md).

use crate::{ObjectId, ObjectKind};

/// The config's name.
pub const CONFIG: &str = "config";

/// The name of an object of a session ([NAME-3]).
pub fn of_session(kind: ObjectKind, id: ObjectId) -> String {
    format!("{}/{:08x}/{:08x}", folder(kind), id.session, id.ordinal)
}

/// The name of a log slot.
pub fn log(slot: u32) -> String {
    format!("log/{slot:016x}")
}

/// The name of the checkpoint of a slot.
pub fn checkpoint(slot: u32) -> String {
    format!("checkpoint/{slot:016x}")
}

/// The name of a key slot.
pub fn key_slot(id: [u8; 8]) -> String {
    format!("keys/{:016x}", u64::from_be_bytes(id))
}

/// The folder that a kind lives in.
pub fn folder(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::DataPack => "data",
        ObjectKind::MetaPack => "meta",
        ObjectKind::IndexSegment => "index",
        ObjectKind::RestorePoint => "points",
        ObjectKind::LogEntry => "log",
        ObjectKind::Checkpoint => "checkpoint",
        ObjectKind::Config => "",
        ObjectKind::KeySlot => "keys",
    }
}

/// What a name says about its object ([NAME-1] to [NAME-3]); `None` for foreign names ([NAME-4], [NAME-5]).
pub fn parse(name: &str) -> Option<(ObjectKind, u32, u32)> {
    if name == CONFIG {
        return Some((ObjectKind::Config, 0, 0));
    }
    let mut parts = name.split('/');
    let folder = parts.next()?;
    let kind = ObjectKind::ALL.into_iter().filter(|k| *k != ObjectKind::Config).find(|k| self::folder(*k) == folder)?;
    let number = |part: Option<&str>, digits: usize| {
        let part =
            part.filter(|p| p.len() == digits && p.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))?;
        u64::from_str_radix(part, 16).ok()
    };
    let (session, ordinal) = match kind {
        // Slots count from 1 ([LOG-1]).
        ObjectKind::LogEntry | ObjectKind::Checkpoint => {
            (0, u32::try_from(number(parts.next(), 16)?).ok().filter(|slot| *slot > 0)?)
        }
        ObjectKind::KeySlot => number(parts.next(), 16).map(|_| (0, 0))?,
        _ => (u32::try_from(number(parts.next(), 8)?).ok()?, u32::try_from(number(parts.next(), 8)?).ok()?),
    };
    parts.next().is_none().then_some((kind, session, ordinal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_as_they_are_made() {
        let id = ObjectId { session: 3, ordinal: u32::MAX };
        for kind in [ObjectKind::DataPack, ObjectKind::MetaPack, ObjectKind::IndexSegment, ObjectKind::RestorePoint] {
            assert_eq!(parse(&of_session(kind, id)), Some((kind, 3, u32::MAX)));
        }
        assert_eq!(parse(&log(7)), Some((ObjectKind::LogEntry, 0, 7)));
        assert_eq!(parse(&checkpoint(7)), Some((ObjectKind::Checkpoint, 0, 7)));
        assert_eq!(parse(&key_slot([0xAB; 8])), Some((ObjectKind::KeySlot, 0, 0)));
        assert_eq!(parse(&log(0)), None, "slots count from 1");
        assert_eq!(parse("log/0000000100000000"), None, "a slot beyond 32 bits");
        assert_eq!(parse("probe/1"), None);
    }
}
