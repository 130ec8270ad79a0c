//! Blocks that are carried over from another repository, and what waits in the spool.

use super::Writer;
use crate::block::EncodedBlock;
use crate::error::Result;
use format_spec::container::ObjectKind;
use format_spec::{ChunkId, Time};

/// What was found in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Blocks that are in this session's packs now.
    pub blocks: u64,
    /// Their encoded bytes.
    pub bytes: u64,
    /// When the oldest of them was put.
    pub since: Option<Time>,
}

impl Writer {
    /// Stores a chunk or node in this lane unless it is known; returns whether it was new.
    pub fn put_in(&self, kind: ObjectKind, lane: usize, id: ChunkId, bytes: Vec<u8>) -> Result<bool> {
        self.stages.put(kind, lane, id, bytes)
    }

    /// Stores a block as it is, if none of its chunks is known; else it is given back: who has it
    /// puts the chunks that are missing one by one. What it holds is believed: the caller has
    /// authenticated it.
    pub fn put_block(&self, kind: ObjectKind, lane: usize, block: EncodedBlock) -> Result<Option<EncodedBlock>> {
        self.stages.verdict.expect_sound()?;
        for blob in &block.blobs {
            if self.knows(&blob.id)? {
                return Ok(Some(block));
            }
        }
        self.stages.carry(kind, lane, block).map(|()| None)
    }

    /// Whether this chunk or node need not be put: it is published, or on its way.
    pub fn knows(&self, id: &ChunkId) -> Result<bool> {
        self.stages.known.has(id)
    }

    /// Takes over what ended processes left in the spool, as far as it is whole and not known
    /// meanwhile. To be called before anything is put.
    ///
    /// # Errors
    /// Those of the index and of the files of this process.
    pub fn recover(&self) -> Result<Carried> {
        let mut found = Carried::default();
        let (filling, sealed_store) = (&self.stages.filling, self.stages.sealed_store());
        let Some(spool) = filling.spool() else { return Ok(found) };
        spool.recover(sealed_store.repository, &sealed_store.secrets, &mut |spooled| {
            // A row has no key: what it says of a block is believed when the bytes have those ids.
            if !spooled.block.has_its_ids(spooled.kind, &sealed_store.ids).unwrap_or(false) {
                tracing::info!("a block that a process left in the spool is not what its row says");
                return Ok(());
            }
            let bytes = spooled.block.encoded.len() as u64;
            let since = filling.note_since(spooled.since);
            if self.put_block(spooled.kind, spooled.lane, spooled.block)?.is_none() {
                found.blocks += 1;
                found.bytes += bytes;
                found.since = Some(since);
            }
            Ok(())
        })?;
        filling.sync()?;
        // Whatever becomes of this process, the next one learns what waits.
        spool.leave(&spool.waiting())?;
        spool.forget_left();
        Ok(found)
    }

    /// Forgets what ended processes left in the spool as far as it is known: for a copy that has
    /// nothing to do.
    ///
    /// # Errors
    /// Those of the index.
    pub fn forget_known(&self) -> Result<()> {
        let (spool, sealed_store) = (self.stages.filling.spool(), self.stages.sealed_store());
        let Some(spool) = spool else { return Ok(()) };
        spool.forget_known(sealed_store.repository, &sealed_store.secrets, &mut |id| self.knows(id))
    }

    /// Nothing waits any more: takes the words away that were left about it.
    ///
    /// # Errors
    /// From the file system.
    pub fn forget_words(&self) -> Result<()> {
        self.stages.filling.spool().map_or(Ok(()), |spool| spool.leave(&[]))
    }

    /// Whether anything is in a pack that is not full, or on its way there.
    pub fn is_filling(&self) -> bool {
        self.stages.underway.is_any() || self.stages.filling.is_any_open()
    }

    /// Publishes what is stored, and leaves open packs in the spool for the next process, safe
    /// against a loss of power, with some words about what they wait for.
    ///
    /// # Errors
    /// The session's; those of the file system.
    pub fn leave(&self, words: &[String]) -> Result<()> {
        self.stages.close_blocks()?;
        self.stages.filling.sync()?;
        self.stages.filling.spool().map_or(Ok(()), |spool| spool.leave(words))?;
        self.stages.publish()
    }
}
