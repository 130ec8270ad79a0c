//! The tables inside log entries: vouched objects, packs, survivors of condemned packs, swept and locked objects.

use crate::bytes::Cursor;
use crate::container::{Object, ObjectKind};
use crate::{FormatError, ObjectId, Result};

/// An object as a log entry vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectRef {
    /// The object's ordinal in its session.
    pub ordinal: u32,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its body ([CONT-16]).
    pub body_hash: [u8; 32],
}

impl ObjectRef {
    /// Holds what a store has against what an entry says of it ([LOG-8]): the object's length, and the body hash in its trailer. That the
    /// bytes have this body hash is [CONT-16], which whoever reads the whole object verifies.
    ///
    /// # Errors
    /// [LOG-8] when it is another object, or not all of it.
    pub fn expect(&self, bytes: u64, body_hash: &[u8; 32]) -> Result<()> {
        self.expect_length(bytes)?;
        if *body_hash == self.body_hash {
            return Ok(());
        }
        let hex = |hash: &[u8; 32]| blake3::Hash::from_bytes(*hash).to_hex();
        Err(FormatError::broken("LOG-8", "body hash of what the log names", hex(&self.body_hash), hex(body_hash)))
    }

    /// The same of an object that was read whole, whose bytes have the body hash that its trailer states.
    ///
    /// # Errors
    /// [LOG-8].
    pub fn expect_object(&self, object: &Object<'_>) -> Result<()> {
        self.expect(object.bytes().len() as u64, &object.trailer().body_hash)
    }

    /// The first half of [`expect`](Self::expect), for who has read nothing yet.
    ///
    /// # Errors
    /// [LOG-8].
    pub fn expect_length(&self, bytes: u64) -> Result<()> {
        if bytes == self.bytes {
            return Ok(());
        }
        Err(FormatError::broken("LOG-8", "bytes of what the log names", self.bytes, bytes))
    }
}

/// A pack as a `Publish` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedPack {
    /// Data or metadata.
    pub kind: ObjectKind,
    /// Where and what it is.
    pub object: ObjectRef,
    /// How many blobs it holds.
    pub blobs: u32,
}

/// A condemned pack ([LOG-13]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CondemnedPack {
    /// Data or metadata.
    pub kind: ObjectKind,
    /// The pack.
    pub id: ObjectId,
    /// Its blobs that live on; `None` when none does.
    pub survivors: Option<Survivors>,
}

/// The blobs of a pack that live on, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivors {
    /// How many blobs the pack holds.
    pub blobs: u32,
    /// Blob i survives: byte i/8, bit i mod 8; bits beyond `blobs` are zero.
    pub bitmap: Vec<u8>,
    /// The new places of the survivors, in their order.
    pub runs: Vec<Run>,
}

/// Survivors that stand in a row in one new pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How many.
    pub count: u32,
    /// The pack that holds them now.
    pub pack: ObjectId,
    /// The blob number of the first.
    pub first: u32,
}

impl Survivors {
    /// Where a blob of the condemned pack is now; `None` when it did not survive.
    pub fn place_of(&self, blob: u32) -> Option<(ObjectId, u32)> {
        let byte = *self.bitmap.get(blob as usize / 8)?;
        if byte >> (blob % 8) & 1 == 0 {
            return None;
        }
        let before = self.bitmap.get(..blob as usize / 8)?.iter().map(|b| b.count_ones()).sum::<u32>();
        let mut rank = before + (byte & ((1u8 << (blob % 8)) - 1)).count_ones();
        for run in &self.runs {
            if rank < run.count {
                return run.first.checked_add(rank).map(|blob| (run.pack, blob));
            }
            rank -= run.count;
        }
        None
    }
}

/// An object that a session wrote ([LOG-14]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRow {
    /// Its kind.
    pub kind: ObjectKind,
    /// Which.
    pub id: ObjectId,
}

/// Objects of one kind and session with ordinals in a row ([LOG-17]); of the log, session 0 and slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRange {
    /// Their kind.
    pub kind: ObjectKind,
    /// The first.
    pub first: ObjectId,
    /// How many.
    pub count: u32,
}

/// The most blobs of a pack ([PACK-6]).
const BLOBS_MAX: u32 = 100_000;

pub(crate) fn encode_vouched(object: &ObjectRef) -> Vec<u8> {
    let mut out = object.ordinal.to_le_bytes().to_vec();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&object.bytes.to_le_bytes());
    out.extend_from_slice(&object.body_hash);
    out
}

