//! The fields of a checkpoint ([LOG-21]); the rows in them have a file for each kind.

mod condemned;
mod objects;
mod written;

use super::{Checkpoint, HASHES_LEAST};
use crate::bytes::{Cursor, put_time};
use crate::fields::{CRITICAL, Fields, FieldsWriter};
use crate::{FormatError, Result};
use std::collections::HashSet;

const C: u16 = CRITICAL;
const RULE: &str = "LOG-21";
const KNOWN: [(u16, bool); 16] = [
    (1 | C, false),
    (2 | C, false),
    (3, false),
    (4 | C, false),
    (5 | C, false),
    (6 | C, false),
    (7 | C, false),
    (8 | C, true),
    (9 | C, true),
    (10 | C, false),
    (11 | C, true),
    (12 | C, false),
    (13 | C, false),
    (14 | C, true),
    (15, false),
    (16 | C, false),
];

pub(super) fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut fields = FieldsWriter::new();
    let mut time = Vec::new();
    put_time(&mut time, checkpoint.time);
    fields
        .put(1 | C, &u64::from(checkpoint.slot).to_le_bytes())
        .put(2 | C, checkpoint.hashes.as_flattened())
        .put(3, &time)
        .put(4 | C, &checkpoint.next_number.to_le_bytes())
        .put(5 | C, &written::encode_points(&checkpoint.points))
        .put(6 | C, &written::encode_points(&checkpoint.held))
        .put(7 | C, &written::encode_segments(&checkpoint.segments));
    for session in &checkpoint.sessions {
        fields.put(8 | C, &written::encode_session(session));
    }
    for batch in &checkpoint.condemned {
        fields.put(9 | C, &condemned::encode_batch(batch));
    }
    fields.put(10 | C, &objects::encode_given_up(&checkpoint.given_up));
    for lock in &checkpoint.locks {
        fields.put(11 | C, &objects::encode_lock(lock));
    }
    fields.put(12 | C, &checkpoint.settings);
    if let Some(kind) = checkpoint.read_only {
        fields.put(13 | C, &kind.to_le_bytes());
    }
    for retrieval in &checkpoint.retrievals {
        fields.put(14 | C, &objects::encode_retrieval(retrieval));
    }
    if !checkpoint.suspects.is_empty() {
        fields.put(15, &objects::encode_suspects(&checkpoint.suspects));
    }
    if let Some(old) = &checkpoint.condemned_long_ago {
        fields.put(16 | C, &condemned::encode_long_ago(old));
    }
    fields.finish()
}

pub(super) fn decode(plain: &[u8], slot: u32) -> Result<Checkpoint> {
    let fields = Fields::parse(plain, &KNOWN)?;
    let stated = u64::from_le_bytes(fields.array(1 | C, RULE)?);
    if stated != u64::from(slot) {
        return Err(FormatError::broken(RULE, "slot", slot, stated));
    }
    let next_number = u32::from_le_bytes(fields.array(4 | C, RULE)?);
    let points = |tag| written::decode_points(fields.cursor(tag, RULE)?, slot, next_number);
    let settings = fields.need(12 | C)?;
    let any: Vec<(u16, bool)> = (0..=255).flat_map(|t| [(t, false), (t | C, false)]).collect();
    Fields::parse(settings, &any)?;
    let read_only = fields.get(13 | C).map(|_| fields.array(13 | C, RULE)).transpose()?;
    let checkpoint = Checkpoint {
        slot,
        hashes: decode_hashes(fields.cursor(2 | C, RULE)?, slot)?,
        time: fields.time(3)?.unwrap_or_default(),
        next_number,
        points: points(5 | C)?,
        held: points(6 | C)?,
        segments: written::decode_segments(fields.cursor(7 | C, RULE)?, slot)?,
        sessions: written::decode_sessions(fields.all(8 | C), slot)?,
        condemned: condemned::decode_batches(fields.all(9 | C), slot)?,
        given_up: objects::decode_given_up(fields.cursor(10 | C, RULE)?, slot)?,
        locks: fields.all(11 | C).map(objects::decode_lock).collect::<Result<_>>()?,
        settings: settings.to_vec(),
        read_only: read_only.map(u16::from_le_bytes),
        retrievals: objects::decode_retrievals(fields.all(14 | C), slot)?,
        suspects: fields
            .get(15)
            .map(|_| objects::decode_suspects(fields.cursor(15, RULE)?, slot))
            .transpose()?
            .unwrap_or_default(),
        condemned_long_ago: fields
            .get(16 | C)
            .map(|_| condemned::decode_long_ago(fields.cursor(16 | C, RULE)?, slot))
            .transpose()?,
    };
    if let Some(old) = &checkpoint.condemned_long_ago {
        condemned::expect_apart(old, &checkpoint.condemned)?;
    }
    let mut ids = HashSet::new();
    if checkpoint.points.iter().any(|p| !ids.insert(p.id)) {
        return Err(FormatError::broken(RULE, "live points of one id", 1, 2));
    }
    Ok(checkpoint)
}

/// All of them, or the last of many.
fn decode_hashes(mut rows: Cursor<'_>, slot: u32) -> Result<Vec<[u8; 32]>> {
    let mut hashes = Vec::new();
    while rows.remaining() > 0 {
        hashes.push(rows.array()?);
    }
    let (count, all) = (hashes.len(), slot as usize);
    if count == 0 || count > all || (count < all && count < HASHES_LEAST) {
        return Err(FormatError::broken(RULE, "hashes of entries", format!("{all}, or 256 at least"), count));
    }
    Ok(hashes)
}

fn expect_slot(found: u32, slot: u32) -> Result<()> {
    if (1..=slot).contains(&found) {
        return Ok(());
    }
    Err(FormatError::broken(RULE, "slot of a row", format!("1..={slot}"), found))
}
