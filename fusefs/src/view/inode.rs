//! Inode numbers, computed and never allocated: no table, the same after every remount.
//!
//! ```text
//! inside a point    number of the point << 36 | preorder index        (28 bits, 36 bits; index 0 is the point's folder)
//! leading to it     below 1 << 36, by what the folder is about:
//!                     1..=4        the root, by-job, by-time, by-id
//!                     1 << 32 | …  year, month, day: the date itself
//!                     2 << 32 | …  link in by-time: number of its point
//!                     3 << 32 | …  link in by-id: number of its point
//!                     8.. << 32    host, job, `latest`: 33 bits of the hash of its names
//! ```
//!
//! A hash that is taken already goes one up, in the order of names.

use format_spec::tree::Entry;
use std::collections::HashSet;

/// An inode number. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inode(pub u64);

const INDEX_BITS: u32 = 36;
const HASH_MASK: u64 = (1 << 33) - 1;
/// The largest point number that fits beside an index of 36 bits.
pub(crate) const POINT_NUMBER_MAX: u32 = (1 << 28) - 1;

impl Inode {
    /// The mount's root.
    pub const ROOT: Inode = Inode(1);
    pub(super) const BY_JOB: Inode = Inode(2);
    pub(super) const BY_TIME: Inode = Inode(3);
    pub(super) const BY_ID: Inode = Inode(4);

    /// The inode of an entry of a point.
    pub fn inside(point: u32, index: u64) -> Self {
        Inode(u64::from(point) << INDEX_BITS | index & ((1 << INDEX_BITS) - 1))
    }

    /// The point's number and the preorder index; `None` for what leads to points.
    pub fn split(self) -> Option<(u32, u64)> {
        let number = u32::try_from(self.0 >> INDEX_BITS).ok().filter(|n| *n > 0)?;
        Some((number, self.0 & ((1 << INDEX_BITS) - 1)))
    }

    /// A folder of by-time: a year, a month or a day (0 where it stands for all of them).
    pub(super) fn date(year: u32, month: u32, day: u32) -> Self {
        Inode(1 << 32 | u64::from(year) << 9 | u64::from(month) << 5 | u64::from(day))
    }

    pub(super) fn time_link(point: u32) -> Self {
        Inode(2 << 32 | u64::from(point))
    }

    pub(super) fn id_link(point: u32) -> Self {
        Inode(3 << 32 | u64::from(point))
    }
}

/// Whether a point can be numbered at all.
pub(crate) fn fits(number: u32, root: &Entry) -> bool {
    (1..=POINT_NUMBER_MAX).contains(&number) && root.totals.descendants < 1 << INDEX_BITS
}

/// Gives numbers to what only has names.
#[derive(Debug, Default)]
pub(super) struct Named {
    taken: HashSet<u64>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum NameOf {
    Host = 0,
    Job = 1,
    Latest = 2,
}

impl Named {
    /// The number of `names`; ask in the order of names.
    pub(super) fn inode(&mut self, what: NameOf, names: &[&[u8]]) -> Inode {
        let mut hash = hash(names) & HASH_MASK;
        loop {
            let number = 8 << 32 | (what as u64) << 33 | hash;
            if self.taken.insert(number) {
                return Inode(number);
            }
            hash = (hash + 1) & HASH_MASK;
        }
    }
}

/// FNV-1a of 64 bits over the names, each ended by a byte that no name has. It must never change: inodes hang on it.
pub(super) fn hash(names: &[&[u8]]) -> u64 {
    let bytes = names.iter().flat_map(|n| n.iter().chain(&[0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    hash ^ hash >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inodes_of_points_split_into_what_they_were_made_of() {
        for (point, index) in [(1, 0), (7, 12_345), (POINT_NUMBER_MAX, (1 << 36) - 1)] {
            assert_eq!(Inode::inside(point, index).split(), Some((point, index)));
        }
    }

    #[test]
    fn inodes_that_lead_to_points_stay_below_all_points_and_apart() {
        let mut named = Named::default();
        let mut all = vec![Inode::ROOT, Inode::BY_JOB, Inode::BY_TIME, Inode::BY_ID];
        all.extend([Inode::date(2026, 0, 0), Inode::date(2026, 11, 0), Inode::date(2026, 11, 22)]);
        all.extend([Inode::date(9999, 12, 31), Inode::time_link(POINT_NUMBER_MAX), Inode::id_link(POINT_NUMBER_MAX)]);
        for what in [NameOf::Host, NameOf::Job, NameOf::Latest] {
            all.push(named.inode(what, &[b"host", b"job"]));
            all.push(named.inode(what, &[b"hostj", b"ob"]));
        }
        assert!(all.iter().all(|i| i.0 < 1 << 36 && i.split().is_none()), "{all:x?}");
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "{all:x?}");
    }

    #[test]
    fn a_taken_hash_goes_one_up() {
        let mut named = Named::default();
        let first = named.inode(NameOf::Job, &[b"a"]);
        assert_eq!(named.inode(NameOf::Job, &[b"a"]).0, first.0 + 1);
    }
}