/// One 48-byte row.
pub(crate) fn decode_vouched(cursor: &mut Cursor<'_>) -> Result<ObjectRef> {
    let ordinal = cursor.u32()?;
    cursor.zero(4, "zero bytes of an object's row")?;
    Ok(ObjectRef { ordinal, bytes: cursor.u64()?, body_hash: cursor.array()? })
}

pub(super) fn encode_packs(packs: &[PublishedPack]) -> Vec<u8> {
    let mut rows = Vec::with_capacity(packs.len() * 56);
    for pack in packs {
        rows.extend_from_slice(&pack.object.ordinal.to_le_bytes());
        rows.extend_from_slice(&[pack.kind as u8, 0, 0, 0]);
        rows.extend_from_slice(&pack.object.bytes.to_le_bytes());
        rows.extend_from_slice(&pack.blobs.to_le_bytes());
        rows.extend_from_slice(&[0; 4]);
        rows.extend_from_slice(&pack.object.body_hash);
    }
    rows
}

pub(super) fn decode_packs(mut rows: Cursor<'_>, rule: &'static str) -> Result<Vec<PublishedPack>> {
    let mut packs = Vec::new();
    while rows.remaining() > 0 {
        let ordinal = rows.u32()?;
        let kind = pack_kind(rows.u8()?, rule)?;
        rows.zero(3, "zero bytes of a pack's row")?;
        let (bytes, blobs) = (rows.u64()?, rows.u32()?);
        rows.zero(4, "zero bytes of a pack's row")?;
        packs.push(PublishedPack { kind, object: ObjectRef { ordinal, bytes, body_hash: rows.array()? }, blobs });
    }
    Ok(packs)
}

pub(crate) fn encode_condemned(condemned: &[CondemnedPack]) -> Vec<u8> {
    let mut out = Vec::new();
    for pack in condemned {
        encode_id(pack.id, &mut out);
        out.extend_from_slice(&[pack.kind as u8, 0, 0, 0]);
        let Some(survivors) = &pack.survivors else {
            out.extend_from_slice(&[0; 4]);
            continue;
        };
        out.extend_from_slice(&survivors.blobs.to_le_bytes());
        out.extend_from_slice(&survivors.bitmap);
        out.extend_from_slice(&u32::try_from(survivors.runs.len()).expect("fewer runs than blobs").to_le_bytes());
        for run in &survivors.runs {
            out.extend_from_slice(&run.count.to_le_bytes());
            encode_id(run.pack, &mut out);
            out.extend_from_slice(&run.first.to_le_bytes());
        }
    }
    out
}

/// [LOG-13]: rising, bitmaps without stray bits, runs that cover exactly the survivors.
pub(crate) fn decode_condemned(mut rows: Cursor<'_>) -> Result<Vec<CondemnedPack>> {
    let broken = |what, expected: &str, found: String| Err(FormatError::broken("LOG-13", what, expected, found));
    let mut out: Vec<CondemnedPack> = Vec::new();
    while rows.remaining() > 0 {
        let id = decode_id(&mut rows)?;
        if out.last().is_some_and(|last| last.id >= id) {
            return broken("order of condemned packs", "rising", id.to_string());
        }
        let kind = pack_kind(rows.u8()?, "LOG-13")?;
        rows.zero(3, "zero bytes of a condemned pack's row")?;
        let blobs = rows.u32()?;
        if blobs == 0 {
            out.push(CondemnedPack { kind, id, survivors: None });
            continue;
        }
        if blobs > BLOBS_MAX {
            return broken("blobs of a pack", "at most 100000", blobs.to_string());
        }
        let bitmap = rows.take(blobs.div_ceil(8) as usize)?.to_vec();
        let stray = bitmap.last().is_some_and(|b| blobs % 8 != 0 && b >> (blobs % 8) != 0);
        let survivors: u32 = bitmap.iter().map(|b| b.count_ones()).sum();
        if stray || survivors == 0 {
            return broken(
                "bitmap of survivors",
                "bits below the number of blobs, and one at least",
                survivors.to_string(),
            );
        }
        let count = rows.u32()?;
        let mut runs = Vec::new();
        let mut covered = 0u64;
        for _ in 0..count {
            let run = Run { count: rows.u32()?, pack: decode_id(&mut rows)?, first: rows.u32()? };
            if run.count == 0 || run.first.checked_add(run.count).is_none_or(|end| end > BLOBS_MAX) || run.pack == id {
                return broken("a run of survivors", "1 to 100000 blobs of another pack", format!("{run:?}"));
            }
            covered += u64::from(run.count);
            runs.push(run);
        }
        if covered != u64::from(survivors) {
            return broken("runs of survivors", &survivors.to_string(), covered.to_string());
        }
        out.push(CondemnedPack { kind, id, survivors: Some(Survivors { blobs, bitmap, runs }) });
    }
    Ok(out)
}

