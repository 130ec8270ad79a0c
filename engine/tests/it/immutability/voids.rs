use super::place::{in_memory, verified};
use crate::proofs::rig::Rig;
use bytes::Bytes;
use engine::Kind;
use engine::store::{Faulty, Memory, ObjectName, OldestVersionLayer, RequestKind, Store, StoreExt};
use format_spec::log::{Change, Purpose};
use format_spec::names;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn slot(n: u32) -> ObjectName {
    ObjectName::new(names::log(n)).unwrap()
}

fn head(rig: &Rig) -> u32 {
    rig.open().unwrap().log().view().head
}

/// [LOG-25]
#[test]
fn junk_in_the_next_slots_is_passed_over_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, _) = in_memory(folder.path(), Some(5));
    rig.write("a", b"a");
    rig.expect_healthy();
    let next = head(&rig) + 1;
    // Junk, nothing, an old entry under a new name; and junk beyond a gap.
    memory.put_new(&slot(next), Bytes::from_static(b"junk")).unwrap();
    memory.put_new(&slot(next + 1), Bytes::new()).unwrap();
    memory.put_new(&slot(next + 2), memory.get(&slot(1)).unwrap()).unwrap();
    memory.put_new(&slot(next + 5), Bytes::from_static(b"far")).unwrap();
    assert_eq!(rig.check().unwrap().errors, []);
    rig.write("b", b"b");
    rig.expect_healthy();
    assert_eq!(verified(&rig).gaps, []);
    let view = rig.open().unwrap().log().view();
    assert_eq!(view.voids, [next, next + 1, next + 2, next + 5]);
    // Nobody can take it away any more and leave a gap.
    for void in &view.voids {
        let bottom = memory.versions(&slot(*void)).unwrap()[0].id.clone();
        assert_eq!(memory.delete(slot(*void).at(bottom.as_deref())).unwrap_err().kind(), Kind::Immutable, "{void}");
    }
    rig.expect_healthy();
}

#[test]
fn junk_that_is_taken_away_before_anybody_wrote_behind_it_was_never_there() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, _) = in_memory(folder.path(), Some(5));
    rig.write("a", b"a");
    rig.expect_healthy();
    let open = rig.open().unwrap();
    let next = open.log().view().head + 1;
    memory.put_new(&slot(next), Bytes::from_static(b"junk")).unwrap();
    assert_eq!(open.log().refresh().unwrap().head, next);
    let bottom = memory.versions(&slot(next)).unwrap()[0].id.clone();
    memory.delete(slot(next).at(bottom.as_deref())).unwrap();
    open.refresh().unwrap();
    assert_eq!(open.log().view().head, next - 1);
    rig.expect_healthy();
}

/// [LOG-25] An entry that was replaced by junk is no void: the next entry chains to it.
#[test]
fn an_entry_that_lost_its_bytes_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, clock) = in_memory(folder.path(), Some(5));
    rig.write("a", b"a");
    rig.expect_healthy();
    let bare = Arc::new(Memory::locking(clock));
    for name in crate::proofs::rig::names_of(&*rig.store) {
        let bytes = if name == slot(2) { Bytes::from_static(b"rot") } else { rig.store.get(&name).unwrap() };
        bare.put_new(&name, bytes).unwrap();
    }
    let error = rig.over(bare).open().unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
    // And one that is gone while the next is there is missing.
    memory.put_new(&slot(head(&rig) + 2), Bytes::from_static(b"junk")).unwrap();
    rig.expect_healthy();
}

#[test]
fn without_immutability_junk_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Memory::new());
    let rig = Rig::new(folder.path(), store.clone());
    rig.write("a", b"a");
    rig.expect_healthy();
    store.put_new(&slot(head(&rig) + 1), Bytes::from_static(b"junk")).unwrap();
    assert_eq!(rig.open().unwrap_err().kind(), Kind::Damaged);
}

fn open(job: &str) -> Change {
    Change::Open { job: job.to_owned(), host: String::new(), base: None, purpose: Purpose::Backup }
}

/// Two creators win a slot, each at the bottom when it looked: the one that does not stay there is not acknowledged, and goes on to the next slot.
#[test]
fn of_two_creators_that_both_won_a_slot_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (rig, memory, clock) = in_memory(folder.path(), Some(5));
    let (is_put, theirs, bucket) = (AtomicBool::new(false), rig.open().unwrap(), memory.clone());
    let faulty = Faulty::new(memory.clone(), move |call| {
        if call.verb == RequestKind::Put && call.name == names::log(1) {
            is_put.store(true, Ordering::SeqCst);
        } else if call.name.starts_with("checkpoint") && is_put.swap(false, Ordering::SeqCst) {
            // Ours was at the bottom when it was put and looked for; now the other one turns up below it.
            let ours = bucket.versions(&slot(1)).unwrap()[0].id.clone().unwrap();
            let bytes = bucket.get(&slot(1)).unwrap();
            clock.turn_days(1000);
            bucket.delete(slot(1).at(Some(&ours))).unwrap();
            clock.turn_days(-1000);
            assert_eq!(theirs.log().append(&**theirs.env(), &mut |_| Ok(open("theirs"))).unwrap(), 1);
            bucket.replace(&slot(1), bytes);
        }
        None
    });
    let ours = rig.over(Arc::new(OldestVersionLayer::new(Arc::new(faulty)))).open().unwrap();
    let slot = ours.log().append(&**ours.env(), &mut |_| Ok(open("ours"))).unwrap();
    assert_eq!(slot, 2, "the entry below it counts in slot 1");
    let sessions = rig.open().unwrap().log().view().sessions.clone();
    assert_eq!(sessions.values().map(|s| s.job.as_str()).collect::<Vec<_>>(), ["theirs", "ours"]);
    assert_eq!(memory.versions(&ObjectName::new(names::log(1)).unwrap()).unwrap().len(), 2);
}
