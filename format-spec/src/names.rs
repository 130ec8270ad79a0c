//! What objects are called (spec/names.md).

use crate::ObjectId;
use crate::container::ObjectKind;

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

/// What a name says about its object; `None` for foreign names ([NAME-4]).
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
        ObjectKind::LogEntry | ObjectKind::Checkpoint => (0, u32::try_from(number(parts.next(), 16)?).ok()?),
        ObjectKind::KeySlot => number(parts.next(), 16).map(|_| (0, 0))?,
        _ => (u32::try_from(number(parts.next(), 8)?).ok()?, u32::try_from(number(parts.next(), 8)?).ok()?),
    };
    parts.next().is_none().then_some((kind, session, ordinal))
}
