//! Content-defined cutting: FastCDC with two masks over a gear hash whose table is keyed per repository (spec/chunk.md).
//!
//! Promises: the same bytes under the same key are cut at the same places, whatever the sizes of the reads. Pure. Refuses to read,
//! hash into ids or keep content: it answers where the next chunk ends.

use format_spec::config::Cutting;
use gearhash::Hasher;

/// A cutter; made once a session, shared by all threads.
pub struct Cutter {
    table: Box<[u64; 256]>,
    cutting: Cutting,
    mask_before: u64,
    mask_after: u64,
}

impl Cutter {
    /// A cutter with the repository's gear table ([KEY-8]) and parameters.
    pub fn new(table: [u64; 256], cutting: Cutting) -> Self {
        let bits = cutting.average.trailing_zeros();
        Cutter {
            table: Box::new(table),
            cutting,
            mask_before: top_bits(bits + 2),
            mask_after: top_bits(bits.saturating_sub(2)),
        }
    }

    /// Content up to this many bytes is one chunk and need not be cut ([CHUNK-1]).
    pub fn least(&self) -> usize {
        self.cutting.least as usize
    }

    /// No chunk is longer: with this many bytes at hand, [`cut`](Self::cut) always decides.
    pub fn most(&self) -> usize {
        self.cutting.most as usize
    }

    /// The length of the chunk at the start of `data`. `data` holds at least [`most`](Self::most) bytes, or all that is left.
    pub fn cut(&self, data: &[u8]) -> usize {
        let (least, average) = (self.cutting.least as usize, self.cutting.average as usize);
        let end = data.len().min(self.most());
        if end <= least {
            return end;
        }
        let middle = average.min(end);
        let mut hasher = Hasher::new(&self.table);
        if let Some(n) = hasher.next_match(&data[least..middle], self.mask_before) {
            return least + n;
        }
        let mut hasher = Hasher::new(&self.table);
        match hasher.next_match(&data[middle..end], self.mask_after) {
            Some(n) => middle + n,
            None => end,
        }
    }
}

impl std::fmt::Debug for Cutter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cutter").field("cutting", &self.cutting).finish_non_exhaustive()
    }
}

fn top_bits(n: u32) -> u64 {
    !0 << (64 - n.clamp(1, 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::noise;

    const CUTTING: Cutting = Cutting { least: 256, average: 1024, most: 4096 };

    fn table(seed: u8) -> [u64; 256] {
        std::array::from_fn(|i| {
            let hash = blake3::hash(&[seed, u8::try_from(i).expect("below 256")]);
            u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 bytes"))
        })
    }

    fn cuts(cutter: &Cutter, mut data: &[u8]) -> Vec<usize> {
        let mut out = Vec::new();
        while !data.is_empty() {
            let n = cutter.cut(data);
            out.push(n);
            data = &data[n..];
        }
        out
    }

    /// The rule's text, byte by byte ([CHUNK-2], [CHUNK-3]).
    fn plain_rule(table: &[u64; 256], c: &Cutting, data: &[u8]) -> usize {
        let n = c.average.trailing_zeros();
        let mut h = 0u64;
        for p in 1..=data.len() {
            if p == c.most as usize {
                return p;
            }
            if p <= c.least as usize {
                continue;
            }
            if p == c.average as usize + 1 {
                h = 0;
            }
            h = (h << 1).wrapping_add(table[usize::from(data[p - 1])]);
            let bits = if p <= c.average as usize { n + 2 } else { n - 2 };
            if h >> (64 - bits) == 0 {
                return p;
            }
        }
        data.len()
    }

    #[test]
    fn cuts_where_the_rule_says() {
        let cutter = Cutter::new(table(1), CUTTING);
        let data = noise(0, 300_000);
        let mut rest = &data[..];
        while !rest.is_empty() {
            let n = cutter.cut(&rest[..rest.len().min(cutter.most())]);
            assert_eq!(n, plain_rule(&table(1), &CUTTING, rest));
            rest = &rest[n..];
        }
    }

    #[test]
    fn another_key_cuts_elsewhere() {
        let data = noise(0, 100_000);
        assert_ne!(cuts(&Cutter::new(table(1), CUTTING), &data), cuts(&Cutter::new(table(2), CUTTING), &data));
    }

    #[test]
    fn an_insertion_changes_few_chunks() {
        let cutter = Cutter::new(table(1), CUTTING);
        let data = noise(0, 400_000);
        let edited = [&data[..1000], b"inserted", &data[1000..]].concat();
        let ends = |data: &[u8]| {
            let total = data.len();
            let mut at = 0;
            cuts(&cutter, data)
                .iter()
                .map(|n| {
                    at += n;
                    total - at
                })
                .collect::<std::collections::BTreeSet<_>>()
        };
        let (a, b) = (ends(&data), ends(&edited));
        assert!(a.difference(&b).count() <= 4, "{} boundaries of {} moved", a.difference(&b).count(), a.len());
    }
}
