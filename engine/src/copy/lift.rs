//! One pack of the source, read and authenticated: blocks that can be carried as they are, and chunks where a block cannot.
//!
//! Promises: a block comes out only if its checksum and its tag hold and the pack's directory, with its seal, says what it holds; a chunk only if
//! its bytes have its id. Of a block that fails, each wanted blob is sought at its other places. Memory: one request of the pack at a time.

use super::wanted::WantedPack;
use crate::block::EncodedBlock;
use crate::error::{Error, Kind, Result};
use crate::limits::{COALESCED_GAP_MAX, TAIL_BYTES};
use crate::pack::PackTail;
use crate::repository::Repository;
use crate::store::Name;
use bytes::Bytes;
use format_spec::container::{Codec, DirectoryEntry, HEAD_BYTES, Header, RecordHead, kind};
use format_spec::keys::Cipher;
use format_spec::pack::BlobEntry;
use format_spec::{ChunkId, ObjectId, codec, names};
use std::collections::BTreeMap;
use std::ops::Range;

/// What came out of a pack.
#[derive(Debug)]
pub(super) enum Lifted {
    /// A whole block, all of it wanted, and the number of its first blob in the pack.
    Block(EncodedBlock, u32),
    /// A chunk or node of a block of which not all is wanted, and its number.
    Blob(ChunkId, Vec<u8>, u32),
    /// A wanted blob that cannot be read anywhere, and why.
    Lost(ChunkId, String),
}

/// What reading cost.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Read {
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

/// How blocks are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
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
    source: &Repository,
    id: ObjectId,
    pack: &WantedPack,
    manner: Manner,
    visit: &mut Visit<'_>,
) -> Result<Read> {
    let mut lifting = Lifting::new(source, id, pack, manner)?;
    match lifting.open() {
        Ok(blocks) => lifting.blocks(&blocks, visit)?,
        Err(e) if is_damage(&e) => lifting.without_directory(&e, visit)?,
        Err(e) => return Err(e),
    }
    Ok(lifting.read)
}

/// Where most of a pack is wanted, one request for all is the cheapest.
pub(super) fn is_read_whole(pack: &WantedPack) -> bool {
    let is_most = u64::from(pack.count()) * 3 >= u64::from(pack.blobs);
    pack.bytes <= TAIL_BYTES || (is_most && pack.bytes <= WHOLE_BYTES_MAX)
}

struct Lifting<'a> {
    source: &'a Repository,
    id: ObjectId,
    pack: &'a WantedPack,
    manner: Manner,
    name: Name,
    header: Header,
    cipher: Cipher,
    /// The pack, if it was read at once.
    whole: Option<Bytes>,
    read: Read,
}

/// A block with wanted blobs: its record, its blobs, the number of the first.
type Block = (DirectoryEntry, Vec<BlobEntry>, u32);

impl<'a> Lifting<'a> {
    fn new(source: &'a Repository, id: ObjectId, pack: &'a WantedPack, manner: Manner) -> Result<Self> {
        let vault = source.vault();
        let suite = vault.secrets.suite();
        let header = Header::new(pack.kind, suite, vault.repository, id.session, id.ordinal, pack.salt);
        let cipher = vault.secrets.cipher(&header);
        let name = Name::new(names::of_session(pack.kind, id))?;
        Ok(Lifting { source, id, pack, manner, name, header, cipher, whole: None, read: Read::default() })
    }

    /// The blocks with wanted blobs, from the pack's own directory.
    fn open(&mut self) -> Result<Vec<Block>> {
        let store = &self.source.vault().store;
        let tail = if is_read_whole(self.pack) {
            let whole = store.get(&self.name)?;
            self.count(&whole);
            let tail = PackTail::parse(&whole, whole.len() as u64)?;
            self.whole = Some(whole);
            tail
        } else {
            let (mut tail, length) = store.get_tail(&self.name, TAIL_BYTES)?;
            self.count(&tail);
            let needed = PackTail::bytes_needed(&tail, length)?;
            if needed > tail.len() as u64 {
                tail = store.get_tail(&self.name, needed)?.0;
                self.count(&tail);
            }
            PackTail::parse(&tail, length)?
        };
        let record = self.bytes(tail.contents_entry()?.range())?;
        let contents = tail.contents(&self.header, &self.cipher, &record)?;
        let mut blocks = Vec::new();
        let mut first = 0u32;
        for (entry, blobs) in tail.entries.iter().filter(|e| e.head.kind == kind::BLOCK).zip(contents.blocks) {
            let count = u32::try_from(blobs.len()).unwrap_or(u32::MAX);
            let end = first.saturating_add(count);
            if (first..end).any(|blob| self.pack.lacks(blob)) {
                blocks.push((*entry, blobs, first));
            }
            first = end;
        }
        let found: usize = blocks.iter().map(|block| self.wanted(block).count()).sum();
        if found != self.pack.count() as usize {
            let what = format!("its contents have {found} of {} wanted blobs", self.pack.count());
            return Err(Error::new(Kind::Damaged, what).on(&self.name));
        }
        Ok(blocks)
    }

