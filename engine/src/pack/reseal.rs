//! The same blocks in another pack: what the store did not keep under one name is stored under another.
//!
//! A name is created once, so bytes that arrived wrong cannot be put again where they belong; and a pack's key is bound to its name, so its
//! blocks are opened and sealed anew. Nothing is decompressed.

use super::builder::{FinishedPack, PackBuilder};
use crate::block::EncodedBlock;
use crate::error::{Error, Kind, Result};
use format_spec::container::{Codec, Object, kind};
use format_spec::keys::Secrets;

impl FinishedPack {
    /// Moves every block into `into`, an empty pack of the same kind and repository, and finishes it.
    ///
    /// # Errors
    /// `Bug`: this pack was verified when it was finished.
    pub fn reseal(&self, mut into: PackBuilder, secrets: &Secrets) -> Result<FinishedPack> {
        let object = Object::parse(&self.bytes)?;
        let cipher = secrets.cipher(object.header());
        let entries = object.entries().iter().filter(|e| e.head.kind == kind::BLOCK);
        for (entry, block) in entries.zip(&self.blocks) {
            let encoded = cipher.open(&entry.head, object.stored(entry)?)?;
            let (codec, plain_bytes) = (Codec::from_byte(entry.head.codec)?, entry.head.plain as usize);
            let block = EncodedBlock { codec, encoded: encoded.to_vec(), plain_bytes, blobs: block.blobs.clone() };
            if !into.fits(&block) {
                return Err(Error::new(Kind::Bug, "the blocks of a pack do not fit into another").on(self.row.id));
            }
            into.push(block)?;
        }
        into.finish(secrets)
    }
}
