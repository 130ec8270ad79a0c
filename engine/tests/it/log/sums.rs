//! A view that begins with a checkpoint is the view of all entries: shown by random valid histories.

use super::{Place, opening, pack, point_id, publishing, shown, vouched};
use engine::log::{Condemned, Log, LogView, Moved};
use format_spec::container::ObjectKind;
use format_spec::fields::FieldsWriter;
use format_spec::log::{Change, CondemnedPack, KeyChange, ObjectRange, RetrievalMode, RetrievalStep, Run, Survivors};
use format_spec::{ChunkId, ObjectId, Time};

/// Numbers that repeat themselves for the same seed.
struct Dice(blake3::OutputReader);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes) as usize % n.max(1)
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        of.get(self.below(of.len())).copied()
    }
}

/// A valid change after this view, or `None` where the dice chose one that has nothing to change.
fn next(dice: &mut Dice, view: &LogView, packs: &mut Vec<ObjectId>) -> Option<Change> {
    let sessions: Vec<u32> = view.sessions.keys().copied().collect();
    let live: Vec<_> = view.commits.iter().map(|c| c.id).collect();
    let session = dice.one_of(&sessions);
    let free = |s: u32| view.sessions[&s].next_ordinal;
    Some(match dice.below(17) {
        0 | 1 => opening(if dice.below(2) == 0 { None } else { dice.one_of(&live) }),
        2..=4 => {
            let (s, n) = (session?, u32::try_from(dice.below(4)).unwrap());
            packs.extend((0..n).map(|i| ObjectId { session: s, ordinal: free(s) + i }));
            publishing(s, free(s), n)
        }
        5 | 6 => Change::Commit {
            session: session?,
            point: vouched(free(session?)),
            id: point_id(view.head),
            references: ChunkId(*blake3::hash(&view.head.to_le_bytes()).as_bytes()),
        },
        7 => Change::Expire { points: vec![dice.one_of(&live)?], reason: "old".into(), plan: [1; 32] },
        8 => Change::Rewrite {
            session: session?,
            point: vouched(free(session?)),
            id: dice.one_of(&live)?,
            references: ChunkId(*blake3::hash(&view.head.to_le_bytes()).as_bytes()),
            reason: "less".into(),
        },
        9 => {
            // One pack moves, another one dies.
            let (s, ordinal) = (session?, free(session?));
            let ended: Vec<_> = packs.iter().filter(|p| !sessions.contains(&p.session)).copied().collect();
            let mut condemned: Vec<ObjectId> = (0..2).filter_map(|_| dice.one_of(&ended)).collect();
            condemned.sort_unstable();
            condemned.dedup();
            packs.retain(|p| !condemned.contains(p));
            let to = ObjectId { session: s, ordinal };
            packs.push(to);
            let moved =
                Survivors { blobs: 20, bitmap: vec![6, 0, 1], runs: vec![Run { count: 3, pack: to, first: 0 }] };
            let row = |(n, id): (usize, ObjectId)| CondemnedPack {
                kind: ObjectKind::DataPack,
                id,
                survivors: (n == 0).then(|| moved.clone()),
            };
            let condemned: Vec<_> = condemned.into_iter().enumerate().map(row).collect();
            let segment = Some(vouched(ordinal + 1));
            Change::Condemn { session: s, condemned, packs: vec![pack(ordinal)], segment, plan: [2; 32] }
        }
        10 => Change::Swept { objects: view.given_up.keys().take(dice.below(3)).copied().collect() },
        11 => {
            let mut replaced: Vec<_> = view.segments.iter().take(2).map(engine::log::SegmentRef::id).collect();
            replaced.sort_unstable();
            Change::Fold { session: session?, replaced, segments: vec![vouched(free(session?))] }
        }
        12 => Change::Fence { session: session?, reason: "silent".into() },
        13 => Change::Lock {
            until: Time::new(1_900_000_000 + i64::from(view.head), 0),
            objects: vec![ObjectRange {
                kind: ObjectKind::LogEntry,
                first: ObjectId { session: 0, ordinal: 1 },
                count: 3,
            }],
        },
        14 | 15 => Change::Retrieval(retrieving(dice, view)),
        _ if dice.below(2) == 0 => Change::Key { change: KeyChange::Added, slot: 7 },
        _ => {
            let mut fields = FieldsWriter::new();
            fields.put(8, format!("seen={}", view.head).as_bytes());
            Change::Config { fields: fields.finish() }
        }
    })
}