pub(super) fn encode_objects(objects: &[ObjectRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(objects.len() * 12);
    for object in objects {
        out.extend_from_slice(&[object.kind as u8, 0, 0, 0]);
        encode_id(object.id, &mut out);
    }
    out
}

pub(super) fn decode_objects(mut rows: Cursor<'_>, rule: &'static str) -> Result<Vec<ObjectRow>> {
    let mut out = Vec::new();
    while rows.remaining() > 0 {
        let kind = ObjectKind::from_byte(rows.u8()?)?;
        rows.zero(3, "zero bytes of an object's row")?;
        let row = ObjectRow { kind, id: decode_id(&mut rows)? };
        rising(&out, &row, rule)?;
        out.push(row);
    }
    Ok(out)
}

pub(crate) fn encode_ranges(ranges: &[ObjectRange]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ranges.len() * 16);
    for range in ranges {
        out.extend_from_slice(&[range.kind as u8, 0, 0, 0]);
        encode_id(range.first, &mut out);
        out.extend_from_slice(&range.count.to_le_bytes());
    }
    out
}

pub(crate) fn decode_ranges(mut rows: Cursor<'_>) -> Result<Vec<ObjectRange>> {
    let mut out = Vec::new();
    while rows.remaining() > 0 {
        let kind = ObjectKind::from_byte(rows.u8()?)?;
        rows.zero(3, "zero bytes of a range's row")?;
        let row = ObjectRange { kind, first: decode_id(&mut rows)?, count: rows.u32()? };
        let overflows = row.first.ordinal.checked_add(row.count).is_none();
        if row.count == 0 || overflows {
            return Err(FormatError::broken("LOG-17", "objects of a range", "at least 1, within 32 bits", row.count));
        }
        rising(&out, &row, "LOG-17")?;
        out.push(row);
    }
    Ok(out)
}

/// Ids of 8 bytes, rising.
pub(super) fn decode_ids(mut rows: Cursor<'_>, rule: &'static str) -> Result<Vec<ObjectId>> {
    let mut out = Vec::new();
    while rows.remaining() > 0 {
        let id = decode_id(&mut rows)?;
        rising(&out, &id, rule)?;
        out.push(id);
    }
    Ok(out)
}

pub(crate) fn encode_id(id: ObjectId, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.session.to_le_bytes());
    out.extend_from_slice(&id.ordinal.to_le_bytes());
}

pub(crate) fn decode_id(cursor: &mut Cursor<'_>) -> Result<ObjectId> {
    Ok(ObjectId { session: cursor.u32()?, ordinal: cursor.u32()? })
}

pub(crate) fn rising<T: Ord>(before: &[T], next: &T, rule: &'static str) -> Result<()> {
    match before.last() {
        Some(last) if last >= next => Err(FormatError::broken(rule, "order of rows", "rising", "other")),
        _ => Ok(()),
    }
}

fn pack_kind(byte: u8, rule: &'static str) -> Result<ObjectKind> {
    let kind = ObjectKind::from_byte(byte)?;
    expect_pack(kind, rule).map(|()| kind)
}

/// Only packs stand in this row.
pub(crate) fn expect_pack(kind: ObjectKind, rule: &'static str) -> Result<()> {
    if matches!(kind, ObjectKind::DataPack | ObjectKind::MetaPack) {
        return Ok(());
    }
    Err(FormatError::broken(rule, "kind of a published object", "a pack", format!("{kind:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survivor_is_found_behind_the_dead_and_across_runs() {
        let to = |ordinal| ObjectId { session: 9, ordinal };
        let runs = vec![Run { count: 2, pack: to(1), first: 7 }, Run { count: 3, pack: to(2), first: 0 }];
        // Blobs 1, 3, 8, 9 and 11 live on.
        let survivors = Survivors { blobs: 12, bitmap: vec![0b0000_1010, 0b0000_1011], runs };
        let places: Vec<_> = (0..13).filter_map(|b| survivors.place_of(b).map(|p| (b, p.0.ordinal, p.1))).collect();
        assert_eq!(places, [(1, 1, 7), (3, 1, 8), (8, 2, 0), (9, 2, 1), (11, 2, 2)]);
    }
}
