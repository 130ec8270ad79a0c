//! The survivors of a pack, read block by block and verified one by one. Memory: one request's blocks.

use super::plan::PackPlan;
use crate::blob::pack_reader::{PackReader, Read, TakenBlock, run};
use crate::error::{Error, Kind, Result};
use crate::limits::COALESCED_BYTES_MAX;
use crate::repository::Repository;
use format_spec::ChunkId;
use format_spec::index::PackRow;

/// Hears of a survivor and its bytes.
pub(super) type Visit<'v> = dyn FnMut(ChunkId, &[u8]) -> Result<()> + 'v;

/// Visits the survivors of a pack in order, each verified against its id.
///
/// # Errors
/// `Damaged` when the pack or a survivor cannot be read, or there are not as many as the plan says; the store's; those of `visit`.
pub(super) fn for_each_survivor(
    repository: &Repository,
    pack: &PackPlan,
    row: &PackRow,
    visit: &mut Visit<'_>,
) -> Result<Read> {
    let mut taken = PackReader::new(repository.sealed_store(), row)?;
    let expected = pack.survivors.iter().map(|b| u64::from(b.count_ones())).sum();
    let blocks = taken.blocks(false, expected, &|blob| pack.is_live(blob))?;
    let mut rest = &blocks[..];
    while let Some((row, behind)) = rest.split_at_checked(run(rest, COALESCED_BYTES_MAX)).filter(|(r, _)| !r.is_empty())
    {
        rest = behind;
        for (block, record) in taken.records(row)? {
            let plain = taken.open(block, &record)?;
            survivors(repository, pack, block, &plain, visit).map_err(|e| e.on(taken.name()))?;
        }
    }
    Ok(taken.cost())
}

fn survivors(
    repository: &Repository,
    pack: &PackPlan,
    block: &TakenBlock,
    plain: &[u8],
    visit: &mut Visit<'_>,
) -> Result<()> {
    let mut offset = 0usize;
    for (number, blob) in (block.first..).zip(&block.blobs) {
        let end = offset + blob.bytes as usize;
        if pack.is_live(number) {
            let chunk = plain.get(offset..end).unwrap_or_default();
            if repository.sealed_store().ids.blob(pack.kind, chunk) != blob.id {
                return Err(Error::new(Kind::Damaged, format!("the bytes of blob {} do not have its id", blob.id)));
            }
            visit(blob.id, chunk)?;
        }
        offset = end;
    }
    Ok(())
}
