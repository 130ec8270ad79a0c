//! The survivors of a pack, read block by block and verified one by one. Memory: one request's blocks.

use super::plan::PackPlan;
use crate::error::{Error, Kind, Result};
use crate::limits::{COALESCED_BYTES_MAX, COALESCED_GAP_MAX, TAIL_BYTES};
use crate::pack::{PackTail, open_block};
use crate::repository::Repository;
use crate::store::Name;
use format_spec::container::{DirectoryEntry, Header, kind};
use format_spec::keys::Cipher;
use format_spec::pack::BlobEntry;
use format_spec::{ChunkId, names};

/// What reading cost.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

/// Hears of a survivor and its bytes.
pub(super) type Visit<'v> = dyn FnMut(ChunkId, &[u8]) -> Result<()> + 'v;

/// A block with survivors: its record, its blobs, the number of the first.
type Wanted<'w> = (&'w DirectoryEntry, &'w [BlobEntry], u32);

/// Visits the survivors of a pack in order, each verified against its id.
///
/// # Errors
/// `Damaged` when the pack or a survivor cannot be read, or there are not as many as the plan says; the store's; those of `visit`.
pub(super) fn for_each_survivor(
    repository: &Repository,
    pack: &PackPlan,
    salt: [u8; 32],
    visit: &mut Visit<'_>,
) -> Result<Read> {
    let vault = repository.vault();
    let name = Name::new(names::of_session(pack.kind, pack.id))?;
    let header =
        Header::new(pack.kind, vault.secrets.suite(), vault.repository, pack.id.session, pack.id.ordinal, salt);
    let cipher = vault.secrets.cipher(&header);
    let (mut tail, length) = vault.store.get_tail(&name, TAIL_BYTES)?;
    let mut read = Read { requests: 2, bytes: tail.len() as u64 };
    let needed = PackTail::bytes_needed(&tail, length)?;
    if needed > tail.len() as u64 {
        tail = vault.store.get_tail(&name, needed)?.0;
        read.requests += 1;
    }
    let tail = PackTail::parse(&tail, length)?;
    let record = vault.store.get_range(&name, tail.contents_entry()?.range())?;
    let contents = tail.contents(&header, &cipher, &record)?;
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    let mut first = 0u32;
    for (entry, blobs) in tail.entries.iter().filter(|e| e.head.kind == kind::BLOCK).zip(&contents.blocks) {
        let count = u32::try_from(blobs.len()).unwrap_or(u32::MAX);
        if (first..first.saturating_add(count)).any(|blob| pack.is_live(blob)) {
            wanted.push((entry, blobs, first));
        }
        first = first.saturating_add(count);
    }
    let mut found = 0;
    let mut rest = &wanted[..];
    while let Some((row, behind)) = rest.split_at_checked(in_one_request(rest)).filter(|(row, _)| !row.is_empty()) {
        rest = behind;
        let (Some(from), Some(to)) = (row.first(), row.last()) else { break };
        let range = from.0.range().start..to.0.range().end;
        let bytes = vault.store.get_range(&name, range.clone())?;
        read.requests += 1;
        read.bytes += bytes.len() as u64;
        for block in row {
            let at = |n: u64| usize::try_from(n - range.start).unwrap_or(usize::MAX);
            let record = bytes.get(at(block.0.range().start)..at(block.0.range().end)).unwrap_or_default();
            found += open(repository, pack, block, record, &cipher, visit).map_err(|e| e.on(&name))?;
        }
    }
    let expected: u32 = pack.survivors.iter().map(|b| b.count_ones()).sum();
    if found != expected {
        let what = format!("its contents have {found} of {expected} blobs that restore points need");
        return Err(Error::new(Kind::Damaged, what).on(&name));
    }
    Ok(read)
}

/// Opens one block and visits its survivors; how many.
fn open(
    repository: &Repository,
    pack: &PackPlan,
    (_, blobs, first): &Wanted<'_>,
    record: &[u8],
    cipher: &Cipher,
    visit: &mut Visit<'_>,
) -> Result<u32> {
    let plain = open_block(record, cipher)?;
    let (mut offset, mut found) = (0usize, 0);
    for (number, blob) in (*first..).zip(*blobs) {
        let end = offset + blob.bytes as usize;
        if pack.is_live(number) {
            let chunk = plain.get(offset..end).unwrap_or_default();
            if repository.vault().ids.blob(pack.kind, chunk) != blob.id {
                return Err(Error::new(Kind::Damaged, format!("the bytes of blob {} do not have its id", blob.id)));
            }
            visit(blob.id, chunk)?;
            found += 1;
        }
        offset = end;
    }
    Ok(found)
}

/// How many of these blocks one request fetches: near each other, and not too long together.
fn in_one_request(blocks: &[Wanted<'_>]) -> usize {
    let Some(first) = blocks.first() else { return 0 };
    let fits = |pair: &&[Wanted<'_>]| {
        let [a, b] = pair else { return false };
        let gap = b.0.range().start.saturating_sub(a.0.range().end);
        gap <= COALESCED_GAP_MAX && b.0.range().end - first.0.range().start <= COALESCED_BYTES_MAX
    };
    1 + blocks.windows(2).take_while(fits).count()
}
