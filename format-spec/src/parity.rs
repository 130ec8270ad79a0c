//! Parity of a pack: Reed-Solomon over its stored bytes (spec/pack.md, [PACK-9] to [PACK-12]).
//!
//! ```text
//! header | blocks | contents | table, recovery shards, table | ... | directory | trailer
//! '-------- covered ---------'
//! ```
//!
//! Promises: one sound copy of the table and as many sound shards as there are data shards give back every covered byte; all else of the object
//! follows from those ([`complete`](crate::container::complete)). Refuses to need keys: parity stands over what is stored.

use crate::bytes::Cursor;
use crate::container::{DirectoryEntry, HEAD_BYTES, Object, PLAIN_BYTES_MAX, kind};
use crate::{FormatError, Result};
use reed_solomon_simd::engine::DefaultEngine;
use reed_solomon_simd::rate::{HighRateDecoder, HighRateEncoder, RateDecoder, RateEncoder};

/// No repository keeps more parity than half of what it covers ([CONF-1]).
pub const PERCENT_MAX: u8 = 50;
/// No pack is longer
const COVERED_MAX: u64 = 256_000_000;
const SHARD_BYTES_LEAST: u32 = 512;
const SHARD_BYTES_MOST: u32 = 65_536;
/// A shard is not made larger before there are this many.
const SHARDS_WANTED: u64 = 128;
const RECOVERY_LEAST: u32 = 2;
const MAGIC: [u8; 8] = [0x89, b'P', b'A', b'R', 0x0D, 0x0A, 0x1A, 0x0A];
const FIXED_BYTES: usize = 28;

/// How the covered bytes are cut into shards ([PACK-11]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes from the start of the object to the first parity record.
    pub covered: u64,
    /// Length of a shard.
    pub shard_bytes: u32,
    /// Shards of covered bytes; the last one is filled up with zeros.
    pub data: u32,
    /// Shards of parity.
    pub recovery: u32,
}

impl Geometry {
    /// The shards of `covered` bytes with `percent` of parity.
    ///
    /// # Errors
    /// `Broken` when nothing or more than a pack is covered.
    pub fn new(covered: u64, percent: u8) -> Result<Self> {
        let data = Geometry::with(covered, RECOVERY_LEAST)?.data;
        let wanted = u64::from(data) * u64::from(percent.min(PERCENT_MAX));
        let recovery = u32::try_from(wanted.div_ceil(100)).unwrap_or(u32::MAX).max(RECOVERY_LEAST);
        Geometry::with(covered, recovery)
    }

    fn with(covered: u64, recovery: u32) -> Result<Self> {
        if covered == 0 || covered > COVERED_MAX {
            return Err(FormatError::broken("PACK-10", "covered bytes", "1..=256000000", covered));
        }
        let mut shard_bytes = SHARD_BYTES_LEAST;
        while shard_bytes < SHARD_BYTES_MOST && covered > u64::from(shard_bytes) * SHARDS_WANTED {
            shard_bytes *= 2;
        }
        let data = u32::try_from(covered.div_ceil(u64::from(shard_bytes))).unwrap_or(u32::MAX);
        let most = data.div_ceil(2).max(RECOVERY_LEAST);
        if !(RECOVERY_LEAST..=most).contains(&recovery) {
            return Err(FormatError::broken("PACK-11", "recovery shards", format!("2..={most}"), recovery));
        }
        Ok(Geometry { covered, shard_bytes, data, recovery })
    }

    /// Length of one copy of the table.
    pub fn table_bytes(&self) -> usize {
        FIXED_BYTES + 4 * (self.data as usize + self.recovery as usize) + 4
    }

    /// Recovery shards in a full record.
    fn shards_a_record(&self) -> u32 {
        let room = PLAIN_BYTES_MAX - 2 * self.table_bytes();
        u32::try_from(room / self.shard_bytes as usize).unwrap_or(u32::MAX).max(1)
    }

