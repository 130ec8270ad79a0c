//! A pack that is taken apart in its own order: its directory and contents, then runs of the blocks that somebody wants.
//!
//! Promises: what stands in a pack is believed under its seal alone; blocks that lie near each other come by one request; what reading cost is
//! counted. Memory: one run at a time. Refuses to open blocks: whoever wants them decides what is verified.

use super::sealed_store::SealedStore;
use crate::error::{Error, Kind, Result};
use crate::limits::{COALESCED_GAP_MAX, TAIL_BYTES};
use crate::pack::{PackTail, open_block};
use crate::store::{Look, ObjectName, SecondLook, StoreExt, reread};
use bytes::Bytes;
use format_spec::container::{DirectoryEntry, Header, kind};
use format_spec::index::PackRow;
use format_spec::keys::Cipher;
use format_spec::log::ObjectRef;
use format_spec::names;
use format_spec::pack::{BlobEntry, Contents};
use std::ops::Range;

/// A pack under a reader's hands.
pub struct PackReader<'a> {
    sealed_store: &'a SealedStore,
    name: ObjectName,
    header: Header,
    cipher: Cipher,
    stated: ObjectRef,
    /// The pack, if it was read at once.
    whole: Option<Bytes>,
    cost: Read,
}

/// What reading cost.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Requests to the store.
    pub requests: u64,
    /// Stored bytes that came.
    pub bytes: u64,
}

/// A block with wanted blobs.
#[derive(Debug)]
pub struct TakenBlock {
    /// Its record.
    pub entry: DirectoryEntry,
    /// All its blobs.
    pub blobs: Vec<BlobEntry>,
    /// The number of the first in the pack.
    pub first: u32,
}

impl<'a> PackReader<'a> {
    /// Nothing is read yet. `row` is what the index states of it.
    ///
    /// # Errors
    /// `Input`: no object has such a name.
    pub fn new(sealed_store: &'a SealedStore, row: &PackRow) -> Result<Self> {
        let id = row.id;
        let header = Header::new(
            row.kind,
            sealed_store.secrets.suite(),
            sealed_store.repository,
            id.session,
            id.ordinal,
            row.salt,
        );
        let cipher = sealed_store.secrets.cipher(&header);
        let name = ObjectName::new(names::of_session(row.kind, id))?;
        let stated = ObjectRef { ordinal: id.ordinal, bytes: row.bytes, body_hash: row.body_hash };
        Ok(PackReader { sealed_store, name, header, cipher, stated, whole: None, cost: Read::default() })
    }

    /// Its name in the store.
    pub fn name(&self) -> &ObjectName {
        &self.name
    }

    /// What opens its blocks.
    pub fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// What reading has cost so far.
    pub fn cost(&self) -> Read {
        self.cost
    }

    /// The blocks that have wanted blobs, in order, of which there must be `count`; of a pack that is `read_whole` in one request, else of its end.
    ///
    /// # Errors
    /// `Damaged`, also when it is not the pack that the index states, or holds more or fewer wanted blobs than that; the store's.
    pub fn blocks(&mut self, read_whole: bool, count: u64, is_wanted: &dyn Fn(u32) -> bool) -> Result<Vec<TakenBlock>> {
        let (blocks, whole, cost) = reread(&*self.sealed_store.store, |look| {
            let (tail, whole, mut cost) = if read_whole { self.look_at_whole(look)? } else { self.look_at_tail(look)? };
            let range = tail.contents_entry()?.range();
            let record = match &whole {
                Some(whole) => self.part(whole, range)?,
                None => cost.came(look.get_range(&self.name, range)?),
            };
            let contents = tail.contents(&self.header, &self.cipher, &record).map_err(|e| e.on(&self.name))?;
            Ok((wanted(&tail, contents, is_wanted), whole, cost))
        })?;
        (self.whole, self.cost) = (whole, self.cost.and(cost));
        let found: u64 = blocks.iter().map(|(_, wanted)| wanted).sum();
        if found != count {
            let what = format!("its contents have {found} of {count} wanted blobs");
            return Err(Error::new(Kind::Damaged, what).on(&self.name));
        }
        Ok(blocks.into_iter().map(|(block, _)| block).collect())
    }

    /// Opens a block from its record; where it is damaged it is looked at once more, alone and over another connection.
    ///
    /// # Errors
    /// `Damaged` when both looks show the same; the store's.
    pub fn open(&self, block: &TakenBlock, record: &Bytes) -> Result<Vec<u8>> {
        let open = |record: &Bytes| open_block(record, &self.cipher).map_err(|e| e.on(&self.name));
        match open(record) {
            Err(e) if e.kind() == Kind::Damaged => SecondLook::after(record, e)
                .over(&*self.sealed_store.store, |look| open(&look.get_range(&self.name, block.entry.range())?)),
            other => other,
        }
    }

