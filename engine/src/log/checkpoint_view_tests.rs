//! Checkpoints of logs with very many condemned packs.

use super::moves::Moved;
use super::view::LogView;
use format_spec::checkpoint::{Checkpoint, PLAIN_TOTAL_MAX};
use format_spec::container::ObjectKind;
use format_spec::keys::{Secret, Secrets};
use format_spec::log::CondemnedPack;
use format_spec::{ObjectId, RepositoryId, Time};

/// A log whose collections have given up so many packs of each of so many sessions, and that no point and no session holds.
fn condemning(sessions: u32, packs: u32) -> LogView {
    let mut view = LogView::start([7; 32]);
    view.head = 2 * sessions;
    view.head_hash = [9; 32];
    view.hashes = vec![[9; 32]; 256.min(view.head as usize)].into();
    for session in 1..=sessions {
        let row =
            |ordinal| CondemnedPack { kind: ObjectKind::DataPack, id: ObjectId { session, ordinal }, survivors: None };
        let rows: Vec<_> = (0..packs).map(row).collect();
        // Each session's packs go in two collections, the odd ones first.
        let (odd, even): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.id.ordinal % 2 == 1);
        view.condemned.add(2 * session - 1, &odd);
        view.condemned.add(2 * session, &even);
    }
    view
}

fn reread(checkpoint: &Checkpoint) -> LogView {
    let secrets = Secrets { master: None, dedup: Secret::new([3; 32]) };
    let (repository, slot) = (RepositoryId([1; 16]), checkpoint.slot);
    let object = checkpoint.encode(repository, &secrets, [5; 32]);
    LogView::from_checkpoint(Checkpoint::decode(&object, slot, repository, &secrets).unwrap(), None).unwrap()
}

fn expect_same(view: &LogView, again: &LogView, sessions: u32, packs: u32) {
    assert_eq!(again.condemned.len(), view.condemned.len());
    for (session, ordinal) in [(1, 0), (1, packs - 1), (sessions / 2, packs / 2), (sessions, packs - 1)] {
        let pack = ObjectId { session, ordinal };
        assert!(again.condemned.has(pack), "{session}/{ordinal}");
        assert_eq!(again.condemned.translate(pack, 0), Moved::Dead);
    }
    for (session, ordinal) in [(1, packs), (sessions + 1, 0), (0, 0)] {
        assert!(!again.condemned.has(ObjectId { session, ordinal }), "{session}/{ordinal}");
    }
    assert!(again.condemned.any_after(0) && !again.condemned.any_after(again.head));
}

#[test]
fn a_log_of_too_many_condemned_packs_is_summed_up_in_ranges_and_in_nothing_else() {
    let (sessions, packs) = (50, 40);
    let view = condemning(sessions, packs);
    let whole = view.to_checkpoint_within(Time::new(1, 0), PLAIN_TOTAL_MAX);
    assert_eq!(whole.condemned_long_ago, None, "where there is room, every release can read it");
    let bytes_max = whole.plain_bytes() - 1;
    let summed = view.to_checkpoint_within(Time::new(1, 0), bytes_max);
    assert!(summed.plain_bytes() < bytes_max / 2, "{} of {bytes_max}", summed.plain_bytes());
    let again = reread(&summed);
    expect_same(&view, &again, sessions, packs);
    // What comes later is added, and taken together the next time.
    let mut later = again.clone();
    later.condemned.add(
        later.head + 1,
        &[CondemnedPack {
            kind: ObjectKind::DataPack,
            id: ObjectId { session: sessions + 9, ordinal: 3 },
            survivors: None,
        }],
    );
    later.head += 2;
    later.hashes.extend([[9; 32]; 2]);
    let last = reread(&later.to_checkpoint_within(Time::new(2, 0), PLAIN_TOTAL_MAX));
    assert_eq!(last.condemned.len(), view.condemned.len() + 1);
    assert!(last.condemned.has(ObjectId { session: sessions + 9, ordinal: 3 }) && last.condemned.batches().is_empty());
}

#[test]
fn what_is_still_in_use_keeps_its_condemnations_apart() {
    let mut view = condemning(50, 40);
    view.sessions.insert(
        60,
        super::SessionRef {
            job: "j".into(),
            host: "h".into(),
            opened: Time::new(1, 0),
            last: Time::new(1, 0),
            heard: 60,
            next_ordinal: 0,
            base: None,
            purpose: format_spec::log::Purpose::Backup,
        },
    );
    let summed = view.to_checkpoint_within(Time::new(1, 0), 1000);
    assert_eq!(summed.condemned_long_ago.as_ref().map(|old| old.slot), Some(59));
    assert_eq!(summed.condemned.first().map(|batch| batch.slot), Some(60));
    expect_same(&view, &reread(&summed), 50, 40);
}

#[test]
#[ignore = "needs a gigabyte of memory: the test above does the same under a smaller limit"]
fn five_million_condemned_packs_do_not_end_checkpoints() {
    let (sessions, packs) = (5_000, 1_000);
    let view = condemning(sessions, packs);
    let summed = view.to_checkpoint_within(Time::new(1, 0), PLAIN_TOTAL_MAX);
    assert!(summed.plain_bytes() < PLAIN_TOTAL_MAX / 100, "{}", summed.plain_bytes());
    expect_same(&view, &reread(&summed), sessions, packs);
}
