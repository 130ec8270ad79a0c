//! One pack of the source, read and authenticated: blocks that can be carried as they are, and chunks where a block cannot.
//!
//! Promises: a block comes out only if its checksum and its tag hold and the pack's directory, with its seal, says what it holds; a chunk only if
//! its bytes have its id. Of a block that fails, each wanted blob is sought at its other places. Memory: one request of the pack at a time.

use super::wanted::WantedPack;
use crate::blob::pack_reader::{PackReader, Read, TakenBlock, run};
use crate::block::EncodedBlock;
use crate::error::{Error, Kind, Result};
use crate::limits::TAIL_BYTES;
use crate::repository::Repository;
use format_spec::container::{Codec, HEAD_BYTES, RecordHead};
use format_spec::pack::BlobEntry;
use format_spec::{ChunkId, ObjectId, codec};
use std::collections::BTreeMap;

/// What came out of a pack.
#[derive(Debug)]
pub(super) enum Lifted {
    /// A whole block, all of it wanted, and the number of its first blob in the pack.
    Block(EncodedBlock, u32),
    /// A chunk or node of a block of which not all is wanted, and its number.
    Blob(ChunkId, Vec<u8>, u32),
    /// A blob that comes next, out of another repository, and why the source could not give it.
    Healed(ChunkId, String),
    /// A wanted blob that cannot be read anywhere, and why.
    Lost(ChunkId, String),
}

/// The source, and whoever is asked for what it cannot read.
pub(super) type From<'a> = (&'a Repository, Option<&'a Repository>);

/// How blocks are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct TransferMode {
    /// Every chunk is verified against its id.
    pub(super) verify_full: bool,
    /// No block is carried as it is.
    pub(super) regroup: bool,
}

/// Hears what comes out, in the order of the pack.
pub(super) type Visit<'v> = dyn FnMut(Lifted) -> Result<()> + 'v;

/// A pack that is so short is read at once; a longer one in parts, after its end.
const WHOLE_BYTES_MAX: u64 = 16_000_000;
/// The longest part.
const PART_BYTES_MAX: u64 = 8_000_000;
/// The most that one request brings.
pub(super) const REQUEST_BYTES_MAX: u64 = WHOLE_BYTES_MAX;
const _: () = assert!(PART_BYTES_MAX <= REQUEST_BYTES_MAX);

/// Lifts what is wanted of a pack.
///
/// # Errors
/// The store's when it is out of reach, `Archived`, `Denied`; those of `visit`. What is damaged is visited as lost.
pub(super) fn lift(
    (source, healer): From<'_>,
    id: ObjectId,
    pack: &WantedPack,
    manner: TransferMode,
    visit: &mut Visit<'_>,
) -> Result<Read> {
    let taken = PackReader::new(source.sealed_store(), &pack.row)?;
    let mut lifting = Lifting { source, healer, pack, manner, taken, id };
    match lifting.open() {
        Ok(blocks) => lifting.blocks(&blocks, visit)?,
        Err(e) if is_damage(&e) => lifting.without_directory(&e, visit)?,
        Err(e) => return Err(e),
    }
    Ok(lifting.taken.cost())
}

/// Where most of a pack is wanted, one request for all is the cheapest.
pub(super) fn is_read_whole(pack: &WantedPack) -> bool {
    let is_most = u64::from(pack.count()) * 3 >= u64::from(pack.blobs);
    pack.bytes <= TAIL_BYTES || (is_most && pack.bytes <= WHOLE_BYTES_MAX)
}

struct Lifting<'a> {
    source: &'a Repository,
    healer: Option<&'a Repository>,
    pack: &'a WantedPack,
    manner: TransferMode,
    taken: PackReader<'a>,
    id: ObjectId,
}

