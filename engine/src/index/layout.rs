//! The first page of a cached segment's file, and the descriptor of its layout.
//!
//! ```text
//! header (one page) | body: pages of 4 KiB | one CRC-32 a page of the body
//! header: magic 8 | schema u32 | zero u32 | fingerprint 32 | repository 16 | body length u64
//!         | 7 x (start u64, length u64, rows u64) | fan-out bits u8, shard bits u8, zero 6
//!         | CRC of the checksum table u32 | zeros | CRC of this page before it u32
//! ```
//! Each table is an rkyv archive of its own. The fingerprint is taken of what this build's rkyv and xorf really write for a
//! fixed probe, so that a changed version, feature or row is discarded and never misread.

use super::pages::PAGE_BYTES;
use super::records::{BlockRecord, FilterRecord, PackRecord, PlaceRecord};
use crate::error::{Error, Kind, Result};
use format_spec::container::ObjectKind;
use format_spec::index::PackRow;
use format_spec::{ObjectId, RepositoryId};
use std::sync::OnceLock;

/// Counted up when the meaning of a table or field changes while its bytes stay alike.
pub(super) const SCHEMA: u32 = 1;
const MAGIC: [u8; 8] = *b"CairnSeg";
const TABLES: usize = 7;
const CRC_AT: usize = PAGE_BYTES - 4;

/// A table in the body: an archive of `rows` rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TableAt {
    pub(super) start: u64,
    pub(super) len: u64,
    pub(super) rows: u64,
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) repository: RepositoryId,
    pub(super) body_bytes: u64,
    pub(super) packs: TableAt,
    pub(super) blocks: TableAt,
    pub(super) ids: TableAt,
    pub(super) fan_out: TableAt,
    pub(super) places: TableAt,
    pub(super) fingerprints: TableAt,
    pub(super) filters: TableAt,
    pub(super) fan_out_bits: u8,
    pub(super) shard_bits: u8,
    pub(super) checksums_crc: u32,
}

impl Layout {
    /// That of a body whose length and checksums are not known yet. The tables are in the order of their fields.
    pub(super) fn new(repository: RepositoryId, tables: [TableAt; TABLES], fan_out_bits: u8, shard_bits: u8) -> Self {
        let [packs, blocks, ids, fan_out, places, fingerprints, filters] = tables;
        Layout {
            repository,
            body_bytes: 0,
            packs,
            blocks,
            ids,
            fan_out,
            places,
            fingerprints,
            filters,
            fan_out_bits,
            shard_bits,
            checksums_crc: 0,
        }
    }

