//! What an edit costs: requests and bytes, whatever the point holds.

use super::{By, expect_sound, rig_over, update};
use engine::source::PointDraft;
use engine::store::{Memory, MeteredStore, RequestKind};
use format_spec::ChunkId;
use format_spec::tree::{Entry, Kind};
use std::sync::Arc;

const ITEMS: u64 = 100_000;

#[test]
fn one_new_item_in_a_hundred_thousand_costs_some_requests_and_kilobytes() {
    let folder = tempfile::tempdir().unwrap();
    let counted = MeteredStore::new(Arc::new(Memory::new()));
    let counts = counted.counts();
    let mut rig = rig_over(folder.path(), Arc::new(counted));
    rig.cache = engine::blob::CachePlace::Folder(folder.path().join("cache"));
    let fill = By(|draft: &dyn PointDraft| {
        let stored = draft.store(&mut &b"the same mail"[..])?.unwrap();
        for first in (0..ITEMS).step_by(1000) {
            let edits = (first..first + 1000).map(|n| {
                let name = format!("2026-{n:09}.eml").into_bytes();
                let entry = Entry { size: stored.bytes, content: stored.content, ..Entry::new(&*name, Kind::File) };
                (name, Some(entry))
            });
            draft.edit(b"", edits.collect())?;
            for n in first..first + 1000 {
                draft.set_state(format!("id/{}", hash(n)).as_bytes(), Some(&n.to_le_bytes()))?;
            }
        }
        Ok(())
    });
    update(&rig.open().unwrap(), &fill).unwrap();
    // As the next night does it: another process, whose cache is warm.
    let repository = rig.open().unwrap();
    counts.start_over();
    let one = By(|draft: &dyn PointDraft| {
        assert!(draft.state(format!("id/{}", hash(654)).as_bytes())?.is_some());
        let stored = draft.store(&mut &b"another mail"[..])?.unwrap();
        let name = b"2026-000054321b.eml".to_vec();
        let entry = Entry { size: stored.bytes, content: stored.content, ..Entry::new(&*name, Kind::File) };
        draft.edit(b"", vec![(name, Some(entry))])?;
        draft.set_state(b"id/another", Some(b"1"))
    });
    update(&repository, &one).unwrap();
    println!("one new item: {counts:?}");
    let requests: u64 =
        [RequestKind::Get, RequestKind::Put, RequestKind::List].iter().map(|k| counts.requests(*k)).sum();
    assert!(requests < 60, "{counts:?}");
    assert!(counts.bytes_up() < 256 * 1024, "{counts:?}");
    expect_sound(&rig);
}

fn hash(n: u64) -> ChunkId {
    ChunkId(*blake3::hash(&n.to_le_bytes()).as_bytes())
}
