//! Where a blob is.

use format_spec::container::{HEAD_BYTES, ObjectKind};
use format_spec::{ChunkId, ObjectId};

/// Where a blob is, complete enough for one ranged read: the block's record begins at `block_offset` of the pack, and the
/// salt opens it without a read of the pack's header (decision 0002 of the format).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobLocation {
    /// The pack.
    pub pack: ObjectId,
    /// Data or metadata.
    pub pack_kind: ObjectKind,
    /// Length of the pack in bytes.
    pub pack_bytes: u64,
    /// How many blobs the pack holds.
    pub pack_blobs: u32,
    /// The salt of the pack's header.
    pub salt: [u8; 32],
    /// Where the head of the block's record begins in the pack, in bytes.
    pub block_offset: u32,
    /// Length of the block's payload in bytes.
    pub block_stored: u32,
    /// The blob's number in the pack.
    pub blob: u32,
    /// Where the chunk begins in the block's plaintext, in bytes.
    pub offset: u32,
    /// Length of the chunk in bytes.
    pub bytes: u32,
}

impl BlobLocation {
    /// Behind the last byte of the block's record in the pack.
    pub fn record_end(&self) -> u64 {
        u64::from(self.block_offset) + HEAD_BYTES as u64 + u64::from(self.block_stored)
    }

    /// Ascending by pack and blob; the rest only makes the order total.
    pub(crate) fn rank(&self) -> impl Ord + use<> {
        let pack = (self.pack, self.blob);
        let block = (self.block_offset, self.block_stored, self.offset, self.bytes);
        (pack, block, self.pack_bytes, self.pack_blobs, self.pack_kind as u8, self.salt)
    }
}

/// A visitor of ids and their places.
pub type Visit<'a> = dyn FnMut(&ChunkId, &BlobLocation) -> crate::Result<()> + 'a;
