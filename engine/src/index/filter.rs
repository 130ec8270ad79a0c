//! Binary fuse filters of a cached segment, in shards: a lookup of an unknown id ends here, without touching the mapped ids.
//!
//! A shard covers ids with equal first bits and about half a million to a million of them: building one needs some 27 MB
//! however large the segment is, and a shard is loaded when it is asked for the first time, so that opening loads nothing.
//! 2.3 bytes of memory a chunk; one unknown id in 65,536 passes.

use super::records::FilterRecord;
use crate::error::{Error, Kind, Result};
use xorf::{BinaryFuse16, Descriptor, Filter};

const SHARD_ENTRIES: u64 = 1 << 20;

/// How many first bits of the id choose the shard.
pub(super) fn shard_bits(entries: u64) -> u8 {
    let shards = entries.div_ceil(SHARD_ENTRIES).next_power_of_two();
    u8::try_from(shards.trailing_zeros()).unwrap_or(0)
}

/// The number that filter and fan-out know an id by.
#[inline]
pub(super) fn key(id: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The first `bits` bits of a key.
#[inline]
pub(super) fn first_bits(key: u64, bits: u8) -> u64 {
    key.checked_shr(64 - u32::from(bits)).unwrap_or(0)
}

/// One shard over rising keys; equal neighbours count once. `None` if there are none, or if no filter can be found for them
/// (then every id of the shard is looked up).
pub(super) fn build(keys: impl Iterator<Item = u64> + Clone) -> Option<BinaryFuse16> {
    let distinct = Distinct { keys: keys.peekable(), left: 0 };
    let left = distinct.clone().count();
    if left == 0 {
        return None;
    }
    BinaryFuse16::try_from_iterator(Distinct { left, ..distinct }).ok()
}

/// What is written about a shard; `start` counts fingerprints in their table.
pub(super) fn record(filter: Option<&BinaryFuse16>, start: u64) -> Result<FilterRecord> {
    let Some(filter) = filter else {
        return Ok(FilterRecord { start, fingerprints: 0, segment_length: 0, segment_count_length: 0, seed: 0 });
    };
    let fingerprints = u32::try_from(filter.fingerprints.len())
        .map_err(|_| Error::new(Kind::Unsupported, "one shard of the index cache holds too many equal ids"))?;
    Ok(FilterRecord {
        start,
        fingerprints,
        segment_length: filter.descriptor.segment_length,
        segment_count_length: filter.descriptor.segment_count_length,
        seed: filter.descriptor.seed,
    })
}

/// A loaded shard, or the wish to look every id up.
pub(super) enum Shard {
    /// Nothing is known: look.
    All,
    /// A filter whose numbers were checked.
    Fuse(BinaryFuse16),
}

impl Shard {
    /// Puts a shard together again; `None` when its numbers contradict each other (xorf would index outside).
    pub(super) fn load(record: &FilterRecord, fingerprints: Box<[u16]>) -> Option<Self> {
        if record.fingerprints == 0 {
            return Some(Shard::All);
        }
        let (len, count) = (u64::from(record.segment_length), u64::from(record.segment_count_length));
        let fits =
            len.is_power_of_two() && count > 0 && count % len == 0 && fingerprints.len() as u64 >= count + 2 * len;
        fits.then(|| {
            let descriptor = Descriptor {
                seed: record.seed,
                segment_length: record.segment_length,
                segment_length_mask: record.segment_length - 1,
                segment_count_length: record.segment_count_length,
            };
            Shard::Fuse(BinaryFuse16 { descriptor, fingerprints })
        })
    }

    /// False only if no id with this key is in the segment.
    #[inline]
    pub(super) fn may_hold(&self, key: u64) -> bool {
        match self {
            Shard::All => true,
            Shard::Fuse(filter) => filter.contains(&key),
        }
    }
}

/// Rising keys without repetition, as many as were counted before.
#[derive(Clone)]
struct Distinct<I: Iterator<Item = u64>> {
    keys: std::iter::Peekable<I>,
    left: usize,
}

impl<I: Iterator<Item = u64>> Iterator for Distinct<I> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let key = self.keys.next()?;
        while self.keys.next_if_eq(&key).is_some() {}
        self.left = self.left.saturating_sub(1);
        Some(key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<I: Iterator<Item = u64>> ExactSizeIterator for Distinct<I> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_do_not_keep_a_filter_from_being_built() {
        let filter = build([1, 1, 2, 5, 5, 5].into_iter()).unwrap();
        assert!([1, 2, 5].iter().all(|k| filter.contains(k)));
    }

    #[test]
    fn no_keys_no_filter() {
        assert!(build([].into_iter()).is_none());
    }

    #[test]
    fn shards_hold_a_million_ids_at_most_on_average() {
        assert_eq!([shard_bits(0), shard_bits(1), shard_bits(1 << 20), shard_bits((1 << 20) + 1)], [0, 0, 0, 1]);
        assert_eq!(shard_bits(100_000_000), 7);
    }

    #[test]
    fn first_bits_of_a_key() {
        assert_eq!(first_bits(u64::MAX, 0), 0);
        assert_eq!(first_bits(0xff00_0000_0000_0000, 4), 15);
    }

    #[test]
    fn a_record_that_would_index_outside_is_refused() {
        let filter = build([1, 2, 3].into_iter()).unwrap();
        let good = record(Some(&filter), 0).unwrap();
        assert!(Shard::load(&good, filter.fingerprints.clone()).is_some());
        assert!(Shard::load(&good, filter.fingerprints.iter().copied().skip(1).collect()).is_none());
        assert!(Shard::load(&FilterRecord { segment_length: 3, ..good }, filter.fingerprints.clone()).is_none());
        assert!(Shard::load(&FilterRecord { segment_count_length: 0, ..good }, filter.fingerprints).is_none());
    }
}
