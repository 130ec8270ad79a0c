//! An index segment whose object is lost or damaged, made again from what its packs say about themselves.
//!
//! Promises: a row is believed only of a pack whose trailer has the body hash that the log vouches for and whose directory is sealed. Refuses to
//! guess: a pack that cannot be read has no rows, and its blobs are unknown until they are stored again.

use super::catalog::lost;
use super::read::Vault;
use crate::error::{Error, Kind, Result};
use crate::index::SegmentBuilder;
use crate::limits::TAIL_BYTES;
use crate::pack::PackTail;
use crate::store::Name;
use format_spec::container::{HEADER_BYTES, Header, kind};
use format_spec::index::{PackRow, Segment};
use format_spec::log::PublishedPack;
use format_spec::pack::BlobEntry;
use format_spec::{ObjectId, names};

/// A segment made again, and the packs that it lacks.
#[derive(Debug)]
pub struct Rebuilt {
    /// The rows of all packs that could be read.
    pub segment: Segment,
    /// The packs that could not, with the reason.
    pub lacks: Vec<(ObjectId, Error)>,
}

impl Vault {
    /// Makes the segment of these packs from their headers, tails and contents.
    ///
    /// # Errors
    /// The store's, when it is out of reach. Damaged packs are in the answer.
    pub fn rebuild_segment(&self, session: u32, packs: &[PublishedPack]) -> Result<Rebuilt> {
        let mut builder = SegmentBuilder::new();
        let mut lacks = Vec::new();
        for pack in packs {
            let id = ObjectId { session, ordinal: pack.object.ordinal };
            match self.rows_of(id, pack) {
                Ok((row, blocks)) => {
                    let blocks: Vec<_> = blocks.iter().map(|(offset, stored, b)| (*offset, *stored, &b[..])).collect();
                    builder.add_pack(row, &blocks)?;
                }
                Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Absent | Kind::Archived) => lacks.push((id, e)),
                Err(e) => return Err(e),
            }
        }
        Ok(Rebuilt { segment: builder.finish(), lacks })
    }

    fn rows_of(&self, id: ObjectId, pack: &PublishedPack) -> Result<(PackRow, Vec<Block>)> {
        let name = Name::new(names::of_session(pack.kind, id))?;
        let damaged = |what: &str| Error::new(Kind::Damaged, what.to_owned()).on(&name);
        let lost = |e: Error| lost(e, &name);
        let (mut tail, bytes) = self.store.get_tail(&name, TAIL_BYTES).map_err(lost)?;
        if bytes != pack.object.bytes {
            return Err(damaged("its length is not the one that the log promises"));
        }
        let needed = PackTail::bytes_needed(&tail, bytes)?;
        if needed > tail.len() as u64 {
            tail = self.store.get_tail(&name, needed).map_err(lost)?.0;
        }
        let parsed = PackTail::parse(&tail, bytes)?;
        if parsed.trailer.body_hash != pack.object.body_hash {
            return Err(damaged("its body hash is not the one that the log promises"));
        }
        let header = Header::decode(&self.store.get_range(&name, 0..HEADER_BYTES as u64).map_err(lost)?)?;
        let suite = self.secrets.suite();
        header.expect_identity(&Header::new(pack.kind, suite, self.repository, id.session, id.ordinal, [0; 32]))?;
        let record = self.store.get_range(&name, parsed.contents_entry()?.range()).map_err(lost)?;
        let contents = parsed.contents(&header, &self.secrets.cipher(&header), &record).map_err(|e| e.on(&name))?;
        let entries = parsed.entries.iter().filter(|e| e.head.kind == kind::BLOCK);
        let block = |(entry, blobs): (&format_spec::container::DirectoryEntry, Vec<BlobEntry>)| {
            let offset = u32::try_from(entry.offset).map_err(|_| damaged("a block lies beyond any pack's end"))?;
            Ok((offset, entry.head.stored, blobs))
        };
        let blocks = entries.zip(contents.blocks).map(block).collect::<Result<Vec<Block>>>()?;
        let blobs = u32::try_from(blocks.iter().map(|(_, _, b)| b.len()).sum::<usize>()).unwrap_or(u32::MAX);
        if blobs != pack.blobs {
            return Err(damaged("it does not hold as many blobs as the log promises"));
        }
        Ok((PackRow { id, bytes, blobs, kind: pack.kind, salt: header.salt }, blocks))
    }
}

/// Where a block's record begins, the length of its payload, its blobs.
type Block = (u32, u32, Vec<BlobEntry>);
