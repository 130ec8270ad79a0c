//! Which place of `/history` a number stands for: a hash cannot be turned back, so it is remembered, for a bounded number of them.
//!
//! Two halves: what is new or was asked for goes into the young one; when that is full, it becomes the old one, and what was
//! the old one is forgotten. So a place stays known until half the budget of others came after it: a cache that keeps what is
//! asked for often could forget a new one before its first use. Folders that somebody has open stay known.

use super::Spot;
use crate::inode::Inode;
use crate::limits::HISTORY_PATH_BYTES;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// The places that are known.
#[derive(Default)]
pub(super) struct Known {
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    young: HashMap<Inode, Arc<Spot>>,
    young_bytes: usize,
    old: HashMap<Inode, Arc<Spot>>,
    /// How often a folder is open.
    open: HashMap<Inode, (usize, Arc<Spot>)>,
}

impl Known {
    /// What a number stands for.
    pub(super) fn get(&self, inode: Inode) -> Option<Arc<Spot>> {
        let mut halves = self.halves.lock();
        if let Some(spot) = halves.young.get(&inode) {
            return Some(Arc::clone(spot));
        }
        let open = halves.open.get(&inode).map(|(_, spot)| Arc::clone(spot));
        let spot = halves.old.remove(&inode).or(open)?;
        halves.insert(inode, Arc::clone(&spot));
        Some(spot)
    }

    /// Remembers what a number stands for.
    pub(super) fn remember(&self, inode: Inode, spot: Spot) {
        let mut halves = self.halves.lock();
        if !halves.young.get(&inode).is_some_and(|known| **known == spot) {
            halves.insert(inode, Arc::new(spot));
        }
    }

    /// Keeps a place until it is closed as often as it was opened.
    pub(super) fn open(&self, inode: Inode, spot: Arc<Spot>) {
        self.halves.lock().open.entry(inode).or_insert((0, spot)).0 += 1;
    }

    /// Ends what [`Known::open`] began.
    pub(super) fn close(&self, inode: Inode) {
        let mut halves = self.halves.lock();
        if let Some((times, _)) = halves.open.get_mut(&inode) {
            *times -= 1;
            if *times == 0 {
                halves.open.remove(&inode);
            }
        }
    }
}

impl Halves {
    fn insert(&mut self, inode: Inode, spot: Arc<Spot>) {
        let bytes = |spot: &Spot| spot.path.len() + SPOT_BYTES;
        self.young_bytes += bytes(&spot);
        if let Some(before) = self.young.insert(inode, spot) {
            self.young_bytes -= bytes(&before);
        }
        if self.young_bytes > HISTORY_PATH_BYTES / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

/// What a place takes beside its path, roughly.
const SPOT_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(n: u64) -> (Inode, Spot) {
        let path = n.to_string().into_bytes();
        let spot = Spot { job: Inode(7), parent: Inode(7), path, version: None };
        (spot.inode(), spot)
    }

    #[test]
    fn places_are_forgotten_when_enough_others_came_unless_they_are_used_or_open() {
        let known = Known::default();
        let half = (HISTORY_PATH_BYTES / 2 / SPOT_BYTES) as u64;
        for n in 0..3 {
            known.remember(spot(n).0, spot(n).1);
        }
        let open = known.get(spot(1).0).expect("it is new");
        known.open(spot(1).0, open);
        for n in 3..half * 3 {
            known.remember(spot(n).0, spot(n).1);
            assert!(n % 1000 != 0 || known.get(spot(2).0).is_some(), "used at {n}");
        }
        assert!(known.get(spot(0).0).is_none() && known.get(spot(1).0).is_some());
        let halves = known.halves.lock();
        assert!(halves.young.len() + halves.old.len() < usize::try_from(half).expect("small") * 2);
        drop(halves);
        known.close(spot(1).0);
        assert!(known.halves.lock().open.is_empty());
    }
}
