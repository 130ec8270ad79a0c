//! Rows of a spool: what stands in a pack that was not finished, written as it grows and read by whoever goes on.
//!
//! Promises: what is visited has a whole row, a checksum and a tag that hold under the repository's key. Refuses to say that its chunks are those of
//! the row: a row has no key, so whoever takes a block over compares ids.

use super::Spooled;
use crate::block::EncodedBlock;
use crate::error::{Error, Kind, Result};
use format_spec::container::{Codec, HEAD_BYTES, Header, ObjectKind, RecordHead};
use format_spec::keys::Secrets;
use format_spec::pack::{BLOBS_MAX, BlobEntry};
use format_spec::{ChunkId, RepositoryId, Time};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"CRNSPL01";
/// Magic, kind, lane, two zeros, time, CRC.
const FIRST_BYTES: usize = 8 + 4 + 8 + 4;

/// What rows begin with.
pub(super) fn first(kind: ObjectKind, lane: usize, since: Time) -> Vec<u8> {
    let mut row = MAGIC.to_vec();
    row.extend_from_slice(&[kind as u8, u8::try_from(lane).unwrap_or(u8::MAX), 0, 0]);
    row.extend_from_slice(&since.seconds.to_le_bytes());
    sealed(row)
}

/// Where the block's record ends (it begins where the one before ends, the first behind the header), and its chunks.
pub(super) fn row(end: u64, blobs: &[BlobEntry]) -> Vec<u8> {
    let count = u32::try_from(blobs.len()).unwrap_or(u32::MAX);
    let mut row = Vec::with_capacity(16 + blobs.len() * 36);
    row.extend_from_slice(&end.to_le_bytes());
    row.extend_from_slice(&count.to_le_bytes());
    for blob in blobs {
        row.extend_from_slice(&blob.id.0);
        row.extend_from_slice(&blob.bytes.to_le_bytes());
    }
    sealed(row)
}

fn sealed(mut row: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&row);
    row.extend_from_slice(&crc.to_le_bytes());
    row
}

/// Reads what one process left behind, pack by pack; an error is the visitor's.
pub(super) fn read_part(
    part: &Path,
    repository: RepositoryId,
    secrets: &Secrets,
    visit: &mut dyn FnMut(Spooled) -> Result<()>,
) -> Result<()> {
    // One that is gone by now was empty when its process ended.
    let entries = fs::read_dir(part).into_iter().flatten();
    let mut packs: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    packs.retain(|path| path.extension().is_some_and(|e| e == "rows"));
    packs.sort();
    for rows in packs {
        let mut failed = None;
        let read = read_pack(&rows, repository, secrets, &mut |spooled| {
            visit(spooled).inspect_err(|e| failed = Some(e.again()))
        });
        match (read, failed) {
            (_, Some(e)) => return Err(e),
            (Err(e), None) => {
                tracing::info!(file = %rows.display(), "what a process left in the spool ends here: {e}");
            }
            (Ok(()), None) => {}
        }
    }
    Ok(())
}

/// Reads one pack's rows and blocks until one is not whole.
fn read_pack(
    rows: &Path,
    repository: RepositoryId,
    secrets: &Secrets,
    visit: &mut dyn FnMut(Spooled) -> Result<()>,
) -> Result<()> {
    let torn = || Error::new(Kind::Damaged, "it is cut short");
    let mut body = File::open(rows.with_extension("body"))?;
    let mut rows = std::io::BufReader::new(File::open(rows)?);
    let first = exactly(&mut rows, FIRST_BYTES - 4)?.ok_or_else(torn)?;
    let (kind, lane) = (ObjectKind::from_byte(first[8])?, usize::from(first[9]));
    if first[..8] != MAGIC || !is_whole(&mut rows, &first)? {
        return Err(torn());
    }
    let since = Time::new(i64::from_le_bytes(first[12..20].try_into().map_err(|_| torn())?), 0);
    let header_bytes = exactly(&mut body, format_spec::container::HEADER_BYTES)?.ok_or_else(torn)?;
    let header = Header::decode(&header_bytes)?;
    if header.repository != repository || header.kind != kind {
        return Err(Error::new(Kind::Damaged, "it belongs to another repository"));
    }
    let cipher = secrets.cipher(&header);
    let mut at = header_bytes.len() as u64;
    while let Some(mut row) = exactly(&mut rows, 12)? {
        let end = u64::from_le_bytes(row[..8].try_into().map_err(|_| torn())?);
        let count = u32::from_le_bytes(row[8..12].try_into().map_err(|_| torn())?) as usize;
        if count == 0 || count > BLOBS_MAX {
            return Err(torn());
        }
        row.extend(exactly(&mut rows, count * 36)?.ok_or_else(torn)?);
        if !is_whole(&mut rows, &row)? {
            return Err(torn());
        }
        let length = end.checked_sub(at).filter(|l| *l <= RECORD_BYTES_MAX).and_then(|l| usize::try_from(l).ok());
        let record = exactly(&mut body, length.ok_or_else(torn)?)?.ok_or_else(torn)?;
        at = end;
        let head = RecordHead::decode(&record)?;
        let payload = record.get(HEAD_BYTES..).unwrap_or_default();
        head.check_payload(payload)?;
        let encoded = cipher.open(&head, payload)?.to_vec();
        let blob = |b: &[u8]| {
            let (id, bytes) = b.split_at(32);
            Some(BlobEntry { id: ChunkId(id.try_into().ok()?), bytes: u32::from_le_bytes(bytes.try_into().ok()?) })
        };
        let blobs: Vec<_> = row[12..].chunks_exact(36).filter_map(blob).collect();
        let block =
            EncodedBlock { codec: Codec::from_byte(head.codec)?, encoded, plain_bytes: head.plain as usize, blobs };
        visit(Spooled { kind, lane, since, block })?;
    }
    Ok(())
}

/// A record's head and the longest payload ([CONT-9]).
const RECORD_BYTES_MAX: u64 = 4_194_304 + 16 + HEAD_BYTES as u64;

/// So many bytes; `None` where there are fewer.
fn exactly(from: &mut impl Read, bytes: usize) -> Result<Option<Vec<u8>>> {
    let mut read = vec![0; bytes];
    match from.read_exact(&mut read) {
        Ok(()) => Ok(Some(read)),
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn is_whole(rows: &mut impl Read, row: &[u8]) -> Result<bool> {
    Ok(exactly(rows, 4)?.is_some_and(|crc| crc == crc32fast::hash(row).to_le_bytes()))
}
