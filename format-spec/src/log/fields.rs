//! The fields of each kind of entry, tags 64 and up.

use super::change::{Change, KeyChange, Purpose, RetrievalMode, RetrievalStep};
use super::rows::{
    decode_condemned, decode_ids, decode_objects, decode_packs, decode_ranges, decode_vouched, encode_condemned,
    encode_id, encode_objects, encode_packs, encode_ranges, encode_vouched, expect_pack, rising,
};
use super::{ObjectRef, PointId};
use crate::bytes::{Cursor, put_time};
use crate::fields::{CRITICAL, Fields, FieldsWriter};
use crate::{ChunkId, FormatError, Result};

const C: u16 = CRITICAL;

/// The number and the treatment of a change's kind. Who does not know a kind of this release must stop ([LOG-4]), except where a reader
/// loses nothing by it.
pub(super) fn number(change: &Change) -> (u16, u16) {
    match change {
        Change::Open { .. } => (1, 0),
        Change::Publish { .. } => (2, 0),
        Change::Commit { .. } => (3, 0),
        Change::Expire { .. } => (4, 0),
        Change::Rewrite { .. } => (5, 0),
        Change::Condemn { .. } => (6, 0),
        Change::Swept { .. } => (7, 1),
        Change::Fold { .. } => (8, 0),
        Change::Fence { .. } => (9, 1),
        Change::Lock { .. } => (10, 1),
        Change::Retrieval(_) => (11, 1),
        Change::Key { .. } => (12, 1),
        Change::Config { .. } => (13, 0),
        Change::Suspect { .. } => (14, 1),
        Change::SetAside { .. } => (15, 0),
        Change::Unknown { kind, readable, writable } => (*kind, if *writable { 2 } else { u16::from(*readable) }),
    }
}

/// The tags that entries of this kind may have.
pub(super) fn known(number: u16) -> Vec<(u16, bool)> {
    let tags: &[u16] = match number {
        1 => &[64, 65, 66, 67],
        2 => &[64 | C, 65 | C, 66 | C],
        3 => &[64 | C, 65 | C, 66 | C, 67 | C],
        4 => &[64 | C, 65, 66],
        5 => &[64 | C, 65 | C, 66 | C, 67 | C, 68],
        6 => &[64 | C, 65 | C, 66 | C, 67 | C, 68],
        7 => &[64 | C],
        8 => &[64 | C, 65 | C, 66 | C],
        9 => &[64 | C, 65],
        10 | 12 => &[64 | C, 65 | C],
        11 => &[64 | C, 65 | C, 66, 67, 68 | C, 69],
        13 | 15 => &[64 | C],
        14 => &[64 | C, 65 | C, 66],
        _ => return (64..=255).flat_map(|t| [(t, true), (t | C, true)]).collect(),
    };
    tags.iter().map(|t| (*t, false)).collect()
}

