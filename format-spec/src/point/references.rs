//! Reference sets: which blobs of which packs a restore point needs ([POINT-6]).

use crate::bytes::Cursor;
use crate::{FormatError, Result};

/// What a reference set says about one pack ([POINT-6]): which blobs are needed, and how often those named more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackReferences {
    /// One bit a blob of the pack.
    pub bitmap: Vec<u8>,
    /// Number of blobs of the pack.
    pub blobs: u32,
    /// Blob number and count of those with a count of at least 2, rising.
    pub counts: Vec<(u32, u32)>,
}

impl PackReferences {
    /// The map's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.blobs.to_le_bytes().to_vec();
        let bitmap = self.bitmap.iter().copied().chain(std::iter::repeat(0));
        out.extend(bitmap.take(self.blobs.div_ceil(8) as usize));
        out.extend_from_slice(
            &u32::try_from(self.counts.len()).expect("a pack has at most 100,000 blobs").to_le_bytes(),
        );
        for (blob, count) in &self.counts {
            out.extend_from_slice(&blob.to_le_bytes());
            out.extend_from_slice(&count.to_le_bytes());
        }
        out
    }

    /// Reads a map's value.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "POINT-6");
        let blobs = cursor.u32()?;
        let bitmap = cursor.take(blobs.div_ceil(8) as usize)?.to_vec();
        let rows = cursor.u32()?;
        let mut counts: Vec<(u32, u32)> = Vec::with_capacity((rows as usize).min(cursor.remaining() / 8));
        for _ in 0..rows {
            counts.push((cursor.u32()?, cursor.u32()?));
        }
        cursor.end()?;
        let references = PackReferences { bitmap, blobs, counts };
        let named = |(blob, count): &(u32, u32)| *count >= 2 && *blob < blobs && references.names(*blob);
        if !references.counts.is_sorted_by(|a, b| a.0 < b.0) || !references.counts.iter().all(named) {
            return Err(FormatError::broken("POINT-6", "counts", "rising, of named blobs, at least 2", "other"));
        }
        if !blobs.is_multiple_of(8) && references.bitmap.last().is_some_and(|b| b >> (blobs % 8) != 0) {
            return Err(FormatError::broken("POINT-6", "bits beyond the last blob", 0, "other"));
        }
        Ok(references)
    }

    /// Whether the blob is needed.
    pub fn names(&self, blob: u32) -> bool {
        self.bitmap.get(blob as usize / 8).is_some_and(|byte| byte >> (blob % 8) & 1 == 1)
    }

    /// How often the blob is named.
    pub fn count(&self, blob: u32) -> u32 {
        if !self.names(blob) {
            return 0;
        }
        self.counts.binary_search_by_key(&blob, |c| c.0).map_or(1, |at| self.counts[at].1)
    }

    /// Sets how often a blob is named; 0 takes it out. A blob beyond the pack's number of blobs raises that number.
    pub fn set_count(&mut self, blob: u32, count: u32) {
        self.blobs = self.blobs.max(blob.saturating_add(1));
        let needed = (blob as usize) / 8 + 1;
        if self.bitmap.len() < needed {
            self.bitmap.resize(needed, 0);
        }
        let bit = 1 << (blob % 8);
        if count == 0 {
            self.bitmap[needed - 1] &= !bit;
        } else {
            self.bitmap[needed - 1] |= bit;
        }
        match (self.counts.binary_search_by_key(&blob, |c| c.0), count >= 2) {
            (Ok(at), true) => self.counts[at].1 = count,
            (Ok(at), false) => _ = self.counts.remove(at),
            (Err(at), true) => self.counts.insert(at, (blob, count)),
            (Err(_), false) => {}
        }
    }

    /// True when no blob of the pack is needed.
    pub fn is_empty(&self) -> bool {
        self.bitmap.iter().all(|b| *b == 0)
    }
}

/// The key of a pack in a reference set: big-endian, so that byte order is the order of packs ([POINT-6]).
pub fn reference_key(pack: crate::ObjectId) -> [u8; 8] {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&pack.session.to_be_bytes());
    key[4..].copy_from_slice(&pack.ordinal.to_be_bytes());
    key
}

/// The pack of a key in a reference set.
pub fn reference_pack(key: &[u8]) -> Result<crate::ObjectId> {
    let mut cursor = Cursor::new(key, "POINT-6");
    let key: [u8; 8] = cursor.array()?;
    cursor.end()?;
    let (session, ordinal) = key.split_at(4);
    let number = |bytes: &[u8]| bytes.iter().fold(0u32, |n, b| n << 8 | u32::from(*b));
    Ok(crate::ObjectId { session: number(session), ordinal: number(ordinal) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_a_fresh_pack_encode_whole() {
        let mut references = PackReferences { blobs: 100, ..PackReferences::default() };
        references.set_count(3, 1);
        references.set_count(17, 4);
        let decoded = PackReferences::decode(&references.encode()).expect("a bitmap of 13 bytes");
        assert_eq!((decoded.blobs, decoded.bitmap.len()), (100, 13));
        assert_eq!([2, 3, 17, 99].map(|blob| decoded.count(blob)), [0, 1, 4, 0]);
        references.set_count(200, 2);
        assert_eq!(PackReferences::decode(&references.encode()).map(|r| (r.blobs, r.count(200))), Ok((201, 2)));
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let key = reference_key(crate::ObjectId { session: 1, ordinal: 0x0203 });
        assert_eq!(key, [0, 0, 0, 1, 0, 0, 2, 3]);
        assert!(reference_pack(&key).is_ok());
        assert!(reference_pack(&key[..7]).is_err());
        assert!(reference_pack(&[&key[..], &[0]].concat()).is_err());
    }
}
