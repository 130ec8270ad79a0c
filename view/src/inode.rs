//! Inode numbers, computed and never allocated: no table, the same after every remount.
//!
//! ```text
//! 1                 the root
//! inside a point    number of the point << 36 | preorder index        (27 bits, 36 bits; index 0 is the point's folder)
//! leading to it     10 | 62 bits of the hash of the path of the folder or link
//! in /history       11 | 62 bits of the hash of job, path and version
//! ```
//!
//! A hash that is taken already goes one up, in the order of names; in /history, which has no list of its names, the chance
//! of two paths with one number is 1 in 10^6 for three million paths.

use format_spec::tree::Entry;
use std::collections::HashSet;

/// An inode number. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inode(pub u64);

const INDEX_BITS: u32 = 36;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
const HASHED: u64 = 1 << 63;
const PAST: u64 = 1 << 62;
const HASH_MASK: u64 = PAST - 1;
/// The largest point number that fits beside an index of 36 bits.
pub(crate) const POINT_NUMBER_MAX: u32 = (1 << 27) - 1;

impl Inode {
    /// The mount's root.
    pub const ROOT: Inode = Inode(1);

    /// The inode of an entry of a point.
    pub fn inside(point: u32, index: u64) -> Self {
        Inode(u64::from(point) << INDEX_BITS | index & INDEX_MASK)
    }

    /// The point's number and the preorder index; `None` for what leads to points.
    pub fn split(self) -> Option<(u32, u64)> {
        let number = u32::try_from(self.0 >> INDEX_BITS).ok().filter(|n| (1..=POINT_NUMBER_MAX).contains(n))?;
        Some((number, self.0 & INDEX_MASK))
    }

    /// Whether it stands in `/history`, whose folders can change with every new point.
    pub fn is_past(self) -> bool {
        self.0 >> 62 == 3
    }

    /// A place in `/history`.
    pub(super) fn past(names: &[&[u8]]) -> Self {
        Inode(HASHED | PAST | hash(names) & HASH_MASK)
    }
}

/// Whether a point can be numbered at all.
pub(crate) fn fits(number: u32, root: &Entry) -> bool {
    (1..=POINT_NUMBER_MAX).contains(&number) && root.totals.descendants < 1 << INDEX_BITS
}

/// Gives numbers to what only has a path.
#[derive(Debug, Default)]
pub(super) struct Named {
    taken: HashSet<u64>,
}

impl Named {
    /// The number of a path; ask in the order of paths.
    pub(super) fn inode(&mut self, path: &str) -> Inode {
        let mut hash = hash(&[path.as_bytes()]) & HASH_MASK;
        loop {
            if self.taken.insert(hash) {
                return Inode(HASHED | hash);
            }
            hash = (hash + 1) & HASH_MASK;
        }
    }
}

/// 64 bits of the BLAKE3 of the names, each ended by a byte that no name has: nobody can choose names that share a number with
/// somebody else's. It must never change: inodes hang on it.
pub(super) fn hash(names: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for name in names {
        hasher.update(name).update(&[0]);
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inodes_of_points_split_into_what_they_were_made_of() {
        for (point, index) in [(1, 0), (7, 12_345), (POINT_NUMBER_MAX, (1 << 36) - 1)] {
            assert_eq!(Inode::inside(point, index).split(), Some((point, index)));
            assert!(!Inode::inside(point, index).is_past());
        }
    }

    #[test]
    fn inodes_that_lead_to_points_stay_apart_from_all_points_and_from_the_past() {
        let mut named = Named::default();
        let mut all = vec![Inode::ROOT];
        all.extend(["by-job", "by-job/host", "by-job/host/latest", "history"].map(|path| named.inode(path)));
        assert!(all.iter().all(|i| i.split().is_none() && !i.is_past()), "{all:x?}");
        let past =
            [Inode::past(&[b"host", b"job"]), Inode::past(&[b"hostj", b"ob"]), Inode::past(&[b"host", b"job", b"a"])];
        assert!(past.iter().all(|i| i.split().is_none() && i.is_past()), "{past:x?}");
        all.extend(past);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "{all:x?}");
    }

    #[test]
    fn a_taken_hash_goes_one_up() {
        let mut named = Named::default();
        let first = named.inode("a");
        assert_eq!(named.inode("a").0, first.0 + 1);
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(hash(&[b"by-job"]), GOLDEN);
    }

    const GOLDEN: u64 = 0xf482_9aa5_2f82_848c;
}