pub(super) fn encode(change: &Change, fields: &mut FieldsWriter) {
    match change {
        Change::Open { job, host, base, purpose } => {
            fields.put(64, job.as_bytes()).put(65, host.as_bytes());
            if let Some(base) = base {
                fields.put(66, &base.0);
            }
            let purpose = match purpose {
                Purpose::Backup => return,
                Purpose::Care => 2,
                Purpose::Copy => 3,
            };
            fields.put(67, &[purpose]);
        }
        Change::Publish { session, packs, segment } => {
            fields.put(64 | C, &session.to_le_bytes()).put(65 | C, &encode_packs(packs));
            put_segment(66 | C, segment.as_ref(), fields);
        }
        Change::Commit { session, point, id, references } => {
            fields
                .put(64 | C, &session.to_le_bytes())
                .put(65 | C, &encode_vouched(point))
                .put(66 | C, &id.0)
                .put(67 | C, &references.0);
        }
        Change::Expire { points, reason, plan } => {
            let rows: Vec<u8> = points.iter().flat_map(|p| p.0).collect();
            fields.put(64 | C, &rows).put(65, reason.as_bytes()).put(66, plan);
        }
        Change::Rewrite { session, point, id, references, reason } => {
            fields
                .put(64 | C, &session.to_le_bytes())
                .put(65 | C, &encode_vouched(point))
                .put(66 | C, &id.0)
                .put(67 | C, &references.0)
                .put(68, reason.as_bytes());
        }
        Change::Condemn { session, condemned, packs, segment, plan } => {
            fields
                .put(64 | C, &session.to_le_bytes())
                .put(65 | C, &encode_condemned(condemned))
                .put(66 | C, &encode_packs(packs));
            put_segment(67 | C, segment.as_ref(), fields);
            fields.put(68, plan);
        }
        Change::Swept { objects } => _ = fields.put(64 | C, &encode_objects(objects)),
        Change::Fold { session, replaced, segments } => {
            let mut ids = Vec::new();
            replaced.iter().for_each(|id| encode_id(*id, &mut ids));
            let rows: Vec<u8> = segments.iter().flat_map(encode_vouched).collect();
            fields.put(64 | C, &session.to_le_bytes()).put(65 | C, &ids).put(66 | C, &rows);
        }
        Change::Fence { session, reason } => {
            fields.put(64 | C, &session.to_le_bytes()).put(65, reason.as_bytes());
        }
        Change::Lock { until, objects } => {
            let mut time = Vec::new();
            put_time(&mut time, *until);
            fields.put(64 | C, &time).put(65 | C, &encode_ranges(objects));
        }
        Change::Retrieval(step) => encode_retrieval(step, fields),
        Change::Key { change, slot } => {
            let change = match change {
                KeyChange::Added => 1,
                KeyChange::Removed => 2,
            };
            fields.put(64 | C, &[change]).put(65 | C, &slot.to_le_bytes());
        }
        Change::Config { fields: own } => _ = fields.put(64 | C, own),
        Change::Suspect { suspect, packs, reason } => {
            let state = if *suspect { 1 } else { 2 };
            fields.put(64 | C, &[state]).put(65 | C, &encode_objects(packs)).put(66, reason.as_bytes());
        }
        Change::SetAside { first } => _ = fields.put(64 | C, &first.to_le_bytes()),
        Change::Unknown { .. } => {}
    }
}