    /// How many parity records there are.
    pub fn records(&self) -> u32 {
        self.recovery.div_ceil(self.shards_a_record())
    }

    /// Length of each record's payload, in order.
    pub fn payload_bytes(&self) -> impl Iterator<Item = usize> + use<> {
        let (full, whole) = (self.shards_a_record(), *self);
        (0..self.records()).map(move |n| {
            let shards = full.min(whole.recovery - n * full);
            2 * whole.table_bytes() + shards as usize * whole.shard_bytes as usize
        })
    }

    /// Where recovery shard `number` begins in the object.
    pub fn recovery_offset(&self, number: u32) -> u64 {
        let full = self.shards_a_record();
        let record = u64::from(number / full);
        let whole = HEAD_BYTES as u64 + 2 * self.table_bytes() as u64 + u64::from(full) * u64::from(self.shard_bytes);
        let inside = u64::from(number % full) * u64::from(self.shard_bytes);
        self.covered + record * whole + HEAD_BYTES as u64 + self.table_bytes() as u64 + inside
    }

    /// The data shard `number` of the covered bytes, filled up with zeros; beyond their end all zeros.
    fn data_shard(&self, covered: &[u8], number: u32) -> Vec<u8> {
        let bytes = self.shard_bytes as usize;
        let start = (number as usize * bytes).min(covered.len());
        let end = (start + bytes).min(covered.len());
        let mut shard = covered[start..end].to_vec();
        shard.resize(bytes, 0);
        shard
    }

    fn recovery_shards(&self, covered: &[u8]) -> Result<Vec<Vec<u8>>> {
        let (data, recovery, bytes) = (self.data as usize, self.recovery as usize, self.shard_bytes as usize);
        let mut encoder = HighRateEncoder::new(data, recovery, bytes, DefaultEngine::new(), None).map_err(refused)?;
        for number in 0..self.data {
            encoder.add_original_shard(self.data_shard(covered, number)).map_err(refused)?;
        }
        let made = encoder.encode().map_err(refused)?;
        Ok(made.recovery_iter().map(<[u8]>::to_vec).collect())
    }

    /// The payloads of the parity records over these covered bytes ([PACK-9], [PACK-12]).
    ///
    /// # Errors
    /// `Broken` when `covered` is not as long as the geometry says.
    pub fn encode(&self, covered: &[u8]) -> Result<Vec<Vec<u8>>> {
        if covered.len() as u64 != self.covered {
            return Err(FormatError::broken("PACK-10", "covered bytes", self.covered, covered.len()));
        }
        let shards = self.recovery_shards(covered)?;
        let data = (0..self.data).map(|n| crc32fast::hash(&self.data_shard(covered, n)));
        let crcs: Vec<u32> = data.chain(shards.iter().map(|s| crc32fast::hash(s))).collect();
        let table = Table { geometry: *self, crcs }.encode();
        let record = |shards: &[Vec<u8>]| [&table[..], &shards.concat()[..], &table[..]].concat();
        Ok(shards.chunks(self.shards_a_record() as usize).map(record).collect())
    }
}

/// A parity table: the geometry, and the CRC of each shard ([PACK-10]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// How the bytes are cut.
    pub geometry: Geometry,
    /// CRCs of the data shards, then of the recovery shards.
    crcs: Vec<u32>,
}

