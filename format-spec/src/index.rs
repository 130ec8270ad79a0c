//! Published index segments: sorted ids, their places, and the blocks and packs that the places refer to (spec/index.md).

use crate::bytes::Cursor;
use crate::container::{Header, Object, ObjectKind, ObjectWriter, kind};
use crate::keys::Secrets;
use crate::{ChunkId, FormatError, ObjectId, Result};

/// [IDX-2].
pub const ENTRIES_MAX: u64 = 4_194_304;
/// [IDX-1].
pub const PAGE_ROWS: usize = 65_536;
const BLOCK_BYTES_MAX: u32 = 4_194_304;

/// A pack that places refer to ([IDX-3]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackRow {
    /// The pack.
    pub id: ObjectId,
    /// Its length.
    pub bytes: u64,
    /// How many blobs it holds.
    pub blobs: u32,
    /// Data or metadata.
    pub kind: ObjectKind,
    /// The salt of its header: with it, one ranged read opens a block.
    pub salt: [u8; 32],
    /// BLAKE3 of its body, as its publisher vouched for it.
    pub body_hash: [u8; 32],
}

/// A block that places refer to ([IDX-4]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockRow {
    /// Row number of its pack.
    pub pack: u32,
    /// Where its head begins in the pack.
    pub offset: u32,
    /// Length of its payload.
    pub stored: u32,
}

/// Where a blob is ([IDX-6]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlaceRow {
    /// Row number of its block.
    pub block: u32,
    /// Its number in the pack ([PACK-6]).
    pub blob: u32,
    /// Where it begins in the block's plaintext.
    pub offset: u32,
    /// Its length.
    pub bytes: u32,
}

/// A whole segment. `ids` and `places` have the same length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    /// Packs, rising by id.
    pub packs: Vec<PackRow>,
    /// Blocks, rising by pack and offset.
    pub blocks: Vec<BlockRow>,
    /// Ids, rising.
    pub ids: Vec<ChunkId>,
    /// The place of each id.
    pub places: Vec<PlaceRow>,
}

impl Segment {
    /// The object `index/<session>/<ordinal>` and its body hash.
    pub fn encode(&self, header: Header, secrets: &Secrets) -> (Vec<u8>, [u8; 32]) {
        let cipher = secrets.cipher(&header);
        let mut object = ObjectWriter::new(header, cipher);
        let narrow = |n: usize| u32::try_from(n).expect("a segment has at most 4,194,304 rows");
        let mut summary = (self.ids.len() as u64).to_le_bytes().to_vec();
        summary.extend_from_slice(&narrow(self.blocks.len()).to_le_bytes());
        summary.extend_from_slice(&narrow(self.packs.len()).to_le_bytes());
        object.push_plain(kind::INDEX_SUMMARY, &summary, 3);
        push_table(&mut object, kind::INDEX_PACKS, &self.packs, encode_pack);
        push_table(&mut object, kind::INDEX_BLOCKS, &self.blocks, |row, out| {
            put_u32s(out, &[row.pack, row.offset, row.stored]);
        });
        push_table(&mut object, kind::INDEX_IDS, &self.ids, |id, out| out.extend_from_slice(&id.0));
        push_table(&mut object, kind::INDEX_PLACES, &self.places, |p, out| {
            put_u32s(out, &[p.block, p.blob, p.offset, p.bytes]);
        });
        object.finish()
    }

    /// Reads a segment and checks every row number and order.
    pub fn decode(bytes: &[u8], expected: &Header, secrets: &Secrets) -> Result<Self> {
        let (object, cipher) = Object::parse_as(bytes, expected, |h| secrets.cipher(h))?;
        let summary = object.open_only(kind::INDEX_SUMMARY, &cipher)?;
        let mut cursor = Cursor::new(&summary, "IDX-2");
        let (entries, blocks, packs) = (cursor.u64()?, cursor.u32()?, cursor.u32()?);
        cursor.end()?;
        if entries == 0 || entries > ENTRIES_MAX {
            return Err(FormatError::broken("IDX-2", "entries", "1..=4194304", entries));
        }
        if u64::from(blocks) > entries || packs > blocks {
            return Err(FormatError::broken(
                "IDX-2",
                "blocks, packs",
                "packs <= blocks <= entries",
                format!("{blocks}, {packs}"),
            ));
        }
        let ids = usize::try_from(entries).unwrap_or(usize::MAX);
        let promised = [packs as usize, blocks as usize, ids, ids];
        let mut segment = Segment::default();
        let mut last = 0;
        let mut full = true;
        for entry in object.entries() {
            let kind = entry.head.kind;
            if !(kind::INDEX_SUMMARY..=kind::INDEX_PLACES).contains(&kind) {
                continue;
            }
            if kind < last || (last == 0 && kind != kind::INDEX_SUMMARY) || (kind == last && !full) {
                return Err(FormatError::broken("IDX-1", "order of records", last, kind));
            }
            last = kind;
            if kind == kind::INDEX_SUMMARY {
                continue;
            }
            let before = segment.rows();
            let plain = object.open(entry, &cipher)?;
            let mut cursor = Cursor::new(&plain, "IDX-1");
            while cursor.remaining() > 0 {
                match kind {
                    kind::INDEX_PACKS => segment.packs.push(decode_pack(&mut cursor)?),
                    kind::INDEX_BLOCKS => segment.blocks.push(BlockRow {
                        pack: cursor.u32()?,
                        offset: cursor.u32()?,
                        stored: cursor.u32()?,
                    }),
                    kind::INDEX_IDS => segment.ids.push(ChunkId(cursor.array()?)),
                    _ => segment.places.push(decode_place(&mut cursor)?),
                }
            }
            let rows = segment.rows();
            let added: usize = rows.iter().zip(before).map(|(now, before)| now - before).sum();
            full = added == PAGE_ROWS;
            if added > PAGE_ROWS {
                return Err(FormatError::broken("IDX-1", "rows of a record", PAGE_ROWS, added));
            }
            // Checked record by record, so that a segment cannot unfold into more than its summary admits.
            if rows.iter().zip(promised).any(|(now, promised)| *now > promised) {
                return Err(FormatError::broken("IDX-2", "rows", format!("{promised:?}"), format!("{rows:?}")));
            }
        }
        if segment.rows() != promised {
            return Err(FormatError::broken("IDX-2", "rows", format!("{promised:?}"), format!("{:?}", segment.rows())));
        }
        segment.check()?;
        Ok(segment)
    }

