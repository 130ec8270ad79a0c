//! The contents record of a pack: which chunks its blocks hold (spec/pack.md).

use crate::bytes::Cursor;
use crate::container::{DirectoryEntry, kind};
use crate::{ChunkId, FormatError, Result};

/// [PACK-6].
pub const BLOBS_MAX: usize = 100_000;

/// One chunk of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobEntry {
    /// The chunk's id.
    pub id: ChunkId,
    /// Its length in the block's plaintext, at least 1.
    pub bytes: u32,
}

/// The contents of a pack: the blobs of each block in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// One row a block.
    pub blocks: Vec<Vec<BlobEntry>>,
}

impl Contents {
    /// Length of the encoded contents.
    pub fn encoded_bytes(blocks: usize, blobs: usize) -> usize {
        blocks * 4 + blobs * 36
    }

    /// The plaintext of the contents record ([PACK-5]).
    pub fn encode(&self) -> Vec<u8> {
        let blobs = self.blocks.iter().map(Vec::len).sum();
        let mut out = Vec::with_capacity(Contents::encoded_bytes(self.blocks.len(), blobs));
        for block in &self.blocks {
            let count = u32::try_from(block.len()).expect("a pack has at most 100,000 blobs");
            out.extend_from_slice(&count.to_le_bytes());
            for blob in block {
                out.extend_from_slice(&blob.id.0);
                out.extend_from_slice(&blob.bytes.to_le_bytes());
            }
        }
        out
    }

    /// Reads contents and checks them against the pack's directory.
    pub fn decode(plain: &[u8], directory: &[DirectoryEntry]) -> Result<Self> {
        let of_packs = |e: &&DirectoryEntry| matches!(e.head.kind, kind::BLOCK | kind::CONTENTS | kind::PARITY);
        let kinds = directory.iter().filter(of_packs).map(|e| e.head.kind);
        if !kinds.is_sorted() {
            return Err(FormatError::broken(
                "PACK-3",
                "order of records",
                "blocks, then the contents, then parity",
                "other",
            ));
        }
        let mut cursor = Cursor::new(plain, "PACK-5");
        let mut blocks = Vec::new();
        let mut blobs = 0;
        for entry in directory.iter().filter(|e| e.head.kind == kind::BLOCK) {
            let count = cursor.u32()? as usize;
            blobs += count;
            if count == 0 {
                return Err(FormatError::broken("PACK-5", "chunks of a block", "at least 1", 0));
            }
            if blobs > BLOBS_MAX {
                return Err(FormatError::broken("PACK-6", "chunks of a pack", "at most 100000", blobs));
            }
            let mut block = Vec::with_capacity(count.min(cursor.remaining() / 36));
            let mut sum = 0u64;
            for _ in 0..count {
                let blob = BlobEntry { id: ChunkId(cursor.array()?), bytes: cursor.u32()? };
                if blob.bytes == 0 {
                    return Err(FormatError::broken("PACK-5", "length of a chunk", "at least 1", 0));
                }
                sum += u64::from(blob.bytes);
                block.push(blob);
            }
            if sum != u64::from(entry.head.plain) {
                return Err(FormatError::broken("PACK-5", "lengths of a block's chunks", entry.head.plain, sum));
            }
            blocks.push(block);
        }
        cursor.end()?;
        if blocks.is_empty() {
            return Err(FormatError::broken("PACK-3", "blocks of a pack", "one or more", 0));
        }
        Ok(Contents { blocks })
    }
}
