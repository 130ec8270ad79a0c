//! `decode(encode(x)) == x` for log entries of every kind.

use crate::golden::{REPOSITORY, secrets};
use crate::round_trips::{chunk_id, pack_kind, point_id, suite, time};
use format_spec::ObjectId;
use format_spec::container::ObjectKind;
use format_spec::fields::FieldsWriter;
use format_spec::log::{
    Change, CondemnedPack, KeyChange, LogEntry, ObjectRange, ObjectRef, ObjectRow, PublishedPack, Purpose,
    RetrievalMode, RetrievalStep, Run, Survivors,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

pub(crate) fn vouched() -> impl Strategy<Value = ObjectRef> {
    any::<(u32, u64, [u8; 32])>().prop_map(|(ordinal, bytes, body_hash)| ObjectRef { ordinal, bytes, body_hash })
}

fn object_id() -> impl Strategy<Value = ObjectId> {
    any::<(u32, u32)>().prop_map(|(session, ordinal)| ObjectId { session, ordinal })
}

fn object_kind() -> impl Strategy<Value = ObjectKind> {
    prop::sample::select(ObjectKind::ALL.to_vec())
}

/// Packs that are published together, and their segment.
fn published() -> impl Strategy<Value = (Vec<PublishedPack>, Option<ObjectRef>)> {
    let pack =
        (pack_kind(), vouched(), any::<u32>()).prop_map(|(kind, object, blobs)| PublishedPack { kind, object, blobs });
    (vec(pack, 0..20), vouched()).prop_map(|(packs, segment)| {
        let segment = (!packs.is_empty()).then_some(segment);
        (packs, segment)
    })
}

/// Bits with one at least that is set, and the places of runs whose lengths are cut from the survivors.
fn survivors() -> impl Strategy<Value = Survivors> {
    let cuts = vec((1..40u32, object_id(), 0..90_000u32), 1..8);
    (vec(any::<bool>(), 1..400), any::<prop::sample::Index>(), cuts).prop_map(|(mut bits, sure, cuts)| {
        let sure = sure.index(bits.len());
        bits[sure] = true;
        let mut bitmap = vec![0u8; bits.len().div_ceil(8)];
        bits.iter().enumerate().filter(|(_, bit)| **bit).for_each(|(blob, _)| bitmap[blob / 8] |= 1 << (blob % 8));
        let mut left = bitmap.iter().map(|b| b.count_ones()).sum::<u32>();
        let mut runs = Vec::new();
        for (count, pack, first) in cuts.iter().cycle() {
            let count = left.min(*count);
            runs.push(Run { count, pack: *pack, first: *first });
            left -= count;
            if left == 0 {
                break;
            }
        }
        Survivors { blobs: u32::try_from(bits.len()).unwrap(), bitmap, runs }
    })
}

fn condemned() -> impl Strategy<Value = Vec<CondemnedPack>> {
    btree_map(object_id(), (pack_kind(), prop::option::of(survivors())), 0..5).prop_map(|packs| {
        let no_run_in_itself = |id, s: &Survivors| s.runs.iter().all(|run| run.pack != id);
        let packs = packs.into_iter().filter(|(id, (_, s))| s.as_ref().is_none_or(|s| no_run_in_itself(*id, s)));
        packs.map(|(id, (kind, survivors))| CondemnedPack { kind, id, survivors }).collect()
    })
}

/// Entries of retention, collection and care: kinds 4 to 14 but for 11.
fn care() -> impl Strategy<Value = Change> {
    let objects = btree_set((object_kind(), object_id()).prop_map(|(kind, id)| ObjectRow { kind, id }), 0..20);
    let range = (object_kind(), any::<u32>(), 0..u32::MAX / 2, 1..u32::MAX / 2)
        .prop_map(|(kind, session, ordinal, count)| ObjectRange { kind, first: ObjectId { session, ordinal }, count });
    let key = prop::sample::select(vec![KeyChange::Added, KeyChange::Removed]);
    prop_oneof![
        (btree_set(point_id(), 1..20), any::<String>(), any::<[u8; 32]>()).prop_map(|(points, reason, plan)| {
            Change::Expire { points: points.into_iter().collect(), reason, plan }
        }),
        (any::<u32>(), vouched(), point_id(), chunk_id(), any::<String>()).prop_map(
            |(session, point, id, references, reason)| Change::Rewrite { session, point, id, references, reason }
        ),
        (any::<u32>(), condemned(), published(), any::<[u8; 32]>()).prop_map(
            |(session, condemned, (packs, segment), plan)| Change::Condemn { session, condemned, packs, segment, plan }
        ),
        objects.prop_map(|objects| Change::Swept { objects: objects.into_iter().collect() }),
        (any::<u32>(), btree_set(object_id(), 0..9), vec(vouched(), 0..4)).prop_map(|(session, replaced, segments)| {
            Change::Fold { session, replaced: replaced.into_iter().collect(), segments }
        }),
        (any::<u32>(), any::<String>()).prop_map(|(session, reason)| Change::Fence { session, reason }),
        (time(), btree_set(range, 0..9))
            .prop_map(|(until, objects)| Change::Lock { until, objects: objects.into_iter().collect() }),
        (any::<bool>(), btree_set((pack_kind(), object_id()), 1..9), any::<String>()).prop_map(
            |(suspect, packs, reason)| {
                let packs = packs.into_iter().map(|(kind, id)| ObjectRow { kind, id }).collect();
                Change::Suspect { suspect, packs, reason }
            }
        ),
        (key, any::<u64>()).prop_map(|(change, slot)| Change::Key { change, slot }),
        any::<u32>().prop_map(|first| Change::SetAside { first }),
        (any::<i32>(), ".{0,40}").prop_map(|(level, probed)| {
            let mut fields = FieldsWriter::new();
            fields.put(8, probed.as_bytes()).put(10, &level.to_le_bytes());
            Change::Config { fields: fields.finish() }
        }),
    ]
}

pub(crate) fn mode() -> impl Strategy<Value = RetrievalMode> {
    use RetrievalMode::{Bulk, Expedited, High, Standard};
    prop::sample::select(vec![Expedited, Standard, Bulk, High])
}

/// The steps of kind 11.
fn retrieval() -> impl Strategy<Value = RetrievalStep> {
    let range = (any::<u32>(), 0..u32::MAX / 2, 1..u32::MAX / 2).prop_map(|(session, ordinal, count)| {
        let first = ObjectId { session, ordinal };
        ObjectRange { kind: ObjectKind::DataPack, first, count }
    });
    prop_oneof![
        (mode(), any::<u32>(), btree_set(range, 1..9), any::<String>()).prop_map(|(mode, days, objects, about)| {
            RetrievalStep::Asked { mode, days, objects: objects.into_iter().collect(), about }
        }),
        (1..=u32::MAX, any::<u32>()).prop_map(|(retrieval, days)| RetrievalStep::Changed { retrieval, days }),
        (1..=u32::MAX).prop_map(|retrieval| RetrievalStep::Ended { retrieval }),
    ]
}

/// Entries of a backup, and of kinds that this release does not know.
fn backup() -> impl Strategy<Value = Change> {
    let purpose = prop::sample::select(vec![Purpose::Backup, Purpose::Care, Purpose::Copy]);
    prop_oneof![
        (any::<String>(), any::<String>(), prop::option::of(point_id()), purpose)
            .prop_map(|(job, host, base, purpose)| Change::Open { job, host, base, purpose }),
        (any::<u32>(), published()).prop_map(|(session, (packs, segment))| Change::Publish { session, packs, segment }),
        (any::<u32>(), vouched(), point_id(), chunk_id()).prop_map(|(session, point, id, references)| Change::Commit {
            session,
            point,
            id,
            references
        }),
        (16..=u16::MAX, 0..3u8).prop_map(|(kind, t)| Change::Unknown { kind, readable: t > 0, writable: t > 1 }),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![1 => backup(), 3 => care(), 1 => retrieval().prop_map(Change::Retrieval)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn log_entries_survive(
        change in change(),
        (slot, previous, attempt) in any::<(u32, [u8; 32], [u8; 16])>(),
        time in time(),
        suite in suite(),
    ) {
        // [LOG-28] What is set aside lies before the entry.
        let (slot, change) = match change {
            Change::SetAside { first } => (slot.max(2), Change::SetAside { first: first % (slot.max(2) - 1) + 1 }),
            change => (slot, change),
        };
        let entry = LogEntry { slot, previous, attempt, time, change };
        let object = entry.encode(REPOSITORY, &secrets(suite), [7; 32]);
        let decoded = LogEntry::decode(&object, slot, REPOSITORY, &secrets(suite));
        prop_assert_eq!(decoded, Ok(entry));
    }
}