pub(super) fn decode(number: u16, treatment: u16, fields: &Fields<'_>) -> Result<Change> {
    Ok(match number {
        1 => {
            let base = fields.get(66).map(|_| fields.array(66, "LOG-5").map(PointId)).transpose()?;
            let purpose = match fields.get(67).map(|_| fields.array::<1>(67, "LOG-5")).transpose()? {
                // Purposes only tell people who is at work: an unknown one is no reason to stop.
                None => Purpose::Backup,
                Some([3]) => Purpose::Copy,
                Some(_) => Purpose::Care,
            };
            Change::Open { job: fields.text(64, "LOG-5")?, host: fields.text(65, "LOG-5")?, base, purpose }
        }
        2 => {
            let packs = decode_packs(fields.cursor(65 | C, "LOG-6")?, "LOG-6")?;
            let segment = segment_of(66 | C, !packs.is_empty(), fields, "LOG-6")?;
            Change::Publish { session: session_of(fields, "LOG-6")?, packs, segment }
        }
        3 => Change::Commit {
            session: session_of(fields, "LOG-10")?,
            point: one_vouched(fields.cursor(65 | C, "LOG-10")?)?,
            id: PointId(fields.array(66 | C, "LOG-10")?),
            references: ChunkId(fields.array(67 | C, "LOG-10")?),
        },
        4 => {
            let plan = fields.get(66).map(|_| fields.array(66, "LOG-11")).transpose()?.unwrap_or_default();
            Change::Expire { points: decode_points(fields)?, reason: fields.text(65, "LOG-11")?, plan }
        }
        5 => Change::Rewrite {
            session: session_of(fields, "LOG-12")?,
            point: one_vouched(fields.cursor(65 | C, "LOG-12")?)?,
            id: PointId(fields.array(66 | C, "LOG-12")?),
            references: ChunkId(fields.array(67 | C, "LOG-12")?),
            reason: fields.text(68, "LOG-12")?,
        },
        6 => {
            let packs = decode_packs(fields.cursor(66 | C, "LOG-13")?, "LOG-13")?;
            Change::Condemn {
                session: session_of(fields, "LOG-13")?,
                condemned: decode_condemned(fields.cursor(65 | C, "LOG-13")?)?,
                segment: segment_of(67 | C, !packs.is_empty(), fields, "LOG-13")?,
                packs,
                plan: fields.get(68).map(|_| fields.array(68, "LOG-13")).transpose()?.unwrap_or_default(),
            }
        }
        7 => Change::Swept { objects: decode_objects(fields.cursor(64 | C, "LOG-14")?, "LOG-14")? },
        8 => {
            let mut rows = fields.cursor(66 | C, "LOG-15")?;
            let mut segments = Vec::new();
            while rows.remaining() > 0 {
                segments.push(decode_vouched(&mut rows)?);
            }
            let replaced = decode_ids(fields.cursor(65 | C, "LOG-15")?, "LOG-15")?;
            Change::Fold { session: session_of(fields, "LOG-15")?, replaced, segments }
        }
        9 => Change::Fence { session: session_of(fields, "LOG-16")?, reason: fields.text(65, "LOG-16")? },
        10 => {
            let mut cursor = fields.cursor(64 | C, "LOG-17")?;
            let until = cursor.time()?;
            cursor.end()?;
            Change::Lock { until, objects: decode_ranges(fields.cursor(65 | C, "LOG-17")?)? }
        }
        11 => Change::Retrieval(decode_retrieval(fields)?),
        12 => {
            let change = match fields.array(64 | C, "LOG-18")? {
                [1] => KeyChange::Added,
                [2] => KeyChange::Removed,
                [other] => return Err(FormatError::broken("LOG-18", "change of a key slot", "1 or 2", other)),
            };
            Change::Key { change, slot: u64::from_le_bytes(fields.array(65 | C, "LOG-18")?) }
        }
        13 => {
            let own = fields.need(64 | C)?;
            crate::config::check_change(own)?;
            Change::Config { fields: own.to_vec() }
        }
        14 => decode_suspect(fields)?,
        15 => Change::SetAside { first: u32::from_le_bytes(fields.array(64 | C, "LOG-28")?) },
        kind => Change::Unknown { kind, readable: treatment >= 1, writable: treatment >= 2 },
    })
}

/// The byte of a mode, in entries and checkpoints.
pub(crate) fn mode_byte(mode: RetrievalMode) -> u8 {
    match mode {
        RetrievalMode::Expedited => 1,
        RetrievalMode::Standard => 2,
        RetrievalMode::Bulk => 3,
        RetrievalMode::High => 4,
    }
}

/// Modes only tell people what was ordered: an unknown one is no reason to stop.
pub(crate) fn mode_of(byte: u8) -> RetrievalMode {
    match byte {
        1 => RetrievalMode::Expedited,
        3 => RetrievalMode::Bulk,
        4 => RetrievalMode::High,
        _ => RetrievalMode::Standard,
    }
}

fn encode_retrieval(step: &RetrievalStep, fields: &mut FieldsWriter) {
    match step {
        RetrievalStep::Asked { mode, days, objects, about } => {
            fields
                .put(64 | C, &0u32.to_le_bytes())
                .put(65 | C, &[1])
                .put(66, &[mode_byte(*mode)])
                .put(67, &days.to_le_bytes())
                .put(68 | C, &encode_ranges(objects))
                .put(69, about.as_bytes());
        }
        RetrievalStep::Changed { retrieval, days } => {
            fields.put(64 | C, &retrieval.to_le_bytes()).put(65 | C, &[2]).put(67, &days.to_le_bytes());
        }
        RetrievalStep::Ended { retrieval } => {
            fields.put(64 | C, &retrieval.to_le_bytes()).put(65 | C, &[3]);
        }
    }
}

