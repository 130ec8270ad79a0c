//! `decode(encode(x)) == x` for arbitrary checkpoints.

use crate::golden::{header, secrets};
use crate::log_round_trips::{mode, vouched};
use crate::round_trips::{chunk_id, pack_kind, point_id, suite, time};
use format_spec::ObjectId;
use format_spec::checkpoint::{
    Checkpoint, CondemnedLongAgo, CondemnedRow, GivenUpRow, LockRow, PointRow, RetrievalRow, SegmentRow, SessionRow,
    SuspectRow,
};
use format_spec::container::ObjectKind;
use format_spec::log::{CondemnedPack, ObjectRange, ObjectRow, Purpose, Run, Survivors};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn checkpoints_survive(checkpoint in checkpoint(), suite in suite()) {
        let keys = secrets(suite);
        let header = header(ObjectKind::Checkpoint, suite, checkpoint.slot, "proptest");
        let bytes = checkpoint.encode(header.repository, &keys, header.salt);
        prop_assert_eq!(Checkpoint::decode(&bytes, checkpoint.slot, header.repository, &keys), Ok(checkpoint));
    }
}

/// Numbers that rise, from gaps.
fn rising(gaps: Vec<u32>) -> Vec<u32> {
    gaps.iter()
        .scan(0, |at, gap| {
            *at += gap;
            Some(*at)
        })
        .collect()
}

fn point_rows(slot: u32, next: u32) -> impl Strategy<Value = Vec<PointRow>> {
    let most = next.min(slot).min(60) / 3;
    vec((1..3u32, 1..3u32, any::<u32>(), vouched(), point_id(), chunk_id()), 0..=most as usize).prop_map(|rows| {
        let (slots, numbers) = (rising(rows.iter().map(|r| r.0).collect()), rising(rows.iter().map(|r| r.1).collect()));
        let row = |((slot, number), (_, _, session, object, id, references))| PointRow {
            slot,
            number,
            session,
            object,
            id,
            references,
        };
        slots.into_iter().zip(numbers).zip(rows).map(row).collect()
    })
}

fn checkpoint() -> impl Strategy<Value = Checkpoint> {
    (prop_oneof![1..80u32, 300..400u32], 1..500u32).prop_flat_map(|(slot, next_number)| {
        let hashes = if slot < 256 { slot as usize..=slot as usize } else { 256..=slot as usize };
        let session =
            (1..9u32, any::<u32>(), (time(), time()), 0..3u8, prop::option::of(point_id()), any::<(String, String)>());
        let sessions = vec(session, 0..=(slot as usize / 9).min(4)).prop_map(|rows| {
            let numbers = rising(rows.iter().map(|r| r.0).collect());
            let row = |(number, (_, next_ordinal, (opened, last), purpose, base, (job, host)))| {
                let purpose = [Purpose::Backup, Purpose::Care, Purpose::Copy][usize::from(purpose)];
                SessionRow { number, next_ordinal, opened, last, purpose, base, job, host }
            };
            numbers.into_iter().zip(rows).map(row).collect::<Vec<_>>()
        });
        let segments = vec((1..=slot, any::<u32>(), vouched()), 0..9).prop_map(|mut rows| {
            rows.sort_by_key(|r| r.0);
            rows.into_iter().map(|(slot, session, object)| SegmentRow { slot, session, object }).collect::<Vec<_>>()
        });
        let kinds = prop::sample::select(ObjectKind::ALL.to_vec());
        let id = any::<(u32, u32)>().prop_map(|(session, ordinal)| ObjectId { session, ordinal });
        let given_up = btree_map((kinds.clone(), id.clone()), (1..=slot, time()), 0..9).prop_map(|rows| {
            let row = |((kind, id), (slot, time))| GivenUpRow { object: ObjectRow { kind, id }, slot, time };
            rows.into_iter().map(row).collect::<Vec<_>>()
        });
        let condemned = btree_map(id.clone(), (pack_kind(), prop::option::of(1..2000u32)), 0..9).prop_map(|rows| {
            let row = |(id, (kind, blobs)): (ObjectId, (ObjectKind, Option<u32>))| {
                let pack = ObjectId { session: id.session ^ 1, ordinal: id.ordinal };
                let survivors = blobs.map(|blobs| {
                    let mut bitmap = vec![0; blobs.div_ceil(8) as usize];
                    bitmap[(blobs - 1) as usize / 8] |= 1 << ((blobs - 1) % 8);
                    Survivors { blobs, bitmap, runs: vec![Run { count: 1, pack, first: blobs }] }
                });
                CondemnedPack { kind, id, survivors }
            };
            rows.into_iter().map(row).collect::<Vec<_>>()
        });
        let suspect = id.clone();
        let lock = (time(), btree_map((kinds, id), 1..9u32, 0..4)).prop_map(|(until, rows)| {
            let row = |((kind, mut first), count): ((ObjectKind, ObjectId), u32)| {
                first.ordinal = first.ordinal.min(u32::MAX - count);
                ObjectRange { kind, first, count }
            };
            let mut objects: Vec<_> = rows.into_iter().map(row).collect();
            objects.sort();
            objects.dedup();
            LockRow { until, objects }
        });
        let retrieval = (1..9u32, (time(), time()), mode(), any::<u32>(), 1..9u32, any::<String>());
        let retrievals = vec(retrieval, 0..=(slot as usize / 9).min(3)).prop_map(|rows| {
            let slots = rising(rows.iter().map(|r| r.0).collect());
            let row = |(slot, (_, (begun, changed), mode, days, count, about))| {
                let first = ObjectId { session: slot, ordinal: 0 };
                let objects = vec![ObjectRange { kind: ObjectKind::DataPack, first, count }];
                RetrievalRow { slot, begun, changed, mode, days, objects, about }
            };
            slots.into_iter().zip(rows).map(row).collect::<Vec<_>>()
        });
        let suspects = btree_map((pack_kind(), suspect), 1..=slot, 0..4).prop_map(|rows| {
            let row = |((kind, id), slot)| SuspectRow { pack: ObjectRow { kind, id }, slot };
            rows.into_iter().map(row).collect::<Vec<_>>()
        });
        let kept = (vec(lock, 0..3), retrievals, suspects);
        let rest = (time(), vec(any::<[u8; 32]>(), hashes), kept, prop::option::of(any::<u16>()));
        let points = (point_rows(slot, next_number), point_rows(slot, next_number));
        (rest, points, segments, sessions, condemned, given_up).prop_map(
            move |(
                (time, hashes, (locks, retrievals, suspects), read_only),
                (points, held),
                segments,
                sessions,
                packs,
                given_up,
            )| Checkpoint {
                slot,
                hashes,
                time,
                next_number,
                points,
                held,
                segments,
                sessions,
                condemned: vec![CondemnedRow { slot, packs }],
                given_up,
                locks,
                settings: vec![8, 0, 0, 0, 1, 0, 0, 0, 7],
                read_only,
                retrievals,
                suspects,
                condemned_long_ago: (slot > 1 && read_only.is_some()).then(|| CondemnedLongAgo {
                    slot: slot - 1,
                    packs: vec![ObjectRange {
                        kind: ObjectKind::MetaPack,
                        first: ObjectId { session: 7, ordinal: 9 },
                        count: next_number,
                    }],
                }),
            },
        )
    })
}
