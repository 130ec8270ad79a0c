//! Rows of what was written: points, index segments, and the sessions that still write.

use super::{RULE, expect_slot};
use crate::bytes::{Cursor, put_time};
use crate::checkpoint::{PointRow, SegmentRow, SessionRow};
use crate::fields::text;
use crate::log::rows::{decode_vouched, encode_vouched};
use crate::log::{PointId, Purpose};
use crate::{ChunkId, FormatError, Result};

pub(super) fn encode_points(points: &[PointRow]) -> Vec<u8> {
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

pub(super) fn decode_points(mut rows: Cursor<'_>, slot: u32, next_number: u32) -> Result<Vec<PointRow>> {
    let mut points: Vec<PointRow> = Vec::new();
    while rows.remaining() > 0 {
        let (at, number, session, ordinal) = (rows.u32()?, rows.u32()?, rows.u32()?, rows.u32()?);
        let object = crate::log::ObjectRef { ordinal, bytes: rows.u64()?, body_hash: rows.array()? };
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

pub(super) fn encode_segments(segments: &[SegmentRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(segments.len() * 56);
    for segment in segments {
        out.extend_from_slice(&segment.slot.to_le_bytes());
        out.extend_from_slice(&segment.session.to_le_bytes());
        out.extend_from_slice(&encode_vouched(&segment.object));
    }
    out
}

pub(super) fn decode_segments(mut rows: Cursor<'_>, slot: u32) -> Result<Vec<SegmentRow>> {
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

pub(super) fn encode_session(session: &SessionRow) -> Vec<u8> {
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

pub(super) fn decode_sessions<'a>(rows: impl Iterator<Item = &'a [u8]>, slot: u32) -> Result<Vec<SessionRow>> {
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