/// [LOG-26]: what begins a retrieval names no other and has objects; what follows names one and has none.
fn decode_retrieval(fields: &Fields<'_>) -> Result<RetrievalStep> {
    const RULE: &str = "LOG-26";
    let retrieval = u32::from_le_bytes(fields.array(64 | C, RULE)?);
    let [state] = fields.array(65 | C, RULE)?;
    if (state == 1) != (retrieval == 0) || (state == 1) != fields.get(68 | C).is_some() {
        return Err(FormatError::broken(
            RULE,
            "a retrieval and its objects",
            "objects when it begins, else its slot",
            state,
        ));
    }
    let days = || Ok(u32::from_le_bytes(fields.array(67, RULE)?));
    match state {
        1 => {
            let objects = decode_ranges(fields.cursor(68 | C, RULE)?)?;
            if objects.is_empty() {
                return Err(FormatError::broken(RULE, "objects of a retrieval", "at least one", 0));
            }
            let mode = fields.get(66).map(|_| fields.array::<1>(66, RULE)).transpose()?.map_or(0, |[byte]| byte);
            Ok(RetrievalStep::Asked { mode: mode_of(mode), days: days()?, objects, about: fields.text(69, RULE)? })
        }
        2 => Ok(RetrievalStep::Changed { retrieval, days: days()? }),
        3 => Ok(RetrievalStep::Ended { retrieval }),
        other => Err(FormatError::broken(RULE, "state of a retrieval", "1, 2 or 3", other)),
    }
}

/// [LOG-27]: some packs, and nothing else.
fn decode_suspect(fields: &Fields<'_>) -> Result<Change> {
    const RULE: &str = "LOG-27";
    let suspect = match fields.array(64 | C, RULE)? {
        [1] => true,
        [2] => false,
        [other] => return Err(FormatError::broken(RULE, "state of packs", "1 or 2", other)),
    };
    let packs = decode_objects(fields.cursor(65 | C, RULE)?, RULE)?;
    if packs.is_empty() {
        return Err(FormatError::broken(RULE, "packs", "at least one", 0));
    }
    packs.iter().try_for_each(|pack| expect_pack(pack.kind, RULE))?;
    Ok(Change::Suspect { suspect, packs, reason: fields.text(66, RULE)? })
}

fn put_segment(tag: u16, segment: Option<&ObjectRef>, fields: &mut FieldsWriter) {
    if let Some(segment) = segment {
        fields.put(tag, &encode_vouched(segment));
    }
}

/// The segment of an entry that publishes: there is one exactly when there are packs.
fn segment_of(tag: u16, packs: bool, fields: &Fields<'_>, rule: &'static str) -> Result<Option<ObjectRef>> {
    if fields.get(tag).is_some() != packs {
        return Err(FormatError::broken(rule, "a segment", "exactly when there are packs", packs));
    }
    if packs { fields.cursor(tag, rule).and_then(one_vouched).map(Some) } else { Ok(None) }
}

fn one_vouched(mut cursor: Cursor<'_>) -> Result<ObjectRef> {
    let vouched = decode_vouched(&mut cursor)?;
    cursor.end()?;
    Ok(vouched)
}

fn session_of(fields: &Fields<'_>, rule: &'static str) -> Result<u32> {
    Ok(u32::from_le_bytes(fields.array(64 | C, rule)?))
}

fn decode_points(fields: &Fields<'_>) -> Result<Vec<PointId>> {
    let mut rows = fields.cursor(64 | C, "LOG-11")?;
    let mut points = Vec::new();
    while rows.remaining() > 0 {
        let id = PointId(rows.array()?);
        rising(&points, &id, "LOG-11")?;
        points.push(id);
    }
    if points.is_empty() {
        return Err(FormatError::broken("LOG-11", "points that expire", "at least one", 0));
    }
    Ok(points)
}