impl Table {
    fn encode(&self) -> Vec<u8> {
        let g = &self.geometry;
        let mut out = Vec::with_capacity(g.table_bytes());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&g.covered.to_le_bytes());
        let numbers = [g.shard_bytes, g.data, g.recovery];
        numbers.iter().chain(&self.crcs).for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the table that begins `bytes`.
    ///
    /// # Errors
    /// `Broken` when it is none, or not whole.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "PACK-10");
        if cursor.array::<8>()? != MAGIC {
            return Err(FormatError::broken("PACK-10", "magic of a parity table", "a table", "other bytes"));
        }
        let (covered, shard_bytes, data, recovery) = (cursor.u64()?, cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let geometry = Geometry::with(covered, recovery)?;
        if (shard_bytes, data) != (geometry.shard_bytes, geometry.data) {
            let expected = format!("{} of {} bytes", geometry.data, geometry.shard_bytes);
            let found = format!("{data} of {shard_bytes} bytes");
            return Err(FormatError::broken("PACK-11", "data shards", expected, found));
        }
        let crcs = (0..data + recovery).map(|_| cursor.u32()).collect::<Result<Vec<_>>>()?;
        let (expected, found) = (cursor.u32()?, crc32fast::hash(&bytes[..geometry.table_bytes() - 4]));
        if expected != found {
            return Err(FormatError::broken("PACK-10", "CRC of a parity table", expected, found));
        }
        Ok(Table { geometry, crcs })
    }

    /// The first whole table in the bytes of an object, however damaged the object is.
    pub fn find(object: &[u8]) -> Option<Self> {
        let mut at = 0;
        while let Some(next) = object.get(at..)?.windows(MAGIC.len()).position(|w| w == MAGIC) {
            at += next;
            if let Ok(table) = Table::decode(&object[at..])
                && table.geometry.covered < at as u64
            {
                return Some(table);
            }
            at += 1;
        }
        None
    }

    /// The covered bytes, with those of damaged shards computed from the others. `object` may be cut short or damaged anywhere.
    ///
    /// # Errors
    /// How many shards are damaged, when those are more than can be computed.
    pub fn restore(&self, object: &[u8]) -> std::result::Result<Vec<u8>, Beyond> {
        let g = &self.geometry;
        let length = usize::try_from(g.covered).unwrap_or(usize::MAX);
        let mut covered = object.get(..length.min(object.len())).unwrap_or_default().to_vec();
        covered.resize(length, 0);
        let is_sound = |number: usize, shard: &[u8]| self.crcs.get(number) == Some(&crc32fast::hash(shard));
        let damaged: Vec<u32> = (0..g.data).filter(|n| !is_sound(*n as usize, &g.data_shard(&covered, *n))).collect();
        let recovery: Vec<(u32, &[u8])> = (0..g.recovery)
            .filter_map(|n| {
                let start = usize::try_from(g.recovery_offset(n)).ok()?;
                Some((n, object.get(start..start.checked_add(g.shard_bytes as usize)?)?))
            })
            .filter(|(n, shard)| is_sound((g.data + n) as usize, shard))
            .collect();
        let beyond = Beyond { damaged: damaged.len(), sound_recovery: recovery.len(), shard_bytes: g.shard_bytes };
        if damaged.is_empty() {
            return Ok(covered);
        }
        if damaged.len() > recovery.len() {
            return Err(beyond);
        }
        for (number, shard) in self.decode_shards(&covered, &damaged, &recovery).map_err(|_| beyond)? {
            if !is_sound(number, &shard) {
                return Err(beyond);
            }
            let start = number * g.shard_bytes as usize;
            let end = (start + shard.len()).min(length);
            if let Some(place) = covered.get_mut(start..end) {
                place.copy_from_slice(&shard[..end - start]);
            }
        }
        Ok(covered)
    }

    fn decode_shards(
        &self,
        covered: &[u8],
        damaged: &[u32],
        recovery: &[(u32, &[u8])],
    ) -> Result<Vec<(usize, Vec<u8>)>> {
        let g = &self.geometry;
        let (data, recoveries, bytes) = (g.data as usize, g.recovery as usize, g.shard_bytes as usize);
        let mut decoder = HighRateDecoder::new(data, recoveries, bytes, DefaultEngine::new(), None).map_err(refused)?;
        for number in (0..g.data).filter(|n| damaged.binary_search(n).is_err()) {
            decoder.add_original_shard(number as usize, g.data_shard(covered, number)).map_err(refused)?;
        }
        for (number, shard) in recovery.iter().take(damaged.len()) {
            decoder.add_recovery_shard(*number as usize, shard).map_err(refused)?;
        }
        let restored = decoder.decode().map_err(refused)?;
        Ok(restored.restored_original_iter().map(|(n, shard)| (n, shard.to_vec())).collect())
    }
}