    fn blocks(&mut self, blocks: &[Block], visit: &mut Visit<'_>) -> Result<()> {
        let mut rest = blocks;
        while let Some((part, behind)) =
            rest.split_at_checked(in_one_request(rest)).filter(|(part, _)| !part.is_empty())
        {
            rest = behind;
            let (Some(from), Some(to)) = (part.first(), part.last()) else { break };
            let range = from.0.range().start..to.0.range().end;
            let bytes = match self.bytes(range.clone()) {
                Err(e) if is_damage(&e) => {
                    part.iter().try_for_each(|block| self.seek(block, &e, visit))?;
                    continue;
                }
                other => other?,
            };
            for block in part {
                let at = |n: u64| usize::try_from(n - range.start).unwrap_or(usize::MAX);
                let record = bytes.get(at(block.0.range().start)..at(block.0.range().end)).unwrap_or_default();
                match self.take(block, record) {
                    Ok(lifted) => lifted.into_iter().try_for_each(&mut *visit)?,
                    Err(e) if is_damage(&e) => self.seek(block, &e, visit)?,
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(())
    }

    /// What one record gives: itself, or the wanted ones of its blobs.
    fn take(&self, block: &Block, record: &[u8]) -> Result<Vec<Lifted>> {
        let (entry, blobs, first) = block;
        let head = RecordHead::decode(record)?;
        if head != entry.head {
            return Err(Error::new(Kind::Damaged, "the head of a block is not what the directory says [CONT-13]"));
        }
        let payload = record.get(HEAD_BYTES..).unwrap_or_default();
        head.check_payload(payload)?;
        let encoded = self.cipher.open(&head, payload)?;
        let (codec, plain_bytes) = (Codec::from_byte(head.codec)?, head.plain as usize);
        let is_whole = !self.manner.regroup && (0u32..).zip(blobs).all(|(n, _)| self.pack.lacks(first + n));
        if is_whole && !self.manner.verify_full {
            let block = EncodedBlock { codec, encoded, plain_bytes, blobs: blobs.clone() };
            return Ok(vec![Lifted::Block(block, *first)]);
        }
        let plain = codec::decode(codec, &encoded, plain_bytes)?;
        let ids = &self.source.vault().ids;
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
    fn seek(&self, block: &Block, why: &Error, visit: &mut Visit<'_>) -> Result<()> {
        self.wanted(block).try_for_each(|(number, blob)| self.elsewhere(blob.id, number, why, visit))
    }

    /// All wanted blobs of a pack that does not even say what it holds: the index does.
    fn without_directory(&self, why: &Error, visit: &mut Visit<'_>) -> Result<()> {
        let mut ids = BTreeMap::new();
        self.source.blobs().catalog().cache().for_each_place(&mut |id, place| {
            if place.pack == self.id && self.pack.lacks(place.blob) {
                ids.insert(place.blob, *id);
            }
            Ok(())
        })?;
        ids.into_iter().try_for_each(|(number, id)| self.elsewhere(id, number, why, visit))
    }

    fn elsewhere(&self, id: ChunkId, number: u32, why: &Error, visit: &mut Visit<'_>) -> Result<()> {
        match self.source.blobs().blob(self.pack.kind, &id) {
            Ok(bytes) => visit(Lifted::Blob(id, bytes.to_vec(), number)),
            Err(e) if is_damage(&e) => visit(Lifted::Lost(id, format!("{}: {why}", self.name))),
            Err(e) => Err(e),
        }
    }

    fn wanted<'b>(&'b self, (_, blobs, first): &'b Block) -> impl Iterator<Item = (u32, &'b BlobEntry)> {
        (*first..).zip(blobs).filter(|(number, _)| self.pack.lacks(*number))
    }

    fn bytes(&mut self, range: Range<u64>) -> Result<Bytes> {
        if let Some(whole) = &self.whole {
            let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            let inside = at(range.end) <= whole.len() && range.start <= range.end;
            let outside =
                || Error::new(Kind::Damaged, "its directory names bytes that it does not have").on(&self.name);
            return inside.then(|| whole.slice(at(range.start)..at(range.end))).ok_or_else(outside);
        }
        let bytes = self.source.vault().store.get_range(&self.name, range)?;
        self.count(&bytes);
        Ok(bytes)
    }

    fn count(&mut self, bytes: &Bytes) {
        self.read.requests += 1;
        self.read.bytes += bytes.len() as u64;
    }
}

/// What says that the bytes are not those that were stored, and not that they are out of reach for now.
fn is_damage(e: &Error) -> bool {
    matches!(e.kind(), Kind::Damaged | Kind::Absent)
}

/// How many of these blocks one request fetches: near each other, and not too long together.
fn in_one_request(blocks: &[Block]) -> usize {
    let Some(first) = blocks.first() else { return 0 };
    let fits = |pair: &&[Block]| {
        let [a, b] = pair else { return false };
        let gap = b.0.range().start.saturating_sub(a.0.range().end);
        gap <= COALESCED_GAP_MAX && b.0.range().end - first.0.range().start <= PART_BYTES_MAX
    };
    1 + blocks.windows(2).take_while(fits).count()
}
