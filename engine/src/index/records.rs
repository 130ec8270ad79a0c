//! The rows of a cached segment as rkyv archives them. Nothing here is part of the published format: what rkyv derives is
//! thrown away and rebuilt when it changes (see [`super::layout`]).

use crate::error::{Error, Kind, Result};
use crate::index::BlobLocation;
use format_spec::ObjectId;
use format_spec::container::ObjectKind;
use format_spec::index::{BlockRow, PackRow, PlaceRow};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{Failure, Strategy};
use rkyv::validation::archive::ArchiveValidator;
use rkyv::{Archive, Serialize};

/// A row that can be read back from its archive, alone.
pub(super) trait Row: Archive<Archived: for<'a> CheckBytes<Check<'a>>> + Sized {
    /// The row as numbers of this machine.
    fn load(archived: &Self::Archived) -> Self;
}

/// What checks an archived row: bounds only, since every bit pattern of a row is a row.
pub(super) type Check<'a> = Strategy<ArchiveValidator<'a>, Failure>;

/// A pack. Ordered by id first, then by the rest, so that equal rows of several segments stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
pub(super) struct PackRecord {
    session: u32,
    ordinal: u32,
    bytes: u64,
    blobs: u32,
    kind: u8,
    salt: [u8; 32],
    body_hash: [u8; 32],
}

/// A block: row of its pack, offset of its record, stored length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
pub(super) struct BlockRecord {
    pub(super) pack: u32,
    pub(super) offset: u32,
    pub(super) stored: u32,
}

/// A place: row of its block, blob number, offset and length in the block's plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
pub(super) struct PlaceRecord {
    pub(super) block: u32,
    pub(super) blob: u32,
    pub(super) offset: u32,
    pub(super) bytes: u32,
}

/// One shard of the filter: where its fingerprints are in their table, and the numbers that xorf needs to use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize)]
pub(super) struct FilterRecord {
    pub(super) start: u64,
    pub(super) fingerprints: u32,
    pub(super) segment_length: u32,
    pub(super) segment_count_length: u32,
    pub(super) seed: u64,
}

impl Row for PackRecord {
    fn load(a: &Self::Archived) -> Self {
        PackRecord {
            session: a.session.to_native(),
            ordinal: a.ordinal.to_native(),
            bytes: a.bytes.to_native(),
            blobs: a.blobs.to_native(),
            kind: a.kind,
            salt: a.salt,
            body_hash: a.body_hash,
        }
    }
}

impl Row for BlockRecord {
    fn load(a: &Self::Archived) -> Self {
        BlockRecord { pack: a.pack.to_native(), offset: a.offset.to_native(), stored: a.stored.to_native() }
    }
}

impl Row for PlaceRecord {
    fn load(a: &Self::Archived) -> Self {
        PlaceRecord {
            block: a.block.to_native(),
            blob: a.blob.to_native(),
            offset: a.offset.to_native(),
            bytes: a.bytes.to_native(),
        }
    }
}

impl Row for FilterRecord {
    fn load(a: &Self::Archived) -> Self {
        FilterRecord {
            start: a.start.to_native(),
            fingerprints: a.fingerprints.to_native(),
            segment_length: a.segment_length.to_native(),
            segment_count_length: a.segment_count_length.to_native(),
            seed: a.seed.to_native(),
        }
    }
}

impl Row for [u8; 32] {
    fn load(archived: &Self::Archived) -> Self {
        *archived
    }
}

impl Row for u32 {
    fn load(archived: &Self::Archived) -> Self {
        archived.to_native()
    }
}

impl Row for u16 {
    fn load(archived: &Self::Archived) -> Self {
        archived.to_native()
    }
}

impl PackRecord {
    /// The record of a published row.
    pub(super) fn new(row: &PackRow) -> Self {
        PackRecord {
            session: row.id.session,
            ordinal: row.id.ordinal,
            bytes: row.bytes,
            blobs: row.blobs,
            kind: row.kind as u8,
            salt: row.salt,
            body_hash: row.body_hash,
        }
    }

    /// The row as callers know it; `Damaged` when its kind is not a pack.
    pub(super) fn row(&self) -> Result<PackRow> {
        let kind = match ObjectKind::from_byte(self.kind) {
            Ok(kind @ (ObjectKind::DataPack | ObjectKind::MetaPack)) => kind,
            _ => return Err(Error::new(Kind::Damaged, format!("object kind {} is not a pack", self.kind))),
        };
        let id = ObjectId { session: self.session, ordinal: self.ordinal };
        Ok(PackRow { id, bytes: self.bytes, blobs: self.blobs, kind, salt: self.salt, body_hash: self.body_hash })
    }
}

impl BlockRecord {
    /// The record of a published row.
    pub(super) fn new(row: &BlockRow) -> Self {
        BlockRecord { pack: row.pack, offset: row.offset, stored: row.stored }
    }
}

impl PlaceRecord {
    /// The record of a published row.
    pub(super) fn new(row: &PlaceRow) -> Self {
        PlaceRecord { block: row.block, blob: row.blob, offset: row.offset, bytes: row.bytes }
    }

    /// The place, with the block and pack that the row refers to.
    pub(super) fn place(&self, block: &BlockRecord, pack: &PackRecord) -> Result<BlobLocation> {
        let pack = pack.row()?;
        Ok(BlobLocation {
            pack: pack.id,
            pack_kind: pack.kind,
            pack_bytes: pack.bytes,
            pack_blobs: pack.blobs,
            salt: pack.salt,
            block_offset: block.offset,
            block_stored: block.stored,
            blob: self.blob,
            offset: self.offset,
            bytes: self.bytes,
        })
    }
}