    /// The records of a [`run`] of blocks, head and payload, each beside its block.
    ///
    /// # Errors
    /// The store's; `Damaged` when the directory names bytes that the pack does not have.
    pub fn records<'b>(&mut self, run: &'b [TakenBlock]) -> Result<Vec<(&'b TakenBlock, Bytes)>> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(Vec::new()) };
        let range = first.entry.range().start..last.entry.range().end;
        let bytes = self.bytes(range.clone())?;
        let at = |n: u64| usize::try_from(n.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let record = |block: &TakenBlock| {
            let place = at(block.entry.range().start)..at(block.entry.range().end);
            // What is no record at all fails its checks like any other damage.
            if place.start <= place.end && place.end <= bytes.len() { bytes.slice(place) } else { Bytes::new() }
        };
        Ok(run.iter().map(|block| (block, record(block))).collect())
    }

    fn look_at_whole(&self, look: &Look<'_>) -> Result<(PackTail, Option<Bytes>, Read)> {
        let mut cost = Read::default();
        let whole = cost.came(look.get(&self.name)?);
        Ok((self.parsed(&whole, whole.len() as u64)?, Some(whole), cost))
    }

    fn look_at_tail(&self, look: &Look<'_>) -> Result<(PackTail, Option<Bytes>, Read)> {
        let mut cost = Read::default();
        let (tail, length) = look.get_tail(&self.name, TAIL_BYTES)?;
        let mut tail = cost.came(tail);
        let needed = PackTail::bytes_needed(&tail, length).map_err(|e| e.on(&self.name))?;
        if needed > tail.len() as u64 {
            tail = cost.came(look.get_tail(&self.name, needed)?.0);
        }
        Ok((self.parsed(&tail, length)?, None, cost))
    }

    /// What a tail says, if it is that of the pack which the index states.
    fn parsed(&self, tail: &[u8], length: u64) -> Result<PackTail> {
        let parsed = PackTail::parse(tail, length).map_err(|e| e.on(&self.name))?;
        self.stated.expect(length, &parsed.trailer.body_hash).map_err(|e| Error::from(e).on(&self.name))?;
        Ok(parsed)
    }

    fn bytes(&mut self, range: Range<u64>) -> Result<Bytes> {
        match &self.whole {
            Some(whole) => self.part(whole, range),
            None => {
                let bytes = self.sealed_store.store.get_range(&self.name, range)?;
                Ok(self.cost.came(bytes))
            }
        }
    }

    fn part(&self, whole: &Bytes, range: Range<u64>) -> Result<Bytes> {
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let inside = at(range.end) <= whole.len() && range.start <= range.end;
        let outside = || Error::new(Kind::Damaged, "its directory names bytes that it does not have").on(&self.name);
        inside.then(|| whole.slice(at(range.start)..at(range.end))).ok_or_else(outside)
    }
}

impl Read {
    /// Counts an answer.
    fn came(&mut self, bytes: Bytes) -> Bytes {
        self.requests += 1;
        self.bytes += bytes.len() as u64;
        bytes
    }

    fn and(self, more: Read) -> Read {
        Read { requests: self.requests + more.requests, bytes: self.bytes + more.bytes }
    }
}

/// The blocks with wanted blobs, each with how many.
fn wanted(tail: &PackTail, contents: Contents, is_wanted: &dyn Fn(u32) -> bool) -> Vec<(TakenBlock, u64)> {
    let (mut blocks, mut first) = (Vec::new(), 0u32);
    for (entry, blobs) in tail.entries.iter().filter(|e| e.head.kind == kind::BLOCK).zip(contents.blocks) {
        let end = first.saturating_add(u32::try_from(blobs.len()).unwrap_or(u32::MAX));
        let wanted = (first..end).filter(|blob| is_wanted(*blob)).count() as u64;
        if wanted > 0 {
            blocks.push((TakenBlock { entry: *entry, blobs, first }, wanted));
        }
        first = end;
    }
    blocks
}

/// How many of these blocks one request fetches: near each other, and together at most `bytes_max` long, or one.
pub fn run(blocks: &[TakenBlock], bytes_max: u64) -> usize {
    let Some(first) = blocks.first() else { return 0 };
    let fits = |pair: &&[TakenBlock]| {
        let [a, b] = pair else { return false };
        let gap = b.entry.range().start.saturating_sub(a.entry.range().end);
        gap <= COALESCED_GAP_MAX && b.entry.range().end - first.entry.range().start <= bytes_max
    };
    1 + blocks.windows(2).take_while(fits).count()
}
