//! Condemned packs as ranges ([LOG-21], 16c): a few bytes a session in the place of sixteen a pack.
//!
//! Packs of one session are numbered in a row, and most of them are condemned sooner or later, so that ranges grow together. Refuses to forget a
//! pack: whoever kept an index from before its Condemn learns only here that it is gone.

use super::{Checkpoint, CondemnedLongAgo};
use crate::ObjectId;
use crate::container::ObjectKind;
use crate::log::{ObjectRange, ObjectRow};

impl Checkpoint {
    /// Takes the packs of every Condemn below a slot together. Where their survivors went is forgotten, so nothing may be left that could ask: the
    /// slots of all points, of the bases of sessions and of sessions that are open are `below` or later.
    pub fn sum_up_condemned(&mut self, below: u32) {
        let old = self.condemned.partition_point(|batch| batch.slot < below);
        let Some(last) = old.checked_sub(1).and_then(|at| self.condemned.get(at)) else { return };
        let slot = last.slot;
        let before = self.condemned_long_ago.take().unwrap_or_default();
        let mut packs: Vec<ObjectRange> = before.packs;
        let row = |pack: &crate::log::CondemnedPack| ObjectRange { kind: pack.kind, first: pack.id, count: 1 };
        packs.extend(self.condemned.drain(..old).flat_map(|batch| batch.packs.iter().map(row).collect::<Vec<_>>()));
        packs.sort_unstable();
        packs.dedup_by(|next, range| joins(range, next));
        self.condemned_long_ago = Some(CondemnedLongAgo { slot, packs });
    }
}

/// Whether a range goes on with the next one, which it takes in then.
fn joins(range: &mut ObjectRange, next: &ObjectRange) -> bool {
    let goes_on = range.kind == next.kind
        && range.first.session == next.first.session
        && range.first.ordinal.checked_add(range.count) == Some(next.first.ordinal);
    if goes_on {
        range.count += next.count;
    }
    goes_on
}

impl CondemnedLongAgo {
    /// Whether this pack is among them.
    pub fn has(&self, pack: ObjectId) -> bool {
        let of_kind = |kind| {
            let from = self.packs.partition_point(|range| (range.kind, range.first) <= (kind, pack));
            let range = from.checked_sub(1).and_then(|at| self.packs.get(at));
            range.is_some_and(|r| {
                r.kind == kind && r.first.session == pack.session && pack.ordinal - r.first.ordinal < r.count
            })
        };
        of_kind(ObjectKind::DataPack) || of_kind(ObjectKind::MetaPack)
    }

    /// How many packs.
    pub fn count(&self) -> u64 {
        self.packs.iter().map(|range| u64::from(range.count)).sum()
    }

    /// All of them.
    pub fn rows(&self) -> impl Iterator<Item = ObjectRow> + '_ {
        self.packs.iter().flat_map(|range| {
            let ObjectRange { kind, first, count } = *range;
            (first.ordinal..first.ordinal.saturating_add(count))
                .map(move |ordinal| ObjectRow { kind, id: ObjectId { session: first.session, ordinal } })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::CondemnedRow;
    use super::*;
    use crate::log::CondemnedPack;

    fn batch(slot: u32, packs: &[(u32, u32, ObjectKind)]) -> CondemnedRow {
        let pack = |&(session, ordinal, kind): &(u32, u32, ObjectKind)| CondemnedPack {
            kind,
            id: ObjectId { session, ordinal },
            survivors: None,
        };
        CondemnedRow { slot, packs: packs.iter().map(pack).collect() }
    }

    #[test]
    fn packs_of_one_session_become_one_range_however_many_condemns_gave_them_up() {
        use ObjectKind::{DataPack, MetaPack};
        let mut sum = Checkpoint {
            slot: 90,
            condemned: vec![
                batch(10, &[(1, 0, DataPack), (1, 2, DataPack), (1, 3, MetaPack)]),
                batch(20, &[(1, 1, DataPack), (2, 5, DataPack)]),
                batch(30, &[(2, 6, DataPack)]),
            ],
            ..Checkpoint::default()
        };
        let all: Vec<ObjectId> = sum.condemned.iter().flat_map(|b| b.packs.iter().map(|p| p.id)).collect();
        sum.sum_up_condemned(10);
        assert_eq!((sum.condemned.len(), &sum.condemned_long_ago), (3, &None), "nothing is below");
        sum.sum_up_condemned(25);
        let old = sum.condemned_long_ago.clone().unwrap();
        assert_eq!((sum.condemned.len(), old.slot, old.packs.len(), old.count()), (1, 20, 3, 5));
        sum.sum_up_condemned(90);
        let old = sum.condemned_long_ago.unwrap();
        assert_eq!((sum.condemned.len(), old.slot, old.packs.len(), old.count()), (0, 30, 3, 6));
        assert!(all.iter().all(|id| old.has(*id)));
        assert_eq!(old.rows().count(), 6);
        for (session, ordinal) in [(1, 4), (2, 4), (2, 7), (3, 0), (0, 0)] {
            assert!(!old.has(ObjectId { session, ordinal }), "{session}/{ordinal}");
        }
    }
}