    fn rows(&self) -> [usize; 4] {
        [self.packs.len(), self.blocks.len(), self.ids.len(), self.places.len()]
    }

    /// [IDX-3] to [IDX-7].
    fn check(&self) -> Result<()> {
        let disorder = |rule, what| FormatError::broken(rule, what, "rising", "other");
        if !self.packs.is_sorted_by(|a, b| a.id < b.id) {
            return Err(disorder("IDX-3", "order of packs"));
        }
        if !self.blocks.is_sorted_by(|a, b| (a.pack, a.offset) < (b.pack, b.offset)) {
            return Err(disorder("IDX-4", "order of blocks"));
        }
        let rows = || self.ids.iter().zip(&self.places);
        if !rows().is_sorted_by(|a, b| (a.0, a.1.block, a.1.blob) < (b.0, b.1.block, b.1.blob)) {
            return Err(disorder("IDX-5", "order of ids"));
        }
        if let Some(row) = self.blocks.iter().find(|b| b.pack as usize >= self.packs.len()) {
            return Err(FormatError::broken("IDX-7", "row number of a pack", self.packs.len(), row.pack));
        }
        for place in &self.places {
            let block = self.blocks.get(place.block as usize);
            let pack = block.and_then(|b| self.packs.get(b.pack as usize));
            if pack.is_none_or(|p| place.blob >= p.blobs) {
                return Err(FormatError::broken(
                    "IDX-7",
                    "row number of a place",
                    "inside its tables",
                    format!("{place:?}"),
                ));
            }
            let end = place.offset.checked_add(place.bytes);
            if place.bytes == 0 || end.is_none_or(|e| e > BLOCK_BYTES_MAX) {
                return Err(FormatError::broken("IDX-7", "place in the block", "1..=4194304", format!("{place:?}")));
            }
        }
        Ok(())
    }
}

fn push_table<T>(object: &mut ObjectWriter, kind: u8, rows: &[T], encode: impl Fn(&T, &mut Vec<u8>)) {
    for page in rows.chunks(PAGE_ROWS) {
        let mut plain = Vec::new();
        page.iter().for_each(|row| encode(row, &mut plain));
        object.push_plain(kind, &plain, 3);
    }
}

fn put_u32s(out: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
}

fn encode_pack(row: &PackRow, out: &mut Vec<u8>) {
    put_u32s(out, &[row.id.session, row.id.ordinal]);
    out.extend_from_slice(&row.bytes.to_le_bytes());
    out.extend_from_slice(&row.blobs.to_le_bytes());
    out.extend_from_slice(&[row.kind as u8, 0, 0, 0]);
    out.extend_from_slice(&row.salt);
    out.extend_from_slice(&row.body_hash);
}

fn decode_pack(cursor: &mut Cursor<'_>) -> Result<PackRow> {
    let id = ObjectId { session: cursor.u32()?, ordinal: cursor.u32()? };
    let (bytes, blobs) = (cursor.u64()?, cursor.u32()?);
    let kind = ObjectKind::from_byte(cursor.u8()?)?;
    if cursor.take(3)? != [0; 3] {
        return Err(FormatError::broken("IDX-3", "zero bytes of a pack row", 0, "other"));
    }
    if !matches!(kind, ObjectKind::DataPack | ObjectKind::MetaPack) {
        return Err(FormatError::broken("IDX-3", "object kind of a pack row", "a pack", format!("{kind:?}")));
    }
    Ok(PackRow { id, bytes, blobs, kind, salt: cursor.array()?, body_hash: cursor.array()? })
}

fn decode_place(cursor: &mut Cursor<'_>) -> Result<PlaceRow> {
    Ok(PlaceRow { block: cursor.u32()?, blob: cursor.u32()?, offset: cursor.u32()?, bytes: cursor.u32()? })
}