/// More is damaged than the parity can give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beyond {
    /// Data shards that are damaged.
    pub damaged: usize,
    /// Recovery shards that are sound: so many damaged ones can be computed.
    pub sound_recovery: usize,
    /// Length of a shard in bytes.
    pub shard_bytes: u32,
}

/// Verifies the parity records of a whole pack, if it has any; whether it has.
///
/// # Errors
/// The rule that is broken.
pub fn verify(object: &Object<'_>) -> Result<bool> {
    let is_parity = |e: &&DirectoryEntry| e.head.kind == kind::PARITY;
    let first = object.entries().iter().position(|e| e.head.kind == kind::PARITY);
    let Some(first) = first else { return Ok(false) };
    let records = &object.entries()[first..];
    if !records.iter().all(|e| is_parity(&e)) {
        return Err(FormatError::broken("PACK-9", "records after the parity", "parity", "other records"));
    }
    let covered = records[0].offset;
    let payloads = records.iter().map(|e| object.stored(e)).collect::<Result<Vec<_>>>()?;
    let table = Table::decode(payloads[0])?;
    if table.geometry.covered != covered {
        return Err(FormatError::broken("PACK-10", "covered bytes", covered, table.geometry.covered));
    }
    let whole = usize::try_from(covered).ok().and_then(|n| object.bytes().get(..n)).unwrap_or_default();
    let expected = table.geometry.encode(whole)?;
    let raw = records.iter().all(|e| e.head.codec == 0 && e.head.plain == e.head.stored);
    if !raw || expected.iter().map(Vec::len).ne(payloads.iter().map(|p| p.len())) {
        return Err(FormatError::broken("PACK-9", "parity records", expected.len(), payloads.len()));
    }
    if payloads.iter().zip(&expected).any(|(found, expected)| found != expected) {
        return Err(FormatError::broken("PACK-12", "parity", "that of the covered bytes", "other bytes"));
    }
    Ok(true)
}

/// Counts and lengths are within what the code can do; the crate's refusal would be a fault of this page.
fn refused(e: reed_solomon_simd::Error) -> FormatError {
    FormatError::unsupported("PACK-11", "these shards", e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_grow_with_the_pack_and_records_stay_within_their_limit() {
        let of = |covered, percent| {
            let g = Geometry::new(covered, percent).unwrap();
            (g.shard_bytes, g.data, g.recovery, g.records())
        };
        assert_eq!(of(1, 5), (512, 1, 2, 1));
        assert_eq!(of(65_536, 5), (512, 128, 7, 1));
        assert_eq!(of(65_537, 5), (1024, 65, 4, 1));
        assert_eq!(of(4_750_000, 5), (65_536, 73, 4, 1));
        assert_eq!(of(243_000_000, 5), (65_536, 3708, 186, 3));
        assert_eq!(of(170_000_000, 50).3, 21);
        for (covered, percent) in [(243_000_000, 5), (170_000_000, 50), (200_000, 20)] {
            let g = Geometry::new(covered, percent).unwrap();
            assert!(g.payload_bytes().all(|n| n <= PLAIN_BYTES_MAX), "{g:?}");
            let shards: usize = g.payload_bytes().map(|n| (n - 2 * g.table_bytes()) / g.shard_bytes as usize).sum();
            assert_eq!(shards, g.recovery as usize);
            let heads: usize = g.payload_bytes().map(|n| n + HEAD_BYTES).sum();
            let last = g.recovery_offset(g.recovery - 1) + u64::from(g.shard_bytes) + g.table_bytes() as u64;
            assert_eq!(last, covered + heads as u64);
        }
        assert!(Geometry::new(0, 5).is_err() && Geometry::new(256_000_001, 5).is_err());
    }
}
