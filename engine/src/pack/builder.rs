//! Filling a pack: blocks are sealed as they arrive; the finished pack is parsed again before it leaves.

use crate::block::EncodedBlock;
use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use format_spec::container::{ENTRY_BYTES, HEAD_BYTES, Header, Object, ObjectKind, ObjectWriter, kind};
use format_spec::index::PackRow;
use format_spec::keys::Secrets;
use format_spec::log::{ObjectRef, PublishedPack};
use format_spec::pack::{BLOBS_MAX, BlobEntry, Contents};
use format_spec::parity::{self, Geometry};
use format_spec::{ObjectId, RepositoryId};

/// Where the header and the records of a pack under construction are kept, if not in memory. Whoever drops it without [`Body::discard`] leaves
/// it there, for who finds it.
pub trait Body: Send + std::fmt::Debug {
    /// Appends one block's record (the first time with the header before it) and remembers its chunks.
    fn append(&mut self, bytes: &[u8], blobs: &[BlobEntry]) -> Result<()>;
    /// All that was appended, in place of what is in `into`, which holds `room` bytes without moving then.
    fn read(&mut self, into: &mut Vec<u8>, room: usize) -> Result<()>;
    /// Sees that it survives a loss of power.
    fn sync(&mut self) -> Result<()>;
    /// It is not needed any more: the pack is published.
    fn discard(self: Box<Self>);
}

/// A pack under construction.
#[derive(Debug)]
pub struct PackBuilder {
    object: ObjectWriter,
    contents: Contents,
    blocks: Vec<PackedBlock>,
    blobs: usize,
    bytes_max: usize,
    parity_percent: u8,
    body: Option<Box<dyn Body>>,
}

/// A block's place in its finished pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedBlock {
    /// Where its head begins.
    pub offset: u32,
    /// Length of its payload.
    pub stored: u32,
    /// The chunks in it.
    pub blobs: Vec<BlobEntry>,
}

/// A whole, verified pack.
#[derive(Debug)]
pub struct FinishedPack {
    /// The object's bytes.
    pub bytes: Bytes,
    /// What an index segment says about it.
    pub row: PackRow,
    /// What the log says about it.
    pub published: PublishedPack,
    /// Its blocks.
    pub blocks: Vec<PackedBlock>,
    /// Where it was built, if not in memory: discarded when it is published.
    pub body: Option<Box<dyn Body>>,
}

impl PackBuilder {
    /// Begins the pack `id` of this kind.
    pub fn new(
        kind: ObjectKind,
        id: ObjectId,
        repository: RepositoryId,
        salt: [u8; 32],
        secrets: &Secrets,
        bytes_max: u32,
        parity_percent: u8,
    ) -> Self {
        let header = Header::new(kind, secrets.suite(), repository, id.session, id.ordinal, salt);
        let cipher = secrets.cipher(&header);
        let bytes_max = bytes_max as usize;
        PackBuilder {
            object: ObjectWriter::new(header, cipher),
            contents: Contents::default(),
            blocks: Vec::new(),
            blobs: 0,
            bytes_max,
            parity_percent,
            body: None,
        }
    }

    /// The same, built elsewhere than in memory; before the first block.
    #[must_use]
    pub fn in_body(self, body: Box<dyn Body>) -> Self {
        PackBuilder { body: Some(body), ..self }
    }

    /// Sees that what was built elsewhere survives a loss of power.
    pub fn sync(&mut self) -> Result<()> {
        self.body.as_mut().map_or(Ok(()), |body| body.sync())
    }

    /// Whether the block still fits, contents, parity, directory and trailer counted ([PACK-2], [PACK-6]).
    pub fn fits(&self, block: &EncodedBlock) -> bool {
        let blobs = self.blobs + block.blobs.len();
        let contents = Contents::encoded_bytes(self.blocks.len() + 1, blobs);
        let finished = self.object.finished_bytes()
            + self.object.record_cost(block.encoded.len())
            + self.object.record_cost(contents);
        blobs <= BLOBS_MAX && finished + self.parity_cost(finished) <= self.bytes_max
    }

