//! A pack that is taken apart in its own order: its directory and contents, then runs of the blocks that somebody wants.
//!
//! Promises: what stands in a pack is believed under its seal alone; blocks that lie near each other come by one request; what reading cost is
//! counted. Memory: one run at a time. Refuses to open blocks: whoever wants them decides what is verified.

use super::read::Vault;
use crate::error::{Error, Kind, Result};
use crate::limits::{COALESCED_GAP_MAX, TAIL_BYTES};
use crate::pack::PackTail;
use crate::store::Name;
use bytes::Bytes;
use format_spec::container::{DirectoryEntry, Header, ObjectKind, kind};
use format_spec::keys::Cipher;
use format_spec::pack::BlobEntry;
use format_spec::{ObjectId, names};
use std::ops::Range;

/// A pack under a reader's hands.
pub struct TakenPack<'a> {
    vault: &'a Vault,
    name: Name,
    header: Header,
    cipher: Cipher,
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

impl<'a> TakenPack<'a> {
    /// Nothing is read yet.
    ///
    /// # Errors
    /// `Input`: no object has such a name.
    pub fn new(vault: &'a Vault, kind: ObjectKind, id: ObjectId, salt: [u8; 32]) -> Result<Self> {
        let header = Header::new(kind, vault.secrets.suite(), vault.repository, id.session, id.ordinal, salt);
        let cipher = vault.secrets.cipher(&header);
        let name = Name::new(names::of_session(kind, id))?;
        Ok(TakenPack { vault, name, header, cipher, whole: None, cost: Read::default() })
    }

    /// Its name in the store.
    pub fn name(&self) -> &Name {
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
    /// `Damaged`, also when it holds more or fewer wanted blobs than that; the store's.
    pub fn blocks(&mut self, read_whole: bool, count: u64, is_wanted: &dyn Fn(u32) -> bool) -> Result<Vec<TakenBlock>> {
        let tail = if read_whole { self.whole()? } else { self.tail()? };
        let record = self.bytes(tail.contents_entry()?.range())?;
        let contents = tail.contents(&self.header, &self.cipher, &record)?;
        let (mut blocks, mut first, mut found) = (Vec::new(), 0u32, 0u64);
        for (entry, blobs) in tail.entries.iter().filter(|e| e.head.kind == kind::BLOCK).zip(contents.blocks) {
            let end = first.saturating_add(u32::try_from(blobs.len()).unwrap_or(u32::MAX));
            let wanted = (first..end).filter(|blob| is_wanted(*blob)).count() as u64;
            if wanted > 0 {
                blocks.push(TakenBlock { entry: *entry, blobs, first });
            }
            (first, found) = (end, found + wanted);
        }
        if found != count {
            let what = format!("its contents have {found} of {count} wanted blobs");
            return Err(Error::new(Kind::Damaged, what).on(&self.name));
        }
        Ok(blocks)
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

    fn whole(&mut self) -> Result<PackTail> {
        let whole = self.vault.store.get(&self.name)?;
        self.count(&whole);
        let tail = PackTail::parse(&whole, whole.len() as u64)?;
        self.whole = Some(whole);
        Ok(tail)
    }

    fn tail(&mut self) -> Result<PackTail> {
        let (mut tail, length) = self.vault.store.get_tail(&self.name, TAIL_BYTES)?;
        self.count(&tail);
        let needed = PackTail::bytes_needed(&tail, length)?;
        if needed > tail.len() as u64 {
            tail = self.vault.store.get_tail(&self.name, needed)?.0;
            self.count(&tail);
        }
        PackTail::parse(&tail, length)
    }

    fn bytes(&mut self, range: Range<u64>) -> Result<Bytes> {
        if let Some(whole) = &self.whole {
            let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            let inside = at(range.end) <= whole.len() && range.start <= range.end;
            let outside =
                || Error::new(Kind::Damaged, "its directory names bytes that it does not have").on(&self.name);
            return inside.then(|| whole.slice(at(range.start)..at(range.end))).ok_or_else(outside);
        }
        let bytes = self.vault.store.get_range(&self.name, range)?;
        self.count(&bytes);
        Ok(bytes)
    }

    fn count(&mut self, bytes: &Bytes) {
        self.cost.requests += 1;
        self.cost.bytes += bytes.len() as u64;
    }
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
