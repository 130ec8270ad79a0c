//! Blocks: the unit of compression and encryption, one large chunk or many small ones together.
//!
//! Pure: plaintext in, encoded bytes out. Promises: an encoded block was decoded again and compared before it leaves (invariant 4), and
//! data that does not compress is recognised by samples before the work is spent. Refuses to seal: that needs the pack's key and
//! position, and is [`crate::pack`]'s.

use crate::error::{Error, Kind, Result};
use format_spec::container::{Codec, ObjectKind, PLAIN_BYTES_MAX};
use format_spec::keys::IdKeys;
use format_spec::pack::BlobEntry;
use format_spec::{ChunkId, codec};

/// A block that is being filled.
#[derive(Debug, Default)]
pub struct OpenBlock {
    plain: Vec<u8>,
    blobs: Vec<BlobEntry>,
}

impl OpenBlock {
    /// A block of one chunk.
    pub fn of(id: ChunkId, plain: Vec<u8>) -> Self {
        let bytes = u32::try_from(plain.len()).expect("chunks are at most 4 MiB long");
        OpenBlock { plain, blobs: vec![BlobEntry { id, bytes }] }
    }

    /// Adds a chunk.
    pub fn push(&mut self, id: ChunkId, chunk: &[u8]) {
        let bytes = u32::try_from(chunk.len()).expect("chunks are at most 4 MiB long");
        self.plain.extend_from_slice(chunk);
        self.blobs.push(BlobEntry { id, bytes });
    }

    /// Whether a chunk of this length still fits under the format's limit ([PACK-4]).
    pub fn fits(&self, bytes: usize) -> bool {
        self.plain.len() + bytes <= PLAIN_BYTES_MAX
    }

    /// Plaintext so far.
    pub fn bytes(&self) -> usize {
        self.plain.len()
    }

    /// True before the first chunk.
    pub fn is_empty(&self) -> bool {
        self.blobs.is_empty()
    }

    /// Compresses, decodes again and compares.
    ///
    /// # Errors
    /// `Bug` when the encoder's bytes do not decode to what went in: nothing of it may be stored.
    pub fn encode(self, level: i32) -> Result<EncodedBlock> {
        self.encode_by(|plain| codec::encode(plain, level))
    }

    /// The same by any encoder: none is trusted.
    fn encode_by(self, encoder: impl Fn(&[u8]) -> (Codec, Vec<u8>)) -> Result<EncodedBlock> {
        let (codec, encoded) =
            if looks_incompressible(&self.plain) { (Codec::Raw, self.plain.clone()) } else { encoder(&self.plain) };
        let again = codec::decode(codec, &encoded, self.plain.len());
        if !again.is_ok_and(|again| again == self.plain) {
            return Err(Error::new(Kind::Bug, "a block did not decode to what was encoded")
                .advise("check this machine's memory; nothing of this block was stored"));
        }
        Ok(EncodedBlock { codec, encoded, plain_bytes: self.plain.len(), blobs: self.blobs })
    }
}

/// A verified block, ready to be sealed into a pack.
#[derive(Debug)]
pub struct EncodedBlock {
    /// How it was encoded.
    pub codec: Codec,
    /// The encoded bytes.
    pub encoded: Vec<u8>,
    /// Length of the plaintext.
    pub plain_bytes: usize,
    /// The chunks in it, in order.
    pub blobs: Vec<BlobEntry>,
}

impl EncodedBlock {
    /// Whether it decodes to blobs of just these ids, in a pack of this kind.
    ///
    /// # Errors
    /// `Damaged` when it does not decode.
    pub fn has_its_ids(&self, pack: ObjectKind, ids: &IdKeys) -> Result<bool> {
        let plain = codec::decode(self.codec, &self.encoded, self.plain_bytes)?;
        let mut rest = &plain[..];
        for blob in &self.blobs {
            let Some((bytes, behind)) = rest.split_at_checked(blob.bytes as usize) else { return Ok(false) };
            rest = behind;
            if ids.blob(pack, bytes) != blob.id {
                return Ok(false);
            }
        }
        Ok(rest.is_empty())
    }
}

/// Samples of large blocks decide: when three spread pieces gain less than 2 %, the whole will not pay either.
fn looks_incompressible(plain: &[u8]) -> bool {
    const SAMPLE: usize = 4096;
    if plain.len() < 16 * SAMPLE {
        return false;
    }
    let pays = |at: usize| {
        let sample = &plain[at..at + SAMPLE];
        codec::encode(sample, 1).1.len() < SAMPLE - SAMPLE / 50
    };
    ![plain.len() / 8, plain.len() / 2, plain.len() - plain.len() / 8 - SAMPLE].into_iter().any(pays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_chunks_share_one_frame() {
        let mut block = OpenBlock::default();
        for n in 0..100u8 {
            block.push(ChunkId([n; 32]), format!("the same words again and again, number {n}").as_bytes());
        }
        let plain = block.bytes();
        let encoded = block.encode(3).expect("encodes");
        assert_eq!(encoded.codec, Codec::Zstd);
        assert!(encoded.encoded.len() * 4 < plain, "{} of {plain}", encoded.encoded.len());
        assert_eq!(encoded.blobs.len(), 100);
    }

    #[test]
    fn incident_09_restic_4523_what_does_not_decode_again_leaves_no_encoder() {
        let plain = b"the same words again and again, the same words again and again".repeat(50);
        let block = || OpenBlock::of(ChunkId([1; 32]), plain.clone());
        let (codec, good) = codec::encode(&plain, 3);
        assert_eq!(codec, Codec::Zstd);
        assert_eq!(block().encode_by(|_| (codec, good.clone())).expect("decodes").encoded, good);
        // No frame at all, one cut short, one of other bytes of the same length, a wrong name for the codec.
        let other = codec::encode(&plain.to_ascii_uppercase(), 3).1;
        let wrong =
            [(codec, vec![7; 100]), (codec, good[..good.len() - 1].to_vec()), (codec, other), (Codec::Raw, good)];
        for encoded in wrong {
            let refused = block().encode_by(|_| encoded.clone()).expect_err("is refused");
            assert_eq!(refused.kind(), Kind::Bug, "{refused}");
        }
    }

    #[test]
    fn noise_is_stored_raw() {
        let mut plain = vec![0; 1 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut plain);
        assert!(looks_incompressible(&plain));
        assert_eq!(OpenBlock::of(ChunkId([1; 32]), plain).encode(3).expect("encodes").codec, Codec::Raw);
    }
}