impl Lifting<'_> {
    /// The blocks with wanted blobs, from the pack's own directory.
    fn open(&mut self) -> Result<Vec<TakenBlock>> {
        let pack = self.pack;
        self.taken.blocks(is_read_whole(pack), u64::from(pack.count()), &|blob| pack.lacks(blob))
    }

    fn blocks(&mut self, blocks: &[TakenBlock], visit: &mut Visit<'_>) -> Result<()> {
        let mut rest = blocks;
        while let Some((row, behind)) =
            rest.split_at_checked(run(rest, PART_BYTES_MAX)).filter(|(row, _)| !row.is_empty())
        {
            rest = behind;
            let records = match self.taken.records(row) {
                Err(e) if is_damage(&e) => {
                    row.iter().try_for_each(|block| self.seek(block, &e, visit))?;
                    continue;
                }
                other => other?,
            };
            for (block, record) in records {
                match self.take(block, &record) {
                    Ok(lifted) => lifted.into_iter().try_for_each(&mut *visit)?,
                    Err(e) if is_damage(&e) => self.seek(block, &e, visit)?,
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(())
    }

    /// What one record gives: itself, or the wanted ones of its blobs.
    fn take(&self, block: &TakenBlock, record: &[u8]) -> Result<Vec<Lifted>> {
        let TakenBlock { entry, blobs, first } = block;
        let head = RecordHead::decode(record)?;
        if head != entry.head {
            return Err(Error::new(Kind::Damaged, "the head of a block is not what the directory says [CONT-13]"));
        }
        let payload = record.get(HEAD_BYTES..).unwrap_or_default();
        head.check_payload(payload)?;
        let encoded = self.taken.cipher().open(&head, payload)?;
        let (codec, plain_bytes) = (Codec::from_byte(head.codec)?, head.plain as usize);
        let is_whole = !self.manner.regroup && (0u32..).zip(blobs).all(|(n, _)| self.pack.lacks(first + n));
        if is_whole && !self.manner.verify_full {
            let block = EncodedBlock { codec, encoded, plain_bytes, blobs: blobs.clone() };
            return Ok(vec![Lifted::Block(block, *first)]);
        }
        let plain = codec::decode(codec, &encoded, plain_bytes)?;
        let ids = &self.source.sealed_store().ids;
        let (mut at, mut lifted) = (0usize, Vec::new());
        for (number, blob) in (*first..).zip(blobs) {
            let bytes = plain.get(at..at + blob.bytes as usize).unwrap_or_default();
            at += blob.bytes as usize;
            if !self.pack.lacks(number) {
                continue;
            }
            if ids.blob(self.pack.kind, bytes) != blob.id {
                return Err(Error::new(Kind::Damaged, format!("the bytes of blob {} do not have its id", blob.id)));
            }
            if !is_whole {
                lifted.push(Lifted::Blob(blob.id, bytes.to_vec(), number));
            }
        }
        if is_whole {
            let block = EncodedBlock { codec, encoded, plain_bytes, blobs: blobs.clone() };
            lifted.push(Lifted::Block(block, *first));
        }
        Ok(lifted)
    }

    /// The wanted blobs of a block that cannot be read here, from their other places.
    fn seek(&self, block: &TakenBlock, why: &Error, visit: &mut Visit<'_>) -> Result<()> {
        self.wanted(block).try_for_each(|(number, blob)| self.elsewhere(blob.id, number, why, visit))
    }

    /// All wanted blobs of a pack that does not even say what it holds: the index does.
    fn without_directory(&self, why: &Error, visit: &mut Visit<'_>) -> Result<()> {
        let mut ids = BTreeMap::new();
        self.source.blobs().live_index().cache().for_each_place(&mut |id, place| {
            if place.pack == self.id && self.pack.lacks(place.blob) {
                ids.insert(place.blob, *id);
            }
            Ok(())
        })?;
        ids.into_iter().try_for_each(|(number, id)| self.elsewhere(id, number, why, visit))
    }

    fn elsewhere(&self, id: ChunkId, number: u32, why: &Error, visit: &mut Visit<'_>) -> Result<()> {
        let why = || format!("{}: {why}", self.taken.name());
        match self.source.blobs().blob(self.pack.kind, &id) {
            Ok(bytes) => return visit(Lifted::Blob(id, bytes.to_vec(), number)),
            Err(e) if is_damage(&e) => {}
            Err(e) => return Err(e),
        }
        match self.healer.map(|healer| healer.blobs().blob(self.pack.kind, &id)) {
            Some(Ok(bytes)) => {
                visit(Lifted::Healed(id, why()))?;
                visit(Lifted::Blob(id, bytes.to_vec(), number))
            }
            Some(Err(e)) if !is_damage(&e) => Err(e),
            _ => visit(Lifted::Lost(id, why())),
        }
    }

    fn wanted<'b>(&'b self, block: &'b TakenBlock) -> impl Iterator<Item = (u32, &'b BlobEntry)> {
        (block.first..).zip(&block.blobs).filter(|(number, _)| self.pack.lacks(*number))
    }
}

/// What says that the bytes are not those that were stored, and not that they are out of reach for now.
fn is_damage(e: &Error) -> bool {
    matches!(e.kind(), Kind::Damaged | Kind::Absent)
}