/// One that begins, or something about one that goes on or ended long ago.
fn retrieving(dice: &mut Dice, view: &LogView) -> RetrievalStep {
    let known: Vec<u32> = view.retrievals.keys().copied().chain([1]).collect();
    let retrieval = dice.one_of(&known).unwrap_or(1);
    match dice.below(4) {
        0 => RetrievalStep::Changed { retrieval, days: view.head },
        1 => RetrievalStep::Ended { retrieval },
        _ => RetrievalStep::Asked {
            mode: RetrievalMode::Bulk,
            days: 3,
            objects: vec![ObjectRange {
                kind: ObjectKind::DataPack,
                first: ObjectId { session: 1, ordinal: view.head },
                count: 2,
            }],
            about: format!("asked at {}", view.head),
        },
    }
}

fn grow(place: &Place, log: &Log, dice: &mut Dice, packs: &mut Vec<ObjectId>, entries: usize) {
    for _ in 0..entries {
        if let Some(change) = next(dice, &log.refresh().unwrap(), packs) {
            place.append(log, &change);
        }
    }
}

#[test]
fn a_checkpoint_and_its_tail_tell_what_all_entries_tell() {
    let (mut condemned, mut held, mut sessions, mut retrievals) = (0, 0, 0, 0);
    for seed in 0..60u64 {
        let place = Place::new();
        let (writer, mut packs) = (place.log(), Vec::new());
        let mut dice = Dice(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof());
        place.append(&writer, &opening(None));
        for _ in 0..3 {
            let entries = 5 + dice.below(30);
            grow(&place, &writer, &mut dice, &mut packs, entries);
            // Checkpoints of checkpoints: whoever comes later sums up what it has not read itself.
            let summing = place.log();
            summing.refresh().unwrap();
            summing.checkpoint(&*place.env).unwrap();
        }
        let entries = dice.below(20);
        grow(&place, &writer, &mut dice, &mut packs, entries);
        let (whole, summed) = (writer.view(), place.fresh());
        assert!(whole.since == 0 && summed.since > 0);
        expect_same(&whole, &summed, seed);
        condemned += whole.condemned.len();
        held += whole.held.len();
        sessions += whole.sessions.len();
        retrievals += whole.retrievals.len();
        // And behind a truncation.
        writer.truncate(&*place.env, &super::at_once()).unwrap();
        expect_same(&whole, &place.fresh(), seed);
    }
    assert!(
        condemned > 100 && held > 5 && sessions > 50 && retrievals > 20,
        "{condemned} {held} {sessions} {retrievals}"
    );
}

/// The same, but for survivors that nobody can ask for: there no needed reference set is older than the Condemn.
fn expect_same(whole: &LogView, summed: &LogView, seed: u64) {
    let oldest = whole.needed().map(|c| c.slot).min().unwrap_or(u32::MAX);
    let plain = |view: &LogView| {
        let mut view = view.clone();
        view.condemned = Condemned::default();
        shown(&view)
    };
    assert_eq!(plain(whole), plain(summed), "seed {seed}");
    assert_eq!(whole.condemned.len(), summed.condemned.len());
    for slot in 1..=whole.head {
        let known = summed.hash_of(slot);
        assert!(known.is_none() || known == whole.hash_of(slot), "seed {seed}, slot {slot}");
    }
    for (slot, batch) in whole.condemned.batches() {
        for pack in batch.iter() {
            assert!(summed.condemned.has(pack.id), "seed {seed}: {:?}", pack.id);
            for blob in 0..20 {
                let (before, after) =
                    (whole.condemned.translate(pack.id, blob), summed.condemned.translate(pack.id, blob));
                assert!(
                    before == after || (after == Moved::Dead && oldest > *slot),
                    "seed {seed}: {:?} {blob}",
                    pack.id
                );
            }
        }
    }
}
