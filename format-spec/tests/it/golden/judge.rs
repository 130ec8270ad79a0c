//! The judge: opens a vector as a reader would and tells the broken rule.

use super::{REPOSITORY, Shape, Vector, secrets};
use format_spec::checkpoint::Checkpoint;
use format_spec::config::Config;
use format_spec::container::{Header, Object, ObjectKind, kind};
use format_spec::index::Segment;
use format_spec::key_slot::KeySlot;
use format_spec::ledger::Exception;
use format_spec::log::{Change, LogEntry, ObjectRef};
use format_spec::pack::Contents;
use format_spec::point::{Manifest, PackReferences};
use format_spec::tree::Node;
use format_spec::{FormatError, Result};

/// Reads a vector to its end. `beside` is the content of the file that it is held against: what its log entry follows, or the entry that states
/// its length and body hash, or the checkpoint and the entry of one slot.
pub(crate) fn judge(vector: &Vector, bytes: &[u8], beside: Option<&[u8]>) -> Result<()> {
    judge_alone(vector, bytes, beside.filter(|_| vector.previous.is_some()))?;
    match beside.filter(|_| vector.vouched_by.is_some()) {
        Some(entry) => judge_vouched(vector, bytes, entry),
        None => Ok(()),
    }
}

/// [LOG-8]: it is the object that the entry names. [LOG-21]: checkpoint and entry of a slot are those that each of them states.
fn judge_vouched(vector: &Vector, bytes: &[u8], entry: &[u8]) -> Result<()> {
    let Shape::Object(kind, ordinal) = vector.shape else { return Ok(()) };
    let beside = Header::decode(entry)?;
    let (slot, keys) = (beside.ordinal, secrets(vector.suite));
    let sum = match (kind, beside.kind) {
        (ObjectKind::Checkpoint, _) => Some((bytes, entry)),
        (_, ObjectKind::Checkpoint) => Some((entry, bytes)),
        _ => None,
    };
    if let Some((sum, entry)) = sum {
        let told = LogEntry::decode(entry, slot, REPOSITORY, &keys)?;
        let sum = Checkpoint::decode(sum, slot, REPOSITORY, &keys)?;
        return sum.expect_entry(blake3::hash(entry).as_bytes(), &told.previous);
    }
    let named: Vec<ObjectRef> = match LogEntry::decode(entry, slot, REPOSITORY, &keys)?.change {
        Change::Publish { packs, segment, .. } if kind == ObjectKind::IndexSegment => {
            segment.into_iter().filter(|_| !packs.is_empty()).collect()
        }
        Change::Publish { packs, .. } => packs.iter().filter(|p| p.kind == kind).map(|p| p.object).collect(),
        Change::Commit { point, .. } => vec![point],
        _ => Vec::new(),
    };
    let named = named.iter().find(|object| object.ordinal == ordinal).expect("the entry names it");
    named.expect(bytes.len() as u64, &Object::parse(bytes)?.trailer().body_hash)
}

fn judge_alone(vector: &Vector, bytes: &[u8], previous: Option<&[u8]>) -> Result<()> {
    let keys = secrets(vector.suite);
    let Shape::Object(kind, ordinal) = vector.shape else {
        return match vector.shape {
            Shape::LedgerValue => Exception::decode(bytes).map(drop),
            Shape::ReferenceValue => PackReferences::decode(bytes).map(drop),
            _ => Node::decode(bytes).map(drop),
        };
    };
    let expected = vector.expected().expect("an object");
    match kind {
        ObjectKind::Config => {
            let (config, found) = Config::decode(bytes)?;
            if found.is_none() {
                Config::verify(bytes, &keys)?;
            }
            // [CONT-6], [CONT-7]: everything else is compared with these two.
            expected.expect_identity(&Header { repository: config.repository, ..expected.clone() })
        }
        ObjectKind::KeySlot => {
            let slot = KeySlot::decode(bytes, REPOSITORY)?;
            let refused = || FormatError::broken("KEY-3", "tag of the wrapped secrets", "a match", "none");
            let found = slot.unwrap_secrets(vector.password.as_bytes())?.ok_or_else(refused)?;
            assert_eq!(found.dedup.expose(), keys.dedup.expose(), "{}", vector.file);
            Ok(())
        }
        ObjectKind::DataPack | ObjectKind::MetaPack => judge_pack(vector, bytes),
        ObjectKind::IndexSegment => Segment::decode(bytes, &expected, &keys).map(drop),
        ObjectKind::RestorePoint => Manifest::decode(bytes, &expected, &keys).map(drop),
        ObjectKind::Checkpoint => Checkpoint::decode(bytes, ordinal, REPOSITORY, &keys).map(drop),
        ObjectKind::LogEntry => {
            let entry = LogEntry::decode(bytes, ordinal, REPOSITORY, &keys)?;
            match previous.map(|p| *blake3::hash(p).as_bytes()) {
                Some(hash) if hash != entry.previous => Err(FormatError::broken("LOG-3", "hash", "a match", "none")),
                _ => Ok(()),
            }
        }
    }
}

/// A pack is read whole: its contents, each block, each chunk against its id ([PACK-7]).
fn judge_pack(vector: &Vector, bytes: &[u8]) -> Result<()> {
    let keys = secrets(vector.suite);
    let expected = vector.expected().expect("an object");
    let (object, cipher) = Object::parse_as(bytes, &expected, |h| keys.cipher(h))?;
    let contents = Contents::decode(&object.open_only(kind::CONTENTS, &cipher)?, object.entries())?;
    format_spec::parity::verify(&object)?;
    let ids = keys.ids();
    let blocks = object.entries().iter().filter(|e| e.head.kind == kind::BLOCK);
    for (block, blobs) in blocks.zip(&contents.blocks) {
        let plain = object.open(block, &cipher)?;
        let mut rest = &plain[..];
        for blob in blobs {
            let (chunk, behind) = rest.split_at(blob.bytes as usize);
            rest = behind;
            if ids.blob(expected.kind, chunk) != blob.id {
                return Err(FormatError::broken("PACK-7", "id of a chunk", blob.id, "another"));
            }
        }
    }
    Ok(())
}