    /// The most that parity adds to an object that is at most `finished` bytes long without it. Parity grows with what it covers, but for the
    /// powers of two at which its shards double.
    fn parity_cost(&self, finished: usize) -> usize {
        if self.parity_percent == 0 {
            return 0;
        }
        let cost = |covered: usize| {
            let records = |g: Geometry| g.payload_bytes().map(|n| n + HEAD_BYTES + ENTRY_BYTES).sum();
            Geometry::new(covered as u64, self.parity_percent).map_or(usize::MAX / 2, records)
        };
        cost(finished).max(cost(finished.next_power_of_two() / 2))
    }

    /// Whether a block of this plaintext length with so many chunks would fit even if it did not compress, all else counted.
    pub fn has_room(&self, plain_bytes: usize, chunks: usize) -> bool {
        let blobs = self.blobs + chunks;
        let contents = Contents::encoded_bytes(self.blocks.len() + 1, blobs);
        let finished =
            self.object.finished_bytes() + self.object.record_cost(plain_bytes) + self.object.record_cost(contents);
        blobs <= BLOBS_MAX && finished + self.parity_cost(finished) <= self.bytes_max
    }

    /// Seals a block that fits into the pack.
    ///
    /// # Errors
    /// Those of the place where it is built; the pack is of no use then.
    pub fn push(&mut self, block: EncodedBlock) -> Result<()> {
        let entry = self.object.push(kind::BLOCK, block.codec, block.plain_bytes, block.encoded);
        let offset = u32::try_from(entry.offset).expect("packs are at most 256 MB long");
        self.blobs += block.blobs.len();
        self.contents.blocks.push(block.blobs.clone());
        if let Some(body) = &mut self.body {
            body.append(&self.object.take(), &block.blobs)?;
        }
        self.blocks.push(PackedBlock { offset, stored: entry.head.stored, blobs: block.blobs });
        Ok(())
    }

    /// True before the first block.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Ends the pack and verifies it as a reader would: every checksum, the seal, the contents.
    pub fn finish(self, secrets: &Secrets) -> Result<FinishedPack> {
        self.finish_in(secrets, Vec::new())
    }

    /// The same, in a buffer that was used before, if the pack was built elsewhere than in memory.
    pub fn finish_in(mut self, secrets: &Secrets, mut front: Vec<u8>) -> Result<FinishedPack> {
        let plain = self.contents.encode();
        front.clear();
        if let Some(body) = &mut self.body {
            body.read(&mut front, self.bytes_max)?;
        }
        self.object.push_plain(kind::CONTENTS, &plain, 1);
        if self.parity_percent > 0 {
            let records = if front.is_empty() {
                self.object.body()
            } else {
                front.extend_from_slice(&self.object.take());
                &front
            };
            let geometry = Geometry::new(records.len() as u64, self.parity_percent)?;
            for payload in geometry.encode(records)? {
                self.object.push_clear(kind::PARITY, &payload);
            }
        }
        let header = self.object.header().clone();
        let (rest, body_hash) = self.object.finish();
        let bytes = if front.is_empty() {
            rest
        } else {
            front.extend_from_slice(&rest);
            front
        };
        let id = ObjectId { session: header.session, ordinal: header.ordinal };
        let wrong = |what: &str| Error::new(Kind::Bug, format!("a finished pack is wrong: {what}")).on(id);
        if bytes.len() > self.bytes_max {
            return Err(wrong("it is longer than the pack limit"));
        }
        let (object, cipher) = Object::parse_as(&bytes, &header, |h| secrets.cipher(h))?;
        let contents = Contents::decode(&object.open_only(kind::CONTENTS, &cipher)?, object.entries())?;
        if self.parity_percent > 0 && !parity::verify(&object)? {
            return Err(wrong("it has no parity"));
        }
        if contents != self.contents || object.trailer().body_hash != body_hash {
            return Err(wrong("its directory does not decode to what was written"));
        }
        let blobs = u32::try_from(self.blobs).expect("at most 100,000");
        let object_bytes = bytes.len() as u64;
        let published = PublishedPack {
            kind: header.kind,
            object: ObjectRef { ordinal: id.ordinal, bytes: object_bytes, body_hash },
            blobs,
        };
        let row = PackRow { id, bytes: object_bytes, blobs, kind: header.kind, salt: header.salt, body_hash };
        Ok(FinishedPack { bytes: Bytes::from(bytes), row, published, blocks: self.blocks, body: self.body })
    }
}
