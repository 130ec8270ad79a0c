//! Keys: how two secrets become object keys, ids and the cutter's table (spec/keys.md).
//!
//! Promises: key material is wiped when dropped and never printed. Refuses to draw randomness: salts come from the caller.

use crate::container::{Header, ObjectKind, RecordHead, Suite, TAG_BYTES};
use crate::{ChunkId, FormatError, RepositoryId, Result};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::fmt;
use zeroize::Zeroizing;

/// 32 secret bytes.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// Takes 32 bytes into keeping.
    pub fn new(bytes: [u8; 32]) -> Self {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes, for wrapping and derivation.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What an open repository knows: the master key (none without encryption) and the dedup key ([KEY-1]).
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Reads everything; `None` in an unencrypted repository.
    pub master: Option<Secret>,
    /// Makes ids and cuts.
    pub dedup: Secret,
}

impl Secrets {
    /// The suite that objects of this repository use.
    pub fn suite(&self) -> Suite {
        if self.master.is_some() { Suite::Aes256Gcm } else { Suite::Clear }
    }

    /// The cipher of one object ([KEY-5]); config and key slots have clear payloads.
    pub fn cipher(&self, header: &Header) -> Cipher {
        self.cipher_for(header.kind, header.repository, header.session, header.ordinal, &header.salt)
    }

    /// The cipher of an object whose header was not read: its identity and salt suffice.
    pub fn cipher_for(
        &self,
        kind: ObjectKind,
        repository: RepositoryId,
        session: u32,
        ordinal: u32,
        salt: &[u8; 32],
    ) -> Cipher {
        let Some(master) = &self.master else { return Cipher::Clear };
        if kind == ObjectKind::KeySlot {
            return Cipher::Clear;
        }
        let purpose = Zeroizing::new(blake3::derive_key("cairn 1 object key", master.expose()));
        let mut hasher = blake3::Hasher::new_keyed(&purpose);
        hasher.update(&[kind as u8]);
        hasher.update(&repository.0);
        hasher.update(&session.to_le_bytes());
        hasher.update(&ordinal.to_le_bytes());
        hasher.update(salt);
        let mut keys = Zeroizing::new([0; 64]);
        hasher.finalize_xof().fill(&mut *keys);
        let (aes, seal) = keys.split_at(32);
        let seal = Secret::new(seal.try_into().expect("64 bytes have two halves of 32"));
        if kind == ObjectKind::Config {
            return Cipher::SealOnly(seal);
        }
        Cipher::Sealed { aes: Box::new(aes_key(aes)), seal }
    }

    /// The ids' keys ([KEY-6], [KEY-7]).
    pub fn ids(&self) -> IdKeys {
        IdKeys {
            chunk: Secret::new(blake3::derive_key("cairn 1 chunk id", self.dedup.expose())),
            node: Secret::new(blake3::derive_key("cairn 1 node id", self.dedup.expose())),
        }
    }

    /// The cutter's table ([KEY-8]).
    pub fn gear_table(&self) -> [u64; 256] {
        let mut hasher = blake3::Hasher::new_derive_key("cairn 1 gear table");
        hasher.update(self.dedup.expose());
        let mut bytes = Zeroizing::new([0; 2048]);
        hasher.finalize_xof().fill(&mut *bytes);
        let mut table = [0; 256];
        for (entry, raw) in table.iter_mut().zip(bytes.chunks_exact(8)) {
            *entry = u64::from_le_bytes(raw.try_into().expect("chunks of 8"));
        }
        table
    }
}

/// Makes ids of plaintexts.
#[derive(Debug, Clone)]
pub struct IdKeys {
    chunk: Secret,
    node: Secret,
}

impl IdKeys {
    /// The id of a file's chunk.
    pub fn chunk(&self, plain: &[u8]) -> ChunkId {
        ChunkId(*blake3::keyed_hash(self.chunk.expose(), plain).as_bytes())
    }

    /// The id of a tree node.
    pub fn node(&self, plain: &[u8]) -> ChunkId {
        ChunkId(*blake3::keyed_hash(self.node.expose(), plain).as_bytes())
    }

    /// The id of a blob of a pack of this kind ([PACK-7]).
    pub fn blob(&self, pack: ObjectKind, plain: &[u8]) -> ChunkId {
        if pack == ObjectKind::MetaPack { self.node(plain) } else { self.chunk(plain) }
    }
}

/// What seals and opens the payloads of one object.
pub enum Cipher {
    /// Clear payloads, unkeyed seal.
    Clear,
    /// Clear payloads, keyed seal: the config of an encrypted repository.
    SealOnly(Secret),
    /// Sealed payloads, keyed seal.
    Sealed {
        /// The object's AES key.
        aes: Box<LessSafeKey>,
        /// The object's seal key.
        seal: Secret,
    },
}

impl Cipher {
    /// Seals encoded bytes in place: they become the payload. The head's lengths must be final, its CRC is not covered.
    pub fn seal(&self, head: &RecordHead, encoded: &mut Vec<u8>) {
        if let Cipher::Sealed { aes, .. } = self {
            aes.seal_in_place_append_tag(nonce(head), Aad::from(head.associated()), encoded)
                .expect("AES-GCM seals anything below 64 GiB; records hold 4 MiB");
        }
    }

    /// Opens a payload: the encoded bytes, verified.
    pub fn open(&self, head: &RecordHead, payload: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = payload.to_vec();
        if let Cipher::Sealed { aes, .. } = self {
            let refused = || {
                FormatError::broken(
                    "CONT-12",
                    "authentication tag",
                    "a match",
                    "none: damaged, swapped or of another key",
                )
            };
            if bytes.len() < TAG_BYTES {
                return Err(refused());
            }
            let length =
                aes.open_in_place(nonce(head), Aad::from(head.associated()), &mut bytes).map_err(|_| refused())?.len();
            bytes.truncate(length);
        }
        Ok(bytes)
    }

    /// How much longer a payload is than its encoded bytes.
    pub fn overhead(&self) -> usize {
        if matches!(self, Cipher::Sealed { .. }) { TAG_BYTES } else { 0 }
    }

    /// The directory's seal ([CONT-17]).
    pub fn directory_seal(&self, header: &[u8], body_hash: &[u8; 32], directory: &[u8]) -> [u8; 32] {
        let mut hasher = match self {
            Cipher::Clear => blake3::Hasher::new(),
            Cipher::SealOnly(seal) | Cipher::Sealed { seal, .. } => blake3::Hasher::new_keyed(seal.expose()),
        };
        hasher.update(header).update(body_hash).update(directory);
        *hasher.finalize().as_bytes()
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cipher::Clear => "Clear",
            Cipher::SealOnly(_) => "SealOnly(..)",
            Cipher::Sealed { .. } => "Sealed(..)",
        })
    }
}

pub(crate) fn aes_key(bytes: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("AES-256 keys are 32 bytes"))
}

fn nonce(head: &RecordHead) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&head.position.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}
