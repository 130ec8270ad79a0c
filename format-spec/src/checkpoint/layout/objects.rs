//! Rows of objects with something to remember about them: given up, suspect, locked, being retrieved.

use super::{RULE, expect_slot};
use crate::bytes::{Cursor, put_time};
use crate::checkpoint::{GivenUpRow, LockRow, RetrievalRow, SuspectRow};
use crate::container::ObjectKind;
use crate::fields::text;
use crate::log::ObjectRow;
use crate::log::fields::{mode_byte, mode_of};
use crate::log::rows::{decode_id, decode_ranges, encode_id, encode_ranges, expect_pack, rising};
use crate::{FormatError, Result};

pub(super) fn encode_given_up(rows: &[GivenUpRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * 28);
    for row in rows {
        out.extend_from_slice(&[row.object.kind as u8, 0, 0, 0]);
        encode_id(row.object.id, &mut out);
        out.extend_from_slice(&row.slot.to_le_bytes());
        put_time(&mut out, row.time);
    }
    out
}

pub(super) fn decode_given_up(mut rows: Cursor<'_>, slot: u32) -> Result<Vec<GivenUpRow>> {
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

pub(super) fn encode_suspects(rows: &[SuspectRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * 16);
    for row in rows {
        out.extend_from_slice(&[row.pack.kind as u8, 0, 0, 0]);
        encode_id(row.pack.id, &mut out);
        out.extend_from_slice(&row.slot.to_le_bytes());
    }
    out
}

pub(super) fn decode_suspects(mut rows: Cursor<'_>, slot: u32) -> Result<Vec<SuspectRow>> {
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

pub(super) fn encode_lock(lock: &LockRow) -> Vec<u8> {
    let mut row = Vec::new();
    put_time(&mut row, lock.until);
    row.extend_from_slice(&encode_ranges(&lock.objects));
    row
}

pub(super) fn decode_lock(row: &[u8]) -> Result<LockRow> {
    let mut row = Cursor::new(row, RULE);
    Ok(LockRow { until: row.time()?, objects: decode_ranges(row)? })
}

pub(super) fn encode_retrieval(retrieval: &RetrievalRow) -> Vec<u8> {
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

pub(super) fn decode_retrievals<'a>(rows: impl Iterator<Item = &'a [u8]>, slot: u32) -> Result<Vec<RetrievalRow>> {
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
