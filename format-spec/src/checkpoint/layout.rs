//! The fields of a checkpoint and the rows in them ([LOG-21]).

use super::{
    Checkpoint, CondemnedLongAgo, CondemnedRow, GivenUpRow, HASHES_LEAST, LockRow, PointRow, RetrievalRow, SegmentRow,
    SessionRow, SuspectRow,
};
use crate::bytes::{Cursor, put_time};
use crate::container::ObjectKind;
use crate::fields::{CRITICAL, Fields, FieldsWriter, text};
use crate::log::fields::{mode_byte, mode_of};
use crate::log::rows::{
    decode_condemned, decode_id, decode_ranges, decode_vouched, encode_condemned, encode_id, encode_ranges,
    encode_vouched, expect_pack, rising,
};
use crate::log::{ObjectRow, PointId, Purpose};
use crate::{ChunkId, FormatError, ObjectId, Result};
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
        .put(5 | C, &encode_points(&checkpoint.points))
        .put(6 | C, &encode_points(&checkpoint.held))
        .put(7 | C, &encode_segments(&checkpoint.segments));
    for session in &checkpoint.sessions {
        fields.put(8 | C, &encode_session(session));
    }
    for batch in &checkpoint.condemned {
        fields.put(9 | C, &[&batch.slot.to_le_bytes()[..], &encode_condemned(&batch.packs)].concat());
    }
    fields.put(10 | C, &encode_given_up(&checkpoint.given_up));
    for lock in &checkpoint.locks {
        let mut row = Vec::new();
        put_time(&mut row, lock.until);
        row.extend_from_slice(&encode_ranges(&lock.objects));
        fields.put(11 | C, &row);
    }
    fields.put(12 | C, &checkpoint.settings);
    if let Some(kind) = checkpoint.read_only {
        fields.put(13 | C, &kind.to_le_bytes());
    }
    for retrieval in &checkpoint.retrievals {
        fields.put(14 | C, &encode_retrieval(retrieval));
    }
    if !checkpoint.suspects.is_empty() {
        fields.put(15, &encode_suspects(&checkpoint.suspects));
    }
    if let Some(old) = &checkpoint.condemned_long_ago {
        fields.put(16 | C, &[&old.slot.to_le_bytes()[..], &encode_ranges(&old.packs)].concat());
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
    let points = |tag| decode_points(fields.cursor(tag, RULE)?, slot, next_number);
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
        segments: decode_segments(fields.cursor(7 | C, RULE)?, slot)?,
        sessions: decode_sessions(fields.all(8 | C), slot)?,
        condemned: decode_batches(fields.all(9 | C), slot)?,
        given_up: decode_given_up(fields.cursor(10 | C, RULE)?, slot)?,
        locks: fields.all(11 | C).map(decode_lock).collect::<Result<_>>()?,
        settings: settings.to_vec(),
        read_only: read_only.map(u16::from_le_bytes),
        retrievals: decode_retrievals(fields.all(14 | C), slot)?,
        suspects: fields
            .get(15)
            .map(|_| decode_suspects(fields.cursor(15, RULE)?, slot))
            .transpose()?
            .unwrap_or_default(),
        condemned_long_ago: fields
            .get(16 | C)
            .map(|_| decode_long_ago(fields.cursor(16 | C, RULE)?, slot))
            .transpose()?,
    };
    if let Some(old) = &checkpoint.condemned_long_ago {
        expect_apart(old, &checkpoint.condemned)?;
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

fn encode_points(points: &[PointRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(points.len() * 112);
    for point in points {
        [point.slot, point.number, point.session, point.object.ordinal]
            .iter()
            .for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        out.extend_from_slice(&point.object.bytes.to_le_bytes());
        out.extend_from_slice(&point.object.body_hash);
        out.extend_from_slice(&point.id.0);
        out.extend_from_slice(&point.references.0);
        out.extend_from_slice(&[0; 8]);
    }
    out
}

fn decode_points(mut rows: Cursor<'_>, slot: u32, next_number: u32) -> Result<Vec<PointRow>> {
    let mut points: Vec<PointRow> = Vec::new();
    while rows.remaining() > 0 {
        let (at, number, session, ordinal) = (rows.u32()?, rows.u32()?, rows.u32()?, rows.u32()?);
        let object = crate::log::Vouched { ordinal, bytes: rows.u64()?, body_hash: rows.array()? };
        let (id, references) = (PointId(rows.array()?), ChunkId(rows.array()?));
        rows.zero(8, "zero bytes of a point's row")?;
        expect_slot(at, slot)?;
        let (before, slot_before) = points.last().map_or((0, 0), |p| (p.number, p.slot));
        if number <= before || at <= slot_before || number >= next_number {
            let expected = format!("{} to {}, rising with the slots", before.saturating_add(1), next_number);
            return Err(FormatError::broken(RULE, "number of a point", expected, number));
        }
        points.push(PointRow { slot: at, number, session, object, id, references });
    }
    Ok(points)
}

fn encode_segments(segments: &[SegmentRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(segments.len() * 56);
    for segment in segments {
        out.extend_from_slice(&segment.slot.to_le_bytes());
        out.extend_from_slice(&segment.session.to_le_bytes());
        out.extend_from_slice(&encode_vouched(&segment.object));
    }
    out
}

fn decode_segments(mut rows: Cursor<'_>, slot: u32) -> Result<Vec<SegmentRow>> {
    let mut segments: Vec<SegmentRow> = Vec::new();
    while rows.remaining() > 0 {
        let row = SegmentRow { slot: rows.u32()?, session: rows.u32()?, object: decode_vouched(&mut rows)? };
        expect_slot(row.slot, slot)?;
        if segments.last().is_some_and(|last| last.slot > row.slot) {
            return Err(FormatError::broken(RULE, "order of segments", "not falling", row.slot));
        }
        segments.push(row);
    }
    Ok(segments)
}

fn encode_session(session: &SessionRow) -> Vec<u8> {
    let mut out = session.number.to_le_bytes().to_vec();
    out.extend_from_slice(&session.next_ordinal.to_le_bytes());
    put_time(&mut out, session.opened);
    put_time(&mut out, session.last);
    let purpose = match session.purpose {
        Purpose::Backup => 1,
        Purpose::Care => 2,
        Purpose::Copy => 3,
    };
    out.extend_from_slice(&[purpose, u8::from(session.base.is_some()), 0, 0]);
    out.extend_from_slice(&session.base.map_or([0; 16], |b| b.0));
    out.extend_from_slice(&u32::try_from(session.job.len()).expect("entries are below 4 MiB").to_le_bytes());
    out.extend_from_slice(session.job.as_bytes());
    out.extend_from_slice(session.host.as_bytes());
    out
}

fn decode_sessions<'a>(rows: impl Iterator<Item = &'a [u8]>, slot: u32) -> Result<Vec<SessionRow>> {
    let mut sessions: Vec<SessionRow> = Vec::new();
    for row in rows {
        let session = decode_session(row)?;
        expect_slot(session.number, slot)?;
        if sessions.last().is_some_and(|last| last.number >= session.number) {
            return Err(FormatError::broken(RULE, "order of sessions", "rising", session.number));
        }
        sessions.push(session);
    }
    Ok(sessions)
}

fn decode_session(row: &[u8]) -> Result<SessionRow> {
    let mut row = Cursor::new(row, RULE);
    let (number, next_ordinal, opened, last) = (row.u32()?, row.u32()?, row.time()?, row.time()?);
    let purpose = match row.u8()? {
        1 => Purpose::Backup,
        3 => Purpose::Copy,
        // As in LOG-5: an unknown purpose is no reason to stop.
        _ => Purpose::Care,
    };
    let flag = row.u8()?;
    row.zero(2, "zero bytes of a session's row")?;
    let base: [u8; 16] = row.array()?;
    let base = match flag {
        0 if base == [0; 16] => None,
        1 => Some(PointId(base)),
        _ => return Err(FormatError::broken(RULE, "base of a session", "a flag of 0 without one or 1", flag)),
    };
    let job = row.u32()? as usize;
    let job = text(row.take(job)?, RULE)?;
    let host = text(row.take(row.remaining())?, RULE)?;
    Ok(SessionRow { number, next_ordinal, opened, last, purpose, base, job, host })
}

fn decode_batches<'a>(rows: impl Iterator<Item = &'a [u8]>, slot: u32) -> Result<Vec<CondemnedRow>> {
    let mut batches: Vec<CondemnedRow> = Vec::new();
    let mut seen = HashSet::new();
    for row in rows {
        let mut row = Cursor::new(row, RULE);
        let at = row.u32()?;
        expect_slot(at, slot)?;
        let packs = decode_condemned(row)?;
        let again = packs.iter().find(|p| !seen.insert(p.id));
        if let Some(pack) = again {
            return Err(FormatError::broken(RULE, "condemnations of a pack", "one", pack.id));
        }
        if batches.last().is_some_and(|last| last.slot >= at) {
            return Err(FormatError::broken(RULE, "order of condemned packs", "rising slots", at));
        }
        batches.push(CondemnedRow { slot: at, packs });
    }
    Ok(batches)
}

fn decode_long_ago(mut rows: Cursor<'_>, slot: u32) -> Result<CondemnedLongAgo> {
    let at = rows.u32()?;
    expect_slot(at, slot)?;
    let packs = decode_ranges(rows)?;
    if packs.is_empty() {
        return Err(FormatError::broken(RULE, "packs condemned long ago", "at least one", 0));
    }
    packs.iter().try_for_each(|range| expect_pack(range.kind, RULE))?;
    Ok(CondemnedLongAgo { slot: at, packs })
}

/// What was condemned long ago comes before the batches, and no pack stands twice.
fn expect_apart(old: &CondemnedLongAgo, batches: &[CondemnedRow]) -> Result<()> {
    if let Some(first) = batches.first().filter(|first| first.slot <= old.slot) {
        return Err(FormatError::broken(RULE, "order of condemned packs", "rising slots", first.slot));
    }
    let mut ids: Vec<(ObjectId, u32)> = old.packs.iter().map(|range| (range.first, range.count)).collect();
    ids.extend(batches.iter().flat_map(|batch| &batch.packs).map(|pack| (pack.id, 1)));
    ids.sort_unstable();
    let twice = ids.windows(2).find_map(|pair| match pair {
        [(a, count), (b, _)] if a.session == b.session && b.ordinal - a.ordinal < *count => Some(*b),
        _ => None,
    });
    twice.map_or(Ok(()), |id| Err(FormatError::broken(RULE, "condemnations of a pack", "one", id)))
}

fn encode_given_up(rows: &[GivenUpRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * 28);
    for row in rows {
        out.extend_from_slice(&[row.object.kind as u8, 0, 0, 0]);
        encode_id(row.object.id, &mut out);
        out.extend_from_slice(&row.slot.to_le_bytes());
        put_time(&mut out, row.time);
    }
    out
}

fn decode_given_up(mut rows: Cursor<'_>, slot: u32) -> Result<Vec<GivenUpRow>> {
    let (mut out, mut objects) = (Vec::new(), Vec::new());
    while rows.remaining() > 0 {
        let kind = ObjectKind::from_byte(rows.u8()?)?;
        rows.zero(3, "zero bytes of a row of what was given up")?;
        let object = ObjectRow { kind, id: decode_id(&mut rows)? };
        rising(&objects, &object, RULE)?;
        objects.push(object);
        let row = GivenUpRow { object, slot: rows.u32()?, time: rows.time()? };
        expect_slot(row.slot, slot)?;
        out.push(row);
    }
    Ok(out)
}

fn encode_suspects(rows: &[SuspectRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * 16);
    for row in rows {
        out.extend_from_slice(&[row.pack.kind as u8, 0, 0, 0]);
        encode_id(row.pack.id, &mut out);
        out.extend_from_slice(&row.slot.to_le_bytes());
    }
    out
}

fn decode_suspects(mut rows: Cursor<'_>, slot: u32) -> Result<Vec<SuspectRow>> {
    let (mut out, mut packs) = (Vec::new(), Vec::new());
    while rows.remaining() > 0 {
        let kind = ObjectKind::from_byte(rows.u8()?)?;
        expect_pack(kind, RULE)?;
        rows.zero(3, "zero bytes of a suspect pack's row")?;
        let pack = ObjectRow { kind, id: decode_id(&mut rows)? };
        rising(&packs, &pack, RULE)?;
        packs.push(pack);
        let row = SuspectRow { pack, slot: rows.u32()? };
        expect_slot(row.slot, slot)?;
        out.push(row);
    }
    Ok(out)
}

fn decode_lock(row: &[u8]) -> Result<LockRow> {
    let mut row = Cursor::new(row, RULE);
    Ok(LockRow { until: row.time()?, objects: decode_ranges(row)? })
}

fn encode_retrieval(retrieval: &RetrievalRow) -> Vec<u8> {
    let mut out = retrieval.slot.to_le_bytes().to_vec();
    put_time(&mut out, retrieval.begun);
    put_time(&mut out, retrieval.changed);
    out.extend_from_slice(&[mode_byte(retrieval.mode), 0, 0, 0]);
    out.extend_from_slice(&retrieval.days.to_le_bytes());
    let rows = encode_ranges(&retrieval.objects);
    out.extend_from_slice(&u32::try_from(rows.len() / RANGE_BYTES).expect("entries are below 4 MiB").to_le_bytes());
    out.extend_from_slice(&rows);
    out.extend_from_slice(retrieval.about.as_bytes());
    out
}

fn decode_retrievals<'a>(rows: impl Iterator<Item = &'a [u8]>, slot: u32) -> Result<Vec<RetrievalRow>> {
    let mut retrievals: Vec<RetrievalRow> = Vec::new();
    for row in rows {
        let retrieval = decode_retrieval(row)?;
        expect_slot(retrieval.slot, slot)?;
        if retrievals.last().is_some_and(|last| last.slot >= retrieval.slot) {
            return Err(FormatError::broken(RULE, "order of retrievals", "rising", retrieval.slot));
        }
        retrievals.push(retrieval);
    }
    Ok(retrievals)
}

fn decode_retrieval(row: &[u8]) -> Result<RetrievalRow> {
    let mut row = Cursor::new(row, RULE);
    let (slot, begun, changed, mode) = (row.u32()?, row.time()?, row.time()?, mode_of(row.u8()?));
    row.zero(3, "zero bytes of a retrieval's row")?;
    let (days, count) = (row.u32()?, row.u32()? as usize);
    let objects = row.take(count.saturating_mul(RANGE_BYTES))?;
    let objects = decode_ranges(Cursor::new(objects, RULE))?;
    if objects.is_empty() {
        return Err(FormatError::broken(RULE, "objects of a retrieval", "at least one", 0));
    }
    let about = text(row.take(row.remaining())?, RULE)?;
    Ok(RetrievalRow { slot, begun, changed, mode, days, objects, about })
}

/// The length of a row of objects ([LOG-17]).
const RANGE_BYTES: usize = 16;

fn expect_slot(found: u32, slot: u32) -> Result<()> {
    if (1..=slot).contains(&found) {
        return Ok(());
    }
    Err(FormatError::broken(RULE, "slot of a row", format!("1..={slot}"), found))
}