    /// The header's page. Its last four bytes identify the file in the catalogue.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PAGE_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&SCHEMA.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(fingerprint());
        out.extend_from_slice(&self.repository.0);
        out.extend_from_slice(&self.body_bytes.to_le_bytes());
        for table in self.tables() {
            for number in [table.start, table.len, table.rows] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        out.extend_from_slice(&[self.fan_out_bits, self.shard_bits, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&self.checksums_crc.to_le_bytes());
        out.resize(CRC_AT, 0);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header: `Damaged` for flipped bytes, `Unsupported` for another layout, `Input` for another repository.
    pub(super) fn decode(page: &[u8], repository: RepositoryId) -> Result<Self> {
        let (bytes, crc) = page.split_at_checked(CRC_AT).ok_or_else(|| refused("its header is cut off"))?;
        let mut cursor = Fields(bytes);
        if cursor.array::<8>()? != MAGIC {
            return Err(refused("it does not begin like a cached segment"));
        }
        let schema = u32::from_le_bytes(cursor.array()?);
        cursor.array::<4>()?;
        if schema != SCHEMA || &cursor.array::<32>()? != fingerprint() {
            return Err(Error::new(Kind::Unsupported, "it was written with another layout"));
        }
        if crc32fast::hash(bytes).to_le_bytes() != crc {
            return Err(refused("the checksum of its header does not hold"));
        }
        if cursor.array::<16>()? != repository.0 {
            return Err(Error::new(Kind::Input, "it belongs to another repository"));
        }
        let body_bytes = cursor.u64()?;
        let mut tables = [TableAt::default(); TABLES];
        for table in &mut tables {
            *table = TableAt { start: cursor.u64()?, len: cursor.u64()?, rows: cursor.u64()? };
        }
        let [fan_out_bits, shard_bits] = cursor.array()?;
        cursor.array::<6>()?;
        let checksums_crc = u32::from_le_bytes(cursor.array()?);
        if body_bytes % PAGE_BYTES as u64 != 0 || fan_out_bits > 32 || shard_bits > 32 {
            return Err(refused("its header contradicts itself"));
        }
        Ok(Layout { body_bytes, checksums_crc, ..Layout::new(repository, tables, fan_out_bits, shard_bits) })
    }

    /// Pages of the body.
    pub(super) fn pages(&self) -> u64 {
        self.body_bytes / PAGE_BYTES as u64
    }

    /// Length of the whole file in bytes; `None` beyond what a file can be.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        self.body_bytes.checked_add(PAGE_BYTES as u64)?.checked_add(self.pages() * 4)
    }

    fn tables(&self) -> [TableAt; TABLES] {
        [self.packs, self.blocks, self.ids, self.fan_out, self.places, self.fingerprints, self.filters]
    }
}

/// The CRC at the end of a header's page.
pub(super) fn page_crc(page: &[u8]) -> u32 {
    page.last_chunk().map_or(0, |crc| u32::from_le_bytes(*crc))
}

/// What this build writes for a fixed probe, hashed.
pub(super) fn fingerprint() -> &'static [u8; 32] {
    static FINGERPRINT: OnceLock<[u8; 32]> = OnceLock::new();
    FINGERPRINT.get_or_init(|| {
        let pack = PackRow {
            id: ObjectId { session: 0x0102_0304, ordinal: 0x0506_0708 },
            bytes: 0x090a_0b0c_0d0e_0f10,
            blobs: 0x1112_1314,
            kind: ObjectKind::MetaPack,
            salt: std::array::from_fn(|i| u8::try_from(i).unwrap_or(0)),
            body_hash: std::array::from_fn(|i| u8::try_from(i + 32).unwrap_or(0)),
        };
        let mut hasher = blake3::Hasher::new();
        let mut take = |bytes: Result<rkyv::util::AlignedVec, rkyv::rancor::Error>| {
            // An archive of a few bytes in memory cannot fail; if it did, the fingerprint would merely differ.
            hasher.update(&bytes.unwrap_or_default());
        };
        take(rkyv::to_bytes(&vec![PackRecord::new(&pack)]));
        take(rkyv::to_bytes(&vec![BlockRecord { pack: 1, offset: 0x0203, stored: 0x0405_0607 }]));
        take(rkyv::to_bytes(&vec![PlaceRecord { block: 1, blob: 0x0203, offset: 0x0405_0607, bytes: 8 }]));
        let filter = FilterRecord { start: 1, fingerprints: 2, segment_length: 3, segment_count_length: 4, seed: 5 };
        take(rkyv::to_bytes(&vec![filter]));
        take(rkyv::to_bytes(&vec![[7u8; 32], [9; 32]]));
        take(rkyv::to_bytes(&vec![0x0102_0304u32]));
        let keys: Vec<u64> = (1..=64u64).map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        if let Ok(probe) = xorf::BinaryFuse16::try_from(&keys) {
            take(rkyv::to_bytes(&vec![probe.descriptor.seed]));
            let lengths = vec![probe.descriptor.segment_length, probe.descriptor.segment_count_length];
            take(rkyv::to_bytes(&lengths));
            take(rkyv::to_bytes(&probe.fingerprints.to_vec()));
        }
        *hasher.finalize().as_bytes()
    })
}

/// Cuts fixed fields off a page.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk().ok_or_else(|| refused("its header is cut off"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

fn refused(what: &str) -> Error {
    Error::new(Kind::Damaged, what)
}
